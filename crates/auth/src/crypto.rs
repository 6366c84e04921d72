//! Signing and verifying JSON Web Tokens with ring, as `jsonwebtoken` asks for it.
//!
//! ES256 and ES384, RS256 to RS512, PS256 to PS512 and EdDSA (Ed25519). HMAC is not there: no service of the platform shares
//! a secret with another, and a public key can never be taken for an HMAC secret.

use std::sync::Once;

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::jwk::{EllipticCurve, Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::signature::{Error as SignatureError, Signer, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED, ECDSA_P384_SHA384_FIXED_SIGNING,
    ED25519, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaEncoding, RsaKeyPair, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey,
    VerificationAlgorithm,
};

static RING: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: verifier,
    key_utils: KeyUtils {
        rsa_pub_components_from_private_key: rsa_components,
        rsa_pub_components_from_public_key: |_| Err(ErrorKind::InvalidKeyFormat.into()),
        ec_pub_components_from_private_key: ec_components,
        ed_pub_components_from_private_key: ed_components,
        compute_digest: digest,
    },
};

/// Makes ring what `jsonwebtoken` signs and verifies with, in this process. Call it before either; more than once is fine.
pub fn install() {
    static INSTALLED: Once = Once::new();
    // Fails only when another part of the process installed one, which nothing in this workspace does.
    INSTALLED.call_once(|| {
        let _ = RING.install_default();
    });
}

/// A new private key (PKCS#8, DER) for ES256, ES384 or EdDSA.
pub fn generate(algorithm: Algorithm) -> Result<Vec<u8>> {
    let random = SystemRandom::new();
    let pkcs8 = match algorithm {
        Algorithm::ES256 | Algorithm::ES384 => EcdsaKeyPair::generate_pkcs8(ecdsa_signing(algorithm)?, &random),
        Algorithm::EdDSA => Ed25519KeyPair::generate_pkcs8(&random),
        _ => return Err(ErrorKind::InvalidAlgorithm.into()),
    };
    Ok(pkcs8
        .map_err(|_| ErrorKind::Signing("no randomness".to_owned()))?
        .as_ref()
        .to_vec())
}

/// The private key as `jsonwebtoken` signs with it, once it has been shown to be one of the algorithm.
pub fn signing_key(algorithm: Algorithm, der: &[u8]) -> Result<EncodingKey> {
    let key = match algorithm.family() {
        AlgorithmFamily::Ec => EncodingKey::from_ec_der(der),
        AlgorithmFamily::Ed => EncodingKey::from_ed_der(der),
        AlgorithmFamily::Rsa => EncodingKey::from_rsa_der(der),
        AlgorithmFamily::Hmac => return Err(ErrorKind::InvalidAlgorithm.into()),
    };
    signer(&algorithm, &key)?;
    Ok(key)
}

/// The public half of a private key, as key sets publish it: numbers in full width, without padding (RFC 7518).
pub fn public_jwk(algorithm: Algorithm, key: &EncodingKey, kid: &str) -> Result<Jwk> {
    install();
    same_family(algorithm, key.family())?;
    let mut jwk = if algorithm == Algorithm::EdDSA {
        // `Jwk::from_encoding_key` takes only PKCS#8 without the public key.
        let pair = ed25519_pair(key.as_bytes())?;
        let public = DecodingKey::from_ed_der(pair.public_key().as_ref());
        Jwk::from_decoding_key(&public, Some(algorithm))?
    } else {
        Jwk::from_encoding_key(key, algorithm)?
    };
    jwk.common.key_id = Some(kid.to_owned());
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    Ok(jwk)
}

/// A private key, parsed once, that signs.
enum RingSigner {
    Ecdsa(EcdsaKeyPair, Algorithm),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding, Algorithm),
    Ed25519(Ed25519KeyPair),
}

