use askama::Template;
use axum::extract::State as Shared;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use secrecy::SecretString;
use stups_server::{Error, Origin};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::upstream;
use crate::State;
use crate::browser::{self, Browser, Message, see_other};
use crate::brute_force::{self, Attempt};
use crate::grants;
use crate::model::{sessions, users};
use crate::parameters::{Parameters, invalid_request};
use crate::redirects;

/// The login page on its own, for pages of ours that need to know who is there.
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(login_page, login))
        .routes(routes!(style))
}

const PAGE: &str = "/oauth2/login";
/// The parameter that keeps a login here.
const WITH_PASSWORD: (&str, &str) = ("login_with", "password");

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
    let attempt = Attempt {
        realm,
        uid,
        client_id,
        origin,
    };
    brute_force::check(state, &attempt).await?;
    let password = SecretString::from(password);
    let Some(user) = users::authenticate(state, realm, uid, &password).await? else {
        brute_force::failed(state, &attempt).await?;
        return Ok(None);
    };
    brute_force::succeeded(state, &attempt).await?;
    browser.log_in(state, origin, &user).await.map(Some)
}

/// The address of the login page, from which one comes back to a page of ours.
pub(super) fn address(realm: &str, return_to: &str) -> String {
    redirects::with_query(PAGE, &[("realm", realm), ("return_to", return_to)])
}

/// The same, where people type a password also when others of the realm log in at another provider.
pub(super) fn address_with_password(realm: &str, return_to: &str) -> String {
    let parameters = [("realm", realm), ("return_to", return_to), WITH_PASSWORD];
    redirects::with_query(PAGE, &parameters)
}

/// Shows the login form, or goes to the other provider at which the people of the realm log in.
#[utoipa::path(
    get,
    path = "/oauth2/login",
    tag = "Pages",
    params(
        ("realm" = Option<String>, Query),
        ("return_to" = Option<String>, Query, description = "A page of this service; by default one that says who is logged in"),
        ("login_with" = Option<String>, Query, description = "`password`: not at another provider"),
    ),
    responses(
        (status = 200, description = "The login form, or who is logged in", content_type = "text/html"),
        (status = 303, description = "To the other provider"),
        (status = 400, description = "The realm or the page to come back to is not valid"),
        (status = 503, description = "The database or the other provider is unavailable"),
    )
)]
async fn login_page(Shared(state): Shared<State>, headers: HeaderMap, uri: Uri) -> Response {
    let shown = async {
        let parameters = Parameters::of_query(uri.query())?;
        let browser = Browser::of(&state, &headers).await?;
        let realm = grants::realm(&state, &parameters, &headers)?;
        let return_to = return_to(&parameters, realm)?;
        if let (Some(session), None) = (browser.session_of(realm), parameters.get("return_to")) {
            return Ok(who_is_logged_in(session));
        }
        if parameters.get(WITH_PASSWORD.0) != Some(WITH_PASSWORD.1)
            && let Some(gone) = upstream::hand_over(&state, &browser, realm, &return_to, false).await?
        {
            return Ok(gone);
        }
        Ok(show(
            &state,
            &browser,
            realm,
            &return_to,
            parameters.is_present("error"),
        ))
    };
    shown.await.unwrap_or_else(|error| browser::error_page(&headers, error))
}

fn who_is_logged_in(session: &sessions::Model) -> Response {
    let text = format!("You are {} of the directory {}.", session.uid, session.realm);
    let title = "You are logged in";
    browser::page(StatusCode::OK, &Message { title, text: &text })
}

fn show(state: &State, browser: &Browser, realm: &str, return_to: &str, failed: bool) -> Response {
    let page = LoginPage {
        action: PAGE,
        client: None,
        realm,
        error: failed.then_some("User name or password is wrong."),
        hidden: vec![
            ("realm".to_owned(), realm.to_owned()),
            ("return_to".to_owned(), return_to.to_owned()),
        ],
        csrf_token: browser.csrf_token(state),
    };
    browser.remember(state, None, browser::page(StatusCode::OK, &page))
}

/// Where to go on: only pages of ours, nobody is sent elsewhere from here. By default one that says who is logged in.
fn return_to(parameters: &Parameters, realm: &str) -> Result<String, Error> {
    let Some(target) = parameters.get("return_to") else {
        return Ok(redirects::with_query(PAGE, &[("realm", realm)]));
    };
    let ours = target.starts_with("/oauth2/") && target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if ours {
        Ok(target.to_owned())
    } else {
        Err(invalid_request("return_to is no page of ours"))
    }
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
        let return_to = return_to(&parameters, realm)?;
        let mut browser = Browser::of(&state, &headers).await?;
        browser.check_csrf(&state, &parameters)?;
        let Some(cookie) = log_in(&state, &origin, &mut browser, realm, "", &parameters).await? else {
            let form = address_with_password(realm, &return_to);
            return Ok(see_other(&format!("{form}&error=access_denied")));
        };
        Ok(browser.remember(&state, Some(&cookie), see_other(&return_to)))
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
    let headers = [
        (CONTENT_TYPE, "text/css; charset=utf-8"),
        (CACHE_CONTROL, "public, max-age=3600"),
    ];
    (headers, include_str!("../../templates/style.css"))
}
