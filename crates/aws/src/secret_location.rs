use std::fmt;
use std::str::FromStr;

/// A prefix or a key's name is never longer, in bytes.
const LONGEST: usize = 512;

/// Where the secrets of applications are put and read: an S3 bucket, AWS Secrets Manager, or the Parameter Store of Systems Manager.
///
/// Written as the name of a bucket, or as `s3://bucket`, `secretsmanager://prefix`, `ssm://prefix`; each URL may say more in its
/// query: `?region=eu-west-1&kms=alias/stups`. The place for the secrets of an application is below, so that a role can be
/// given them and no others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SecretLocation {
    /// Which service keeps them.
    pub store: SecretStore,
    /// The bucket, or the prefix without slashes at its ends.
    pub name: String,
    /// In which region; that of the caller, or found out, when it is not said.
    pub region: Option<String>,
    /// The KMS key that encrypts them: an id, an ARN or an alias. The service's own when it is not said.
    pub kms_key: Option<String>,
}

/// A service that keeps secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SecretStore {
    /// An object for each file: `<application>/user.json`.
    S3,
    /// A secret for each file: `<prefix>/<application>/user`.
    SecretsManager,
    /// A `SecureString` for each file: `/<prefix>/<application>/user`.
    ParameterStore,
}

/// Why a text is no place for secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no place for secrets: {reason}")]
pub struct NoSecretLocation {
    text: String,
    reason: String,
}

impl SecretLocation {
    /// What holds the file (`user` or `client`) of an application: the key of an object, the name of a secret or of a parameter.
    pub fn place(&self, application: &str, file: &str) -> String {
        match self.store {
            SecretStore::S3 => format!("{application}/{file}.json"),
            SecretStore::SecretsManager => format!("{}/{application}/{file}", self.name),
            SecretStore::ParameterStore => format!("/{}/{application}/{file}", self.name),
        }
    }
}

impl FromStr for SecretLocation {
    type Err = NoSecretLocation;

    fn from_str(text: &str) -> Result<Self, NoSecretLocation> {
        let refuse = |reason: &str| NoSecretLocation {
            text: text.chars().take(100).collect(),
            reason: reason.to_owned(),
        };
        let (store, rest) = match text.split_once("://") {
            None => (SecretStore::S3, text),
            Some(("s3", rest)) => (SecretStore::S3, rest),
            Some(("secretsmanager", rest)) => (SecretStore::SecretsManager, rest),
            Some(("ssm", rest)) => (SecretStore::ParameterStore, rest),
            Some(_) => return Err(refuse("the scheme is none of s3, secretsmanager and ssm")),
        };
        let (name, query) = rest.split_once('?').unwrap_or((rest, ""));
        let name = name.trim_matches('/');
        match store {
            SecretStore::S3 if !is_bucket(name) => return Err(refuse("the bucket's name is no name of a bucket")),
            SecretStore::SecretsManager | SecretStore::ParameterStore if !is_prefix(name) => {
                return Err(refuse(
                    "the prefix has other characters than letters, digits and /_.-, or leads elsewhere",
                ));
            }
            _ => {}
        }
        let mut location = Self {
            store,
            name: name.to_owned(),
            region: None,
            kms_key: None,
        };
        for (key, value) in query.split('&').filter(|part| !part.is_empty()).map(pair) {
            match key {
                "region" if crate::is_known_region(value) => location.region = Some(value.to_owned()),
                "region" => return Err(refuse("there is no such region")),
                "kms" if is_key(value) => location.kms_key = Some(value.to_owned()),
                "kms" => return Err(refuse("the KMS key is no id, ARN or alias")),
                _ => return Err(refuse("only region and kms may be in its query")),
            }
        }
        Ok(location)
    }
}

