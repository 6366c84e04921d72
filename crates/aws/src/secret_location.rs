//! Where the credentials of applications are kept, and what each of them is called there.
//!
//! One text names the place: in the configuration of an instance as `mint_bucket`, and in the service that writes the secrets.
//! Who writes and who reads use this module alike, so that both mean the same object.

use std::fmt;
use std::str::FromStr;

use crate::error::one_line;
use crate::is_region_name;

/// The longest prefix, in characters. With the longest application's id behind it, a name stays within Secrets Manager's 512.
const PREFIX_LIMIT: usize = 200;
/// The longest id of an application, in characters.
const APPLICATION_LIMIT: usize = 255;
/// How deep a prefix may be. The parameter store allows 15 levels, and application and object are two of them.
const PREFIX_LEVELS: usize = 12;
/// The longest identifier of a key that KMS takes, in characters.
const KMS_KEY_LIMIT: usize = 2048;

/// A store of secrets, with the region and the key to use there.
///
/// As text: `bucket` or `s3://bucket`, `secretsmanager://prefix`, `ssm://prefix` (the prefix may have several levels), and
/// behind any of them `?region=eu-west-1&kms=alias/secrets`, in this order or the other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SecretLocation {
    store: SecretStore,
    region: Option<String>,
    kms_key: Option<String>,
}

/// What kind of store it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SecretStore {
    /// objects in a bucket
    S3 {
        /// the bucket's name
        bucket: String,
    },
    /// secrets of Secrets Manager; each one's text is the JSON
    SecretsManager {
        /// what the names start with, without a slash at either end
        prefix: String,
    },
    /// encrypted parameters (`SecureString`) of Systems Manager
    ParameterStore {
        /// what the names start with, without a slash at either end
        prefix: String,
    },
}

/// What is kept for each application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SecretObject {
    /// name and password of the application's service user
    User,
    /// id and secret of its OAuth client
    Client,
    /// no secret: who writes secrets finds out with it whether it may
    WriteProbe,
}

impl SecretObject {
    /// The name without the application's: `user`, `client`, `test-mint-write`.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Client => "client",
            Self::WriteProbe => "test-mint-write",
        }
    }

    /// The name in a bucket: `user.json`, `client.json`, `test-mint-write`. Files on an instance are called so, too.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::User => "user.json",
            Self::Client => "client.json",
            Self::WriteProbe => "test-mint-write",
        }
    }
}

/// Why a text names no place for secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretLocationError {
    /// the location itself
    #[error("'{text}' is no place for secrets: {reason}")]
    Location {
        /// the text, on one line and shortened
        text: String,
        /// what is wrong, and what would be right
        reason: &'static str,
    },
    /// an application's id that can't be part of a name
    #[error("'{text}' is not the id of an application: {reason}")]
    ApplicationId {
        /// the text, on one line and shortened
        text: String,
        /// what is wrong, and what would be right
        reason: &'static str,
    },
}

impl SecretLocation {
    /// Which store it is.
    pub fn store(&self) -> &SecretStore {
        &self.store
    }

    /// The region, when the location says so.
    pub fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    /// The key to encrypt with (an id, an ARN, or `alias/...`), when the location says so. Readers don't need it.
    pub fn kms_key(&self) -> Option<&str> {
        self.kms_key.as_deref()
    }

    /// What `object` of an application is called in this store: the key of an S3 object (`app/user.json`), the name of a secret
    /// (`prefix/app/user`), the name of a parameter (`/prefix/app/user`).
    ///
    /// Fails when the id could lead out of the application's own directory, or is too long.
    pub fn object_name(&self, application_id: &str, object: SecretObject) -> Result<String, SecretLocationError> {
        check_application_id(application_id)?;
        Ok(match &self.store {
            SecretStore::S3 { .. } => format!("{application_id}/{}", object.file_name()),
            SecretStore::SecretsManager { prefix } => format!("{prefix}/{application_id}/{}", object.name()),
            SecretStore::ParameterStore { prefix } => format!("/{prefix}/{application_id}/{}", object.name()),
        })
    }
}

impl FromStr for SecretLocation {
    type Err = SecretLocationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).map_err(|reason| SecretLocationError::Location {
            text: shown(text),
            reason,
        })
    }
}

/// The shortest text that names the place: a bucket without a scheme, as configurations have had it since there are buckets.
impl fmt::Display for SecretLocation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.store {
            SecretStore::S3 { bucket } => formatter.write_str(bucket)?,
            SecretStore::SecretsManager { prefix } => write!(formatter, "secretsmanager://{prefix}")?,
            SecretStore::ParameterStore { prefix } => write!(formatter, "ssm://{prefix}")?,
        }
        let options = [("region", &self.region), ("kms", &self.kms_key)];
        let given = options
            .iter()
            .filter_map(|(name, value)| value.as_ref().map(|value| (name, value)));
        for (index, (name, value)) in given.enumerate() {
            let mark = if index == 0 { '?' } else { '&' };
            write!(formatter, "{mark}{name}={value}")?;
        }
        Ok(())
    }
}

