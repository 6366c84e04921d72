//! Tokens as they are issued: both access token profiles and ID tokens (contract identity 2.5 and 5.3).

use serde_json::{Map, Value, json};
use stups_server::Error;

use crate::State;
use crate::config::Algorithm;
use crate::keys::SigningKey;
use crate::model::clients::{Client, TokenProfile};
use crate::model::sessions;
use crate::realms::Realm;
use crate::revoked::token_hash;

/// Whom a token is for, and what it may do.
#[derive(Clone, Debug)]
pub struct Grant<'a> {
    /// The client that asked.
    pub client: &'a Client,
    /// The user's realm.
    pub realm: &'a str,
    /// The user.
    pub uid: &'a str,
    /// Sorted.
    pub scopes: &'a [String],
    /// The audience that was asked for (RFC 8707).
    pub resource: Option<&'a str>,
}

/// An access token with what is remembered of it.
pub struct AccessToken {
    /// The compact JWS.
    pub text: String,
    /// Its id in the audit trail and, unless the realm is compact, in the token.
    pub jti: String,
    /// Its lifetime in seconds.
    pub expires_in: i64,
    /// What a revocation of it is kept under.
    pub hash: String,
}

/// The login that an ID token tells about.
pub struct Login<'a> {
    /// When the user logged in: milliseconds since 1970 UTC.
    pub authenticated_at: i64,
    /// The login's name for the client.
    pub session_hash: Option<&'a str>,
    /// How the user proved who they are, as far as it is still known: see the sessions.
    pub method: Option<&'a str>,
    /// As the client sent it.
    pub nonce: Option<&'a str>,
}

/// Signs an access token of the profile that the client and the resource ask for.
pub fn access_token(state: &State, grant: &Grant<'_>) -> Result<AccessToken, Error> {
    let (_, realm) = state.realms.get(grant.realm).ok_or_else(Error::internal)?;
    let jti = uuid::Uuid::new_v4().to_string();
    let now = state.clock.seconds();
    let modern = grant.client.token_profile == TokenProfile::AtJwt
        || grant
            .resource
            .is_some_and(|resource| state.config.modern_resources.iter().any(|known| known == resource));
    let text = if modern {
        let key = signer(state, state.config.signing.modern_algorithm)?;
        key.sign(Some("at+jwt"), &modern_claims(state, realm, grant, &jti, now))
    } else {
        signer(state, state.config.signing.algorithm)?.sign(None, &legacy_claims(state, realm, grant, &jti, now))
    };
    let hash = token_hash(&state.config.revocation.hashing_salt, &text);
    Ok(AccessToken {
        text,
        jti,
        expires_in: realm.lifetime_seconds,
        hash,
    })
}

/// Signs an access token for a service in this process, which has no client.
pub fn neighbour_token(state: &State, realm_name: &str, uid: &str, scopes: &[String]) -> Result<AccessToken, Error> {
    let (_, realm) = state.realms.get(realm_name).ok_or_else(Error::internal)?;
    let jti = uuid::Uuid::new_v4().to_string();
    let now = state.clock.seconds();
    let claims = json!({
        "sub": uid, "realm": realm_name, "scope": scopes, "iss": state.issuer,
        "iat": now, "exp": now + realm.lifetime_seconds, "jti": jti,
    });
    let text = signer(state, state.config.signing.algorithm)?.sign(None, &claims);
    let hash = token_hash(&state.config.revocation.hashing_salt, &text);
    Ok(AccessToken {
        text,
        jti,
        expires_in: realm.lifetime_seconds,
        hash,
    })
}

