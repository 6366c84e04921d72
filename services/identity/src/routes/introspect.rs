use axum::extract::State as Shared;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use serde_json::Value;
use stups_api::identity::Introspection;
use stups_server::{Authenticated, Error};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::State;
use crate::client_authentication::{self, Credentials};
use crate::model::clients::Client;
use crate::model::json::from_json;
use crate::model::{clients, refresh_tokens};
use crate::parameters::Parameters;
use crate::secret;
use crate::verified::Token;

/// Token introspection (RFC 7662).
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(introspect))
}

/// Says what is known of a token. Of one that is not valid: nothing but that.
///
/// The caller is a client with its credentials, or has a token with the scope `uid`.
#[utoipa::path(
    post,
    path = "/oauth2/introspect",
    tag = "OAuth 2.0",
    responses(
        (status = 200, description = "What is known of the token", body = Introspection),
        (status = 400, description = "The request is not valid"),
        (status = 401, description = "The caller is not who it says it is"),
        (status = 403, description = "The caller's token does not have the scope `uid`"),
        (status = 413, description = "The body is too large"),
        (status = 503, description = "The database is unavailable"),
    )
)]
async fn introspect(
    Shared(state): Shared<State>,
    caller: Option<Authenticated>,
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<impl IntoResponse, Error> {
    let client = match &caller {
        Some(caller) => {
            caller.require_scope("uid")?;
            None
        }
        None => Some(confidential_client(&state, &headers, &parameters).await?),
    };
    let text = parameters.require("token")?;
    let answer = match state.verified.token(&state, text).await {
        Ok(token) => of_access_token(&state, &token),
        Err(_) => match &client {
            Some(client) => of_refresh_token(&state, client, text).await?,
            None => Introspection::default(),
        },
    };
    Ok(([(CACHE_CONTROL, "no-store")], axum::Json(answer)))
}

/// The client that the credentials prove, in whichever realm; a public one proves nothing.
async fn confidential_client(state: &State, headers: &HeaderMap, parameters: &Parameters) -> Result<Client, Error> {
    let credentials = Credentials::of(headers, parameters)?;
    let client = authenticate_anywhere(state, parameters, &credentials).await?;
    if client.confidential {
        Ok(client)
    } else {
        Err(Error::oauth(
            StatusCode::UNAUTHORIZED,
            "invalid_client",
            "Client authentication failed",
        ))
    }
}

/// The client in the realm that the request names, else in the first that has one of that id.
pub(super) async fn authenticate_anywhere(
    state: &State,
    parameters: &Parameters,
    credentials: &Credentials,
) -> Result<Client, Error> {
    let named = parameters
        .get("realm")
        .and_then(|name| state.realms.get(name))
        .map(|(name, _)| name);
    let mut realm = named;
    for name in state.realms.names().filter(|_| named.is_none()) {
        if clients::find(state, name, credentials.id()).await?.is_some() {
            realm = Some(name);
            break;
        }
    }
    client_authentication::authenticate(state, realm.unwrap_or_default(), credentials).await
}

fn of_access_token(state: &State, token: &Token) -> Introspection {
    let number = |name: &str| token.claims.get(name).and_then(Value::as_i64);
    Introspection {
        active: true,
        scope: Some(token.scopes.join(" ")),
        client_id: token.client_id.clone(),
        username: Some(token.uid.clone()),
        token_type: Some("Bearer".to_owned()),
        exp: Some(token.expires_at),
        iat: number("iat"),
        sub: Some(token.uid.clone()),
        aud: token.audience.clone(),
        iss: Some(state.issuer.clone()),
        jti: token.claims.get("jti").and_then(Value::as_str).map(ToOwned::to_owned),
        realm: Some(token.realm.clone()),
    }
}

/// A refresh token is told of to its own client alone.
async fn of_refresh_token(state: &State, client: &Client, text: &str) -> Result<Introspection, Error> {
    let connection = state.store.connection();
    let Some(token) = refresh_tokens::find(connection, &secret::hash(text)).await? else {
        return Ok(Introspection::default());
    };
    let family = refresh_tokens::find_family(connection, &token.family_id).await?;
    let now = state.clock.milliseconds();
    let alive = family.filter(|family| {
        family.client_id == client.id
            && family.realm == client.realm
            && family.revoked_at.is_none()
            && token.used_at.is_none()
            && token.expires_at > now
    });
    let Some(family) = alive else {
        return Ok(Introspection::default());
    };
    Ok(Introspection {
        active: true,
        scope: Some(from_json::<Vec<String>>(&family.scopes)?.join(" ")),
        client_id: Some(family.client_id),
        username: Some(family.uid.clone()),
        exp: Some(token.expires_at / 1000),
        iat: Some(token.created_at / 1000),
        sub: Some(family.uid),
        iss: Some(state.issuer.clone()),
        realm: Some(family.realm),
        ..Introspection::default()
    })
}
