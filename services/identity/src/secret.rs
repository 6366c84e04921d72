//! Secrets that we make: 192 random bits each, kept as hashes only.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// 24 random bytes in base64url: 32 characters (contract identity 2.2.5).
pub fn generate() -> SecretString {
    URL_SAFE_NO_PAD.encode(random_bytes::<24>()).into()
}

/// Random bytes of the operating system.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("the system has randomness");
    bytes
}

/// What is kept of a secret that [`generate`] made: it has enough randomness of its own to need no salt.
pub fn hash(secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(secret.as_bytes()))
}

/// A secret that follows from another one, so that it need not be kept to be said twice.
pub fn derive(key: &hmac::Key, from: &SecretString) -> SecretString {
    let tag = hmac::sign(key, from.expose_secret().as_bytes());
    URL_SAFE_NO_PAD.encode(&tag.as_ref()[..24]).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_have_32_characters_and_differ() {
        let (one, other) = (generate(), generate());
        assert_eq!(one.expose_secret().len(), 32);
        assert_ne!(one.expose_secret(), other.expose_secret());
    }

    #[test]
    fn what_is_derived_is_the_same_again() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"key");
        let from = SecretString::from("secret");
        assert_eq!(derive(&key, &from).expose_secret(), derive(&key, &from).expose_secret());
        assert_eq!(derive(&key, &from).expose_secret().len(), 32);
        assert_ne!(
            derive(&key, &from).expose_secret(),
            derive(&key, &"secres".into()).expose_secret()
        );
    }
}
