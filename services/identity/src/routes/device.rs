use askama::Template;
use axum::extract::State as Shared;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use secrecy::ExposeSecret;
use serde_json::json;
use stups_api::identity::DeviceAuthorization;
use stups_server::{Error, Origin};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::introspect::authenticate_anywhere;
use super::login;
use crate::State;
use crate::audit;
use crate::browser::{self, Browser, Message, see_other};
use crate::brute_force;
use crate::client_authentication::Credentials;
use crate::grants;
use crate::model::device_codes::{self, Decider};
use crate::model::json::{from_json, to_json};
use crate::model::{clients, users};
use crate::parameters::Parameters;
use crate::redirects;
use crate::scopes;
use crate::secret;

/// The device flow (RFC 8628): a machine without a browser asks, its user answers elsewhere.
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(device_authorization))
}

/// Where people say yes to a device.
pub fn pages() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(device_page, decide))
}

/// Letters of user codes: no vowels, so that no words come out (RFC 8628 6.1).
const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
const INTERVAL_SECONDS: i32 = 5;

/// Begins the device flow.
#[utoipa::path(
    post,
    path = "/oauth2/device_authorization",
    tag = "OAuth 2.0",
    responses(
        (status = 200, description = "The codes", body = DeviceAuthorization),
        (status = 400, description = "The request is not valid, or the client may not"),
        (status = 401, description = "The client is not who it says it is"),
        (status = 413, description = "The body is too large"),
        (status = 503, description = "The database is unavailable"),
    )
)]
async fn device_authorization(
    Shared(state): Shared<State>,
    origin: Origin,
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<Response, Error> {
    let credentials = Credentials::of(&headers, &parameters)?;
    let client = authenticate_anywhere(&state, &parameters, &credentials).await?;
    let (_, realm) = state.realms.get(&client.realm).ok_or_else(Error::internal)?;
    if !(client.grants.device && realm.interactive) {
        return Err(grants::unauthorized_client("device_code"));
    }
    let scopes = scopes::resolve(parameters.get("scope"), &client, realm)?;
    let device_code = secret::generate();
    let user_code = user_code();
    let lifetime = state.config.lifetimes.device_code_seconds;
    let now = state.clock.milliseconds();
    let row = device_codes::Model {
        device_code_hash: secret::hash(device_code.expose_secret()),
        user_code_hash: user_code_hash(&state, &user_code),
        realm: client.realm.clone(),
        client_id: client.id.clone(),
        scopes: to_json(&scopes),
        resource: grants::resource(&parameters)?,
        address: origin.address.clone(),
        status: device_codes::PENDING.to_owned(),
        uid: None,
        session_hash: None,
        authenticated_at: None,
        interval_seconds: INTERVAL_SECONDS,
        polled_at: None,
        created_at: now,
        expires_at: now + lifetime * 1000,
    };
    let write = state.store.write().await?;
    device_codes::insert(write.transaction(), row).await?;
    write.commit_unaudited().await?;
    let verification_uri = format!("{}/oauth2/device", state.issuer);
    let answer = DeviceAuthorization {
        device_code: device_code.expose_secret().to_owned(),
        verification_uri_complete: Some(redirects::with_query(&verification_uri, &[("user_code", &user_code)])),
        verification_uri,
        user_code,
        expires_in: lifetime,
        interval: INTERVAL_SECONDS,
    };
    Ok(([(CACHE_CONTROL, "no-store")], axum::Json(answer)).into_response())
}

/// Eight letters with a hyphen in the middle. 240 is the largest multiple of 20 in a byte: larger bytes are thrown away, so that
/// every letter is equally likely.
fn user_code() -> String {
    let mut letters = String::new();
    while letters.len() < 9 {
        for byte in secret::random_bytes::<16>() {
            if byte < 240 && letters.len() < 9 {
                letters.push(char::from(ALPHABET[usize::from(byte % 20)]));
                if letters.len() == 4 {
                    letters.push('-');
                }
            }
        }
    }
    letters
}

/// As people type it: case, spaces and hyphens do not matter.
fn user_code_hash(state: &State, typed: &str) -> String {
    let letters: String = typed.chars().filter(char::is_ascii_alphabetic).collect();
    URL_SAFE_NO_PAD.encode(hmac::sign(
        &state.user_code_key,
        letters.to_ascii_uppercase().as_bytes(),
    ))
}

#[derive(Template)]
#[template(path = "device.html")]
struct CodePage<'a> {
    user_code: &'a str,
    error: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "device_confirm.html")]
struct ConfirmPage<'a> {
    uid: &'a str,
    realm: &'a str,
    client_name: &'a str,
    address: &'a str,
    user_code: &'a str,
    scopes: &'a [String],
    csrf_token: String,
}

