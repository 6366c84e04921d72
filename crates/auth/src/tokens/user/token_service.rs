//! The Token Service of the old kind: a token for user and password (contract zign 2.5.3, identity 2.15).

use std::time::Duration;

use http::{Method, StatusCode};
use secrecy::SecretString;
use serde_json::Value;
use stups_api::client::Client;
use url::Url;

use super::TokenError;

/// How long the service may take: it hashes a password.
const TIMEOUT: Duration = Duration::from_secs(20);

/// No service answers with more.
const ANSWER_LIMIT: usize = 1 << 20;

/// The scopes that people can have from such a service.
const USER_SCOPES: [&str; 2] = ["uid", "cn"];

/// Asks for a token. A refused password is [`TokenError::Authentication`], everything else that is no token
/// [`TokenError::Server`]. The answer is the service's whole object; it has an `access_token`.
pub async fn token_service(
    url: &Url,
    realm: Option<&str>,
    user: &str,
    password: &SecretString,
    scopes: &[String],
) -> Result<Value, TokenError> {
    let address = address(url, realm, scopes);
    let client = Client::new(url.clone())
        .map_err(|error| TokenError::Server(error.to_string()))?
        .with_timeout(TIMEOUT)
        .with_answer_limit(ANSWER_LIMIT);
    let answer = client
        .follow(Method::GET, &address)
        .basic(user, password)
        .any_answer()
        .await
        .map_err(|error| TokenError::Server(error.to_string()))?;
    match answer.status {
        StatusCode::OK => (),
        StatusCode::UNAUTHORIZED => {
            return Err(TokenError::Authentication(format!(
                "Token Service returned {}",
                answer.into_error()
            )));
        }
        status => {
            return Err(TokenError::Server(format!(
                "Token Service returned HTTP status {}: {}",
                status.as_u16(),
                answer.into_error()
            )));
        }
    }
    let Ok(object) = answer.json::<Value>() else {
        return Err(TokenError::Server(
            "Token Service returned invalid JSON data".to_owned(),
        ));
    };
    let token = object.get("access_token").and_then(Value::as_str).unwrap_or_default();
    if token.is_empty() {
        return Err(TokenError::Server(
            "Token Service returned invalid JSON (access_token missing)".to_owned(),
        ));
    }
    Ok(object)
}

fn address(url: &Url, realm: Option<&str>, scopes: &[String]) -> Url {
    let mut url = url.clone();
    let scopes: Vec<&str> = scopes
        .iter()
        .map(String::as_str)
        .filter(|scope| USER_SCOPES.contains(scope))
        .collect();
    let mut query = url.query_pairs_mut();
    query.append_pair("json", "true");
    if let Some(realm) = realm {
        query.append_pair("realm", realm);
    }
    if !scopes.is_empty() {
        query.append_pair("scope", &scopes.join(" "));
    }
    drop(query);
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_scopes_of_people_are_asked_for() {
        let scopes = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let url: Url = "http://x/access_token".parse().unwrap();
        assert_eq!(
            address(&url, Some("/employees"), &scopes("uid pets.write cn")).as_str(),
            "http://x/access_token?json=true&realm=%2Femployees&scope=uid+cn"
        );
        assert_eq!(
            address(&url, None, &scopes("pets.write")).as_str(),
            "http://x/access_token?json=true"
        );
    }
}
