//! The file in which AWS credentials are looked up by application: lines `application:access-key:secret-key`, `#` starts a comment.

use std::path::Path;

use secrecy::SecretString;

/// An access key as AWS gives it to a user.
#[derive(Debug)]
pub(crate) struct AccessKey {
    pub(crate) id: String,
    pub(crate) secret: SecretString,
}

/// The access key of an application: that of the first line which has its id.
///
/// Errors say what is missing, and which line is incomplete; nothing of the line itself.
pub(crate) fn look_up(path: &Path, application_id: &str) -> Result<AccessKey, String> {
    let text = std::fs::read_to_string(path).map(SecretString::from).map_err(|error| {
        format!(
            "No AWS credentials found for application \"{application_id}\": {}: {error}",
            path.display()
        )
    })?;
    find(&text, application_id).map_err(|reason| {
        format!(
            "No AWS credentials found for application \"{application_id}\" in {}{reason}",
            path.display()
        )
    })
}

fn find(text: &SecretString, application_id: &str) -> Result<AccessKey, String> {
    use secrecy::ExposeSecret as _;
    let lines = text.expose_secret().lines().map(str::trim).enumerate();
    for (index, line) in lines.filter(|(_, line)| !line.starts_with('#')) {
        let mut parts = line.split(':');
        if parts.next() != Some(application_id) {
            continue;
        }
        return match (parts.next(), parts.next()) {
            (Some(id), Some(secret)) if !id.is_empty() && !secret.is_empty() => Ok(AccessKey {
                id: id.to_owned(),
                secret: SecretString::from(secret),
            }),
            _ => Err(format!(": line {} needs an access key and a secret key", index + 1)),
        };
    }
    Err(String::new())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    const FILE: &str = "# pets:AKIACOMMENT:x\n\n  pets:AKIA1:secret/one  \npets:AKIA2:two\nshort:AKIA3\nempty::\nmore:AKIA4:four:five\n";

    fn key(application_id: &str) -> Result<(String, String), String> {
        find(&SecretString::from(FILE), application_id).map(|key| (key.id, key.secret.expose_secret().to_owned()))
    }

    #[test]
    fn the_first_line_that_is_no_comment_counts() {
        assert_eq!(key("pets"), Ok(("AKIA1".to_owned(), "secret/one".to_owned())));
        assert_eq!(key("more"), Ok(("AKIA4".to_owned(), "four".to_owned())));
    }

    #[test]
    fn a_line_that_is_too_short_is_named_but_not_shown() {
        assert_eq!(
            key("short"),
            Err(": line 5 needs an access key and a secret key".to_owned())
        );
        assert_eq!(
            key("empty"),
            Err(": line 6 needs an access key and a secret key".to_owned())
        );
        assert_eq!(key("pet"), Err(String::new()));
    }

    #[test]
    fn what_is_missing_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys");
        let error = look_up(&path, "pets").unwrap_err();
        assert!(
            error.starts_with("No AWS credentials found for application \"pets\": "),
            "{error}"
        );
        std::fs::write(&path, FILE).unwrap();
        assert_eq!(
            look_up(&path, "cats").unwrap_err(),
            format!(
                "No AWS credentials found for application \"cats\" in {}",
                path.display()
            )
        );
        assert!(!format!("{:?}", look_up(&path, "pets").unwrap()).contains("secret/one"));
    }
}
