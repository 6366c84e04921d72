use askama::Template;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use secrecy::SecretString;
use serde_json::json;
use stups_server::{Error, Origin};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::login::{LoginPage, log_in};
use super::upstream;
use crate::State;
use crate::authorization::{Authorization, Wish, carried};
use crate::browser::{self, Browser, see_other, wants_json};
use crate::brute_force::{self, Attempt};
use crate::grants;
use crate::model::clients::Client;
use crate::model::{sessions, users};
use crate::parameters::Parameters;
use crate::redirects;
use crate::secret;

/// The authorization endpoint (contract identity 2.3): login, consent, and back to the client.
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(authorize, authorize_by_form))
}

/// Shows the login page, or the consent page to whom is logged in, or goes back to the client at once.
#[utoipa::path(
    get,
    path = "/oauth2/authorize",
    tag = "OAuth 2.0",
    params(
        ("response_type" = Option<String>, Query, description = "`code`; `token` for clients of old"),
        ("client_id" = Option<String>, Query),
        ("redirect_uri" = Option<String>, Query),
        ("scope" = Option<String>, Query),
        ("state" = Option<String>, Query),
        ("realm" = Option<String>, Query),
        ("code_challenge" = Option<String>, Query),
        ("code_challenge_method" = Option<String>, Query, description = "`S256`"),
    ),
    responses(
        (status = 200, description = "A page for the user", content_type = "text/html"),
        (status = 303, description = "Back to the client, with a code or an error"),
        (status = 400, description = "The request is not valid, and the client cannot be told"),
        (status = 401, description = "There is no such client"),
        (status = 503, description = "The database is unavailable"),
    )
)]
async fn authorize(Shared(state): Shared<State>, origin: Origin, headers: HeaderMap, uri: Uri) -> Response {
    match show(&state, &origin, &headers, &uri).await {
        Ok(response) => response,
        Err(error) => browser::error_page(&headers, error),
    }
}

async fn show(state: &State, origin: &Origin, headers: &HeaderMap, uri: &Uri) -> Result<Response, Error> {
    let parameters = Parameters::of_query(uri.query())?;
    let request = Authorization::of(state, &parameters, headers).await?;
    let wish = match request.wish() {
        Ok(wish) => wish,
        Err(error) => return Ok(see_other(&request.error_address(state, &error))),
    };
    let browser = Browser::of(state, headers).await?;
    let prompt = parameters.get("prompt");
    let session = browser
        .session_of(request.realm_name)
        .filter(|_| prompt != Some("login"));
    let Some(session) = session else {
        if prompt == Some("none") {
            return Ok(see_other(&request.error_address(state, &required("login_required"))));
        }
        let here = address(&carried_without_prompt(&parameters));
        let again = prompt == Some("login");
        if let Some(gone) = upstream::hand_over(state, &browser, request.realm_name, &here, again).await? {
            return Ok(gone);
        }
        let failed = parameters.is_present("error");
        return Ok(login_page(state, &browser, &request, &parameters, failed));
    };
    answer(state, origin, &browser, &request, &wish, session, &parameters).await
}

fn required(code: &'static str) -> Error {
    Error::oauth(StatusCode::BAD_REQUEST, code, "The user has to do something first")
}

/// For somebody who is logged in: the consent page, or the way back to the client.
async fn answer(
    state: &State,
    origin: &Origin,
    browser: &Browser,
    request: &Authorization<'_>,
    wish: &Wish,
    session: &sessions::Model,
    parameters: &Parameters,
) -> Result<Response, Error> {
    if let Err(error) = request.check_user(state, wish, &session.uid).await {
        return Ok(see_other(&request.error_address(state, &error)));
    }
    let ask = request.needs_consent(state, wish, &session.uid).await?;
    if ask && parameters.get("prompt") == Some("none") {
        return Ok(see_other(&request.error_address(state, &required("consent_required"))));
    }
    if ask {
        return Ok(consent_page(state, browser, request, wish, session, parameters));
    }
    Ok(see_other(&request.grant(state, origin, wish, session).await?))
}

