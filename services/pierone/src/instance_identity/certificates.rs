//! Identity documents verified here, with AWS's certificates of our regions (contract pierone 5.5).

use std::path::Path;

use dsa::pkcs8::DecodePublicKey as _;
use dsa::signature::hazmat::PrehashVerifier as _;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde::Deserialize;
use stups_api::Timestamp;
use x509_parser::pem::Pem;
use x509_parser::public_key::PublicKey;

use super::signed::Signed;

/// How long before an instance starts it may say that it does: clocks differ.
const EARLY: i64 = 300_000;

/// Who signs documents, and for whom.
pub(crate) struct Certificates {
    keys: Vec<Key>,
    accounts: Vec<String>,
    /// How old an instance may be, in milliseconds.
    oldest: i64,
}

enum Key {
    /// Of what instances serve as `rsa2048`: PKCS #1.
    Rsa(Vec<u8>),
    /// Of what they serve as `pkcs7`.
    Dsa(Box<dsa::VerifyingKey>),
}

/// What counts of a document.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    account_id: String,
    /// When the instance was started.
    pending_time: String,
}

impl Certificates {
    /// Reads them from a PEM file. Errors say what is wrong with a setting.
    pub(crate) fn read(file: &Path, accounts: &[String], oldest_days: u32) -> Result<Self, String> {
        let text =
            std::fs::read(file).map_err(|error| format!("instance_certificates: {}: {error}", file.display()))?;
        let wrong = |reason: &str| format!("instance_certificates: {}: {reason}", file.display());
        let keys = Pem::iter_from_buffer(&text).map(|pem| {
            let pem = pem.map_err(|error| wrong(&error.to_string()))?;
            key(&pem).map_err(wrong)
        });
        let keys = keys.collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() {
            return Err(wrong("there is no certificate"));
        }
        let is_account = |account: &String| account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        if accounts.is_empty() || !accounts.iter().all(is_account) {
            return Err(
                "instance_accounts: the accounts of AWS whose instances may pull, twelve digits each".to_owned(),
            );
        }
        Ok(Self {
            keys,
            accounts: accounts.to_vec(),
            oldest: i64::from(oldest_days) * 24 * 3_600_000,
        })
    }

    /// Why a document is not believed; nothing when it is.
    pub(crate) fn refuse(&self, text: &str, now: Timestamp) -> Option<&'static str> {
        let signed = match Signed::read(text) {
            Ok(signed) => signed,
            Err(reason) => return Some(reason),
        };
        if !self.keys.iter().any(|key| key.signed(&signed)) {
            return Some("none of the certificates is its signer's");
        }
        let Ok(document) = serde_json::from_slice::<Document>(&signed.content) else {
            return Some("it does not say which account and which age the instance has");
        };
        if !self.accounts.contains(&document.account_id) {
            return Some("the instance is in another account");
        }
        match Timestamp::parse_lenient(&document.pending_time) {
            Some(started) if (-EARLY..=self.oldest).contains(&now.0.saturating_sub(started.0)) => None,
            _ => Some("the instance is too old"),
        }
    }
}

impl Key {
    fn signed(&self, document: &Signed) -> bool {
        match self {
            // SHA-1 is for the signatures that have nothing else.
            Self::Rsa(key) => {
                document.digest == &ring::digest::SHA256
                    && UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key)
                        .verify(&document.attributes, &document.signature)
                        .is_ok()
            }
            Self::Dsa(key) => {
                let Ok(signature) = dsa::Signature::try_from(document.signature.as_slice()) else {
                    return false;
                };
                let digest = ring::digest::digest(document.digest, &document.attributes);
                key.verify_prehash(digest.as_ref(), &signature).is_ok()
            }
        }
    }
}

