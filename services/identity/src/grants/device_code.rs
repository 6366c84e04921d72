use axum::http::StatusCode;
use secrecy::ExposeSecret;
use stups_api::identity::TokenResponse;
use stups_server::Error;
use stups_store::Write;

use super::{TokenRequest, check_user_active, invalid_grant, response, start_family, unauthorized_client};
use crate::State;
use crate::audit;
use crate::client_authentication::{self, Credentials};
use crate::issue::{self, Grant, Login};
use crate::model::clients::Client;
use crate::model::device_codes::{self, Poll};
use crate::model::json::from_json;
use crate::model::sessions;
use crate::secret;

/// A device code for tokens, as soon as the user has agreed (RFC 8628 3.4).
pub(super) async fn grant(state: &State, request: &TokenRequest) -> Result<TokenResponse, Error> {
    let parameters = &request.parameters;
    let hash = secret::hash(parameters.require("device_code")?);
    let credentials = Credentials::of(&request.headers, parameters)?;
    let known = device_codes::find(state.store.connection(), &hash)
        .await?
        .ok_or_else(invalid_grant)?;
    let client = client_authentication::authenticate(state, &known.realm, &credentials).await?;
    if !client.grants.device {
        return Err(unauthorized_client("device_code"));
    }
    let write = state.store.write().await?;
    let answer = device_codes::poll(write.transaction(), &hash, &client.id, state.clock.milliseconds()).await?;
    let refusal = |code, description: &str| Error::oauth(StatusCode::BAD_REQUEST, code, description);
    match answer {
        Poll::Approved(code) => exchange(state, request, write, &client, &code).await,
        Poll::Unknown => Err(invalid_grant()),
        Poll::Expired => Err(refusal("expired_token", "The device code has expired")),
        Poll::Denied => Err(refusal("access_denied", "The user has refused")),
        Poll::Pending => {
            write.commit_unaudited().await?;
            Err(refusal("authorization_pending", "The user has not decided yet"))
        }
        Poll::SlowDown => {
            write.commit_unaudited().await?;
            Err(refusal(
                "slow_down",
                "Asked too early: wait five seconds longer from now on",
            ))
        }
    }
}

async fn exchange(
    state: &State,
    request: &TokenRequest,
    write: Write,
    client: &Client,
    code: &device_codes::Model,
) -> Result<TokenResponse, Error> {
    let uid = code.uid.as_deref().ok_or_else(Error::internal)?;
    check_user_active(state, write.transaction(), &code.realm, uid).await?;
    let scopes: Vec<String> = from_json(&code.scopes)?;
    let grant = Grant {
        client,
        realm: &code.realm,
        uid,
        scopes: &scopes,
        resource: code.resource.as_deref(),
    };
    let method = sessions::method(write.transaction(), code.session_hash.as_deref()).await?;
    let login = Login {
        authenticated_at: code.authenticated_at.unwrap_or(code.created_at),
        session_hash: code.session_hash.as_deref(),
        method: method.as_deref(),
        nonce: None,
    };
    let token = issue::access_token(state, &grant)?;
    let mut answer = response(state, &grant, &token, &login)?;
    if client.grants.refresh {
        let (_, first) = start_family(state, write.transaction(), &grant, &login, &token.hash).await?;
        answer.refresh_token = Some(first.expose_secret().to_owned());
    }
    write
        .commit(audit::issued(&request.origin, "device_code", &grant, &token))
        .await?;
    Ok(answer)
}
