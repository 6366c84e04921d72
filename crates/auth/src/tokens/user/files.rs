//! The files that all programs of a user share, the originals included (contract zign 2.6.1).

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use stups_terminal::{ConfigFile, write_private};
use stups_yaml::{Key, Map, Value};

use super::TokenError;
use super::entry::{StoredToken, now};

/// The section whose directory the files are in.
pub(crate) const SECTION: &str = "zalando-token-cli";

/// No file with tokens is longer, in bytes.
const LONGEST_FILE: u64 = 16 << 20;

/// How long others may keep the files: each exchange under the lock takes 20 seconds at most, and several may be waiting.
const LONGEST_WAIT: Duration = Duration::from_mins(2);

/// How long to wait between two attempts to lock.
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// Where a user's tokens are.
#[derive(Clone, Debug)]
pub struct TokenFiles {
    directory: PathBuf,
}

/// The files, while nobody else changes them: until this is dropped.
#[derive(Debug)]
pub struct TokenStore {
    files: TokenFiles,
    _lock: File,
}

/// Which login a refresh token belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LoginKey {
    /// the token endpoint's address: what the originals call the server by
    pub(crate) server: String,
    pub(crate) client_id: String,
}

/// A refresh token that only our programs know, for scopes that the shared one does not have.
#[derive(Clone, Debug)]
pub(crate) struct ScopedRefreshToken {
    pub(crate) scope: String,
    pub(crate) token: SecretString,
}

impl TokenFiles {
    /// The user's own: `~/.config/zalando-token-cli/` on Linux.
    pub fn of_user() -> Self {
        let file = ConfigFile::new(SECTION, SECTION);
        Self {
            directory: file.path().parent().map(Path::to_owned).unwrap_or_default(),
        }
    }

    /// Files in another directory.
    pub fn in_directory(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
        }
    }

    /// `tokens.yaml`
    pub fn tokens_path(&self) -> PathBuf {
        self.directory.join("tokens.yaml")
    }

    /// `refresh-token.yaml`: the refresh token that the originals share.
    pub fn refresh_token_path(&self) -> PathBuf {
        self.directory.join("refresh-token.yaml")
    }

    /// `refresh-tokens.yaml`: refresh tokens of logins with other scopes, which the originals do not know.
    fn scoped_path(&self) -> PathBuf {
        self.directory.join("refresh-tokens.yaml")
    }

    /// The stored tokens, by name. Writing replaces the file, so no lock is needed to read it.
    pub fn tokens(&self) -> Result<Vec<StoredToken>, TokenError> {
        let map = read(&self.tokens_path())?;
        let mut tokens: Vec<StoredToken> = map
            .iter()
            .filter_map(|(name, entry)| StoredToken::from_entry(&name.to_string(), entry))
            .collect();
        tokens.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(tokens)
    }

    /// The token with this name.
    pub fn token(&self, name: &str) -> Result<Option<StoredToken>, TokenError> {
        let map = read(&self.tokens_path())?;
        Ok(map.get(name).and_then(|entry| StoredToken::from_entry(name, entry)))
    }

    /// Waits until nobody else changes the files, and keeps others from it: the originals since 1.2 use the same lock.
    pub async fn lock(&self) -> Result<TokenStore, TokenError> {
        let path = self.directory.join("tokens.yaml.lock");
        let problem =
            |error: &dyn std::fmt::Display| TokenError::Files(format!("Could not lock {}: {error}", path.display()));
        if self.directory.as_os_str().is_empty() {
            return Err(problem(&"no home directory is known; set XDG_CONFIG_HOME"));
        }
        create_private_directory(&self.directory).map_err(|error| problem(&error))?;
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).map_err(|error| problem(&error))?;
        let locked = async {
            loop {
                match file.try_lock() {
                    Ok(()) => return Ok(()),
                    Err(TryLockError::Error(error)) => return Err(error),
                    Err(TryLockError::WouldBlock) => tokio::time::sleep(LOCK_PAUSE).await,
                }
            }
        };
        match tokio::time::timeout(LONGEST_WAIT, locked).await {
            Ok(Ok(())) => Ok(TokenStore {
                files: self.clone(),
                _lock: file,
            }),
            Ok(Err(error)) => Err(problem(&error)),
            Err(_) => Err(problem(&"another process has held it for two minutes")),
        }
    }
}

