use askama::Template;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use serde_json::{Value, json};
use stups_server::{Error, Origin};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::State;
use crate::audit;
use crate::browser::{self, Browser, Message, forget_login, see_other};
use crate::grants;
use crate::keys::Jws;
use crate::model::{clients, refresh_tokens, sessions};
use crate::parameters::Parameters;
use crate::redirects;

/// Logout (OpenID Connect RP-Initiated Logout 1.0).
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(logout_page, logout))
}

#[derive(Template)]
#[template(path = "logout.html")]
struct LogoutPage<'a> {
    uid: &'a str,
    realm: &'a str,
    hidden: Vec<(String, String)>,
    csrf_token: String,
}

/// Asks whether to log out. A client that shows the ID token of this very login need not ask.
#[utoipa::path(
    get,
    path = "/oauth2/logout",
    tag = "OpenID Connect",
    params(
        ("id_token_hint" = Option<String>, Query),
        ("post_logout_redirect_uri" = Option<String>, Query),
        ("state" = Option<String>, Query),
    ),
    responses(
        (status = 200, description = "A page for the user", content_type = "text/html"),
        (status = 303, description = "Logged out, back to the client"),
        (status = 400, description = "The request is not valid"),
        (status = 503, description = "The database is unavailable"),
    )
)]
async fn logout_page(Shared(state): Shared<State>, origin: Origin, headers: HeaderMap, uri: Uri) -> Response {
    let shown = async {
        let parameters = Parameters::of_query(uri.query())?;
        let browser = Browser::of(&state, &headers).await?;
        let Some(session) = &browser.session else {
            return done(&state, &parameters).await;
        };
        let hint = hint(&state, &parameters);
        if hint.is_some_and(|claims| claims.get("sid").and_then(Value::as_str) == Some(&session.session_hash)) {
            end(&state, &origin, session).await?;
            return done(&state, &parameters)
                .await
                .map(|response| forget_login(&state, response));
        }
        let names = ["id_token_hint", "post_logout_redirect_uri", "state"];
        let page = LogoutPage {
            uid: &session.uid,
            realm: &session.realm,
            hidden: names
                .iter()
                .filter_map(|name| parameters.get(name).map(|value| ((*name).to_owned(), value.to_owned())))
                .collect(),
            csrf_token: browser.csrf_token(&state),
        };
        Ok(browser.remember(&state, None, browser::page(StatusCode::OK, &page)))
    };
    shown.await.unwrap_or_else(|error| browser::error_page(&headers, error))
}

/// Logs out: the login ends, and with it the refresh tokens that came from it.
#[utoipa::path(
    post,
    path = "/oauth2/logout",
    tag = "OpenID Connect",
    responses(
        (status = 200, description = "Logged out", content_type = "text/html"),
        (status = 303, description = "Logged out, back to the client"),
        (status = 400, description = "The request is not valid"),
        (status = 403, description = "The form is not ours"),
        (status = 413, description = "The body is too large"),
        (status = 503, description = "The database is unavailable"),
    )
)]
async fn logout(
    Shared(state): Shared<State>,
    origin: Origin,
    headers: HeaderMap,
    parameters: Result<Parameters, Error>,
) -> Response {
    let ended = async {
        let parameters = parameters?;
        let browser = Browser::of(&state, &headers).await?;
        if let Some(session) = &browser.session {
            browser.check_csrf(&state, &parameters)?;
            end(&state, &origin, session).await?;
        }
        done(&state, &parameters)
            .await
            .map(|response| forget_login(&state, response))
    };
    ended.await.unwrap_or_else(|error| browser::error_page(&headers, error))
}

async fn end(state: &State, origin: &Origin, session: &sessions::Model) -> Result<(), Error> {
    let write = state.store.write().await?;
    sessions::delete(write.transaction(), &session.session_hash).await?;
    let families = refresh_tokens::of_session(write.transaction(), &session.session_hash).await?;
    let revoked = grants::kill_families(state, write.transaction(), &families).await?;
    write
        .commit(audit::by_user(
            origin,
            "logout",
            &session.realm,
            &session.uid,
            json!({}),
        ))
        .await?;
    state.revoked.add(&revoked);
    Ok(())
}

/// Back to the client, when it is known by its ID token and has registered the address; else a page.
async fn done(state: &State, parameters: &Parameters) -> Result<Response, Error> {
    if let Some(target) = parameters.get("post_logout_redirect_uri") {
        let hint = hint(state, parameters);
        let client = hint
            .as_ref()
            .and_then(|claims| claims.get("aud"))
            .and_then(Value::as_str);
        for (realm, _) in state.realms.people() {
            let Some(client) = client else { break };
            let client = clients::find(state, realm, client).await?;
            if client.is_some_and(|client| redirects::is_registered(&client.redirect_uris, target)) {
                let address = match parameters.get("state") {
                    Some(value) => redirects::with_query(target, &[("state", value)]),
                    None => target.to_owned(),
                };
                return Ok(see_other(&address));
            }
        }
    }
    Ok(browser::page(
        StatusCode::OK,
        &Message {
            title: "Logged out",
            text: "You can close this page.",
        },
    ))
}

/// The claims of an ID token of ours. It may have expired: it says who, not whether.
fn hint(state: &State, parameters: &Parameters) -> Option<serde_json::Map<String, Value>> {
    let jws = Jws::parse(parameters.get("id_token_hint")?).ok()?;
    let key = state.keys.find(jws.header.kid.as_deref()?)?;
    jws.is_signed_by(key.public()).then_some(jws.claims)
}
