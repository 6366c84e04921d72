//! A new access token for a refresh token (RFC 6749 6, contract zign 2.5.2 and 5).

use secrecy::{ExposeSecret as _, SecretString};
use stups_terminal::Terminal;

use super::TokenError;
use super::entry::covers;
use super::files::{LoginKey, TokenStore};
use super::session::Session;
use crate::tokens::endpoint::{ClientAuthentication, EndpointError, TokenResponse};

/// Which file a refresh token is in.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// the one that all programs share, whatever its scopes are
    Shared,
    /// ours, for these scopes
    Scoped(String),
}

/// A token for a refresh token that has the scopes, if there is one that the server still takes. The store is locked, so nobody
/// else presents the same refresh token meanwhile; its successor is on disk before the lock is released.
pub(crate) async fn refresh(
    terminal: &Terminal,
    session: &Session,
    store: &TokenStore,
    scopes: &[String],
) -> Result<Option<TokenResponse>, TokenError> {
    let key = session.key().await?;
    for place in places(store, &key, scopes)? {
        if let Some(response) = present(terminal, session, store, &key, &place).await?
            && covers(response.scope.as_deref().unwrap_or_default(), scopes)
        {
            return Ok(Some(response));
        }
    }
    Ok(None)
}

/// Where a fitting refresh token may be, the best first.
fn places(store: &TokenStore, key: &LoginKey, scopes: &[String]) -> Result<Vec<Place>, TokenError> {
    let scoped = store.scoped_refresh_tokens(key)?;
    let fitting = scoped
        .into_iter()
        .filter(|held| !scopes.is_empty() && covers(&held.scope, scopes));
    let mut places: Vec<Place> = fitting.map(|held| Place::Scoped(held.scope)).collect();
    places.push(Place::Shared);
    Ok(places)
}

/// Presents the refresh token at `place`. One that is refused is looked up once more: originals exchange it without the lock,
/// and may have got its successor just now.
async fn present(
    terminal: &Terminal,
    session: &Session,
    store: &TokenStore,
    key: &LoginKey,
    place: &Place,
) -> Result<Option<TokenResponse>, TokenError> {
    let mut refused: Option<SecretString> = None;
    loop {
        let Some(token) = read(store, key, place)? else {
            return Ok(None);
        };
        let same = refused
            .as_ref()
            .is_some_and(|refused| refused.expose_secret() == token.expose_secret());
        if same {
            // It will never be taken again.
            write(store, key, place, None)?;
            return Ok(None);
        }
        match exchange(session, &token).await {
            Ok(response) => {
                if let Some(next) = &response.refresh_token {
                    write(store, key, place, Some(next))?;
                }
                return Ok(Some(response));
            }
            Err(error) if error.code() == Some("invalid_grant") && refused.is_none() => refused = Some(token),
            Err(error) => {
                terminal.error(&error.to_string());
                return Ok(None);
            }
        }
    }
}

async fn exchange(session: &Session, token: &SecretString) -> Result<TokenResponse, EndpointError> {
    let url = session
        .token_url()
        .await
        .map_err(|error| EndpointError::Unreachable(error.to_string()))?;
    let mut fields = vec![
        ("grant_type", "refresh_token"),
        ("refresh_token", token.expose_secret()),
    ];
    let common = session.common_fields();
    fields.extend(common.iter().map(|(key, value)| (*key, value.as_str())));
    Session::endpoint(url)?
        .token(&fields, &ClientAuthentication::Public)
        .await
}

fn read(store: &TokenStore, key: &LoginKey, place: &Place) -> Result<Option<SecretString>, TokenError> {
    match place {
        Place::Shared => store.refresh_token(),
        Place::Scoped(scope) => {
            let tokens = store.scoped_refresh_tokens(key)?;
            Ok(tokens
                .into_iter()
                .find(|held| held.scope == *scope)
                .map(|held| held.token))
        }
    }
}

fn write(store: &TokenStore, key: &LoginKey, place: &Place, token: Option<&SecretString>) -> Result<(), TokenError> {
    match place {
        Place::Shared => store.store_refresh_token(token),
        Place::Scoped(scope) => store.store_scoped_refresh_token(key, scope, token),
    }
}

/// Keeps the refresh token of a login. A login without particular scopes is the one that all programs share; one with scopes
/// becomes that if there is none yet.
pub(crate) async fn keep(
    session: &Session,
    store: &TokenStore,
    scopes: &[String],
    token: &SecretString,
) -> Result<(), TokenError> {
    if scopes.is_empty() || store.refresh_token()?.is_none() {
        return store.store_refresh_token(Some(token));
    }
    let mut scopes = scopes.to_vec();
    scopes.sort();
    store.store_scoped_refresh_token(&session.key().await?, &scopes.join(" "), Some(token))
}