impl TokenStore {
    /// The token with this name, as it is now.
    pub fn token(&self, name: &str) -> Result<Option<StoredToken>, TokenError> {
        self.files.token(name)
    }

    /// Stores a token under its name. Tokens that ended more than a day ago are forgotten on the way.
    pub fn store(&self, token: &StoredToken) -> Result<(), TokenError> {
        let path = self.files.tokens_path();
        let mut map = read(&path)?;
        let now = now();
        map.retain(|name, entry| {
            StoredToken::from_entry(&name.to_string(), entry).is_none_or(|token| !token.is_forgotten(now))
        });
        map.insert(Key::from(token.name.as_str()), token.to_entry());
        write(&path, &map)
    }

    /// Stores what a Token Service answered, whole, with the time (contract zign 2.6.1).
    pub fn store_answer(&self, name: &str, answer: &serde_json::Value) -> Result<(), TokenError> {
        let path = self.files.tokens_path();
        let mut map = read(&path)?;
        let mut entry = Value::from(answer);
        if let Some(entry) = entry.as_map_mut() {
            entry.insert(Key::from("creation_time"), Value::Float(now()));
        }
        map.insert(Key::from(name), entry);
        write(&path, &map)
    }

    /// Removes the token with this name; whether there was one.
    pub fn remove(&self, name: &str) -> Result<bool, TokenError> {
        let path = self.files.tokens_path();
        let mut map = read(&path)?;
        let found = map.shift_remove(name).is_some();
        if found {
            write(&path, &map)?;
        }
        Ok(found)
    }

    /// Removes everything: tokens and refresh tokens.
    pub fn clear(&self) -> Result<(), TokenError> {
        for path in [
            self.files.refresh_token_path(),
            self.files.scoped_path(),
            self.files.tokens_path(),
        ] {
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(TokenError::Files(format!(
                        "Could not remove {}: {error}",
                        path.display()
                    )));
                }
                _ => (),
            }
        }
        Ok(())
    }

    /// The refresh token that all programs share.
    pub(crate) fn refresh_token(&self) -> Result<Option<SecretString>, TokenError> {
        let map = read(&self.files.refresh_token_path())?;
        Ok(map
            .get("refresh_token")
            .and_then(Value::as_str)
            .filter(|token| !token.is_empty())
            .map(SecretString::from))
    }

    /// Replaces the shared refresh token.
    pub(crate) fn store_refresh_token(&self, token: Option<&SecretString>) -> Result<(), TokenError> {
        let token = token.map(|token| (Key::from("refresh_token"), Value::from(token.expose_secret())));
        write(&self.files.refresh_token_path(), &token.into_iter().collect())
    }

    /// The refresh tokens of this login with scopes of their own.
    pub(crate) fn scoped_refresh_tokens(&self, key: &LoginKey) -> Result<Vec<ScopedRefreshToken>, TokenError> {
        let map = read(&self.files.scoped_path())?;
        Ok(map.values().filter_map(|entry| key.scoped(entry)).collect())
    }

    /// Every refresh token there is.
    pub fn refresh_tokens(&self) -> Result<Vec<SecretString>, TokenError> {
        let map = read(&self.files.scoped_path())?;
        let text = |entry: &Value| Some(SecretString::from(entry.as_map()?.get("refresh_token")?.as_str()?));
        let scoped = map.values().filter_map(text);
        Ok(self.refresh_token()?.into_iter().chain(scoped).collect())
    }

    /// Replaces the refresh token of this login with these scopes.
    pub(crate) fn store_scoped_refresh_token(
        &self,
        key: &LoginKey,
        scope: &str,
        token: Option<&SecretString>,
    ) -> Result<(), TokenError> {
        let path = self.files.scoped_path();
        let mut map = read(&path)?;
        let name = format!("{} {} {scope}", key.server, key.client_id);
        match token {
            Some(token) => {
                let entry = [
                    ("client_id", key.client_id.as_str()),
                    ("refresh_token", token.expose_secret()),
                    ("scope", scope),
                    ("token_url", &key.server),
                ];
                let entry: Map = entry
                    .into_iter()
                    .map(|(key, value)| (Key::from(key), Value::from(value)))
                    .collect();
                map.insert(Key::from(name), Value::Map(entry));
            }
            None => {
                map.shift_remove(name.as_str());
            }
        }
        write(&path, &map)
    }
}

