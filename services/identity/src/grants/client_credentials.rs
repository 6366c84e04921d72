use stups_api::identity::TokenResponse;
use stups_server::Error;

use super::{TokenRequest, invalid_grant, realm, resource, response, unauthorized_client};
use crate::State;
use crate::audit;
use crate::client_authentication::{self, Credentials};
use crate::issue::{self, Grant, Login};
use crate::model::clients;
use crate::model::users;
use crate::scopes;

/// The client's own credentials for a token of the service user that owns it: the same `sub`, `realm` and scopes as the
/// password grant gives, so that services see no difference (contract identity 5.1).
pub(super) async fn grant(state: &State, request: &TokenRequest) -> Result<TokenResponse, Error> {
    let parameters = &request.parameters;
    let credentials = Credentials::of(&request.headers, parameters)?;
    let realm_name = realm_of(state, request, &credentials).await?;
    let resource = resource(parameters)?;
    let client = client_authentication::authenticate(state, realm_name, &credentials).await?;
    let (_, realm) = state.realms.get(realm_name).ok_or_else(Error::internal)?;
    let scopes = scopes::resolve(parameters.get("scope"), &client, realm)?;
    // People never: a token that only the client asked for must not look like one that somebody agreed to.
    let Some(owner) = client
        .owner
        .clone()
        .filter(|_| client.confidential && client.grants.client_credentials)
    else {
        return Err(unauthorized_client("client_credentials"));
    };
    if realm.interactive {
        return Err(unauthorized_client("client_credentials"));
    }
    let user = users::find(state.store.connection(), realm_name, &owner).await?;
    let user = user.filter(|user| !user.disabled).ok_or_else(invalid_grant)?;
    scopes::check_user(&scopes, &user, &client, realm)?;

    let grant = Grant {
        client: &client,
        realm: realm_name,
        uid: &user.uid,
        scopes: &scopes,
        resource: resource.as_deref(),
    };
    let token = issue::access_token(state, &grant)?;
    state
        .issue_log
        .record(audit::issued(&request.origin, "client_credentials", &grant, &token))
        .await?;
    let login = Login {
        authenticated_at: state.clock.milliseconds(),
        session_hash: None,
        method: None,
        nonce: None,
    };
    response(state, &grant, &token, &login)
}

/// Clients that follow the standard alone name no realm: then it is the one that has such a client with an owner.
async fn realm_of<'a>(state: &'a State, request: &TokenRequest, credentials: &Credentials) -> Result<&'a str, Error> {
    match realm(state, &request.parameters, &request.headers) {
        Err(_) if request.parameters.get("realm").is_none() => {
            for (name, _) in state.realms.machines() {
                if clients::find(state, name, credentials.id()).await?.is_some() {
                    return Ok(name);
                }
            }
            realm(state, &request.parameters, &request.headers)
        }
        found => found,
    }
}