/// Takes what the user typed or decided.
#[utoipa::path(
    post,
    path = "/oauth2/authorize",
    tag = "OAuth 2.0",
    responses(
        (status = 200, description = "A page for the user; for native login pages what comes next", content_type = "text/html"),
        (status = 303, description = "Back to the client, or to the login page"),
        (status = 400, description = "The request is not valid, and the client cannot be told"),
        (status = 401, description = "There is no such client"),
        (status = 403, description = "The form is not ours"),
        (status = 413, description = "The body is too large"),
        (status = 429, description = "Too many failed attempts"),
        (status = 503, description = "The database is unavailable"),
    )
)]
async fn authorize_by_form(
    Shared(state): Shared<State>,
    origin: Origin,
    headers: HeaderMap,
    parameters: Result<Parameters, Error>,
) -> Response {
    let taken = match parameters {
        Ok(parameters) if wants_json(&headers) => native(&state, &origin, &headers, &parameters).await,
        Ok(parameters) => form(&state, &origin, &headers, &parameters).await,
        Err(error) => Err(error),
    };
    taken.unwrap_or_else(|error| browser::error_page(&headers, error))
}

async fn form(state: &State, origin: &Origin, headers: &HeaderMap, parameters: &Parameters) -> Result<Response, Error> {
    let request = Authorization::of(state, parameters, headers).await?;
    let mut browser = Browser::of(state, headers).await?;
    browser.check_csrf(state, parameters)?;
    let wish = match request.wish() {
        Ok(wish) => wish,
        Err(error) => return Ok(see_other(&request.error_address(state, &error))),
    };
    let mut cookie = None;
    if parameters.is_present("username") || browser.session_of(request.realm_name).is_none() {
        match log_in(
            state,
            origin,
            &mut browser,
            request.realm_name,
            &request.client.id,
            parameters,
        )
        .await?
        {
            Some(new) => cookie = Some(new),
            None => return Ok(see_other(&failed_login_address(parameters, &wish))),
        }
        if parameters.get("decision").is_none() {
            // The page after a login is fetched anew: going back in the browser does not send the password again.
            return Ok(browser.remember(
                state,
                cookie.as_ref(),
                see_other(&address(&carried_without_prompt(parameters))),
            ));
        }
    }
    let response = decide(state, origin, &browser, &request, &wish, parameters).await?;
    Ok(browser.remember(state, cookie.as_ref(), response))
}

async fn decide(
    state: &State,
    origin: &Origin,
    browser: &Browser,
    request: &Authorization<'_>,
    wish: &Wish,
    parameters: &Parameters,
) -> Result<Response, Error> {
    let session = browser.session_of(request.realm_name).ok_or_else(Error::internal)?;
    match parameters.get("decision") {
        Some("allow") => {
            if let Err(error) = request.check_user(state, wish, &session.uid).await {
                return Ok(see_other(&request.error_address(state, &error)));
            }
            request.agree(state, origin, wish, &session.uid).await?;
            Ok(see_other(&request.grant(state, origin, wish, session).await?))
        }
        Some(_) => Ok(see_other(&request.error_address(state, &denied()))),
        None => answer(state, origin, browser, request, wish, session, parameters).await,
    }
}

fn denied() -> Error {
    Error::oauth(StatusCode::BAD_REQUEST, "access_denied", "The user has refused")
}

/// Back to the login page, with all parameters kept and the scopes sorted.
fn failed_login_address(parameters: &Parameters, wish: &Wish) -> String {
    let mut kept = carried(parameters);
    kept.retain(|(name, _)| name != "scope");
    if parameters.get("scope").is_some() {
        kept.push(("scope".to_owned(), wish.scopes.join(" ")));
    }
    kept.push(("error".to_owned(), "access_denied".to_owned()));
    address(&kept)
}

/// Whoever was asked to log in again has done so.
fn carried_without_prompt(parameters: &Parameters) -> Vec<(String, String)> {
    let mut kept = carried(parameters);
    kept.retain(|(name, _)| name != "prompt");
    kept
}

fn address(parameters: &[(String, String)]) -> String {
    let pairs: Vec<(&str, &str)> = parameters
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    redirects::with_query("/oauth2/authorize", &pairs)
}