/// Signs an ID token: for the client alone, never an access token (it has neither `scope` nor `realm`).
pub fn id_token(state: &State, grant: &Grant<'_>, login: &Login<'_>, access_token: &str) -> Result<String, Error> {
    let (_, realm) = state.realms.get(grant.realm).ok_or_else(Error::internal)?;
    let now = state.clock.seconds();
    let mut claims = json!({
        "iss": state.issuer,
        "sub": grant.uid,
        "aud": grant.client.id,
        "iat": now,
        "exp": now + realm.lifetime_seconds.min(3600),
        "auth_time": login.authenticated_at / 1000,
        "at_hash": half_hash(access_token),
    });
    if let Some(nonce) = login.nonce {
        claims["nonce"] = json!(nonce);
    }
    // RFC 8176 has no value for somebody that another provider vouches for.
    if login.method == Some(sessions::PASSWORD) {
        claims["amr"] = json!([sessions::PASSWORD]);
    }
    if let Some(session) = login.session_hash {
        claims["sid"] = json!(session);
    }
    Ok(signer(state, state.config.signing.algorithm)?.sign(Some("JWT"), &claims))
}

fn signer(state: &State, algorithm: Algorithm) -> Result<std::sync::Arc<SigningKey>, Error> {
    state.keys.signer(algorithm, state.clock.milliseconds()).ok_or_else(|| {
        tracing::error!(?algorithm, "there is no signing key");
        Error::internal()
    })
}

/// Claims that every consumer of old reads, with harmless extras where size does not matter.
fn legacy_claims(state: &State, realm: &Realm, grant: &Grant<'_>, jti: &str, now: i64) -> Map<String, Value> {
    let mut claims = Map::new();
    claims.insert("sub".to_owned(), json!(grant.uid));
    claims.insert("realm".to_owned(), json!(grant.realm));
    claims.insert("scope".to_owned(), json!(grant.scopes));
    claims.insert(
        "iss".to_owned(),
        json!(if realm.compact_tokens { "B" } else { &state.issuer }),
    );
    claims.insert("exp".to_owned(), json!(now + realm.lifetime_seconds));
    claims.insert("iat".to_owned(), json!(now));
    if !realm.compact_tokens {
        claims.insert("jti".to_owned(), json!(jti));
        claims.insert("client_id".to_owned(), json!(grant.client.id));
    }
    if grant.scopes.iter().any(|scope| scope == "azp") {
        claims.insert("azp".to_owned(), json!(grant.client.id));
    }
    if let Some(resource) = grant.resource {
        claims.insert("aud".to_owned(), json!(resource));
    }
    add_extra_claims(&mut claims, realm, grant);
    claims
}

/// The claims of RFC 9068.
fn modern_claims(state: &State, realm: &Realm, grant: &Grant<'_>, jti: &str, now: i64) -> Map<String, Value> {
    let audience = grant
        .resource
        .or(grant.client.audience.as_deref())
        .unwrap_or(&state.issuer);
    let mut claims = Map::new();
    claims.insert("iss".to_owned(), json!(state.issuer));
    claims.insert("sub".to_owned(), json!(grant.uid));
    claims.insert("aud".to_owned(), json!(audience));
    claims.insert("client_id".to_owned(), json!(grant.client.id));
    claims.insert("exp".to_owned(), json!(now + realm.lifetime_seconds));
    claims.insert("iat".to_owned(), json!(now));
    claims.insert("jti".to_owned(), json!(jti));
    claims.insert("scope".to_owned(), json!(grant.scopes.join(" ")));
    claims.insert("realm".to_owned(), json!(grant.realm));
    add_extra_claims(&mut claims, realm, grant);
    claims
}

/// Configured string claims; they never replace one of ours. `{uid}` stands for the user name.
fn add_extra_claims(claims: &mut Map<String, Value>, realm: &Realm, grant: &Grant<'_>) {
    for (name, value) in realm.extra_claims.iter().chain(&grant.client.extra_claims) {
        if !claims.contains_key(name) {
            claims.insert(name.clone(), json!(value.replace("{uid}", grant.uid)));
        }
    }
}

/// `at_hash` of OpenID Connect Core 3.1.3.6 for algorithms with SHA-256.
fn half_hash(text: &str) -> String {
    use base64::Engine;
    use sha2::Digest;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&sha2::Sha256::digest(text.as_bytes())[..16])
}
