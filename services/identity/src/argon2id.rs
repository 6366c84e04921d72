//! argon2id (RFC 9106) in memory that is kept: 19 MiB for every login, asked of the system and given back, would leave the process
//! large and its logins waiting for pages.

use std::sync::{Mutex, PoisonError};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version, password_hash};
use secrecy::{ExposeSecret, SecretString};

use crate::secret::random_bytes;

/// Bytes of salt in a new hash.
const SALT_BYTES: usize = 16;

/// Hashes with these costs, and verifies hashes of any.
pub struct Argon2id {
    params: Params,
    /// What no hash is computed in at the moment: as many pieces as were ever computed at the same time.
    memory: Mutex<Vec<Vec<Block>>>,
}

impl Argon2id {
    /// With the costs of new hashes.
    pub fn new(params: Params) -> Self {
        Self {
            params,
            memory: Mutex::default(),
        }
    }

    /// The costs of new hashes.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// The hash of a password with a random salt, in PHC form. Errors: the password is longer than 4 GiB.
    pub fn hash(&self, password: &SecretString) -> Result<String, password_hash::Error> {
        let salt = random_bytes::<SALT_BYTES>();
        let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
        self.compute(Version::default(), &self.params, password, &salt, &mut output)?;
        let hash = PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::default().into()),
            params: ParamsString::try_from(&self.params)?,
            salt: Some(Salt::new(&salt)?),
            hash: Some(Output::new(&output)?),
        };
        Ok(hash.to_string())
    }

    /// Whether the hash is one of argon2id and the password's. Costs what the hash says.
    pub fn verify(&self, password: &SecretString, hash: &str) -> bool {
        self.try_verify(password, hash).unwrap_or(false)
    }

    fn try_verify(&self, password: &SecretString, hash: &str) -> Option<bool> {
        let stored = PasswordHash::new(hash).ok()?;
        if stored.algorithm != Algorithm::Argon2id.ident() {
            return None;
        }
        let version = stored.version.map_or(Ok(Version::default()), Version::try_from).ok()?;
        let params = Params::try_from(&stored).ok()?;
        let (salt, expected) = (stored.salt?, stored.hash?);
        let mut buffer = [0; Output::MAX_LENGTH];
        let output = buffer.get_mut(..expected.len())?;
        self.compute(version, &params, password, &salt, output).ok()?;
        // Compared in constant time.
        Some(Output::new(output).ok()? == expected)
    }

    fn compute(
        &self,
        version: Version,
        params: &Params,
        password: &SecretString,
        salt: &[u8],
        output: &mut [u8],
    ) -> Result<(), argon2::Error> {
        let blocks = params.block_count();
        let is_usual = blocks == self.params.block_count();
        let kept = if is_usual { self.pieces().pop() } else { None };
        let mut memory = kept.unwrap_or_else(|| vec![Block::default(); blocks]);
        let argon2 = Argon2::new(Algorithm::Argon2id, version, params.clone());
        let password = password.expose_secret().as_bytes();
        let computed = argon2.hash_password_into_with_memory(password, salt, output, &mut memory);
        if is_usual {
            self.pieces().push(memory);
        }
        computed
    }

    fn pieces(&self) -> std::sync::MutexGuard<'_, Vec<Vec<Block>>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};

    use super::*;

    fn argon2id() -> Argon2id {
        Argon2id::new(Params::new(64, 2, 1, None).unwrap())
    }

    fn secret(text: &str) -> SecretString {
        SecretString::from(text.to_owned())
    }

    #[test]
    fn hashes_are_those_of_the_library_and_the_other_way_round() {
        let ours = argon2id();
        let hash = ours.hash(&secret("horse")).unwrap();
        assert!(Argon2::default().verify_password(b"horse", hash.as_str()).is_ok());
        assert!(Argon2::default().verify_password(b"mule", hash.as_str()).is_err());
        for (version, memory, passes, lanes, length) in [
            (Version::V0x13, 64, 2, 1, None),
            (Version::V0x10, 128, 1, 2, Some(16)),
            (Version::V0x13, 64, 3, 1, Some(64)),
        ] {
            let params = Params::new(memory, passes, lanes, length).unwrap();
            let theirs = Argon2::new(Algorithm::Argon2id, version, params);
            let hash = theirs.hash_password(b"horse").unwrap().to_string();
            assert!(ours.verify(&secret("horse"), &hash), "{hash}");
            assert!(!ours.verify(&secret("mule"), &hash), "{hash}");
        }
    }

    #[test]
    fn memory_is_used_again_and_what_is_in_it_changes_nothing() {
        let ours = argon2id();
        let hash = ours.hash(&secret("one")).unwrap();
        for _ in 0..3 {
            assert!(ours.verify(&secret("one"), &hash));
            assert!(!ours.verify(&secret("two"), &hash));
        }
        assert_eq!(ours.pieces().len(), 1);
    }

    #[test]
    fn anything_else_is_no_hash_of_the_password() {
        for hash in [
            "",
            "horse",
            "$argon2id$v=19$m=64,t=2,p=1",
            "$argon2i$v=19$m=64,t=2,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b3tUz6ROtXIbs6GDJEFGRGhWjs",
            "$argon2id$v=18$m=64,t=2,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b3tUz6ROtXIbs6GDJEFGRGhWjs",
        ] {
            assert!(!argon2id().verify(&secret("horse"), hash), "{hash}");
        }
    }
}
