//! `zign token --url`: the Token Service of the old kind (contract zign 2.5.3).

use std::env;

use secrecy::SecretString;
use stups_auth::tokens::{TokenError, TokenFiles, TokenRequest, token_service};
use stups_terminal::{ConfigFile, Failure, Terminal};
use stups_yaml::Value;
use url::Url;

use super::token::TokenArguments;

/// The stored token with the name, else a service token if no realm is given, else one for user and password.
pub(crate) async fn obtain(terminal: &Terminal, arguments: TokenArguments) -> Result<SecretString, Failure> {
    let url = arguments.url.as_deref().unwrap_or_default();
    let url = Url::parse(url).map_err(|error| Failure::usage(format!("\"{url}\" is no URL: {error}")))?;
    if arguments.insecure && !is_on_this_machine(&url) {
        return Err(Failure::usage("--insecure is only for a Token Service on this machine"));
    }
    if let Some(token) = without_password(&arguments).await? {
        return Ok(token);
    }
    let section = ConfigFile::new("zign", "zign").load(terminal);
    let configured = |key: &str| section.get(key).and_then(Value::as_str).map(str::to_owned);
    let user = arguments
        .user
        .clone()
        .or_else(|| configured("user"))
        .or_else(|| env::var("USER").ok().filter(|user| !user.is_empty()))
        .ok_or_else(|| Failure::usage("Missing user name: use --user"))?;
    let realm = arguments.realm.clone().or_else(|| configured("realm"));
    let (answer, token) = ask(terminal, &url, realm.as_deref(), &user, &arguments).await?;
    if let Some(name) = &arguments.name {
        TokenFiles::of_user().lock().await?.store_answer(name, &answer)?;
    }
    Ok(token)
}

/// The stored token, or a service token: neither needs a password.
async fn without_password(arguments: &TokenArguments) -> Result<Option<SecretString>, Failure> {
    let Some(name) = &arguments.name else {
        return Ok(None);
    };
    let scopes: Vec<&str> = arguments.scopes.iter().map(String::as_str).collect();
    let request = TokenRequest {
        use_stored: !arguments.refresh,
        ..TokenRequest::new(name, &scopes)
    };
    Ok(request
        .without_login(&TokenFiles::of_user(), arguments.realm.is_none())
        .await?)
}

/// Asks until the password is right, as long as there is a person to ask for it.
async fn ask(
    terminal: &Terminal,
    url: &Url,
    realm: Option<&str>,
    user: &str,
    arguments: &TokenArguments,
) -> Result<(serde_json::Value, SecretString), Failure> {
    if arguments.password.is_some() {
        terminal.warning("Others on this machine can see a password on the command line: set ZIGN_PASSWORD instead");
    }
    let given = arguments.password.clone().or_else(|| env::var("ZIGN_PASSWORD").ok());
    let mut password = given.filter(|password| !password.is_empty()).map(SecretString::from);
    loop {
        let secret = match password.take() {
            Some(password) => password,
            None => ask_password(terminal, user)?,
        };
        match token_service(url, realm, user, &secret, &arguments.scopes).await {
            Ok(answer) => {
                let token = answer["access_token"].as_str().unwrap_or_default().into();
                return Ok((answer, token));
            }
            Err(error @ TokenError::Authentication(_)) if terminal.is_interactive() => {
                terminal.error(&error.to_string());
                terminal.info("Please check your username and password and try again.");
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn ask_password(terminal: &Terminal, user: &str) -> Result<SecretString, Failure> {
    Ok(terminal.prompt_hidden(&format!("Password for {user}"))?.into())
}

fn is_on_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_may_be_insecure() {
        let on_this_machine = |url: &str| is_on_this_machine(&url.parse().unwrap());
        for url in ["http://localhost:1/x", "https://127.0.0.1/", "https://[::1]:8/"] {
            assert!(on_this_machine(url), "{url}");
        }
        for url in [
            "https://token.example.org/",
            "https://localhost.example.org/",
            "http://10.0.0.1/",
        ] {
            assert!(!on_this_machine(url), "{url}");
        }
    }
}
