//! Passwords that only the instances can read: encrypted with a key in KMS.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures::future::try_join_all;
use stups_aws::Session;
use stups_aws::kms::primitives::Blob;
use stups_aws::kms::types::{AliasListEntry, KeyListEntry, KeyUsageType};
use stups_terminal::Choice;

use super::super::answers::Answers;
use crate::Error;

/// What Taupage decrypts at boot begins so.
const PREFIX: &str = "aws:kms:";

/// A key in KMS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) arn: String,
}

impl Key {
    /// The key that a person wants the passwords to be encrypted with, if so.
    pub(super) async fn ask(answers: &Answers<'_>, session: &Session) -> Result<Option<Self>, Error> {
        const VARIABLE: &str = "kms_arn";
        if answers.has(VARIABLE) {
            let arn = answers.value(VARIABLE, "", None, key_arn)?;
            return Ok(arn.map(|arn| Self { arn }));
        }
        if !answers.agree("Do you wish to encrypt these passwords using KMS?", false)? {
            return Ok(None);
        }
        let choices = usable_keys(session).await?;
        let Some(first) = choices.first() else {
            return Err(Error::Usage(
                "No KMS key is available for encrypting and decrypting. Make one, or leave the passwords as they are."
                    .to_owned(),
            ));
        };
        let arn = answers.choose("Please select the encryption key", &choices, &first.value)?;
        Ok(Some(Self { arn }))
    }

    /// `secret` as `aws:kms:<base64>`; what is encrypted already stays so.
    pub(super) async fn encrypt(&self, session: &Session, secret: &str) -> Result<String, Error> {
        if secret.starts_with(PREFIX) {
            return Ok(secret.to_owned());
        }
        let request = session.kms().encrypt().key_id(&self.arn).plaintext(Blob::new(secret));
        let encrypted = request.send().await?.ciphertext_blob.unwrap_or_else(|| Blob::new([]));
        Ok(format!("{PREFIX}{}", BASE64_STANDARD.encode(encrypted)))
    }
}

fn key_arn(text: &str) -> Result<Option<String>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let is_arn = text.starts_with("arn:aws") && text.contains(":kms:") && text.contains(":key/");
    (is_arn && text.chars().all(|c| c.is_ascii_alphanumeric() || ":/-".contains(c)))
        .then(|| Some(text.to_owned()))
        .ok_or_else(|| format!("\"{text}\" is not the ARN of a KMS key"))
}

/// The ARNs of the region's keys that this account made and that can encrypt, with their aliases or descriptions.
async fn usable_keys(session: &Session) -> Result<Vec<Choice<String>>, Error> {
    let kms = session.kms();
    let keys = kms.list_keys().into_paginator().items().send();
    let keys: Vec<KeyListEntry> = keys.collect::<Result<_, _>>().await?;
    let aliases = kms.list_aliases().into_paginator().items().send();
    let aliases: Vec<AliasListEntry> = aliases.collect::<Result<_, _>>().await?;
    let aliases: BTreeMap<&str, &str> = aliases
        .iter()
        .filter_map(|alias| Some((alias.target_key_id()?, alias.alias_name()?)))
        .collect();
    let described = keys
        .iter()
        .filter_map(KeyListEntry::key_id)
        .filter(|id| aliases.get(id).is_none_or(|alias| !alias.starts_with("alias/aws/")))
        .map(|id| kms.describe_key().key_id(id).send());
    let described = try_join_all(described).await?;
    let choices = described
        .into_iter()
        .filter_map(|answer| answer.key_metadata)
        .filter_map(|key| {
            let is_usable = key.enabled && key.key_usage == Some(KeyUsageType::EncryptDecrypt);
            let name = aliases.get(key.key_id.as_str()).copied().or(key.description.as_deref());
            is_usable.then(|| Choice {
                label: format!("{}: {}", key.key_id, name.unwrap_or_default()),
                value: key.arn.unwrap_or_default(),
            })
        });
    Ok(choices.collect())
}

#[cfg(test)]
mod tests {
    use super::key_arn;

    #[test]
    fn keys_are_named_by_their_arn() {
        let arn = "arn:aws:kms:eu-west-1:123456789012:key/0a1b-2c";
        assert_eq!(key_arn(arn), Ok(Some(arn.to_owned())));
        assert_eq!(key_arn(""), Ok(None));
        for wrong in ["0a1b-2c", "alias/app", "arn:aws:kms:eu-west-1:123456789012:key/{{x}}"] {
            assert!(key_arn(wrong).is_err(), "{wrong}");
        }
    }
}
