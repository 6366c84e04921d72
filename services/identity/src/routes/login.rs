use askama::Template;
use axum::extract::State as Shared;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use secrecy::SecretString;
use stups_server::{Error, Origin};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::State;
use crate::brute_force::{self, Attempt};
use crate::browser::{self, Browser, see_other};
use crate::grants;
use crate::model::users;
use crate::parameters::{Parameters, invalid_request};
use crate::redirects;

/// The login page on its own, for pages of ours that need to know who is there.
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(login_page, login)).routes(routes!(style))
}

/// The login form.
#[derive(Template)]
#[template(path = "login.html")]
pub(super) struct LoginPage<'a> {
    /// Where it is sent.
    pub(super) action: &'a str,
    /// Who asks.
    pub(super) client: Option<&'a str>,
    /// Whose users.
    pub(super) realm: &'a str,
    /// What was wrong the last time.
    pub(super) error: Option<&'a str>,
    /// What is carried on.
    pub(super) hidden: Vec<(String, String)>,
    /// Shows that the form is ours.
    pub(super) csrf_token: String,
    /// Where to log in at another provider.
    pub(super) upstream: Option<&'a str>,
}

/// Checks user name and password and begins a login; nothing when they are wrong.
pub(super) async fn log_in(
    state: &State,
    origin: &Origin,
    browser: &mut Browser,
    realm: &str,
    client_id: &str,
    parameters: &Parameters,
) -> Result<Option<SecretString>, Error> {
    let (Some(uid), Some(password)) = (parameters.get("username"), parameters.get("password")) else {
        return Ok(None);
    };
    let attempt = Attempt { realm, uid, client_id, origin };
    brute_force::check(state, &attempt).await?;
    let password = SecretString::from(password);
    let Some(user) = users::authenticate(state, realm, uid, &password).await? else {
        brute_force::failed(state, &attempt).await?;
        return Ok(None);
    };
    brute_force::succeeded(state, &attempt).await?;
    browser.log_in(state, origin, &user, "pwd").await.map(Some)
}

/// The address of the login page, from which one comes back to a page of ours.
pub(super) fn address(realm: &str, return_to: &str) -> String {
    redirects::with_query("/oauth2/login", &[("realm", realm), ("return_to", return_to)])
}

/// Shows the login form.
#[utoipa::path(
    get,
    path = "/oauth2/login",
    tag = "Pages",
    params(("realm" = Option<String>, Query), ("return_to" = Option<String>, Query)),
    responses(
        (status = 200, description = "The login form", content_type = "text/html"),
        (status = 400, description = "The realm or the page to come back to is not valid"),
        (status = 503, description = "The database is unavailable"),
    )
)]
async fn login_page(Shared(state): Shared<State>, headers: HeaderMap, uri: Uri) -> Response {
    let shown = async {
        let parameters = Parameters::of_query(uri.query())?;
        let failed = parameters.is_present("error");
        let browser = Browser::of(&state, &headers).await?;
        show(&state, &browser, &headers, &parameters, failed)
    };
    shown.await.unwrap_or_else(|error| browser::error_page(&headers, error))
}

fn show(
    state: &State,
    browser: &Browser,
    headers: &HeaderMap,
    parameters: &Parameters,
    failed: bool,
) -> Result<Response, Error> {
    let realm = grants::realm(state, parameters, headers)?;
    let return_to = return_to(parameters)?;
    let page = LoginPage {
        action: "/oauth2/login",
        client: None,
        realm,
        error: failed.then_some("User name or password is wrong."),
        hidden: vec![("realm".to_owned(), realm.to_owned()), ("return_to".to_owned(), return_to.to_owned())],
        csrf_token: browser.csrf_token(state),
        upstream: None,
    };
    Ok(browser.remember(state, None, browser::page(StatusCode::OK, &page)))
}

/// Only pages of ours: nobody is sent elsewhere from here.
fn return_to(parameters: &Parameters) -> Result<&str, Error> {
    let target = parameters.require("return_to")?;
    let ours = target.starts_with("/oauth2/") && target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if ours { Ok(target) } else { Err(invalid_request("return_to is no page of ours")) }
}

/// Takes user name and password.
#[utoipa::path(
    post,
    path = "/oauth2/login",
    tag = "Pages",
    responses(
        (status = 303, description = "Logged in, or back to the form"),
        (status = 400, description = "The request is not valid"),
        (status = 403, description = "The form is not ours"),
        (status = 413, description = "The body is too large"),
        (status = 429, description = "Too many failed attempts"),
        (status = 503, description = "The database is unavailable"),
    )
)]
async fn login(
    Shared(state): Shared<State>,
    origin: Origin,
    headers: HeaderMap,
    parameters: Result<Parameters, Error>,
) -> Response {
    let taken = async {
        let parameters = parameters?;
        let realm = grants::realm(&state, &parameters, &headers)?;
        let return_to = return_to(&parameters)?;
        let mut browser = Browser::of(&state, &headers).await?;
        browser.check_csrf(&state, &parameters)?;
        match log_in(&state, &origin, &mut browser, realm, "", &parameters).await? {
            Some(cookie) => Ok(browser.remember(&state, Some(&cookie), see_other(return_to))),
            None => Ok(see_other(&format!("{}&error=access_denied", address(realm, return_to)))),
        }
    };
    taken.await.unwrap_or_else(|error| browser::error_page(&headers, error))
}

/// How the pages look.
#[utoipa::path(
    get,
    path = "/oauth2/style.css",
    tag = "Pages",
    responses((status = 200, description = "The style sheet", content_type = "text/css"))
)]
async fn style() -> impl IntoResponse {
    let headers = [(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, "public, max-age=3600")];
    (headers, include_str!("../../templates/style.css"))
}
