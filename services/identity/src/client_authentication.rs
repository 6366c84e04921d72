//! How clients prove who they are at the token endpoint and its neighbours: a secret in parameters or in Basic credentials
//! (contract identity 2.2), a signed assertion (RFC 7523), or nothing but their id when they are public.

use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use stups_server::Error;

use crate::State;
use crate::keys::{Jws, PublicKey};
use crate::model::assertions;
use crate::model::clients::{self, Client};
use crate::parameters::Parameters;
use crate::secret;

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How far ahead an assertion may expire: longer ones are not meant for one request.
const LONGEST_ASSERTION_SECONDS: i64 = 600;

/// What a client sent to prove who it is.
pub enum Credentials {
    /// Id and secret; from the header also in the percent-decoded form of RFC 6749 2.3.1.
    Secret {
        /// The client's id.
        id: String,
        /// Its secret.
        secret: SecretString,
        /// The same, decoded, where that differs.
        decoded: Option<(String, SecretString)>,
        /// Whether a header was sent: the answer to a wrong one names the scheme.
        header: bool,
    },
    /// A JWT signed by the client.
    Assertion {
        /// The client's id: the assertion's `sub`.
        id: String,
        /// The assertion.
        text: SecretString,
    },
    /// An id alone.
    Public {
        /// The client's id.
        id: String,
    },
}

impl Credentials {
    /// The id that the client gave.
    pub fn id(&self) -> &str {
        match self {
            Self::Secret { id, .. } | Self::Assertion { id, .. } | Self::Public { id } => id,
        }
    }

    /// Finds the credentials: both parameters win, then an assertion, then Basic, then the id alone.
    pub fn of(headers: &HeaderMap, parameters: &Parameters) -> Result<Self, Error> {
        let id = parameters.get("client_id");
        if parameters.is_present("client_id") && parameters.is_present("client_secret") {
            return Ok(Self::Secret {
                id: id.unwrap_or_default().to_owned(),
                secret: parameters.get("client_secret").unwrap_or_default().into(),
                decoded: None,
                header: false,
            });
        }
        if let Some(assertion) = parameters.get("client_assertion") {
            return assertion_of(assertion, parameters);
        }
        if let Some(header) = headers.get(AUTHORIZATION) {
            return basic(header).ok_or_else(|| malformed(true));
        }
        id.map(|id| Self::Public { id: id.to_owned() })
            .ok_or_else(|| malformed(false))
    }
}

fn assertion_of(assertion: &str, parameters: &Parameters) -> Result<Credentials, Error> {
    if parameters.get("client_assertion_type") != Some(ASSERTION_TYPE) {
        return Err(malformed(false));
    }
    let jws = Jws::parse(assertion).map_err(|_| malformed(false))?;
    let id = jws
        .claims
        .get("sub")
        .and_then(Value::as_str)
        .ok_or_else(|| malformed(false))?;
    if parameters.get("client_id").is_some_and(|given| given != id) {
        return Err(malformed(false));
    }
    Ok(Credentials::Assertion {
        id: id.to_owned(),
        text: assertion.into(),
    })
}

/// User name and password of a `Basic` header, neither encoded (RFC 7617).
pub fn basic_user(headers: &HeaderMap) -> Option<(String, SecretString)> {
    match basic(headers.get(AUTHORIZATION)?)? {
        Credentials::Secret { id, secret, .. } => Some((id, secret)),
        _ => None,
    }
}

/// `Basic base64(id:secret)`, split at the first colon, as the originals send it; also percent-encoded, as RFC 6749 has it.
fn basic(header: &HeaderValue) -> Option<Credentials> {
    let (scheme, encoded) = header.to_str().ok()?.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    let decode = |text: &str| {
        let encoded = format!("x={text}");
        url::form_urlencoded::parse(encoded.as_bytes())
            .next()
            .map(|(_, value)| value.into_owned())
    };
    let differs = text.contains(['%', '+']) && !text.contains('&');
    let decoded = if differs { decode(id).zip(decode(secret)) } else { None };
    Some(Credentials::Secret {
        id: id.to_owned(),
        secret: secret.into(),
        decoded: decoded.map(|(id, secret)| (id, secret.into())),
        header: true,
    })
}

/// The client that the credentials prove, in the realm; 401 `invalid_client` when they prove none.
pub async fn authenticate(state: &State, realm: &str, credentials: &Credentials) -> Result<Client, Error> {
    let client = match credentials {
        Credentials::Secret {
            id, secret, decoded, ..
        } => match (clients::authenticate(state, realm, id, Some(secret)).await?, decoded) {
            (None, Some((id, secret))) => clients::authenticate(state, realm, id, Some(secret)).await?,
            (client, _) => client,
        },
        Credentials::Assertion { id, text } => by_assertion(state, realm, id, text).await?,
        Credentials::Public { id } => clients::authenticate(state, realm, id, None).await?,
    };
    let header = matches!(credentials, Credentials::Secret { header: true, .. });
    client.ok_or_else(|| unauthenticated(header))
}