/// Asks for the code that the device shows, then whether to connect it.
#[utoipa::path(
    get,
    path = "/oauth2/device",
    tag = "Pages",
    params(("user_code" = Option<String>, Query)),
    responses(
        (status = 200, description = "A page for the user", content_type = "text/html"),
        (status = 303, description = "To the login page"),
        (status = 400, description = "The request is not valid"),
        (status = 404, description = "There is no such code, or it has expired", content_type = "text/html"),
        (status = 429, description = "Too many wrong codes"),
        (status = 503, description = "The database is unavailable"),
    )
)]
async fn device_page(Shared(state): Shared<State>, origin: Origin, headers: HeaderMap, uri: Uri) -> Response {
    let shown = async {
        let parameters = Parameters::of_query(uri.query())?;
        let Some(typed) = parameters.get("user_code") else {
            return Ok(browser::page(
                StatusCode::OK,
                &CodePage {
                    user_code: "",
                    error: None,
                },
            ));
        };
        let Some(code) = find(&state, &origin, typed).await? else {
            return Ok(unknown_code(typed));
        };
        let browser = Browser::of(&state, &headers).await?;
        let Some(session) = browser.session_of(&code.realm) else {
            let here = redirects::with_query("/oauth2/device", &[("user_code", typed)]);
            return Ok(see_other(&login::address(&code.realm, &here)));
        };
        let client = clients::find(&state, &code.realm, &code.client_id).await?;
        let page = ConfirmPage {
            uid: &session.uid,
            realm: &session.realm,
            client_name: client
                .as_ref()
                .and_then(|client| client.name.as_deref())
                .unwrap_or(&code.client_id),
            address: code.address.as_deref().unwrap_or("an unknown address"),
            user_code: typed,
            scopes: &from_json::<Vec<String>>(&code.scopes)?,
            csrf_token: browser.csrf_token(&state),
        };
        Ok(browser.remember(&state, None, browser::page(StatusCode::OK, &page)))
    };
    shown.await.unwrap_or_else(|error| browser::error_page(&headers, error))
}

fn unknown_code(typed: &str) -> Response {
    let error = Some("There is no such code, or it has expired.");
    browser::page(
        StatusCode::NOT_FOUND,
        &CodePage {
            user_code: typed,
            error,
        },
    )
}

/// The code that somebody typed. Wrong ones make the next attempt from the same address wait.
async fn find(state: &State, origin: &Origin, typed: &str) -> Result<Option<device_codes::Model>, Error> {
    brute_force::check_user_code(state, origin).await?;
    let hash = user_code_hash(state, typed);
    let found = device_codes::find_pending(state.store.connection(), &hash, state.clock.milliseconds()).await?;
    if found.is_none() {
        brute_force::user_code_guessed(state, origin).await?;
    }
    Ok(found)
}

/// Takes the user's decision.
#[utoipa::path(
    post,
    path = "/oauth2/device",
    tag = "Pages",
    responses(
        (status = 200, description = "Decided", content_type = "text/html"),
        (status = 400, description = "The request is not valid"),
        (status = 401, description = "Nobody is logged in"),
        (status = 403, description = "The form is not ours"),
        (status = 404, description = "There is no such code, or it has expired", content_type = "text/html"),
        (status = 413, description = "The body is too large"),
        (status = 429, description = "Too many wrong codes"),
        (status = 503, description = "The database is unavailable"),
    )
)]
async fn decide(
    Shared(state): Shared<State>,
    origin: Origin,
    headers: HeaderMap,
    parameters: Result<Parameters, Error>,
) -> Response {
    let decided = async {
        let parameters = parameters?;
        let browser = Browser::of(&state, &headers).await?;
        browser.check_csrf(&state, &parameters)?;
        let typed = parameters.require("user_code")?;
        let Some(code) = find(&state, &origin, typed).await? else {
            return Ok(unknown_code(typed));
        };
        let session = browser.session_of(&code.realm);
        let session = session.ok_or_else(|| Error::unauthorized("Log in first"))?;
        let approved = parameters.require("decision")? == "allow";
        if approved {
            check_user(&state, &code, &session.uid).await?;
        }
        let by = Decider {
            uid: &session.uid,
            session_hash: &session.session_hash,
            authenticated_at: session.authenticated_at,
        };
        let write = state.store.write().await?;
        if !device_codes::decide(write.transaction(), &code.device_code_hash, approved, &by).await? {
            return Ok(unknown_code(typed));
        }
        let details = json!({ "client_id": code.client_id, "approved": approved });
        write
            .commit(audit::by_user(
                &origin,
                "device.decided",
                &code.realm,
                &session.uid,
                details,
            ))
            .await?;
        let (title, text) = if approved {
            ("Connected", "The device goes on by itself. You can close this page.")
        } else {
            ("Refused", "The device gets nothing. You can close this page.")
        };
        Ok(browser::page(StatusCode::OK, &Message { title, text }))
    };
    decided
        .await
        .unwrap_or_else(|error| browser::error_page(&headers, error))
}

/// The user may have what the device asked for.
async fn check_user(state: &State, code: &device_codes::Model, uid: &str) -> Result<(), Error> {
    let connection = state.store.connection();
    let refused = || Error::forbidden("You may not log in any more");
    let (_, realm) = state.realms.get(&code.realm).ok_or_else(Error::internal)?;
    let user = users::find(connection, &code.realm, uid)
        .await?
        .filter(|user| !user.disabled)
        .ok_or_else(refused)?;
    let client = clients::find(state, &code.realm, &code.client_id)
        .await?
        .ok_or_else(refused)?;
    scopes::check_user(&from_json::<Vec<String>>(&code.scopes)?, &user, &client, realm)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_codes_are_eight_consonants() {
        for _ in 0..100 {
            let code = user_code();
            assert_eq!((code.len(), code.as_bytes()[4]), (9, b'-'), "{code}");
            assert!(
                code.bytes().all(|byte| byte == b'-' || ALPHABET.contains(&byte)),
                "{code}"
            );
        }
    }
}
