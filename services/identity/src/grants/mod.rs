//! The token endpoint's grants, one file each. All read top to bottom: who is the client, what may it have, for whom, sign.

mod authorization_code;
mod client_credentials;
mod device_code;
mod password;
mod refresh_token;

use axum::http::{HeaderMap, StatusCode};
use sea_orm::ConnectionTrait;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use stups_api::identity::TokenResponse;
use stups_server::{Error, Origin};

pub use refresh_token::{end_family, kill_families};

use crate::State;
use crate::issue::{self, AccessToken, Grant, Login};
use crate::model::json::to_json;
use crate::model::{clients::Client, refresh_tokens, users};
use crate::parameters::{Parameters, invalid_request};
use crate::realms::RealmError;
use crate::secret;

/// A request to the token endpoint.
pub struct TokenRequest {
    /// The parameters.
    pub parameters: Parameters,
    /// The headers: `Authorization`, `Host`.
    pub headers: HeaderMap,
    /// From where.
    pub origin: Origin,
}

/// Answers the request by its grant.
pub async fn grant(state: &State, request: &TokenRequest) -> Result<TokenResponse, Error> {
    match request.parameters.require("grant_type")? {
        "password" => password::grant(state, request).await,
        "client_credentials" => client_credentials::grant(state, request).await,
        "authorization_code" => authorization_code::grant(state, request).await,
        "refresh_token" => refresh_token::grant(state, request).await,
        "urn:ietf:params:oauth:grant-type:device_code" => device_code::grant(state, request).await,
        _ => Err(Error::oauth(
            StatusCode::BAD_REQUEST,
            "unsupported_grant_type",
            "The grant type is not supported",
        )),
    }
}

/// `invalid_grant`, in the words of the original: they do not tell what was wrong.
pub fn invalid_grant() -> Error {
    let description = "The provided access grant is invalid, expired, or revoked.";
    Error::oauth(StatusCode::BAD_REQUEST, "invalid_grant", description)
}

/// `unauthorized_client`: the client exists but may not do this.
pub fn unauthorized_client(grant_type: &str) -> Error {
    let description = format!("The client may not use the grant {grant_type}");
    Error::oauth(StatusCode::BAD_REQUEST, "unauthorized_client", description)
}

/// The realm that the request means (contract identity 2.1).
pub fn realm<'a>(state: &'a State, parameters: &Parameters, headers: &HeaderMap) -> Result<&'a str, Error> {
    let host = headers
        .get(axum::http::header::HOST)
        .and_then(|host| host.to_str().ok());
    state.realms.resolve(parameters.get("realm"), host).map_err(realm_error)
}

/// The answer to a request without a realm.
pub fn realm_error(error: RealmError) -> Error {
    match error {
        RealmError::NotFound(name) => {
            let name = name.replace(|c: char| !c.is_ascii_graphic() || c == '"' || c == '\\', "?");
            Error::oauth(StatusCode::BAD_REQUEST, "realm_not_found", format!("{name} not found"))
        }
        RealmError::Missing => Error::oauth(StatusCode::BAD_REQUEST, "missing_realm", "The realm is missing"),
    }
}

/// The one audience that is asked for (RFC 8707): an absolute URI without a fragment.
pub fn resource(parameters: &Parameters) -> Result<Option<String>, Error> {
    let mut resources = parameters.all("resource");
    let Some(resource) = resources.next() else {
        return Ok(None);
    };
    let invalid = |reason| Error::oauth(StatusCode::BAD_REQUEST, "invalid_target", reason);
    if resources.next().is_some() {
        return Err(invalid("Only one resource may be asked for at a time"));
    }
    match url::Url::parse(resource) {
        Ok(uri) if uri.fragment().is_none() && resource.len() <= 512 => Ok(Some(resource.to_owned())),
        _ => Err(invalid("The resource is not an absolute URI without a fragment")),
    }
}

/// The user still may: they exist and are not disabled. Users of realms that are not kept here are trusted to.
async fn check_user_active(
    state: &State,
    connection: &impl ConnectionTrait,
    realm: &str,
    uid: &str,
) -> Result<(), Error> {
    let managed = state.realms.get(realm).is_some_and(|(_, realm)| realm.managed);
    match users::find(connection, realm, uid).await? {
        Some(user) if !user.disabled => Ok(()),
        None if !managed => Ok(()),
        _ => Err(invalid_grant()),
    }
}

