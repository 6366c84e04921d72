//! What the pages for people share: cookies, protection against forged requests, and headers.

use askama::Template;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, LOCATION, REFERRER_POLICY, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use sea_orm::DatabaseTransaction;
use secrecy::{ExposeSecret, SecretString};
use stups_server::{Error, Origin};
use stups_store::audit::Event;

use crate::State;
use crate::audit;
use crate::model::sessions;
use crate::model::users::User;
use crate::parameters::Parameters;
use crate::secret;

/// A person's browser: its own random name, and the login that it has, if any.
pub struct Browser {
    name: SecretString,
    is_new: bool,
    /// The login.
    pub session: Option<sessions::Model>,
}

/// Names of cookies. Over TLS they cannot be set by another host (`__Host-`).
fn cookie_name(secure: bool, name: &str) -> String {
    if secure {
        format!("__Host-{name}")
    } else {
        name.to_owned()
    }
}

fn is_secure(state: &State) -> bool {
    state.issuer.starts_with("https:")
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let pairs = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|text| text.split(';'));
    pairs
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(given, _)| *given == name)
        .map(|(_, value)| value)
}

fn set_cookie(secure: bool, name: &str, value: &str, ended: bool) -> HeaderValue {
    let name = cookie_name(secure, name);
    let secure = if secure { "; Secure" } else { "" };
    let age = if ended { "; Max-Age=0" } else { "" };
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{age}");
    HeaderValue::try_from(text).expect("names and values are visible ASCII")
}

const BROWSER: &str = "stups_browser";
const SESSION: &str = "stups_session";

impl Browser {
    /// The browser that sent the request. A login that was not used for some time lives longer by being used.
    pub async fn of(state: &State, headers: &HeaderMap) -> Result<Self, Error> {
        let known = cookie(headers, &cookie_name(is_secure(state), BROWSER)).filter(|name| name.len() == 32);
        let mut session = None;
        if let Some(value) = cookie(headers, &cookie_name(is_secure(state), SESSION)) {
            session = use_session(state, &secret::hash(value)).await?;
        }
        Ok(Self {
            is_new: known.is_none(),
            name: known.map_or_else(secret::generate, Into::into),
            session,
        })
    }

    /// The login, when it is one of that realm.
    pub fn session_of(&self, realm: &str) -> Option<&sessions::Model> {
        self.session.as_ref().filter(|session| session.realm == realm)
    }

    /// What a form has to send back: only a page of ours that was shown in this browser, in this login, has it.
    pub fn csrf_token(&self, state: &State) -> String {
        let session = self.session.as_ref().map_or("", |session| &session.session_hash);
        let text = format!("{}|{session}", self.name.expose_secret());
        URL_SAFE_NO_PAD.encode(hmac::sign(&state.csrf_key, text.as_bytes()))
    }

    /// Refuses a form that no page of ours has sent.
    pub fn check_csrf(&self, state: &State, parameters: &Parameters) -> Result<(), Error> {
        use subtle::ConstantTimeEq;
        let sent = parameters.get("csrf_token").unwrap_or_default();
        let genuine: bool = sent.as_bytes().ct_eq(self.csrf_token(state).as_bytes()).into();
        if genuine {
            Ok(())
        } else {
            Err(Error::forbidden(
                "The form is not ours or is too old: load the page again",
            ))
        }
    }

    /// By which another request of this browser is known.
    pub fn mark(&self) -> String {
        secret::hash(self.name.expose_secret())
    }

    /// Begins a login by password; answers the cookie.
    pub async fn log_in(&mut self, state: &State, origin: &Origin, user: &User) -> Result<SecretString, Error> {
        let write = state.store.write().await?;
        let (cookie, event) = self
            .begin_login(state, write.transaction(), origin, user, sessions::PASSWORD)
            .await?;
        write.commit(event).await?;
        Ok(cookie)
    }

    /// Begins a login under a new name: one that somebody planted before is worth nothing. Answers the cookie, and the event to
    /// commit with.
    pub async fn begin_login(
        &mut self,
        state: &State,
        transaction: &DatabaseTransaction,
        origin: &Origin,
        user: &User,
        method: &str,
    ) -> Result<(SecretString, Event), stups_store::Error> {
        let cookie = secret::generate();
        let now = state.clock.milliseconds();
        let session = sessions::Model {
            session_hash: secret::hash(cookie.expose_secret()),
            realm: user.realm.clone(),
            uid: user.uid.clone(),
            method: method.to_owned(),
            authenticated_at: now,
            expires_at: now + state.config.lifetimes.session_seconds * 1000,
        };
        sessions::insert(transaction, session.clone()).await?;
        let details = serde_json::json!({ "method": method });
        let event = audit::by_user(origin, "login.succeeded", &user.realm, &user.uid, details);
        self.session = Some(session);
        Ok((cookie, event))
    }

