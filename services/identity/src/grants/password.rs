use secrecy::SecretString;
use stups_api::identity::TokenResponse;
use stups_server::Error;

use super::{TokenRequest, invalid_grant, not_blank, realm, resource, response, unauthorized_client};
use crate::State;
use crate::audit;
use crate::brute_force::{self, Attempt};
use crate::client_authentication::{self, Credentials};
use crate::issue::{self, Grant, Login};
use crate::model::{sessions, users};
use crate::scopes;

/// User name and password for a token (contract identity 2.2.2): for machines of old, in realms that allow it, through a
/// confidential client that has the flag, for the client's own user. RFC 9700 2.4 forbids it for everything else.
///
/// The order of the checks decides which error a caller sees; it is the original's.
pub(super) async fn grant(state: &State, request: &TokenRequest) -> Result<TokenResponse, Error> {
    let parameters = &request.parameters;
    let realm_name = realm(state, parameters, &request.headers)?;
    let username = not_blank(parameters, "username")?;
    let password = SecretString::from(not_blank(parameters, "password")?);
    let credentials = Credentials::of(&request.headers, parameters)?;
    let resource = resource(parameters)?;
    let client = client_authentication::authenticate(state, realm_name, &credentials).await?;
    let (_, realm) = state.realms.get(realm_name).ok_or_else(Error::internal)?;
    let scopes = scopes::resolve(parameters.get("scope"), &client, realm)?;
    let own_user = client.owner.as_ref().is_none_or(|owner| owner == username);
    if !(realm.password_grant && client.grants.password && client.confidential && own_user) {
        return Err(unauthorized_client("password"));
    }

    let attempt = Attempt {
        realm: realm_name,
        uid: username,
        client_id: &client.id,
        origin: &request.origin,
    };
    brute_force::check(state, &attempt).await?;
    let Some(user) = users::authenticate(state, realm_name, username, &password).await? else {
        brute_force::failed(state, &attempt).await?;
        return Err(invalid_grant());
    };
    brute_force::succeeded(state, &attempt).await?;
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
        .record(audit::issued(&request.origin, "password", &grant, &token))
        .await?;
    tracing::info!(client_id = %client.id, "a token was issued for a password: the client should use client_credentials");
    let login = Login {
        authenticated_at: state.clock.milliseconds(),
        session_hash: None,
        method: Some(sessions::PASSWORD),
        nonce: None,
    };
    response(state, &grant, &token, &login)
}