/// The answer to a successful grant.
fn response(state: &State, grant: &Grant<'_>, token: &AccessToken, login: &Login<'_>) -> Result<TokenResponse, Error> {
    let openid = grant.scopes.iter().any(|scope| scope == "openid");
    let id_token = if openid {
        Some(issue::id_token(state, grant, login, &token.text)?)
    } else {
        None
    };
    Ok(TokenResponse {
        access_token: token.text.clone(),
        token_type: "Bearer".to_owned(),
        expires_in: token.expires_in,
        scope: grant.scopes.join(" "),
        realm: grant.realm.to_owned(),
        id_token,
        refresh_token: None,
    })
}

/// Starts a chain of refresh tokens; answers its id and its first token.
pub async fn start_family(
    state: &State,
    connection: &impl ConnectionTrait,
    grant: &Grant<'_>,
    login: &Login<'_>,
    access_token_hash: &str,
) -> Result<(String, SecretString), Error> {
    let now = state.clock.milliseconds();
    let lifetimes = &state.config.lifetimes;
    let id = uuid::Uuid::new_v4().to_string();
    let family = refresh_tokens::Family {
        id: id.clone(),
        realm: grant.realm.to_owned(),
        uid: grant.uid.to_owned(),
        client_id: grant.client.id.clone(),
        scopes: to_json(grant.scopes),
        resource: grant.resource.map(ToOwned::to_owned),
        session_hash: login.session_hash.map(ToOwned::to_owned),
        authenticated_at: login.authenticated_at,
        created_at: now,
        expires_at: now + lifetimes.refresh_absolute_seconds * 1000,
        revoked_at: None,
    };
    let first = secret::generate();
    let expires_at = family.expires_at.min(now + lifetimes.refresh_idle_seconds * 1000);
    let mut token = refresh_tokens::new_token(secret::hash(first.expose_secret()), &id, now, expires_at);
    token.access_token_hash = Some(access_token_hash.to_owned());
    refresh_tokens::start(connection, family, token).await?;
    Ok((id, first))
}

/// Whether the PKCE verifier is the one that the challenge was made of (RFC 7636, S256).
fn verifier_matches(verifier: &str, challenge: &str) -> bool {
    use subtle::ConstantTimeEq;
    let well_formed = (43..=128).contains(&verifier.len())
        && verifier
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
    well_formed && secret::hash(verifier).as_bytes().ct_eq(challenge.as_bytes()).into()
}

/// A public client has said who it is only if it said its id.
fn same_client(client: &Client, id: &str) -> Result<(), Error> {
    if client.id == id { Ok(()) } else { Err(invalid_grant()) }
}

/// How revocations that the service makes by itself are kept.
pub fn own_revocation(hash: &str, now_seconds: i64, reason: &str) -> crate::model::revocations::Model {
    crate::model::revocations::Model {
        id: uuid::Uuid::now_v7().to_string(),
        kind: "TOKEN".to_owned(),
        data: json!({ "token_hash": hash, "hash_algorithm": "SHA-256", "issued_before": now_seconds + 1 }).to_string(),
        // Tokens that were issued within this very second are meant, too.
        issued_before: now_seconds + 1,
        revoked_at: now_seconds,
        revoked_by: reason.to_owned(),
    }
}

/// A parameter that must be there and not blank.
fn not_blank<'a>(parameters: &'a Parameters, name: &str) -> Result<&'a str, Error> {
    if !parameters.is_present(name) {
        return Err(invalid_request(format!("Missing parameter: {name}")));
    }
    parameters
        .get(name)
        .filter(|value| !value.trim().is_empty())
        .ok_or_else(invalid_grant)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7636, appendix B.
    #[test]
    fn the_standards_pkce_example_is_verified() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        assert!(verifier_matches(verifier, challenge));
        assert!(!verifier_matches(challenge, challenge), "plain is no method");
        assert!(!verifier_matches(&verifier[1..], challenge));
        assert!(!verifier_matches("", challenge));
    }

    #[test]
    fn one_absolute_resource_may_be_asked_for() {
        let of = |query| resource(&Parameters::of_query(Some(query)).unwrap());
        assert_eq!(
            of("resource=https%3A%2F%2Fkio.example.org").unwrap().as_deref(),
            Some("https://kio.example.org")
        );
        assert_eq!(of("").unwrap(), None);
        for query in [
            "resource=kio",
            "resource=https://kio/%23x",
            "resource=https://a/&resource=https://b/",
        ] {
            assert_eq!(of(query).unwrap_err().code, Some("invalid_target"));
        }
    }
}