impl LoginKey {
    /// The refresh token in an entry of `refresh-tokens.yaml`, if it is this login's.
    fn scoped(&self, entry: &Value) -> Option<ScopedRefreshToken> {
        let entry = entry.as_map()?;
        let text = |key: &str| entry.get(key).and_then(Value::as_str);
        let is_ours = text("token_url") == Some(&self.server) && text("client_id") == Some(&self.client_id);
        is_ours.then_some(ScopedRefreshToken {
            scope: text("scope")?.to_owned(),
            token: text("refresh_token")?.into(),
        })
    }
}

/// The mapping in a file; empty if there is no file or nothing in it. A file that others could read is closed to them.
fn read(path: &Path) -> Result<Map, TokenError> {
    let problem =
        |error: &dyn std::fmt::Display| TokenError::Files(format!("Could not read {}: {error}", path.display()));
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Map::new()),
        Err(error) => return Err(problem(&error)),
    };
    close_to_others(&file);
    let mut text = String::new();
    file.take(LONGEST_FILE)
        .read_to_string(&mut text)
        .map_err(|error| problem(&error))?;
    match stups_yaml::load(&text) {
        Ok(Value::Map(map)) => Ok(map),
        Ok(Value::Null) => Ok(Map::new()),
        Ok(_) => Err(problem(&"a map was expected")),
        Err(error) => Err(problem(&error)),
    }
}

fn write(path: &Path, map: &Map) -> Result<(), TokenError> {
    let text = stups_yaml::dump(&Value::Map(map.clone()));
    write_private(path, text.as_bytes())
        .map_err(|error| TokenError::Files(format!("Could not write {}: {error}", path.display())))
}

/// Older originals leave 0644. A file that is somebody else's stays as it is.
#[cfg(unix)]
fn close_to_others(file: &File) {
    use std::os::unix::fs::PermissionsExt as _;
    let Ok(metadata) = file.metadata() else { return };
    if metadata.permissions().mode() & 0o077 != 0 {
        let _ = file.set_permissions(std::fs::Permissions::from_mode(0o600));
    }
}

#[cfg(not(unix))]
fn close_to_others(_file: &File) {}

