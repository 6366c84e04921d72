//! Logging in on another device (RFC 8628).

use std::time::Duration;

use serde::Deserialize;

use super::TokenError;
use super::login::Login;
use super::session::Session;
use crate::tokens::endpoint::{ClientAuthentication, EndpointError, TokenResponse};

/// How long to wait between two questions if the server does not say, in seconds (RFC 8628 3.2).
const INTERVAL: u64 = 5;

/// How much longer to wait when the server asks to slow down, in seconds (RFC 8628 3.5).
const SLOWER: u64 = 5;

/// No server makes a person wait longer between two questions, in seconds.
const LONGEST_INTERVAL: u64 = 60;

/// What the server hands out.
#[derive(Deserialize)]
struct Authorization {
    device_code: String,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: Option<String>,
    interval: Option<u64>,
}

/// Shows an address and a code, and waits until the person has used them.
pub(crate) async fn login(login: &Login<'_>) -> Result<TokenResponse, TokenError> {
    let session = login.session;
    let url = session
        .metadata()
        .await?
        .and_then(|metadata| metadata.device_authorization_endpoint.clone())
        .ok_or_else(|| TokenError::Authentication("The server has no device login".to_owned()))?;
    let endpoint = Session::endpoint(url)?;
    let fields = session.login_fields(login.scopes);
    let fields: Vec<(&str, &str)> = fields.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let answer = endpoint
        .post(&fields, &ClientAuthentication::Public)
        .await
        .map_err(|error| TokenError::Authentication(error.to_string()))?;
    let authorization = Authorization::deserialize(&answer)
        .map_err(|error| TokenError::Authentication(format!("The server's device login is not understood: {error}")))?;
    show(login, &authorization);

    let endpoint = endpoint.at(session.token_url().await?);
    let mut interval = authorization.interval.unwrap_or(INTERVAL).min(LONGEST_INTERVAL);
    let common = session.common_fields();
    let mut fields = vec![
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("device_code", authorization.device_code.as_str()),
    ];
    fields.extend(common.iter().map(|(key, value)| (*key, value.as_str())));
    loop {
        tokio::time::sleep(Duration::from_secs(interval)).await;
        match endpoint.token(&fields, &ClientAuthentication::Public).await {
            Ok(response) => return Ok(response),
            Err(error) => interval = next_interval(&error, interval)?,
        }
    }
}

/// How long to wait for the next question after this answer, in seconds; or why there is none.
fn next_interval(error: &EndpointError, interval: u64) -> Result<u64, TokenError> {
    match error.code() {
        Some("authorization_pending") => Ok(interval),
        Some("slow_down") => Ok((interval + SLOWER).min(LONGEST_INTERVAL)),
        None if matches!(error, EndpointError::Unreachable(_)) => Ok((interval * 2).clamp(1, LONGEST_INTERVAL)),
        _ => Err(TokenError::Authentication(format!("Failed to retrieve token: {error}"))),
    }
}

fn show(login: &Login<'_>, authorization: &Authorization) {
    let clean = |text: &str| text.chars().filter(|c| !c.is_control()).take(500).collect::<String>();
    login.terminal.info(&format!(
        "To log in, visit on any device:\n\n\t{}\n\nand enter the code {}\n",
        clean(&authorization.verification_uri),
        clean(&authorization.user_code)
    ));
    if let Some(complete) = &authorization.verification_uri_complete {
        login
            .terminal
            .info(&format!("The code is filled in already at\n\n\t{}\n", clean(complete)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_sets_the_pace() {
        let refused = |code: &str| EndpointError::Refused {
            status: 400,
            code: Some(code.to_owned()),
            message: code.to_owned(),
        };
        assert_eq!(next_interval(&refused("authorization_pending"), 5).unwrap(), 5);
        assert_eq!(next_interval(&refused("slow_down"), 5).unwrap(), 10);
        assert_eq!(next_interval(&refused("slow_down"), 59).unwrap(), 60);
        assert_eq!(
            next_interval(&EndpointError::Unreachable("x".to_owned()), 0).unwrap(),
            1
        );
        for code in ["access_denied", "expired_token", "invalid_client"] {
            assert!(next_interval(&refused(code), 5).unwrap_err().to_string().contains(code));
        }
    }
}
