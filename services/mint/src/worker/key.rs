//! A key pair for a client that proves itself by one (`private_key_jwt`, RFC 7523): its private half goes into `client.json` and is kept
//! nowhere else, its public half to the OAuth provider.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use secrecy::SecretString;
use serde_json::{Value, json};

/// A new P-256 key pair.
pub(super) struct ClientKey {
    /// Its name.
    pub(super) id: String,
    /// PEM, PKCS #8.
    pub(super) private: SecretString,
    /// A JSON Web Key (RFC 7517).
    pub(super) public: Value,
}

impl ClientKey {
    /// Makes one; nothing when the system has no randomness.
    pub(super) fn generate() -> Option<Self> {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).ok()?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).ok()?;
        // An uncompressed point: 4, x, y.
        let (x, y) = pair.public_key().as_ref().get(1..)?.split_at_checked(32)?;
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        let id = uuid::Uuid::new_v4().to_string();
        let public = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": id, "use": "sig", "alg": "ES256"});
        Some(Self {
            private: pem(document.as_ref()).into(),
            id,
            public,
        })
    }
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = (0..text.len())
        .step_by(64)
        .map(|start| &text[start..text.len().min(start + 64)])
        .collect();
    format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        lines.join("\n")
    )
}
