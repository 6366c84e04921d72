use secrecy::ExposeSecret;
use stups_api::identity::TokenResponse;
use stups_server::Error;
use stups_store::Write;

use super::{
    TokenRequest, check_user_active, end_family, invalid_grant, own_revocation, response, same_client, start_family,
    verifier_matches,
};
use crate::State;
use crate::audit;
use crate::client_authentication::{self, Credentials};
use crate::issue::{self, Grant, Login};
use crate::model::clients::Client;
use crate::model::codes::{self, Redemption};
use crate::model::json::from_json;
use crate::model::{revocations, sessions};
use crate::secret;

/// An authorization code for tokens (contract identity 2.2.5, RFC 7636). The first presentation uses the code up, even when
/// the rest of the request fails; the second one takes back what the first one got.
pub(super) async fn grant(state: &State, request: &TokenRequest) -> Result<TokenResponse, Error> {
    let parameters = &request.parameters;
    let hash = secret::hash(parameters.require("code")?);
    let redirect_uri = parameters.require("redirect_uri")?;
    let verifier = parameters.require("code_verifier")?;
    let credentials = Credentials::of(&request.headers, parameters)?;
    let known = codes::find(state.store.connection(), &hash)
        .await?
        .ok_or_else(invalid_grant)?;
    // Slow, and therefore before the write.
    let client = client_authentication::authenticate(state, &known.realm, &credentials).await;

    let write = state.store.write().await?;
    let code = match codes::redeem(write.transaction(), &hash, state.clock.milliseconds()).await? {
        Redemption::Unknown => return Err(invalid_grant()),
        Redemption::Again(code) => return take_back(state, request, write, code).await,
        Redemption::First(code) => code,
    };
    let checked = match client {
        Err(error) => Err(error),
        Ok(client) => check(state, &write, &client, &code, redirect_uri, verifier)
            .await
            .map(|()| client),
    };
    match checked {
        Ok(client) => exchange(state, request, write, &client, &code).await,
        Err(error) => {
            let reason = error.code.unwrap_or("refused");
            let event = audit::refused(
                &request.origin,
                "code.refused",
                &code.realm,
                &code.uid,
                &code.client_id,
                reason,
            );
            write.commit(event).await?;
            Err(error)
        }
    }
}

async fn check(
    state: &State,
    write: &Write,
    client: &Client,
    code: &codes::Model,
    redirect_uri: &str,
    verifier: &str,
) -> Result<(), Error> {
    same_client(client, &code.client_id)?;
    if code.expires_at <= state.clock.milliseconds() || !same_uri(&code.redirect_uri, redirect_uri) {
        return Err(invalid_grant());
    }
    if !verifier_matches(verifier, &code.code_challenge) {
        return Err(invalid_grant());
    }
    check_user_active(state, write.transaction(), &code.realm, &code.uid).await
}

/// Equal as URIs: `http://localhost:8081` and `http://localhost:8081/` are one.
fn same_uri(one: &str, other: &str) -> bool {
    one == other || matches!((url::Url::parse(one), url::Url::parse(other)), (Ok(one), Ok(other)) if one == other)
}

async fn exchange(
    state: &State,
    request: &TokenRequest,
    write: Write,
    client: &Client,
    code: &codes::Model,
) -> Result<TokenResponse, Error> {
    let scopes: Vec<String> = from_json(&code.scopes)?;
    let grant = Grant {
        client,
        realm: &code.realm,
        uid: &code.uid,
        scopes: &scopes,
        resource: code.resource.as_deref(),
    };
    let method = sessions::method(write.transaction(), Some(&code.session_hash)).await?;
    let login = Login {
        authenticated_at: code.authenticated_at,
        session_hash: Some(&code.session_hash),
        method: method.as_deref(),
        nonce: code.nonce.as_deref(),
    };
    let token = issue::access_token(state, &grant)?;
    let mut answer = response(state, &grant, &token, &login)?;
    let mut family = None;
    if client.grants.refresh {
        let (id, first) = start_family(state, write.transaction(), &grant, &login, &token.hash).await?;
        answer.refresh_token = Some(first.expose_secret().to_owned());
        family = Some(id);
    }
    codes::remember_tokens(write.transaction(), &code.code_hash, &token.hash, family.as_deref()).await?;
    write
        .commit(audit::issued(&request.origin, "authorization_code", &grant, &token))
        .await?;
    Ok(answer)
}

/// Somebody else has the code, too: nobody keeps what it gave (RFC 6749 4.1.2).
async fn take_back(
    state: &State,
    request: &TokenRequest,
    write: Write,
    code: codes::Model,
) -> Result<TokenResponse, Error> {
    let mut revoked = Vec::new();
    if let Some(family) = &code.family_id {
        revoked = end_family(state, write.transaction(), family).await?;
    } else if let Some(hash) = &code.access_token_hash {
        let revocation = own_revocation(hash, state.clock.seconds(), "code presented twice");
        revocations::insert(write.transaction(), revocation.clone()).await?;
        revoked.push(revocation);
    }
    let event = audit::refused(
        &request.origin,
        "code.reused",
        &code.realm,
        &code.uid,
        &code.client_id,
        "presented twice",
    );
    write.commit(event).await?;
    state.revoked.add(&revoked);
    Err(invalid_grant())
}
