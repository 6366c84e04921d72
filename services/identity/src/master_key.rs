//! The one key that protects all others: it seals private signing keys, keys the hashes of machine secrets, and derives what
//! must be the same on every instance without being stored.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::{ExposeSecret, SecretBox, SecretString};

const LENGTH: usize = 32;

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// The configured key is not 32 bytes in base64.
    #[error("{0} is not a master key: 32 bytes in base64 are expected (openssl rand -base64 32)")]
    Malformed(String),
    /// The key file is readable by others.
    #[error("{0} may be read by others than its owner: chmod 600 it, and consider its keys known")]
    Exposed(PathBuf),
    /// The key file cannot be read or made.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

/// The text was not sealed with this key, or somebody changed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sealed with another master key, or damaged")]
pub struct Unsealable;

/// 32 random bytes, from the configuration or from a file that only its owner reads.
pub struct MasterKey(SecretBox<[u8; LENGTH]>);

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey")
    }
}

impl MasterKey {
    /// The key of the configuration: 32 bytes in base64.
    pub fn configured(text: &SecretString) -> Result<Self, MasterKeyError> {
        parse(text.expose_secret()).ok_or_else(|| MasterKeyError::Malformed("master_key".to_owned()))
    }

    /// The key in `path`, made (0600) when the file is not there. Two processes that start together get the same one.
    pub fn in_file(path: &Path) -> Result<Self, MasterKeyError> {
        let failed = |source| MasterKeyError::File {
            path: path.to_owned(),
            source,
        };
        if !path.try_exists().map_err(failed)? {
            create(path).map_err(failed)?;
        }
        if fs::metadata(path).map_err(failed)?.permissions().mode() & 0o077 != 0 {
            return Err(MasterKeyError::Exposed(path.to_owned()));
        }
        let text = SecretString::from(fs::read_to_string(path).map_err(failed)?);
        parse(text.expose_secret()).ok_or_else(|| MasterKeyError::Malformed(path.display().to_string()))
    }

    /// A key for one purpose: nothing learnt about it tells anything about the others.
    pub fn derive(&self, purpose: &str) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &self.derive_bytes(purpose))
    }

    /// Encrypts and authenticates (AES-256-GCM). `context` must be given again to open it: a sealed value cannot be moved
    /// from one row to another.
    pub fn seal(&self, context: &str, plain: &[u8]) -> String {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).expect("the system has randomness");
        let mut sealed = plain.to_vec();
        self.sealing_key()
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(context), &mut sealed)
            .expect("far below the limit of AES-GCM");
        STANDARD.encode([&nonce[..], &sealed].concat())
    }

    /// Gives back what [`MasterKey::seal`] took.
    pub fn open(&self, context: &str, sealed: &str) -> Result<SecretBox<[u8]>, Unsealable> {
        let bytes = STANDARD.decode(sealed).map_err(|_| Unsealable)?;
        let (nonce, rest) = bytes.split_at_checked(NONCE_LEN).ok_or(Unsealable)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Unsealable)?;
        let mut rest = rest.to_vec();
        let plain = self
            .sealing_key()
            .open_in_place(nonce, Aad::from(context), &mut rest)
            .map_err(|_| Unsealable)?;
        Ok(SecretBox::from(plain.to_vec().into_boxed_slice()))
    }

    fn sealing_key(&self) -> LessSafeKey {
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &self.derive_bytes("seal")).expect("32 bytes"))
    }

    fn derive_bytes(&self, purpose: &str) -> [u8; LENGTH] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.expose_secret());
        hmac::sign(&key, purpose.as_bytes())
            .as_ref()
            .try_into()
            .expect("SHA-256 has 32 bytes")
    }
}

fn parse(text: &str) -> Option<MasterKey> {
    let bytes: [u8; LENGTH] = STANDARD.decode(text.trim()).ok()?.try_into().ok()?;
    Some(MasterKey(SecretBox::new(Box::new(bytes))))
}

/// Writes the whole key to a file beside, then gives it the name: nobody ever sees half a key, and who comes second keeps the
/// first one's.
fn create(path: &Path) -> io::Result<()> {
    let mut key = [0; LENGTH];
    SystemRandom::new()
        .fill(&mut key)
        .map_err(|_| io::Error::other("the system has no randomness"))?;
    let unfinished = path.with_extension(format!("{}.tmp", uuid::Uuid::new_v4()));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unfinished)?;
    fs::set_permissions(&unfinished, Permissions::from_mode(0o600))?;
    file.write_all(STANDARD.encode(key).as_bytes())?;
    file.sync_all()?;
    let named = fs::hard_link(&unfinished, path);
    fs::remove_file(&unfinished)?;
    match named {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> MasterKey {
        MasterKey(SecretBox::new(Box::new([7; LENGTH])))
    }

    #[test]
    fn what_is_sealed_opens_in_its_own_place_only() {
        let sealed = key().seal("signing_keys/a", b"private");
        assert_eq!(
            key().open("signing_keys/a", &sealed).unwrap().expose_secret(),
            b"private"
        );
        assert_eq!(key().open("signing_keys/b", &sealed).unwrap_err(), Unsealable);
        let other = MasterKey(SecretBox::new(Box::new([8; LENGTH])));
        assert_eq!(other.open("signing_keys/a", &sealed).unwrap_err(), Unsealable);
        assert_eq!(key().open("signing_keys/a", "AAAA").unwrap_err(), Unsealable);
        assert_ne!(sealed, key().seal("signing_keys/a", b"private"));
    }

    #[test]
    fn each_purpose_has_its_own_key() {
        let tag = |purpose| hmac::sign(&key().derive(purpose), b"x").as_ref().to_vec();
        assert_ne!(tag("csrf"), tag("refresh"));
        assert_eq!(tag("csrf"), tag("csrf"));
    }

    #[test]
    fn the_file_is_made_once_and_only_its_owner_reads_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("master.key");
        let first = MasterKey::in_file(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let second = MasterKey::in_file(&path).unwrap();
        assert_eq!(first.derive_bytes("x"), second.derive_bytes("x"));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(MasterKey::in_file(&path), Err(MasterKeyError::Exposed(_))));
    }

    #[test]
    fn a_short_key_is_refused() {
        assert!(MasterKey::configured(&SecretString::from("c2hvcnQ=")).is_err());
    }
}
