use std::io::{Error, Result};

use serde_json::Value;

/// A token of a person, with these scopes (separated by blanks), from identity as its page for the platform's own tools gives it: the
/// setting `first_party_clients` must name `/employees/ztoken`.
///
/// # Errors
/// When identity does not answer, or says no.
pub async fn log_in(
    http: &reqwest::Client,
    identity: &str,
    (user, password): (&str, &str),
    scopes: &str,
) -> Result<String> {
    let form = [
        ("response_type", "token"),
        ("client_id", "ztoken"),
        ("realm", "/employees"),
        ("redirect_uri", "http://localhost"),
        ("scope", scopes),
        ("username", user),
        ("password", password),
        ("decision", "allow"),
    ];
    let request = http
        .post(format!("{identity}/oauth2/authorize"))
        .header("accept", "application/json");
    let answer = request.form(&form).send().await.map_err(Error::other)?;
    let answer: Value = answer.json().await.map_err(Error::other)?;
    let redirect = answer["redirect"].as_str().unwrap_or_default();
    let token = redirect
        .split(['#', '&'])
        .find_map(|part| part.strip_prefix("access_token="));
    // What identity says has no token then.
    token
        .map(str::to_owned)
        .ok_or_else(|| Error::other(format!("identity gives no token: {answer}")))
}