impl Signer<Vec<u8>> for RingSigner {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, SignatureError> {
        let random = SystemRandom::new();
        match self {
            Self::Ecdsa(pair, _) => pair
                .sign(&random, message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(unspecified),
            Self::Rsa(pair, encoding, _) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(*encoding, &random, message, &mut signature)
                    .map_err(unspecified)?;
                Ok(signature)
            }
            Self::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }
}

impl JwtSigner for RingSigner {
    fn algorithm(&self) -> Algorithm {
        match self {
            Self::Ecdsa(_, algorithm) | Self::Rsa(_, _, algorithm) => *algorithm,
            Self::Ed25519(_) => Algorithm::EdDSA,
        }
    }
}

/// A public key with the algorithm that its signatures are checked by.
enum RingVerifier {
    Raw(UnparsedPublicKey<Vec<u8>>, Algorithm),
    Rsa(RsaPublicKeyComponents<Vec<u8>>, &'static RsaParameters, Algorithm),
}

impl Verifier<Vec<u8>> for RingVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), SignatureError> {
        match self {
            Self::Raw(key, _) => key.verify(message, signature),
            Self::Rsa(components, parameters, _) => components.verify(parameters, message, signature),
        }
        .map_err(unspecified)
    }
}

impl JwtVerifier for RingVerifier {
    fn algorithm(&self) -> Algorithm {
        match self {
            Self::Raw(_, algorithm) | Self::Rsa(_, _, algorithm) => *algorithm,
        }
    }
}

// The signatures of these three are jsonwebtoken's.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    same_family(*algorithm, key.family())?;
    let private = key.as_bytes();
    Ok(Box::new(match algorithm {
        Algorithm::ES256 | Algorithm::ES384 => RingSigner::Ecdsa(ecdsa_pair(*algorithm, private)?, *algorithm),
        Algorithm::EdDSA => RingSigner::Ed25519(ed25519_pair(private)?),
        _ => RingSigner::Rsa(rsa_pair(private)?, rsa_encoding(*algorithm)?, *algorithm),
    }))
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    same_family(*algorithm, key.family())?;
    let raw = |scheme: &'static dyn VerificationAlgorithm| -> Result<RingVerifier> {
        Ok(RingVerifier::Raw(
            UnparsedPublicKey::new(scheme, key.try_get_as_bytes()?.to_vec()),
            *algorithm,
        ))
    };
    Ok(Box::new(match algorithm {
        Algorithm::ES256 => raw(&ECDSA_P256_SHA256_FIXED)?,
        Algorithm::ES384 => raw(&ECDSA_P384_SHA384_FIXED)?,
        Algorithm::EdDSA => raw(&ED25519)?,
        _ => match key.kind() {
            DecodingKeyKind::SecretOrDer(_) => raw(rsa_parameters(*algorithm)?)?,
            DecodingKeyKind::RsaModulusExponent { n, e } => RingVerifier::Rsa(
                RsaPublicKeyComponents {
                    n: without_zeros(n),
                    e: without_zeros(e),
                },
                rsa_parameters(*algorithm)?,
                *algorithm,
            ),
        },
    }))
}

/// Refuses an algorithm that is not of the key's kind: the signature of one must never be checked with the other.
fn same_family(algorithm: Algorithm, key: AlgorithmFamily) -> Result<()> {
    if algorithm.family() == key && key != AlgorithmFamily::Hmac {
        Ok(())
    } else {
        Err(ErrorKind::InvalidKeyFormat.into())
    }
}

fn ecdsa_signing(algorithm: Algorithm) -> Result<&'static EcdsaSigningAlgorithm> {
    match algorithm {
        Algorithm::ES256 => Ok(&ECDSA_P256_SHA256_FIXED_SIGNING),
        Algorithm::ES384 => Ok(&ECDSA_P384_SHA384_FIXED_SIGNING),
        _ => Err(ErrorKind::InvalidAlgorithm.into()),
    }
}

fn rsa_encoding(algorithm: Algorithm) -> Result<&'static dyn RsaEncoding> {
    match algorithm {
        Algorithm::RS256 => Ok(&RSA_PKCS1_SHA256),
        Algorithm::RS384 => Ok(&RSA_PKCS1_SHA384),
        Algorithm::RS512 => Ok(&RSA_PKCS1_SHA512),
        Algorithm::PS256 => Ok(&RSA_PSS_SHA256),
        Algorithm::PS384 => Ok(&RSA_PSS_SHA384),
        Algorithm::PS512 => Ok(&RSA_PSS_SHA512),
        _ => Err(ErrorKind::InvalidAlgorithm.into()),
    }
}

