use std::ops::Deref;
use std::sync::Arc;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use stups_auth::Caller;
use stups_store::audit::Actor;

use crate::Error;
use crate::context::{Context, ContextSettings};
use crate::rates::Sender;

/// A caller with a valid token. It is the caller: `authenticated.uid`, `authenticated.has_scope("uid")`.
#[derive(Clone)]
pub struct Authenticated {
    caller: Arc<Caller>,
    context: Context,
}

impl Authenticated {
    /// The caller.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Who acts, for the audit trail.
    pub fn actor(&self) -> Actor {
        Actor {
            realm: self.caller.realm.clone(),
            uid: self.caller.uid.clone(),
            client_id: self.caller.client_id.clone(),
            address: self.context.address.map(|address| address.to_string()),
            request_id: Some(self.context.request_id().to_owned()),
        }
    }

    /// Refuses with 403 unless the token carries the scope.
    pub fn require_scope(&self, scope: &str) -> Result<(), Error> {
        if self.caller.has_scope(scope) {
            Ok(())
        } else {
            Err(Error::forbidden(format!(
                "Forbidden: the token does not have the scope {scope}."
            )))
        }
    }
}

impl Deref for Authenticated {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Authenticated {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let context = Context::from_request_parts(parts, state).await?;
        let caller = match &context.caller {
            Some(caller) => caller.clone(),
            None => admit(&context.settings, &parts.headers).await?,
        };
        Ok(Self { caller, context })
    }
}

/// `Option<Authenticated>`: nobody when there is no valid token. Who has sent too many requests is refused all the same.
impl<S: Send + Sync> OptionalFromRequestParts<S> for Authenticated {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Error> {
        match <Self as FromRequestParts<S>>::from_request_parts(parts, state).await {
            Ok(caller) => Ok(Some(caller)),
            Err(error) if error.status == StatusCode::TOO_MANY_REQUESTS => Err(error),
            Err(_) => Ok(None),
        }
    }
}

/// Verifies the token of a request that is let in, and counts it.
pub(crate) async fn admit(settings: &ContextSettings, headers: &HeaderMap) -> Result<Arc<Caller>, Error> {
    let caller = authenticate(settings, headers).await?;
    if let Some(rates) = &settings.rates {
        rates.admit(Sender::Caller {
            realm: &caller.realm,
            uid: &caller.uid,
        })?;
    }
    Ok(caller)
}

/// Verifies the request's token.
pub(crate) async fn authenticate(settings: &ContextSettings, headers: &HeaderMap) -> Result<Arc<Caller>, Error> {
    let token = match token(headers) {
        Some(token) => token,
        // The verifier of a service that was started without authentication takes any token, also none.
        None if settings.insecure_no_auth => Token::Borrowed(""),
        None => return Err(Error::unauthorized("Unauthorized")),
    };
    Ok(settings.verifier.verify(token.as_str()).await?)
}

/// What an `Authorization` header holds, whatever it is worth.
#[derive(Debug, PartialEq, Eq)]
pub enum Credentials<'a> {
    /// `Bearer` and the original's `Token`.
    Token(&'a str),
    /// `Basic`: the user and the password.
    Basic(String, String),
}

impl<'a> Credentials<'a> {
    /// The credentials of a request. `None` when there are none, or none that can be read. Schemes are compared without case.
    pub fn of(headers: &'a HeaderMap) -> Option<Self> {
        let (scheme, credentials) = headers.get(AUTHORIZATION)?.to_str().ok()?.trim().split_once(' ')?;
        let credentials = credentials.trim();
        if scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token") {
            return (!credentials.is_empty()).then_some(Self::Token(credentials));
        }
        if scheme.eq_ignore_ascii_case("basic") {
            let decoded = String::from_utf8(STANDARD.decode(credentials).ok()?).ok()?;
            let (user, password) = decoded.split_once(':')?;
            return (!password.is_empty()).then(|| Self::Basic(user.to_owned(), password.to_owned()));
        }
        None
    }
}

enum Token<'a> {
    Borrowed(&'a str),
    Decoded(String),
}

impl Token<'_> {
    fn as_str(&self) -> &str {
        match self {
            Self::Borrowed(token) => token,
            Self::Decoded(token) => token,
        }
    }
}

/// The token of the `Authorization` header: `Bearer`, `Token`, or Basic as user `oauth2` (contract kio 2.1).
fn token(headers: &HeaderMap) -> Option<Token<'_>> {
    match Credentials::of(headers)? {
        Credentials::Token(token) => Some(Token::Borrowed(token)),
        Credentials::Basic(user, password) => (user == "oauth2").then_some(Token::Decoded(password)),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn the_token_is_found_in_every_form_that_the_originals_take() {
        for (header, expected) in [
            ("Bearer abc", Some("abc")),
            ("bearer abc", Some("abc")),
            ("Token abc", Some("abc")),
            ("Basic b2F1dGgyOjEyMw==", Some("123")),
            ("BASIC b2F1dGgyOjEyMw==", Some("123")),
            ("Basic dXNlcjoxMjM=", None),
            ("Basic !", None),
            ("Basic b2F1dGgyOg==", None),
            ("Bearer ", None),
            ("Bearer", None),
            ("Digest abc", None),
            ("", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, HeaderValue::from_str(header).unwrap());
            assert_eq!(token(&headers).as_ref().map(Token::as_str), expected, "{header}");
        }
    }
}