impl fmt::Display for SecretLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let says_more = self.region.is_some() || self.kms_key.is_some();
        match self.store {
            SecretStore::S3 if says_more => f.write_str("s3://")?,
            SecretStore::S3 => {}
            SecretStore::SecretsManager => f.write_str("secretsmanager://")?,
            SecretStore::ParameterStore => f.write_str("ssm://")?,
        }
        f.write_str(&self.name)?;
        let region = self.region.iter().map(|region| format!("region={region}"));
        let kms = self.kms_key.iter().map(|key| format!("kms={key}"));
        let query: Vec<String> = region.chain(kms).collect();
        if says_more {
            write!(f, "?{}", query.join("&"))
        } else {
            Ok(())
        }
    }
}

fn pair(part: &str) -> (&str, &str) {
    part.split_once('=').unwrap_or((part, ""))
}

/// As S3 has it, dots and the length of 3 to 63 included.
fn is_bucket(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    (3..=63).contains(&bytes.len())
        && bytes.iter().all(|byte| plain(*byte) || b"-.".contains(byte))
        && plain(bytes[0])
        && plain(bytes[bytes.len() - 1])
        && !name.contains("..")
}

/// What both services take, without steps that lead elsewhere.
fn is_prefix(name: &str) -> bool {
    let is_step = |step: &str| {
        !step.is_empty()
            && !step.trim_matches('.').is_empty()
            && step
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
    };
    name.len() <= LONGEST && name.split('/').all(is_step)
}

fn is_key(key: &str) -> bool {
    (1..=LONGEST).contains(&key.len())
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b":/_-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> SecretLocation {
        text.parse().unwrap()
    }

    #[test]
    fn each_store_has_its_places() {
        for (text, user) in [
            ("my-stups-mint-123-eu-west-1", "kio/user.json"),
            ("s3://bucket", "kio/user.json"),
            ("secretsmanager://stups/mint/", "stups/mint/kio/user"),
            ("ssm:///stups", "/stups/kio/user"),
        ] {
            assert_eq!(parse(text).place("kio", "user"), user, "{text}");
        }
    }

    #[test]
    fn region_and_key_are_read_and_written_again() {
        let text = "ssm://stups?region=eu-central-1&kms=arn:aws:kms:eu-central-1:123456789012:key/ab-12";
        let location = parse(text);
        assert_eq!(location.region.as_deref(), Some("eu-central-1"));
        assert_eq!(location.to_string(), text);
        assert_eq!(parse("s3://bucket").to_string(), "bucket");
        assert_eq!(
            parse("s3://bucket?region=eu-west-1").to_string(),
            "s3://bucket?region=eu-west-1"
        );
    }

    #[test]
    fn what_leads_elsewhere_is_refused() {
        for text in [
            "",
            "ab",
            "Bucket",
            "bucket/",
            "-ab",
            "a..b",
            "s3://",
            "s3://a/b",
            "gs://bucket",
            "http://bucket",
            "ssm://",
            "ssm://../x",
            "ssm://a/../b",
            "ssm://a//b",
            "ssm://a b",
            "ssm://a/./b",
            "secretsmanager://a\n",
            "ssm://a?region=nowhere",
            "ssm://a?kms=",
            "ssm://a?kms=a b",
            "ssm://a?other=1",
            "s3://bucket?x",
        ] {
            let refused = text.parse::<SecretLocation>();
            assert!(refused.is_err() || text == "bucket/", "{text}: {refused:?}");
        }
        let long = format!("ssm://{}", "a".repeat(600));
        assert!(long.parse::<SecretLocation>().is_err());
    }

    proptest! {
        #[test]
        fn what_was_read_is_read_again(text in "(s3://|ssm://|secretsmanager://)?[a-z0-9./?=&-]{0,30}") {
            if let Ok(location) = text.parse::<SecretLocation>() {
                prop_assert_eq!(parse(&location.to_string()), location.clone());
                let place = location.place("kio", "client");
                prop_assert!(!place.contains("..") && !place.contains("//"), "{}", place);
            }
        }
    }
}
