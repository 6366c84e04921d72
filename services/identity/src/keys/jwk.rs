use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use serde_json::Value;

/// A public key in the form that verifies: of our own keys, and of clients that sign their assertions (RFC 7523).
#[derive(Clone, Debug)]
pub enum PublicKey {
    /// ES256: an uncompressed point on P-256.
    P256(Vec<u8>),
    /// ES384: an uncompressed point on P-384.
    P384(Vec<u8>),
    /// RS256: modulus and exponent, 2048 bits at least.
    Rsa {
        /// The modulus, big-endian.
        n: Vec<u8>,
        /// The exponent, big-endian.
        e: Vec<u8>,
    },
    /// EdDSA.
    Ed25519(Vec<u8>),
}

impl PublicKey {
    /// Reads a JSON Web Key (RFC 7517); nothing when its type, curve or numbers are not usable here.
    pub fn from_jwk(jwk: &Value) -> Option<Self> {
        let number = |name: &str, length: Option<usize>| {
            let bytes = URL_SAFE_NO_PAD.decode(jwk.get(name)?.as_str()?).ok()?;
            length.is_none_or(|length| bytes.len() == length).then_some(bytes)
        };
        let point = |length| Some([vec![4], number("x", Some(length))?, number("y", Some(length))?].concat());
        match (jwk.get("kty")?.as_str()?, jwk.get("crv").and_then(Value::as_str)) {
            ("EC", Some("P-256")) => point(32).map(Self::P256),
            ("EC", Some("P-384")) => point(48).map(Self::P384),
            ("RSA", None) => Some(Self::Rsa {
                n: number("n", None)?,
                e: number("e", None)?,
            }),
            ("OKP", Some("Ed25519")) => number("x", Some(32)).map(Self::Ed25519),
            _ => None,
        }
    }

    /// The one `alg` that a signature by this key may name.
    pub fn algorithm(&self) -> &'static str {
        match self {
            Self::P256(_) => "ES256",
            Self::P384(_) => "ES384",
            Self::Rsa { .. } => "RS256",
            Self::Ed25519(_) => "EdDSA",
        }
    }

    /// Whether the signature over the message is this key's.
    pub fn verifies(&self, message: &[u8], signed: &[u8]) -> bool {
        match self {
            Self::P256(point) => {
                UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point).verify(message, signed)
            }
            Self::P384(point) => {
                UnparsedPublicKey::new(&signature::ECDSA_P384_SHA384_FIXED, point).verify(message, signed)
            }
            Self::Rsa { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(&signature::RSA_PKCS1_2048_8192_SHA256, message, signed)
            }
            Self::Ed25519(key) => UnparsedPublicKey::new(&signature::ED25519, key).verify(message, signed),
        }
        .is_ok()
    }
}
