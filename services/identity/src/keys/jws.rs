use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::PublicKey;

/// No compact JWS of ours is longer, and nobody needs to send one.
const LONGEST: usize = 16 * 1024;

/// The text is not a compact JWS (RFC 7515) with a JSON object in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a signed token")]
pub struct MalformedJws;

/// The protected header.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Header {
    /// Which algorithm the signature claims.
    pub alg: String,
    /// Which key the signature claims.
    pub kid: Option<String>,
    /// What kind of token: `at+jwt`.
    pub typ: Option<String>,
    /// Extensions that must be understood; we understand none.
    crit: Option<Value>,
}

/// A compact JWS taken apart. Nothing in it may be believed before [`Jws::is_signed_by`] has said yes.
#[derive(Debug)]
pub struct Jws<'a> {
    /// The protected header.
    pub header: Header,
    /// The claims.
    pub claims: Map<String, Value>,
    message: &'a str,
    signature: Vec<u8>,
}

impl<'a> Jws<'a> {
    /// Takes the text apart: three parts of unpadded base64url, a header and claims that are JSON objects.
    pub fn parse(text: &'a str) -> Result<Self, MalformedJws> {
        if text.len() > LONGEST {
            return Err(MalformedJws);
        }
        let (message, signature) = text.rsplit_once('.').ok_or(MalformedJws)?;
        let (header, claims) = message.split_once('.').ok_or(MalformedJws)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| MalformedJws);
        let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| MalformedJws)?;
        if header.crit.is_some() {
            return Err(MalformedJws);
        }
        let claims = serde_json::from_slice(&decode(claims)?).map_err(|_| MalformedJws)?;
        Ok(Self {
            header,
            claims,
            message,
            signature: decode(signature)?,
        })
    }

    /// Whether the signature is the key's, made with the key's own algorithm: the header has no say in it.
    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        self.header.alg == key.algorithm() && key.verifies(self.message.as_bytes(), &self.signature)
    }
}