fn create_private_directory(directory: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(name: &str) -> StoredToken {
        StoredToken {
            name: name.to_owned(),
            access_token: "a.b.c".into(),
            scope: "uid".to_owned(),
            creation_time: now(),
            expires_in: 3600.0,
            token_type: "Bearer".to_owned(),
        }
    }

    fn files() -> (tempfile::TempDir, TokenFiles) {
        let directory = tempfile::tempdir().unwrap();
        let files = TokenFiles::in_directory(&directory.path().join(SECTION));
        (directory, files)
    }

    #[tokio::test]
    async fn what_is_stored_is_found_and_what_is_removed_is_not() {
        let (_directory, files) = files();
        assert!(files.tokens().unwrap().is_empty());
        let store = files.lock().await.unwrap();
        store.store(&token("b")).unwrap();
        store.store(&token("a")).unwrap();
        let names: Vec<String> = files.tokens().unwrap().into_iter().map(|token| token.name).collect();
        assert_eq!(names, ["a", "b"]);
        assert!(store.remove("a").unwrap());
        assert!(!store.remove("a").unwrap());
        assert!(files.token("a").unwrap().is_none() && files.token("b").unwrap().is_some());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn files_are_the_owners_alone_and_older_ones_are_closed() {
        use std::os::unix::fs::PermissionsExt as _;
        let (_directory, files) = files();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let store = files.lock().await.unwrap();
        store.store(&token("a")).unwrap();
        store.store_refresh_token(Some(&"r".into())).unwrap();
        for path in [files.tokens_path(), files.refresh_token_path()] {
            assert_eq!(mode(&path), 0o600);
        }
        assert_eq!(mode(&files.directory), 0o700);
        std::fs::set_permissions(files.tokens_path(), std::fs::Permissions::from_mode(0o644)).unwrap();
        files.tokens().unwrap();
        assert_eq!(mode(&files.tokens_path()), 0o600);
    }

    #[tokio::test]
    async fn entries_of_others_stay_and_long_expired_ones_go() {
        let (_directory, files) = files();
        let store = files.lock().await.unwrap();
        let text = format!(
            "old: {{access_token: x, creation_time: 1.0, expires_in: 1}}\nother: {{access_token: y, creation_time: {}, expires_in: 1, more: [1]}}\nodd: 7\n",
            now()
        );
        std::fs::write(files.tokens_path(), text).unwrap();
        store.store(&token("new")).unwrap();
        let map = read(&files.tokens_path()).unwrap();
        let names: Vec<String> = map.keys().map(ToString::to_string).collect();
        assert_eq!(names, ["new", "odd", "other"]);
        assert!(map["other"].as_map().unwrap().contains_key("more"));
    }

    #[tokio::test]
    async fn a_malformed_file_is_an_error_and_stays() {
        let (_directory, files) = files();
        let store = files.lock().await.unwrap();
        std::fs::write(files.tokens_path(), "a: [1\n").unwrap();
        assert!(store.store(&token("b")).is_err());
        assert!(files.tokens().unwrap_err().to_string().contains("tokens.yaml"));
        assert_eq!(std::fs::read_to_string(files.tokens_path()).unwrap(), "a: [1\n");
    }

    #[tokio::test]
    async fn one_at_a_time() {
        let (_directory, files) = files();
        let store = files.lock().await.unwrap();
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        let other = files.clone();
        let waiting = tokio::spawn(async move {
            let _store = other.lock().await.unwrap();
            sender.send("second").unwrap();
        });
        tokio::task::yield_now().await;
        assert!(receiver.try_recv().is_err());
        drop(store);
        waiting.await.unwrap();
        assert_eq!(receiver.recv().await, Some("second"));
    }

    #[tokio::test]
    async fn refresh_tokens_are_kept_by_login_and_scopes() {
        let (_directory, files) = files();
        let store = files.lock().await.unwrap();
        assert!(store.refresh_token().unwrap().is_none());
        store.store_refresh_token(Some(&"shared".into())).unwrap();
        assert_eq!(
            std::fs::read_to_string(files.refresh_token_path()).unwrap(),
            "refresh_token: shared\n"
        );
        let key = |server: &str| LoginKey {
            server: server.to_owned(),
            client_id: "c".to_owned(),
        };
        store
            .store_scoped_refresh_token(&key("https://a/"), "uid cn", Some(&"one".into()))
            .unwrap();
        store
            .store_scoped_refresh_token(&key("https://b/"), "uid", Some(&"two".into()))
            .unwrap();
        let found = store.scoped_refresh_tokens(&key("https://a/")).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].scope.as_str(), found[0].token.expose_secret()),
            ("uid cn", "one")
        );
        store
            .store_scoped_refresh_token(&key("https://a/"), "uid cn", None)
            .unwrap();
        assert!(store.scoped_refresh_tokens(&key("https://a/")).unwrap().is_empty());
        store.clear().unwrap();
        assert!(store.refresh_token().unwrap().is_none() && store.refresh_tokens().unwrap().is_empty());
    }
}