fn key(pem: &Pem) -> Result<Key, &'static str> {
    let certificate = pem
        .parse_x509()
        .map_err(|_| "it has something else than certificates")?;
    let key = certificate.public_key();
    match key.parsed() {
        Ok(PublicKey::RSA(rsa)) if rsa.key_size() >= 2048 => Ok(Key::Rsa(key.subject_public_key.data.to_vec())),
        Ok(PublicKey::DSA(_)) => dsa::VerifyingKey::from_public_key_der(key.raw)
            .map(|key| Key::Dsa(Box::new(key)))
            .map_err(|_| "it has a key of DSA that cannot be used"),
        _ => Err("it has a certificate whose key is neither RSA of 2048 bits nor DSA"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RSA: &str = include_str!("../../tests/data/instance-identity/rsa2048");
    const DSA: &str = include_str!("../../tests/data/instance-identity/pkcs7");
    const FILE: &str = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/data/instance-identity/certificates.pem"
    );

    fn certificates(account: &str) -> Certificates {
        Certificates::read(Path::new(FILE), &[account.to_owned()], 30).unwrap()
    }

    fn at(time: &str) -> Timestamp {
        Timestamp::parse_lenient(time).unwrap()
    }

    #[test]
    fn both_kinds_of_signatures_are_verified() {
        let mut certificates = certificates("123456789012");
        let now = at("2026-03-10T00:00:00Z");
        for document in [RSA, DSA] {
            assert_eq!(certificates.refuse(document, now), None);
        }
        // Each with its own key alone.
        certificates.keys.remove(0);
        assert_eq!(certificates.refuse(DSA, now), None);
        let foreign = Some("none of the certificates is its signer's");
        assert_eq!(certificates.refuse(RSA, now), foreign);
        certificates.keys.clear();
        assert_eq!(certificates.refuse(DSA, now), foreign);
    }

    #[test]
    fn accounts_and_ages_are_bounded() {
        let now = at("2026-03-10T00:00:00Z");
        let other = certificates("210987654321").refuse(RSA, now);
        assert_eq!(other, Some("the instance is in another account"));
        let certificates = certificates("123456789012");
        for (time, good) in [
            ("2026-03-01T10:16:00Z", true),
            ("2026-03-31T10:20:00Z", true),
            ("2026-03-31T10:21:00Z", false),
            ("2026-03-01T10:00:00Z", false),
        ] {
            assert_eq!(certificates.refuse(RSA, at(time)).is_none(), good, "{time}");
        }
    }

    #[test]
    fn no_bit_of_what_is_signed_may_be_another() {
        use base64::Engine as _;
        use base64::engine::general_purpose::STANDARD;
        let certificates = certificates("123456789012");
        let now = at("2026-03-10T00:00:00Z");
        for document in [RSA, DSA] {
            let bytes = STANDARD.decode(document.replace('\n', "")).unwrap();
            let signed = Signed::read(document).unwrap();
            for part in [&signed.content, &signed.attributes[4..].to_vec(), &signed.signature] {
                let start = bytes.windows(part.len()).position(|window| window == part).unwrap();
                for place in (start..start + part.len()).step_by(7) {
                    let mut forged = bytes.clone();
                    forged[place] ^= 1;
                    assert!(certificates.refuse(&STANDARD.encode(forged), now).is_some(), "{place}");
                }
            }
        }
    }

    #[test]
    fn settings_that_cannot_be_used_are_named() {
        let read = |file: &str, accounts: &[&str]| {
            let accounts: Vec<String> = accounts.iter().map(|&account| account.to_owned()).collect();
            Certificates::read(Path::new(file), &accounts, 1).err().unwrap()
        };
        assert!(read("/no/such/file", &["123456789012"]).starts_with("instance_certificates: /no/such/file: "));
        assert!(read(FILE, &[]).starts_with("instance_accounts: "));
        assert!(read(FILE, &["12345678901x"]).starts_with("instance_accounts: "));
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("x.pem");
        for (text, part) in [
            ("", "no certificate"),
            (
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                "something else",
            ),
        ] {
            std::fs::write(&file, text).unwrap();
            let reason = read(file.to_str().unwrap(), &["123456789012"]);
            assert!(reason.contains(part), "{reason}");
        }
    }
}
