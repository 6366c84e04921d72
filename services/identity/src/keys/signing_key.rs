use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use secrecy::{ExposeSecret, SecretBox};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::PublicKey;
use crate::config::Algorithm;

/// The bytes are no private key of that algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a private key of this algorithm in PKCS #8")]
pub struct UnusableKey;

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Rsa(Box<RsaKeyPair>),
    Ed25519(Ed25519KeyPair),
}

/// A private key that tokens are signed with, and its public half.
pub struct SigningKey {
    /// Its name in token headers: the beginning of its RFC 7638 thumbprint.
    pub kid: String,
    /// What it signs with.
    pub algorithm: Algorithm,
    /// When it begins to sign: milliseconds since 1970 UTC.
    pub active_from: i64,
    pair: Pair,
    jwk: Value,
    public: PublicKey,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({} {:?})", self.kid, self.algorithm)
    }
}

/// A new private key in PKCS #8. RSA keys come from a file: nothing is generated for them.
pub fn generate(algorithm: Algorithm) -> Option<SecretBox<[u8]>> {
    let random = SystemRandom::new();
    let document = match algorithm {
        Algorithm::Es256 => EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random),
        Algorithm::EdDsa => Ed25519KeyPair::generate_pkcs8(&random),
        Algorithm::Rs256 => return None,
    };
    let document = document.expect("the system has randomness");
    Some(SecretBox::from(document.as_ref().to_vec().into_boxed_slice()))
}

/// The private key of a PEM file (`-----BEGIN PRIVATE KEY-----`).
pub fn from_pem(text: &str) -> Result<SecretBox<[u8]>, UnusableKey> {
    let body = text
        .split_once("-----BEGIN PRIVATE KEY-----")
        .and_then(|(_, rest)| rest.split_once("-----END PRIVATE KEY-----"))
        .ok_or(UnusableKey)?;
    let base64: String = body.0.split_whitespace().collect();
    Ok(SecretBox::from(
        STANDARD.decode(base64).map_err(|_| UnusableKey)?.into_boxed_slice(),
    ))
}

impl SigningKey {
    /// Reads a private key.
    pub fn from_pkcs8(algorithm: Algorithm, pkcs8: &SecretBox<[u8]>, active_from: i64) -> Result<Self, UnusableKey> {
        let bytes = pkcs8.expose_secret();
        let pair = match algorithm {
            Algorithm::Es256 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, bytes, &SystemRandom::new()).map(Pair::Ecdsa)
            }
            Algorithm::Rs256 => RsaKeyPair::from_pkcs8(bytes).map(Box::new).map(Pair::Rsa),
            Algorithm::EdDsa => Ed25519KeyPair::from_pkcs8_maybe_unchecked(bytes).map(Pair::Ed25519),
        }
        .map_err(|_| UnusableKey)?;
        let mut jwk = jwk_of(&pair);
        let thumbprint = Sha256::digest(jwk.to_string().as_bytes());
        let kid = URL_SAFE_NO_PAD.encode(&thumbprint[..9]);
        let public = PublicKey::from_jwk(&jwk).ok_or(UnusableKey)?;
        jwk["use"] = json!("sig");
        jwk["kid"] = json!(kid);
        jwk["alg"] = json!(public.algorithm());
        Ok(Self {
            kid,
            algorithm,
            active_from,
            pair,
            jwk,
            public,
        })
    }

    /// The public half as a JSON Web Key, with `use`, `kid` and `alg`.
    pub fn public_jwk(&self) -> &Value {
        &self.jwk
    }

    /// The public half in the form that verifies.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// A compact JWS over the claims. The header is `kid`, `alg` and, when there is one, `typ`.
    pub fn sign(&self, typ: Option<&str>, claims: &impl Serialize) -> String {
        let mut header = json!({ "kid": self.kid, "alg": self.public.algorithm() });
        if let Some(typ) = typ {
            header["typ"] = json!(typ);
        }
        let claims = serde_json::to_string(claims).expect("claims are JSON");
        let message = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(claims)
        );
        let signature = self.signature(message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn signature(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Ecdsa(pair) => pair
                .sign(&random, message)
                .expect("the system has randomness")
                .as_ref()
                .to_vec(),
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .expect("the length is the modulus'");
                signature
            }
        }
    }
}

/// The required members only, in the lexicographic order of RFC 7638, numbers at full width.
fn jwk_of(pair: &Pair) -> Value {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    match pair {
        Pair::Ecdsa(pair) => {
            let point = &pair.public_key().as_ref()[1..];
            json!({ "crv": "P-256", "kty": "EC", "x": encode(&point[..32]), "y": encode(&point[32..]) })
        }
        Pair::Rsa(pair) => {
            let numbers = PublicKeyComponents::<Vec<u8>>::from(pair.public());
            json!({ "e": encode(&numbers.e), "kty": "RSA", "n": encode(&numbers.n) })
        }
        Pair::Ed25519(pair) => {
            json!({ "crv": "Ed25519", "kty": "OKP", "x": encode(pair.public_key().as_ref()) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Jws;
    use super::*;

    fn key(algorithm: Algorithm) -> SigningKey {
        SigningKey::from_pkcs8(algorithm, &generate(algorithm).unwrap(), 0).unwrap()
    }

    #[test]
    fn what_a_key_signs_it_verifies_and_no_other_does() {
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
            let (mine, other) = (key(algorithm), key(algorithm));
            let token = mine.sign(None, &json!({ "sub": "jdoe" }));
            let jws = Jws::parse(&token).unwrap();
            assert!(jws.is_signed_by(mine.public()));
            assert!(!jws.is_signed_by(other.public()));
            assert_eq!(jws.claims["sub"], "jdoe");
            assert_eq!(jws.header.kid.as_deref(), Some(mine.kid.as_str()));
        }
    }

    #[test]
    fn the_header_cannot_choose_the_algorithm() {
        let key = key(Algorithm::Es256);
        let token = key.sign(None, &json!({ "sub": "jdoe" }));
        let parts: Vec<&str> = token.split('.').collect();
        for alg in ["none", "HS256", "ES384", "RS256", "es256"] {
            let header = URL_SAFE_NO_PAD.encode(json!({ "kid": key.kid, "alg": alg }).to_string());
            for signature in [parts[2], ""] {
                let forged = format!("{header}.{}.{signature}", parts[1]);
                assert!(
                    !Jws::parse(&forged).is_ok_and(|jws| jws.is_signed_by(key.public())),
                    "{alg}"
                );
            }
        }
    }

    #[test]
    fn coordinates_have_full_width_always() {
        for _ in 0..300 {
            let key = key(Algorithm::Es256);
            for name in ["x", "y"] {
                assert_eq!(key.public_jwk()[name].as_str().unwrap().len(), 43);
            }
        }
    }

    #[test]
    fn an_rsa_key_comes_from_a_pem_file() {
        let pem = include_str!("../../tests/data/rsa2048.pem");
        let key = SigningKey::from_pkcs8(Algorithm::Rs256, &from_pem(pem).unwrap(), 0).unwrap();
        let token = key.sign(Some("at+jwt"), &json!({}));
        let jws = Jws::parse(&token).unwrap();
        assert!(jws.is_signed_by(key.public()));
        assert_eq!(
            (jws.header.alg.as_str(), jws.header.typ.as_deref()),
            ("RS256", Some("at+jwt"))
        );
        assert!(from_pem("-----BEGIN RSA PRIVATE KEY-----").is_err());
    }
}
