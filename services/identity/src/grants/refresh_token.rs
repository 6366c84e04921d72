use sea_orm::ConnectionTrait;
use secrecy::{ExposeSecret, SecretString};
use stups_api::identity::TokenResponse;
use stups_server::Error;
use stups_store::Write;

use super::{
    TokenRequest, check_user_active, invalid_grant, own_revocation, response, same_client, unauthorized_client,
};
use crate::State;
use crate::audit;
use crate::client_authentication::{self, Credentials};
use crate::issue::{self, Grant, Login};
use crate::model::clients::Client;
use crate::model::json::from_json;
use crate::model::refresh_tokens::{self, Family, Presentation};
use crate::model::{revocations, sessions};
use crate::scopes;
use crate::secret;

/// How many uses within the grace one presentation is led through to the newest successor.
const LONGEST_CHAIN: usize = 32;

/// A refresh token for new tokens. Each is used once and answers its successor, which follows from it by a key of ours: within
/// the grace every further presentation gets the same one, though only hashes are kept. Afterwards a further presentation
/// means that somebody else has it, and the whole family ends (RFC 9700 4.14).
pub(super) async fn grant(state: &State, request: &TokenRequest) -> Result<TokenResponse, Error> {
    let parameters = &request.parameters;
    let presented = SecretString::from(parameters.require("refresh_token")?);
    let hash = secret::hash(presented.expose_secret());
    let credentials = Credentials::of(&request.headers, parameters)?;
    let connection = state.store.connection();
    let token = refresh_tokens::find(connection, &hash)
        .await?
        .ok_or_else(invalid_grant)?;
    let family = refresh_tokens::find_family(connection, &token.family_id)
        .await?
        .ok_or_else(invalid_grant)?;
    let client = client_authentication::authenticate(state, &family.realm, &credentials).await?;
    same_client(&client, &family.client_id)?;
    if !client.grants.refresh {
        return Err(unauthorized_client("refresh_token"));
    }

    let write = state.store.write().await?;
    let now = state.clock.milliseconds();
    let grace = state.config.lifetimes.refresh_grace_seconds * 1000;
    match refresh_tokens::present(write.transaction(), &hash, now, grace).await? {
        Presentation::Unknown | Presentation::Ended => Err(invalid_grant()),
        Presentation::Reused(family) => {
            let revoked = end_family(state, write.transaction(), &family.id).await?;
            let event = audit::refused(
                &request.origin,
                "refresh_token.reused",
                &family.realm,
                &family.uid,
                &family.client_id,
                "presented again after the grace",
            );
            write.commit(event).await?;
            state.revoked.add(&revoked);
            Err(invalid_grant())
        }
        Presentation::First(family) => {
            let successor = secret::derive(&state.refresh_key, &presented);
            let expires_at = family
                .expires_at
                .min(now + state.config.lifetimes.refresh_idle_seconds * 1000);
            let successor_hash = secret::hash(successor.expose_secret());
            let row = refresh_tokens::new_token(successor_hash, &family.id, now, expires_at);
            refresh_tokens::insert(write.transaction(), row).await?;
            answer(state, request, write, &client, &family, &successor).await
        }
        Presentation::InGrace(family) => {
            let successor = newest_successor(state, &write, presented).await?;
            answer(state, request, write, &client, &family, &successor).await
        }
    }
}

/// The successor; where another process has used that one in the meantime, the successor of the successor, and so on.
async fn newest_successor(state: &State, write: &Write, presented: SecretString) -> Result<SecretString, Error> {
    let mut successor = secret::derive(&state.refresh_key, &presented);
    for _ in 0..LONGEST_CHAIN {
        let hash = secret::hash(successor.expose_secret());
        match refresh_tokens::find(write.transaction(), &hash).await? {
            Some(token) if token.used_at.is_some() => successor = secret::derive(&state.refresh_key, &successor),
            Some(_) => return Ok(successor),
            None => return Err(invalid_grant()),
        }
    }
    Err(invalid_grant())
}

async fn answer(
    state: &State,
    request: &TokenRequest,
    write: Write,
    client: &Client,
    family: &Family,
    successor: &SecretString,
) -> Result<TokenResponse, Error> {
    check_user_active(state, write.transaction(), &family.realm, &family.uid).await?;
    let scopes = narrowed(request.parameters.get("scope"), from_json(&family.scopes)?)?;
    let grant = Grant {
        client,
        realm: &family.realm,
        uid: &family.uid,
        scopes: &scopes,
        resource: family.resource.as_deref(),
    };
    let method = sessions::method(write.transaction(), family.session_hash.as_deref()).await?;
    let login = Login {
        authenticated_at: family.authenticated_at,
        session_hash: family.session_hash.as_deref(),
        method: method.as_deref(),
        nonce: None,
    };
    let token = issue::access_token(state, &grant)?;
    let mut answer = response(state, &grant, &token, &login)?;
    answer.refresh_token = Some(successor.expose_secret().to_owned());
    let hash = secret::hash(successor.expose_secret());
    refresh_tokens::remember_access_token(write.transaction(), &hash, &token.hash).await?;
    write
        .commit(audit::issued(&request.origin, "refresh_token", &grant, &token))
        .await?;
    Ok(answer)
}

/// The scopes of the login, or those of them that are asked for.
fn narrowed(requested: Option<&str>, granted: Vec<String>) -> Result<Vec<String>, Error> {
    let Some(requested) = requested else { return Ok(granted) };
    let mut named: Vec<String> = requested.split_whitespace().map(ToOwned::to_owned).collect();
    named.sort();
    named.dedup();
    let refused: Vec<&str> = named
        .iter()
        .filter(|scope| !granted.contains(scope))
        .map(String::as_str)
        .collect();
    if refused.is_empty() {
        Ok(named)
    } else {
        Err(scopes::invalid_scope(&refused))
    }
}

/// Ends a family inside of a write, and revokes the access tokens that came with it. The revocations count in this process
/// when the write is committed and they were given to the list in memory.
pub async fn end_family(
    state: &State,
    connection: &impl ConnectionTrait,
    family: &str,
) -> Result<Vec<revocations::Model>, Error> {
    let now = state.clock.milliseconds();
    let alive_since = now - state.realms.longest_lifetime_seconds() * 1000;
    let hashes = refresh_tokens::revoke_family(connection, family, now, alive_since).await?;
    let mut revoked = Vec::new();
    for hash in hashes {
        let revocation = own_revocation(&hash, state.clock.seconds(), "refresh tokens ended");
        revocations::insert(connection, revocation.clone()).await?;
        revoked.push(revocation);
    }
    Ok(revoked)
}

/// Ends several families, as [`end_family`] does.
pub async fn kill_families(
    state: &State,
    connection: &impl ConnectionTrait,
    families: &[String],
) -> Result<Vec<revocations::Model>, Error> {
    let mut revoked = Vec::new();
    for family in families {
        revoked.extend(end_family(state, connection, family).await?);
    }
    Ok(revoked)
}
