//! Which scopes a request gets (contract identity 2.4).

use std::collections::BTreeSet;

use axum::http::StatusCode;
use stups_server::Error;

use crate::model::clients::Client;
use crate::model::users::User;
use crate::realms::Realm;

/// The scopes of a request: those it names, else the client's default, else the realm's. Sorted, each once.
///
/// # Errors
/// `invalid_scope` when one is neither a default nor allowed to the client, or is spelt with characters of no scope.
pub fn resolve(requested: Option<&str>, client: &Client, realm: &Realm) -> Result<Vec<String>, Error> {
    let named: BTreeSet<String> = requested
        .unwrap_or_default()
        .split_whitespace()
        .map(ToOwned::to_owned)
        .collect();
    if named.is_empty() {
        return Ok(defaults(client, realm)
            .iter()
            .cloned()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect());
    }
    let refused: Vec<&str> = named
        .iter()
        .filter(|scope| !is_default(scope, client, realm) && !client.scopes.contains(scope))
        .map(String::as_str)
        .collect();
    if refused.is_empty() {
        Ok(named.into_iter().collect())
    } else {
        Err(invalid_scope(&refused))
    }
}

/// Checks that the user may have the scopes: where users are kept here, each that is no default must be the user's.
pub fn check_user(scopes: &[String], user: &User, client: &Client, realm: &Realm) -> Result<(), Error> {
    let refused: Vec<&str> = scopes
        .iter()
        .filter(|scope| realm.managed && !is_default(scope, client, realm) && !user.scopes.contains_key(*scope))
        // What a client asks of OpenID Connect is no permission of the user's.
        .filter(|scope| !["openid", "profile", "email", "azp"].contains(&scope.as_str()))
        .map(String::as_str)
        .collect();
    if refused.is_empty() {
        Ok(())
    } else {
        Err(invalid_scope(&refused))
    }
}

fn defaults<'a>(client: &'a Client, realm: &'a Realm) -> &'a [String] {
    if client.default_scopes.is_empty() {
        &realm.default_scopes
    } else {
        &client.default_scopes
    }
}

/// Default scopes are always grantable: neither client nor user needs to hold them.
fn is_default(scope: &str, client: &Client, realm: &Realm) -> bool {
    client
        .default_scopes
        .iter()
        .chain(&realm.default_scopes)
        .any(|default| default == scope)
}

/// `invalid_scope`, in the words of the original.
pub fn invalid_scope(refused: &[&str]) -> Error {
    let description = format!("Unknown/invalid scope(s): [{}]", refused.join(", "));
    // What an error description may not contain (RFC 6749 5.2) is not said back.
    let printable = description.replace(|c: char| !(' '..='~').contains(&c) || c == '"' || c == '\\', "?");
    Error::oauth(StatusCode::BAD_REQUEST, "invalid_scope", printable)
}