fn parse(text: &str) -> Result<SecretLocation, &'static str> {
    let (place, query) = match text.split_once('?') {
        Some((place, query)) => (place, Some(query)),
        None => (text, None),
    };
    let store = match place.split_once("://") {
        None => bucket(place)?,
        Some(("s3", name)) => bucket(name)?,
        Some(("secretsmanager", prefix)) => SecretStore::SecretsManager {
            prefix: checked_prefix(prefix, "/_+=.@-")?,
        },
        Some(("ssm", prefix)) => SecretStore::ParameterStore {
            prefix: parameter_prefix(prefix)?,
        },
        Some(_) => return Err("known are s3://, secretsmanager:// and ssm://"),
    };
    let mut location = SecretLocation {
        store,
        region: None,
        kms_key: None,
    };
    for option in query.into_iter().flat_map(|query| query.split('&')) {
        let (target, value) = match option.split_once('=') {
            Some(("region", value)) if is_region_name(value) => (&mut location.region, value),
            Some(("region", _)) => return Err("the region is none"),
            Some(("kms", value)) if is_kms_key(value) => (&mut location.kms_key, value),
            Some(("kms", _)) => return Err("kms takes the id, ARN or alias of a key"),
            _ => return Err("behind the question mark may stand region=... and kms=..."),
        };
        if target.replace(value.to_owned()).is_some() {
            return Err("region and kms may stand there once");
        }
    }
    Ok(location)
}

/// A bucket's name by S3's rules.
fn bucket(name: &str) -> Result<SecretStore, &'static str> {
    if name.is_empty() {
        return Err("the bucket's name is missing");
    }
    let is_outer = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    let is_name = (3..=63).contains(&name.len())
        && bytes.iter().all(|byte| is_outer(*byte) || b"-.".contains(byte))
        && bytes.first().is_some_and(|byte| is_outer(*byte))
        && bytes.last().is_some_and(|byte| is_outer(*byte))
        && !name.contains("..");
    if is_name {
        let bucket = name.to_owned();
        Ok(SecretStore::S3 { bucket })
    } else {
        Err(
            "a bucket's name has 3 to 63 small letters, digits, hyphens and single dots, and a letter or digit at both ends",
        )
    }
}

fn parameter_prefix(prefix: &str) -> Result<String, &'static str> {
    let prefix = checked_prefix(prefix, "/_.-")?;
    let lower = prefix.to_ascii_lowercase();
    if lower.starts_with("aws") || lower.starts_with("ssm") {
        return Err("names of parameters that start with aws or ssm are AWS's own");
    }
    Ok(prefix)
}

/// Letters, digits and the `others`; no level that is empty or leads elsewhere.
fn checked_prefix(prefix: &str, others: &str) -> Result<String, &'static str> {
    if prefix.is_empty() {
        return Err("the prefix of the names is missing");
    }
    if prefix.len() > PREFIX_LIMIT {
        return Err("the prefix of the names is too long (200 characters)");
    }
    if !prefix
        .chars()
        .all(|character| character.is_ascii_alphanumeric() || others.contains(character))
    {
        return Err("the prefix has characters that names must not have there");
    }
    if prefix.split('/').any(|level| matches!(level, "" | "." | "..")) {
        return Err("each level between slashes needs a name, and . and .. are none");
    }
    if prefix.split('/').count() > PREFIX_LEVELS {
        return Err("the prefix has too many levels (12)");
    }
    Ok(prefix.to_owned())
}

fn check_application_id(id: &str) -> Result<(), SecretLocationError> {
    let wrong = |reason| {
        Err(SecretLocationError::ApplicationId {
            text: shown(id),
            reason,
        })
    };
    if id.is_empty() {
        return wrong("it is empty");
    }
    if id.len() > APPLICATION_LIMIT {
        return wrong("it is too long (255 characters)");
    }
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if !id.bytes().all(is_inner) || !id.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        return wrong("it has letters, digits, hyphens, underscores and dots, and starts with a letter or digit");
    }
    Ok(())
}

fn is_kms_key(text: &str) -> bool {
    (1..=KMS_KEY_LIMIT).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b":/_-".contains(&byte))
}

/// A text that may be anything, for a message.
fn shown(text: &str) -> String {
    one_line(&text.chars().take(100).collect::<String>())
}

#[cfg(test)]
mod tests;