fn rsa_parameters(algorithm: Algorithm) -> Result<&'static RsaParameters> {
    match algorithm {
        Algorithm::RS256 => Ok(&RSA_PKCS1_2048_8192_SHA256),
        Algorithm::RS384 => Ok(&RSA_PKCS1_2048_8192_SHA384),
        Algorithm::RS512 => Ok(&RSA_PKCS1_2048_8192_SHA512),
        Algorithm::PS256 => Ok(&RSA_PSS_2048_8192_SHA256),
        Algorithm::PS384 => Ok(&RSA_PSS_2048_8192_SHA384),
        Algorithm::PS512 => Ok(&RSA_PSS_2048_8192_SHA512),
        _ => Err(ErrorKind::InvalidAlgorithm.into()),
    }
}

fn ecdsa_pair(algorithm: Algorithm, pkcs8: &[u8]) -> Result<EcdsaKeyPair> {
    EcdsaKeyPair::from_pkcs8(ecdsa_signing(algorithm)?, pkcs8, &SystemRandom::new())
        .map_err(|_| ErrorKind::InvalidEcdsaKey.into())
}

fn rsa_pair(der: &[u8]) -> Result<RsaKeyPair> {
    RsaKeyPair::from_der(der)
        .or_else(|_| RsaKeyPair::from_pkcs8(der))
        .map_err(|rejected| ErrorKind::InvalidRsaKey(rejected.to_string()).into())
}

fn ed25519_pair(pkcs8: &[u8]) -> Result<Ed25519KeyPair> {
    // Many programs write PKCS#8 version 1, without the public key.
    Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).map_err(|_| ErrorKind::InvalidEddsaKey.into())
}

fn rsa_components(private: &[u8]) -> Result<(Vec<u8>, Vec<u8>)> {
    let components: RsaPublicKeyComponents<Vec<u8>> = rsa_pair(private)?.public().into();
    Ok((components.n, components.e))
}

fn ec_components(private: &[u8], algorithm: Algorithm) -> Result<(EllipticCurve, Vec<u8>, Vec<u8>)> {
    let curve = if algorithm == Algorithm::ES384 {
        EllipticCurve::P384
    } else {
        EllipticCurve::P256
    };
    let pair = ecdsa_pair(algorithm, private)?;
    // ring gives the uncompressed point: 4, then both coordinates in full width.
    let point = &pair.public_key().as_ref()[1..];
    let (x, y) = point.split_at(point.len() / 2);
    Ok((curve, x.to_vec(), y.to_vec()))
}

fn ed_components(private: &[u8], curve: &EllipticCurve) -> Result<Vec<u8>> {
    match curve {
        EllipticCurve::Ed25519 => Ok(ed25519_pair(private)?.public_key().as_ref().to_vec()),
        _ => Err(ErrorKind::InvalidAlgorithm.into()),
    }
}

#[allow(clippy::needless_pass_by_value)]
fn digest(data: &[u8], hash: ThumbprintHash) -> Result<Vec<u8>> {
    let algorithm = match hash {
        ThumbprintHash::SHA256 => &ring::digest::SHA256,
        ThumbprintHash::SHA384 => &ring::digest::SHA384,
        ThumbprintHash::SHA512 => &ring::digest::SHA512,
        _ => return Err(ErrorKind::InvalidAlgorithm.into()),
    };
    Ok(ring::digest::digest(algorithm, data).as_ref().to_vec())
}

/// ring refuses numbers with leading zeros, which some key sets have.
fn without_zeros(number: &[u8]) -> Vec<u8> {
    number.iter().copied().skip_while(|byte| *byte == 0).collect()
}

