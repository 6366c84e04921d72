use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode};
use serde_json::json;
use stups_server::{Error, Origin};
use stups_store::audit::{Event, Outcome};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::introspect::authenticate_anywhere;
use crate::State;
use crate::client_authentication::Credentials;
use crate::grants;
use crate::model::clients::Client;
use crate::model::{refresh_tokens, revocations};
use crate::parameters::Parameters;
use crate::secret;

/// Token revocation (RFC 7009).
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(revoke))
}

/// Revokes a token of the calling client: a refresh token with its whole family, or an access token.
#[utoipa::path(
    post,
    path = "/oauth2/revoke",
    tag = "OAuth 2.0",
    responses(
        (status = 200, description = "The token is not valid any more, or never was"),
        (status = 400, description = "The request is not valid"),
        (status = 401, description = "The client is not who it says it is"),
        (status = 413, description = "The body is too large"),
        (status = 503, description = "The database is unavailable"),
    )
)]
async fn revoke(
    Shared(state): Shared<State>,
    origin: Origin,
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<StatusCode, Error> {
    let credentials = Credentials::of(&headers, &parameters)?;
    let text = parameters.require("token")?;
    let client = authenticate_anywhere(&state, &parameters, &credentials).await?;
    match refresh_tokens::find(state.store.connection(), &secret::hash(text)).await? {
        Some(token) => revoke_family(&state, &origin, &client, &token.family_id).await?,
        None => revoke_access_token(&state, &origin, &client, text).await?,
    }
    Ok(StatusCode::OK)
}

async fn revoke_family(state: &State, origin: &Origin, client: &Client, id: &str) -> Result<(), Error> {
    let family = refresh_tokens::find_family(state.store.connection(), id).await?;
    let Some(family) = family.filter(|family| family.client_id == client.id && family.realm == client.realm) else {
        return Ok(());
    };
    let write = state.store.write().await?;
    let revoked = grants::end_family(state, write.transaction(), &family.id).await?;
    write.commit(event(origin, client, &family.realm, &family.uid, "refresh_token")).await?;
    state.revoked.add(&revoked);
    Ok(())
}

async fn revoke_access_token(state: &State, origin: &Origin, client: &Client, text: &str) -> Result<(), Error> {
    let Ok(token) = state.verified.token(state, text).await else { return Ok(()) };
    if token.client_id.as_ref() != Some(&client.id) {
        return Ok(());
    }
    let revocation = grants::own_revocation(&token.hash, state.clock.seconds(), &format!("client {}", client.id));
    let write = state.store.write().await?;
    revocations::insert(write.transaction(), revocation.clone()).await?;
    write.commit(event(origin, client, &token.realm, &token.uid, "access_token")).await?;
    state.revoked.add(&[revocation]);
    Ok(())
}

fn event(origin: &Origin, client: &Client, realm: &str, uid: &str, kind: &str) -> Event {
    let mut actor = origin.actor(realm, uid);
    actor.client_id = Some(client.id.clone());
    Event {
        action: "token.revoked".to_owned(),
        subject: format!("{realm}/{uid}"),
        actor,
        outcome: Outcome::Success,
        details: json!({ "client_id": client.id, "kind": kind }),
    }
}