/// The client whose key signed the assertion, for us, not long ago, for the first time (RFC 7523 3).
async fn by_assertion(state: &State, realm: &str, id: &str, text: &SecretString) -> Result<Option<Client>, Error> {
    let Some(client) = clients::find(state, realm, id).await? else {
        return Ok(None);
    };
    let Ok(jws) = Jws::parse(text.expose_secret()) else {
        return Ok(None);
    };
    let keys = client
        .jwks
        .as_ref()
        .and_then(|set| set.get("keys"))
        .and_then(Value::as_array);
    let signed = keys
        .into_iter()
        .flatten()
        .filter(|key| names(key, jws.header.kid.as_deref()))
        .any(|key| PublicKey::from_jwk(key).is_some_and(|key| jws.is_signed_by(&key)));
    let now = state.clock.seconds();
    let Some(expires_at) = (if signed {
        expiry_for_us(state, id, &jws.claims, now)
    } else {
        None
    }) else {
        return Ok(None);
    };
    let write = state.store.write().await?;
    let hash = secret::hash(text.expose_secret());
    let first = assertions::first_use(write.transaction(), &hash, (expires_at + 60) * 1000).await?;
    write.commit_unaudited().await?;
    Ok(first.then_some(client))
}

fn names(key: &Value, kid: Option<&str>) -> bool {
    match (key.get("kid").and_then(Value::as_str), kid) {
        (Some(key), Some(kid)) => key == kid,
        _ => true,
    }
}

/// When the assertion expires, provided that it is the client's own, meant for us, has an id and is short-lived.
fn expiry_for_us(state: &State, id: &str, claims: &Map<String, Value>, now: i64) -> Option<i64> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let ours = [
        state.issuer.clone(),
        format!("{}/oauth2/token", state.issuer),
        format!("{}/oauth2/access_token", state.issuer),
    ];
    let meant_for_us = match claims.get("aud")? {
        Value::String(audience) => ours.contains(audience),
        Value::Array(audiences) => audiences.iter().any(|audience| ours.iter().any(|our| audience == our)),
        _ => false,
    };
    let expires_at = claims.get("exp")?.as_i64()?;
    let started = claims
        .get("nbf")
        .and_then(Value::as_i64)
        .is_none_or(|start| start <= now);
    let in_time = expires_at > now && expires_at <= now + LONGEST_ASSERTION_SECONDS && started;
    (text("iss")? == id && text("sub")? == id && text("jti").is_some() && meant_for_us && in_time).then_some(expires_at)
}

/// Nothing that could be a client's credentials: 400 as the originals have it, 401 when a header was sent (RFC 6749 5.2).
fn malformed(header: bool) -> Error {
    if header {
        unauthenticated(true)
    } else {
        Error::oauth(StatusCode::BAD_REQUEST, "invalid_client", DESCRIPTION)
    }
}

fn unauthenticated(header: bool) -> Error {
    let error = Error::oauth(StatusCode::UNAUTHORIZED, "invalid_client", DESCRIPTION);
    if header {
        error.with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"identity\""))
    } else {
        error
    }
}

const DESCRIPTION: &str = "Client authentication failed";

#[cfg(test)]
mod tests {
    use super::*;

    fn of(header: Option<&str>, query: &str) -> Result<Credentials, Error> {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert(AUTHORIZATION, header.parse().unwrap());
        }
        Credentials::of(&headers, &Parameters::of_query(Some(query)).unwrap())
    }

    fn basic(text: &str) -> String {
        format!("bAsIc {}", STANDARD.encode(text))
    }

    #[test]
    fn both_parameters_win_over_the_header() {
        let found = of(Some(&basic("other:x")), "client_id=me&client_secret=s").unwrap();
        assert_eq!(found.id(), "me");
        let found = of(Some(&basic("other:x:y")), "client_id=me").unwrap();
        let Credentials::Secret {
            id,
            secret,
            decoded,
            header,
        } = found
        else {
            panic!()
        };
        assert_eq!(
            (id.as_str(), secret.expose_secret(), decoded.is_none(), header),
            ("other", "x:y", true, true)
        );
    }

    #[test]
    fn basic_is_taken_raw_and_percent_decoded() {
        let Credentials::Secret { secret, decoded, .. } = of(Some(&basic("me:a%2Bb")), "").unwrap() else {
            panic!()
        };
        assert_eq!(secret.expose_secret(), "a%2Bb");
        assert_eq!(decoded.unwrap().1.expose_secret(), "a+b");
    }

    #[test]
    fn what_is_no_credentials_is_refused() {
        for (header, status) in [
            (None, 400),
            (Some("Basic !"), 401),
            (Some("Bearer x"), 401),
            (Some("Basic bWU="), 401),
            (Some("Basic"), 401),
        ] {
            let error = of(header, "").err().unwrap();
            assert_eq!(
                (error.status.as_u16(), error.code),
                (status, Some("invalid_client")),
                "{header:?}"
            );
        }
        assert_eq!(of(None, "client_id=public").unwrap().id(), "public");
        assert!(of(None, "client_assertion=x&client_assertion_type=y").is_err());
    }
}