fn unspecified<E>(_: E) -> SignatureError {
    SignatureError::new()
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{Header, Validation, decode, encode};
    use serde_json::{Value, json};

    use super::*;

    fn rsa() -> EncodingKey {
        EncodingKey::from_rsa_pem(include_bytes!("testdata/rsa.pem")).unwrap()
    }

    fn keys() -> Vec<(Algorithm, EncodingKey)> {
        let generated = [Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA].map(|algorithm| {
            (
                algorithm,
                signing_key(algorithm, &generate(algorithm).unwrap()).unwrap(),
            )
        });
        let rsa = [
            Algorithm::RS256,
            Algorithm::RS384,
            Algorithm::RS512,
            Algorithm::PS256,
            Algorithm::PS384,
            Algorithm::PS512,
        ]
        .map(|algorithm| (algorithm, rsa()));
        generated.into_iter().chain(rsa).collect()
    }

    fn public(algorithm: Algorithm, key: &EncodingKey) -> DecodingKey {
        DecodingKey::from_jwk(&public_jwk(algorithm, key, "k1").unwrap()).unwrap()
    }

    fn validation(algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation
    }

    #[test]
    fn what_is_signed_with_a_key_is_verified_with_its_public_half() {
        install();
        for (algorithm, key) in keys() {
            let token = encode(&Header::new(algorithm), &json!({"sub": "kio"}), &key).unwrap();
            let data = decode::<Value>(&token, &public(algorithm, &key), &validation(algorithm)).unwrap();
            assert_eq!(data.claims["sub"], "kio", "{algorithm:?}");
        }
    }

    #[test]
    fn a_changed_token_and_the_wrong_key_are_refused() {
        install();
        let others = keys();
        for ((algorithm, key), (_, other)) in keys().into_iter().zip(others) {
            let token = encode(&Header::new(algorithm), &json!({"sub": "kio"}), &key).unwrap();
            let public_key = public(algorithm, &key);
            let (head, signature) = token.rsplit_once('.').unwrap();
            let (header, _) = head.split_once('.').unwrap();
            let forged = format!("{header}.eyJzdWIiOiJtaW50In0.{signature}");
            assert!(
                decode::<Value>(&forged, &public_key, &validation(algorithm)).is_err(),
                "{algorithm:?}"
            );
            if algorithm.family() != AlgorithmFamily::Rsa {
                assert!(
                    decode::<Value>(&token, &public(algorithm, &other), &validation(algorithm)).is_err(),
                    "{algorithm:?}"
                );
            }
        }
    }

    #[test]
    fn there_is_no_hmac() {
        install();
        let secret = EncodingKey::from_secret(b"secret");
        assert!(encode(&Header::new(Algorithm::HS256), &json!({}), &secret).is_err());
        let token = "eyJhbGciOiJIUzI1NiJ9.e30.ZRrHA1JJJW8opsbCGfG_HACGpVUMN_a9IV7pAx_Zmeo";
        assert!(
            decode::<Value>(
                token,
                &DecodingKey::from_secret(b"secret"),
                &validation(Algorithm::HS256)
            )
            .is_err()
        );
    }

    #[test]
    fn a_key_that_is_not_of_the_algorithm_is_refused() {
        let p256 = generate(Algorithm::ES256).unwrap();
        for algorithm in [Algorithm::ES384, Algorithm::EdDSA, Algorithm::RS256, Algorithm::HS256] {
            assert!(signing_key(algorithm, &p256).is_err(), "{algorithm:?}");
        }
        assert!(signing_key(Algorithm::ES256, b"nonsense").is_err());
    }

    #[test]
    fn published_coordinates_have_full_width() {
        for _ in 0..64 {
            let key = signing_key(Algorithm::ES256, &generate(Algorithm::ES256).unwrap()).unwrap();
            let jwk = serde_json::to_value(public_jwk(Algorithm::ES256, &key, "k1").unwrap()).unwrap();
            assert_eq!(
                (jwk["kty"].as_str(), jwk["crv"].as_str(), jwk["kid"].as_str()),
                (Some("EC"), Some("P-256"), Some("k1"))
            );
            assert_eq!((jwk["alg"].as_str(), jwk["use"].as_str()), (Some("ES256"), Some("sig")));
            for coordinate in ["x", "y"] {
                assert_eq!(jwk[coordinate].as_str().unwrap().len(), 43);
            }
        }
    }

    /// The example of RFC 7515, appendix A.3.
    #[test]
    fn the_standards_es256_example_is_verified() {
        install();
        let public = DecodingKey::from_ec_components(
            "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        )
        .unwrap();
        let message = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let signature = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
        assert!(jsonwebtoken::crypto::verify(signature, message.as_bytes(), &public, Algorithm::ES256).unwrap());
    }
}