    /// Puts the browser's name and a new login's cookie into the answer.
    pub fn remember(&self, state: &State, login: Option<&SecretString>, mut response: Response) -> Response {
        let headers = response.headers_mut();
        if self.is_new {
            headers.append(
                SET_COOKIE,
                set_cookie(is_secure(state), BROWSER, self.name.expose_secret(), false),
            );
        }
        if let Some(login) = login {
            headers.append(
                SET_COOKIE,
                set_cookie(is_secure(state), SESSION, login.expose_secret(), false),
            );
        }
        response
    }
}

/// Takes the login's cookie away.
pub fn forget_login(state: &State, mut response: Response) -> Response {
    response
        .headers_mut()
        .append(SET_COOKIE, set_cookie(is_secure(state), SESSION, "", true));
    response
}

async fn use_session(state: &State, hash: &str) -> Result<Option<sessions::Model>, Error> {
    let now = state.clock.milliseconds();
    let Some(session) = sessions::find(state.store.connection(), hash, now).await? else {
        return Ok(None);
    };
    let expires_at = now + state.config.lifetimes.session_seconds * 1000;
    if expires_at - session.expires_at > 5 * 60 * 1000 {
        let write = state.store.write().await?;
        sessions::extend(write.transaction(), hash, expires_at).await?;
        write.commit_unaudited().await?;
    }
    Ok(Some(session))
}

/// A page: never cached, never framed, without scripts, and no address of it goes anywhere.
pub fn page(status: StatusCode, template: &impl Template) -> Response {
    page_leading_to(status, template, None)
}

/// A page whose form may end at the redirect URI of a client.
pub fn page_leading_to(status: StatusCode, template: &impl Template, redirect_uri: Option<&str>) -> Response {
    let Ok(html) = template.render() else {
        tracing::error!("a page could not be rendered");
        return Error::internal().into_response();
    };
    let target = redirect_uri
        .and_then(|uri| url::Url::parse(uri).ok())
        .map(|uri| uri.origin().ascii_serialization());
    let policy = format!(
        "default-src 'none'; style-src 'self'; img-src https:; base-uri 'none'; frame-ancestors 'none'; \
         form-action 'self' {}",
        target.filter(|origin| origin != "null").unwrap_or_default()
    );
    let mut response = (status, html).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    protect(headers);
    if let Ok(policy) = HeaderValue::try_from(policy.trim_end()) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// On to somewhere else by GET, whatever the request was: credentials are not sent again (RFC 9700 4.12).
pub fn see_other(target: &str) -> Response {
    let Ok(location) = HeaderValue::try_from(target) else {
        return Error::internal().into_response();
    };
    let mut response = StatusCode::SEE_OTHER.into_response();
    response.headers_mut().insert(LOCATION, location);
    protect(response.headers_mut());
    response
}

fn protect(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}

/// Whether the caller is a program rather than a browser: `Accept` names JSON and no HTML.
pub fn wants_json(headers: &HeaderMap) -> bool {
    let accept = headers
        .get(axum::http::header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .unwrap_or_default();
    accept.contains("json") && !accept.contains("text/html")
}

/// A page that only says something.
#[derive(Template)]
#[template(path = "message.html")]
pub struct Message<'a> {
    /// The heading.
    pub title: &'a str,
    /// What there is to say.
    pub text: &'a str,
}

/// An error as the caller can read it: a page for browsers, an OAuth error for programs.
pub fn error_page(headers: &HeaderMap, error: Error) -> Response {
    if wants_json(headers) {
        return error.into_response();
    }
    let status = error.status;
    let mut response = page(
        status,
        &Message {
            title: "That did not work",
            text: &error.message,
        },
    );
    for (name, value) in error.headers {
        response.headers_mut().append(name, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name that begins with `__Host-` is taken by browsers with `Secure`, `Path=/` and no `Domain` alone (RFC 6265bis 4.1.3.2).
    #[test]
    fn over_tls_cookies_are_of_this_host_alone() {
        let set = set_cookie(true, SESSION, "x", false);
        assert_eq!(set, "__Host-stups_session=x; Path=/; HttpOnly; SameSite=Lax; Secure");
        let set = set_cookie(false, SESSION, "", true);
        assert_eq!(set, "stups_session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
        let mut headers = HeaderMap::new();
        headers.insert(
            COOKIE,
            HeaderValue::from_static("stups_session=evil; __Host-stups_session=x"),
        );
        assert_eq!(cookie(&headers, &cookie_name(true, SESSION)), Some("x"));
    }
}
