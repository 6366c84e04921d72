//! OAuth tokens that a person or a service has been given before.

use std::time::{SystemTime, UNIX_EPOCH};

use stups_terminal::{ConfigFile, Terminal};
use stups_yaml::{Map, Value};

/// The token called `name`: one that a login stored and that has not expired, else one from `OAUTH2_ACCESS_TOKENS`.
pub(super) fn stored(name: &str, terminal: &Terminal) -> Option<String> {
    let tokens = ConfigFile::new("zalando-token-cli", "tokens").load(terminal);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map(|elapsed| elapsed.as_secs_f64())
        .unwrap_or_default();
    unexpired(&tokens, name, now).or_else(|| {
        let fixed = std::env::var("OAUTH2_ACCESS_TOKENS").ok()?;
        fixed_token(&fixed, name)
    })
}

/// A token of the file that logins write: `{<name>: {access_token, creation_time, expires_in}}`.
fn unexpired(tokens: &Map, name: &str, now: f64) -> Option<String> {
    let token = tokens.get(name)?;
    let number = |key: &str| match token.get(key) {
        Some(Value::Int(number)) => *number as f64,
        Some(Value::Float(number)) => *number,
        _ => 0.0,
    };
    let is_valid = now < number("creation_time") + number("expires_in");
    token
        .get("access_token")
        .and_then(Value::as_str)
        .filter(|_| is_valid)
        .map(str::to_owned)
}

/// A token of `name=token,name2=token2`.
fn fixed_token(tokens: &str, name: &str) -> Option<String> {
    tokens
        .split(',')
        .filter_map(|entry| entry.split_once('='))
        .find(|(entry, token)| entry.trim() == name && !token.trim().is_empty())
        .map(|(_, token)| token.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_tokens_expire() {
        let tokens = stups_yaml::load(
            "pierone: {access_token: t1, creation_time: 100.5, expires_in: 3600}\nold: {access_token: t2}\nodd: text\n",
        )
        .unwrap();
        let tokens = tokens.as_map().unwrap();
        assert_eq!(unexpired(tokens, "pierone", 3700.0).as_deref(), Some("t1"));
        assert_eq!(unexpired(tokens, "pierone", 3701.0), None);
        assert_eq!(unexpired(tokens, "old", 1.0), None);
        assert_eq!(unexpired(tokens, "odd", 1.0), None);
        assert_eq!(unexpired(tokens, "absent", 1.0), None);
    }

    #[test]
    fn fixed_tokens_are_found_by_name() {
        assert_eq!(fixed_token("kio=a,pierone=b=c", "pierone").as_deref(), Some("b=c"));
        assert_eq!(fixed_token("kio=a", "pierone"), None);
        assert_eq!(fixed_token("pierone=", "pierone"), None);
        assert_eq!(fixed_token("", "pierone"), None);
    }
}
