//! Settings that are encrypted with KMS: variables whose values are `aws:kms:` and a ciphertext in base64, which the originals
//! decrypted when they started (contract pierone 2.14).

use anyhow::{Context as _, anyhow, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use stups_aws::kms::primitives::Blob;
use stups_aws::{Session, SessionOptions};

use crate::{environment_variables, pierone_variables};

/// What stands before a ciphertext.
const ENCRYPTED: &str = "aws:kms:";

/// The longest ciphertext that KMS decrypts, in bytes.
const LONGEST: usize = 6_144;

/// How often KMS is asked for one.
const ATTEMPTS: u32 = 3;

/// The variables with their settings in plain text. KMS is asked only where one is encrypted: in the region that `AWS_REGION_ID`
/// names, as the originals were told it, else in the usual one.
pub(crate) fn decrypted(variables: Vec<(String, String)>) -> anyhow::Result<Vec<(String, String)>> {
    if !variables.iter().any(is_encrypted) {
        return Ok(variables);
    }
    let region = variables.iter().find(|(name, _)| name == "AWS_REGION_ID");
    let options = SessionOptions {
        region: region.map(|(_, region)| region.clone()),
        ..SessionOptions::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let session = Session::load(options).await;
        let session =
            session.context("settings are encrypted, and AWS_REGION_ID does not say with KMS in which region")?;
        decrypt_all(&session, variables).await
    })
}

fn is_encrypted((name, value): &(String, String)) -> bool {
    value.starts_with(ENCRYPTED) && (environment_variables::knows(name) || pierone_variables::knows(name))
}

async fn decrypt_all(session: &Session, mut variables: Vec<(String, String)>) -> anyhow::Result<Vec<(String, String)>> {
    let session = session.with_attempts(ATTEMPTS);
    for variable in variables.iter_mut().filter(|variable| is_encrypted(variable)) {
        let (name, value) = variable;
        let plain = decrypt(&session, value).await;
        *value = plain.with_context(|| format!("{name} cannot be decrypted"))?;
    }
    Ok(variables)
}

async fn decrypt(session: &Session, value: &str) -> anyhow::Result<String> {
    let text = value.strip_prefix(ENCRYPTED).unwrap_or(value).trim();
    let ciphertext = BASE64_STANDARD.decode(text);
    let ciphertext = ciphertext.map_err(|_| anyhow!("what follows {ENCRYPTED} is not base64"))?;
    if ciphertext.len() > LONGEST {
        bail!("a ciphertext has at most {LONGEST} bytes");
    }
    let call = session.kms().decrypt().ciphertext_blob(Blob::new(ciphertext));
    let answer = call.send().await.map_err(stups_aws::Error::from)?;
    let plain = answer.plaintext.map(Blob::into_inner).unwrap_or_default();
    String::from_utf8(plain).map_err(|_| anyhow!("what is encrypted is not text"))
}

#[cfg(test)]
mod tests {
    use stups_testkit::{Account, AwsApi};

    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(own).collect()
    }

    #[test]
    fn what_is_not_encrypted_or_no_setting_stays() {
        let pairs = variables(&[
            ("DB_PASSWORD", "secret"),
            ("OTHER", "aws:kms:x"),
            ("AWS_REGION_ID", "x"),
        ]);
        assert_eq!(decrypted(pairs.clone()).unwrap(), pairs);
    }

    #[tokio::test]
    async fn settings_are_decrypted() {
        let account = Account::builder(AwsApi::shared().await).build().await;
        let kms = account.session().kms();
        let key = kms.create_key().send().await.unwrap().key_metadata.unwrap().key_id;
        let encrypt = async |plain: &[u8]| {
            let call = kms.encrypt().key_id(&key).plaintext(Blob::new(plain));
            let blob = call.send().await.unwrap().ciphertext_blob.unwrap();
            format!("{ENCRYPTED}{}", BASE64_STANDARD.encode(blob))
        };
        let (password, binary) = (encrypt(b"swordfish").await, encrypt(b"\xff").await);
        let pairs = [
            ("DB_PASSWORD", password.as_str()),
            ("STUPS_KIO_DATABASE", &password),
            ("PATH", &password),
        ];
        let plain = decrypt_all(&account.session(), variables(&pairs)).await.unwrap();
        let expected = [
            ("DB_PASSWORD", "swordfish"),
            ("STUPS_KIO_DATABASE", "swordfish"),
            ("PATH", &password),
        ];
        assert_eq!(plain, variables(&expected));

        let long = format!("{ENCRYPTED}{}", BASE64_STANDARD.encode([0; LONGEST + 1]));
        let forged = format!("{ENCRYPTED}{}", BASE64_STANDARD.encode("forged"));
        for value in [&binary, &long, &forged, &format!("{ENCRYPTED}~")] {
            let pairs = variables(&[("DB_PASSWORD", value.as_str())]);
            let error = format!("{:#}", decrypt_all(&account.session(), pairs).await.unwrap_err());
            assert!(error.starts_with("DB_PASSWORD cannot be decrypted: "), "{error}");
            assert!(!error.contains(&value[ENCRYPTED.len()..]), "{error}");
        }
    }
}
