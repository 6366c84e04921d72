//! Random values of the operating system.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};

/// 256 random bits as 43 characters of base64url: a `state`, a `nonce`, a PKCE verifier.
///
/// Panics when the operating system has no random numbers, as nothing can be done safely then.
pub(crate) fn secret() -> String {
    URL_SAFE_NO_PAD.encode(bytes::<32>())
}

/// A number from 0 to 1, for jitter.
pub(crate) fn fraction() -> f64 {
    f64::from(u32::from_be_bytes(bytes())) / f64::from(u32::MAX)
}

fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    assert!(
        SystemRandom::new().fill(&mut bytes).is_ok(),
        "the operating system has no random numbers"
    );
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_a_valid_verifier_and_never_the_same() {
        let secrets: std::collections::HashSet<String> = (0..100).map(|_| secret()).collect();
        assert_eq!(secrets.len(), 100);
        // RFC 7636 4.1: 43 to 128 characters of the unreserved ones.
        assert!(secrets.iter().all(|secret| secret.len() == 43));
        let unreserved = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        assert!(secrets.iter().all(|secret| secret.chars().all(unreserved)));
    }

    #[test]
    fn a_fraction_is_from_0_to_1() {
        assert!((0..1000).all(|_| (0.0..=1.0).contains(&fraction())));
    }
}