/// Login pages of native applications of our own: user name and password as a form, everything else as JSON. There is no
/// session, and only named clients may.
async fn native(
    state: &State,
    origin: &Origin,
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Result<Response, Error> {
    let request = Authorization::of(state, parameters, headers).await?;
    let name = format!("{}/{}", request.realm_name, request.client.id);
    if !state.config.first_party_clients.contains(&name) {
        return Err(grants::unauthorized_client("password"));
    }
    let wish = request.wish()?;
    let uid = parameters.require("username")?;
    let attempt = Attempt {
        realm: request.realm_name,
        uid,
        client_id: &request.client.id,
        origin,
    };
    brute_force::check(state, &attempt).await?;
    let password = SecretString::from(parameters.require("password")?);
    let Some(user) = users::authenticate(state, request.realm_name, uid, &password).await? else {
        brute_force::failed(state, &attempt).await?;
        return Err(grants::invalid_grant());
    };
    brute_force::succeeded(state, &attempt).await?;
    request.check_user(state, &wish, &user.uid).await?;
    match parameters.get("decision") {
        Some("allow") => request.agree(state, origin, &wish, &user.uid).await?,
        Some(_) => {
            let redirect = request.error_address(state, &denied());
            return Ok(axum::Json(json!({ "redirect": redirect, "consent_needed": false })).into_response());
        }
        None if request.needs_consent(state, &wish, &user.uid).await? => return Ok(consent_json(&request, &wish)),
        None => {}
    }
    let session = sessions::Model {
        session_hash: secret::hash(secrecy::ExposeSecret::expose_secret(&secret::generate())),
        realm: request.realm_name.to_owned(),
        uid: user.uid,
        method: sessions::PASSWORD.to_owned(),
        authenticated_at: state.clock.milliseconds(),
        expires_at: 0,
    };
    let redirect = request.grant(state, origin, &wish, &session).await?;
    Ok(axum::Json(json!({ "redirect": redirect, "consent_needed": false })).into_response())
}

fn consent_json(request: &Authorization<'_>, wish: &Wish) -> Response {
    let client = &request.client;
    let mut body = json!({ "consent_needed": true, "scopes": wish.scopes, "redirect": request.redirect_uri });
    for (name, value) in [
        ("client_name", &client.name),
        ("client_description", &client.description),
        ("image_uri", &client.image_uri),
        ("homepage_url", &client.homepage_url),
    ] {
        if let Some(value) = value {
            body[name] = json!(value);
        }
    }
    axum::Json(body).into_response()
}

fn login_page(
    state: &State,
    browser: &Browser,
    request: &Authorization<'_>,
    parameters: &Parameters,
    failed: bool,
) -> Response {
    let page = LoginPage {
        action: "/oauth2/authorize",
        client: Some(request.client.name.as_deref().unwrap_or(&request.client.id)),
        realm: request.realm_name,
        error: failed.then_some("User name or password is wrong."),
        hidden: carried(parameters),
        csrf_token: browser.csrf_token(state),
    };
    let response = browser::page_leading_to(StatusCode::OK, &page, Some(&request.redirect_uri));
    browser.remember(state, None, response)
}

#[derive(Template)]
#[template(path = "consent.html")]
struct ConsentPage<'a> {
    client: &'a Client,
    client_name: &'a str,
    homepage: Option<&'a str>,
    uid: &'a str,
    realm: &'a str,
    scopes: &'a [String],
    target: &'a str,
    hidden: Vec<(String, String)>,
    csrf_token: String,
}

fn consent_page(
    state: &State,
    browser: &Browser,
    request: &Authorization<'_>,
    wish: &Wish,
    session: &sessions::Model,
    parameters: &Parameters,
) -> Response {
    let client = &request.client;
    let is_web = |uri: &&str| uri.starts_with("https://") || uri.starts_with("http://");
    let page = ConsentPage {
        client,
        client_name: client.name.as_deref().unwrap_or(&client.id),
        homepage: client.homepage_url.as_deref().filter(is_web),
        uid: &session.uid,
        realm: &session.realm,
        scopes: &wish.scopes,
        target: &request.redirect_uri,
        hidden: carried(parameters),
        csrf_token: browser.csrf_token(state),
    };
    let response = browser::page_leading_to(StatusCode::OK, &page, Some(&request.redirect_uri));
    browser.remember(state, None, response)
}
