//! The files that Mint and Berry deliver into `CREDENTIALS_DIR` (contract zign 2.6.2).

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use secrecy::SecretString;
use serde_json::Value;

use super::ServiceTokenError;

/// No credential is longer, in bytes.
const LONGEST_FILE: u64 = 1 << 20;

/// Who the service is.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    /// The service user, if it was delivered: `user.json`.
    pub(crate) user: Result<User, ServiceTokenError>,
    /// The OAuth client: `client.json`.
    pub(crate) client: ClientCredentials,
    /// To tell whether the files have changed since.
    pub(crate) fingerprint: Vec<u8>,
}

/// `user.json`.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) password: SecretString,
}

/// `client.json`.
#[derive(Clone, Debug)]
pub(crate) struct ClientCredentials {
    pub(crate) id: String,
    /// Nothing for public clients.
    pub(crate) secret: Option<SecretString>,
    /// A private key (PEM, PKCS #8) that proves the client instead of its secret (RFC 7523): an extension.
    pub(crate) private_key: Option<SecretString>,
    /// Which of the client's keys that is.
    pub(crate) key_id: Option<String>,
}

impl Credentials {
    /// Reads both files as they are now. `user.json` is only missed by those who need it.
    pub(crate) fn read(directory: &Path) -> Result<Self, ServiceTokenError> {
        let (client, mut fingerprint) = read_json(&directory.join("client.json"))?;
        let user = read_json(&directory.join("user.json")).and_then(|(user, bytes)| {
            fingerprint.extend(bytes);
            Ok(User {
                name: text(&user, "application_username")?,
                password: text(&user, "application_password")?.into(),
            })
        });
        let optional = |key: &str| client.get(key).and_then(Value::as_str).map(str::to_owned);
        let client = ClientCredentials {
            id: text(&client, "client_id")?,
            secret: optional("client_secret").map(SecretString::from),
            private_key: optional("private_key").map(SecretString::from),
            key_id: optional("key_id"),
        };
        Ok(Self {
            user,
            client,
            fingerprint: ring::digest::digest(&ring::digest::SHA256, &fingerprint)
                .as_ref()
                .to_vec(),
        })
    }
}

/// The token that somebody else keeps fresh in `<name>-token-secret`, if there is such a file.
pub(crate) fn token_from_file(directory: &Path, name: &str) -> Result<Option<SecretString>, ServiceTokenError> {
    // A name comes from a command line: it must not lead out of the directory.
    if name.contains(['/', '\\', '\0']) {
        return Ok(None);
    }
    let path = directory.join(format!("{name}-token-secret"));
    let problem = |error: &dyn std::fmt::Display| ServiceTokenError::File(format!("{}: {error}", path.display()));
    let mut text = String::new();
    match File::open(&path) {
        Ok(file) => file
            .take(LONGEST_FILE)
            .read_to_string(&mut text)
            .map_err(|error| problem(&error))?,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(problem(&error)),
    };
    match text.trim() {
        "" => Err(problem(&"it is empty")),
        token => Ok(Some(token.into())),
    }
}

/// The object in a file, and the file's bytes.
fn read_json(path: &Path) -> Result<(Value, Vec<u8>), ServiceTokenError> {
    let problem = |error: &dyn std::fmt::Display| {
        ServiceTokenError::Credentials(format!("Failed to read {}: {error}", path.display()))
    };
    let file = File::open(path).map_err(|error| problem(&error))?;
    let mut bytes = Vec::new();
    file.take(LONGEST_FILE)
        .read_to_end(&mut bytes)
        .map_err(|error| problem(&error))?;
    // The parser's message has no part of the file's text, which is a secret.
    let value: Value = serde_json::from_slice(&bytes).map_err(|error| problem(&error))?;
    if !value.is_object() {
        return Err(problem(&"a JSON object was expected"));
    }
    Ok((value, bytes))
}

fn text(object: &Value, key: &str) -> Result<String, ServiceTokenError> {
    match object.get(key).and_then(Value::as_str) {
        Some(text) => Ok(text.to_owned()),
        None => Err(ServiceTokenError::Credentials(format!("Missing key: '{key}'"))),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (name, content) in files {
            std::fs::write(directory.path().join(name), content).unwrap();
        }
        directory
    }

    const USER: &str = r#"{"application_username": "stups_x", "application_password": "pw"}"#;
    const CLIENT: &str = r#"{"client_id": "id", "client_secret": "sec"}"#;

    #[test]
    fn both_files_are_read() {
        let directory = directory(&[("user.json", USER), ("client.json", CLIENT)]);
        let credentials = Credentials::read(directory.path()).unwrap();
        let user = credentials.user.unwrap();
        assert_eq!((user.name.as_str(), user.password.expose_secret()), ("stups_x", "pw"));
        assert_eq!(credentials.client.id, "id");
        assert_eq!(credentials.client.secret.unwrap().expose_secret(), "sec");
    }

    #[test]
    fn a_public_client_has_no_secret_and_unknown_keys_are_left_alone() {
        let client = r#"{"client_id": "id", "client_secret": null, "key_id": "k", "private_key": "pem", "more": 1}"#;
        let directory = directory(&[("user.json", USER), ("client.json", client)]);
        let client = Credentials::read(directory.path()).unwrap().client;
        assert!(client.secret.is_none());
        assert_eq!(client.key_id.as_deref(), Some("k"));
        assert_eq!(client.private_key.unwrap().expose_secret(), "pem");
    }

    #[test]
    fn what_is_wrong_is_said_as_the_original_says_it() {
        let invalid = |files: &[(&str, &str)]| {
            let directory = directory(files);
            let read = Credentials::read(directory.path()).and_then(|credentials| credentials.user);
            read.unwrap_err().to_string()
        };
        assert_eq!(
            invalid(&[
                ("user.json", r#"{"application_username": "x"}"#),
                ("client.json", CLIENT)
            ]),
            "Invalid OAuth credentials: Missing key: 'application_password'"
        );
        for (user, client) in [("{", CLIENT), (USER, "nothing"), ("[]", CLIENT)] {
            let error = invalid(&[("user.json", user), ("client.json", client)]);
            assert!(
                error.starts_with("Invalid OAuth credentials: Failed to read "),
                "{error}"
            );
        }
        assert!(invalid(&[("user.json", USER)]).contains("client.json"));
        assert!(
            !invalid(&[
                ("user.json", "{\"application_password\": \"hidden\""),
                ("client.json", CLIENT)
            ])
            .contains("hidden")
        );
    }

    #[test]
    fn a_change_of_either_file_shows() {
        let directory = directory(&[("user.json", USER), ("client.json", CLIENT)]);
        let fingerprint = || Credentials::read(directory.path()).unwrap().fingerprint;
        let before = fingerprint();
        assert_eq!(before, fingerprint());
        std::fs::write(directory.path().join("user.json"), USER.replace("pw", "new")).unwrap();
        assert_ne!(before, fingerprint());
    }

    #[test]
    fn a_token_file_is_trimmed() {
        let directory = directory(&[("mytok-token-secret", " abc\n"), ("empty-token-secret", "\n")]);
        let token = |name: &str| token_from_file(directory.path(), name);
        assert_eq!(token("mytok").unwrap().unwrap().expose_secret(), "abc");
        assert!(token("other").unwrap().is_none());
        assert!(token("empty").is_err());
        assert!(token("../mytok").unwrap().is_none());
    }

    #[test]
    fn a_directory_in_place_of_a_token_file_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("mytok-token-secret")).unwrap();
        assert!(matches!(
            token_from_file(directory.path(), "mytok"),
            Err(ServiceTokenError::File(_))
        ));
    }
}
