//! The files of one application in its directory: `user.json` and `client.json`.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};
use stups_aws::SecretObject;
use tempfile::TempPath;

use crate::content::{self, CONTENT_LIMIT};
use crate::ownership::Ownership;

/// The directory, which exists, and who may read the files in it.
#[derive(Debug)]
pub(crate) struct LocalFiles {
    directory: PathBuf,
    ownership: Ownership,
}

/// Tells whether a file is still the one that it was: its place on the disk, when its content was last changed, who may read it.
///
/// It is taken before content is looked at or put in place, so that a change at any moment after that shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint([i128; 8]);

impl Fingerprint {
    fn of(file: &Metadata) -> Self {
        Self([
            file.dev().into(),
            file.ino().into(),
            file.size().into(),
            file.mtime().into(),
            file.mtime_nsec().into(),
            file.mode().into(),
            file.uid().into(),
            file.gid().into(),
        ])
    }
}

/// New content beside the file that it will replace. Dropped instead, it leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Staged {
    pub(crate) object: SecretObject,
    pub(crate) fingerprint: Fingerprint,
    file: TempPath,
}

impl LocalFiles {
    pub(crate) fn new(directory: PathBuf, ownership: Ownership) -> Self {
        Self { directory, ownership }
    }

    /// The credentials in the file, and which file that is; none when there is no such file, or it has none.
    pub(crate) fn read(&self, object: SecretObject) -> Option<(Map<String, Value>, Fingerprint)> {
        let file = File::open(self.path(object)).ok()?;
        let fingerprint = Fingerprint::of(&file.metadata().ok()?);
        let mut bytes = Vec::new();
        file.take(CONTENT_LIMIT as u64 + 1).read_to_end(&mut bytes).ok()?;
        let credentials = content::object(&content::text(bytes).ok()?).ok()?;
        Some((credentials, fingerprint))
    }

    /// Which file it is now; none when there is no file.
    pub(crate) fn fingerprint(&self, object: SecretObject) -> Option<Fingerprint> {
        self.regular_file(object).map(|file| Fingerprint::of(&file))
    }

    /// Gives a file whose content is right already the owner, group and mode that it should have. Returns whether it had others.
    pub(crate) fn restrict(&self, object: SecretObject) -> io::Result<bool> {
        match self.regular_file(object) {
            Some(file) if !self.ownership.is_of(&file) => {
                self.ownership.apply(&File::open(self.path(object))?)?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Writes new content to `<name>.json.tmp`, so that it is on the disk.
    pub(crate) fn stage(&self, object: SecretObject, content: &SecretString) -> io::Result<Staged> {
        let path = self.directory.join(format!("{}.tmp", object.file_name()));
        // What a process left that was killed, or somebody who hoped for berry to write into a file of theirs.
        if fs::symlink_metadata(&path).is_ok() {
            fs::remove_file(&path)?;
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        let path = TempPath::try_from_path(path)?;
        self.ownership.apply(&file)?;
        file.write_all(content.expose_secret().as_bytes())?;
        file.sync_all()?;
        Ok(Staged {
            object,
            fingerprint: Fingerprint::of(&file.metadata()?),
            file: path,
        })
    }

    /// Puts what was staged in its place, all of it right after each other, and makes that survive a crash of the machine.
    pub(crate) fn replace(&self, staged: Vec<Staged>) -> io::Result<()> {
        for Staged { object, file, .. } in staged {
            file.persist(self.path(object)).map_err(|error| error.error)?;
        }
        File::open(&self.directory)?.sync_all()
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    fn path(&self, object: SecretObject) -> PathBuf {
        self.directory.join(object.file_name())
    }

    fn regular_file(&self, object: SecretObject) -> Option<Metadata> {
        fs::symlink_metadata(self.path(object)).ok().filter(Metadata::is_file)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    const USER: SecretObject = SecretObject::User;
    const CLIENT: SecretObject = SecretObject::Client;

    fn files(directory: &tempfile::TempDir) -> LocalFiles {
        LocalFiles::new(directory.path().to_owned(), Ownership::default())
    }

    fn names(directory: &tempfile::TempDir) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn both_are_staged_and_then_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let files = files(&directory);
        fs::write(directory.path().join("user.json"), "{\"old\": 1}").unwrap();
        let user = files.stage(USER, &SecretString::from("{\"a\": 1}")).unwrap();
        let client = files.stage(CLIENT, &SecretString::from("{\"b\": 2}\n")).unwrap();
        assert_eq!(names(&directory), ["client.json.tmp", "user.json", "user.json.tmp"]);
        assert_eq!(files.read(USER).unwrap().0.keys().collect::<Vec<_>>(), ["old"]);
        files.replace(vec![user, client]).unwrap();
        assert_eq!(names(&directory), ["client.json", "user.json"]);
        let client = directory.path().join("client.json");
        assert_eq!(fs::read_to_string(&client).unwrap(), "{\"b\": 2}\n");
        assert_eq!(mode(&client), 0o600);
    }

    #[test]
    fn what_was_staged_for_nothing_goes_away() {
        let directory = tempfile::tempdir().unwrap();
        drop(files(&directory).stage(USER, &SecretString::from("{}")).unwrap());
        assert_eq!(names(&directory), [""; 0]);
    }

    #[test]
    fn leftovers_and_traps_are_removed_and_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let files = files(&directory);
        let elsewhere = tempfile::NamedTempFile::new().unwrap();
        symlink(elsewhere.path(), directory.path().join("user.json.tmp")).unwrap();
        fs::write(directory.path().join("client.json.tmp"), "{\"half").unwrap();
        let staged = [USER, CLIENT].map(|object| files.stage(object, &SecretString::from("{}")).unwrap());
        files.replace(staged.into()).unwrap();
        assert_eq!(fs::read_to_string(elsewhere.path()).unwrap(), "");
        assert_eq!(fs::read_to_string(directory.path().join("client.json")).unwrap(), "{}");
        assert_eq!(names(&directory), ["client.json", "user.json"]);
    }

    #[test]
    fn a_fingerprint_changes_with_file_content_and_mode() {
        let directory = tempfile::tempdir().unwrap();
        let files = files(&directory);
        assert_eq!(files.fingerprint(USER), None);
        let replace = || {
            let staged = files.stage(USER, &SecretString::from("{}")).unwrap();
            let fingerprint = staged.fingerprint.clone();
            files.replace(vec![staged]).unwrap();
            fingerprint
        };
        let first = replace();
        assert_eq!(files.fingerprint(USER), Some(first.clone()));
        let second = replace();
        assert_ne!(first, second);
        assert_eq!(files.read(USER).map(|(_, file)| file), Some(second.clone()));
        fs::write(directory.path().join("user.json"), "{ }").unwrap();
        assert_ne!(files.fingerprint(USER), Some(second));
        let second = replace();
        fs::set_permissions(directory.path().join("user.json"), fs::Permissions::from_mode(0o644)).unwrap();
        assert_ne!(files.fingerprint(USER), Some(second));
    }

    #[test]
    fn what_others_may_read_is_restricted() {
        let directory = tempfile::tempdir().unwrap();
        let files = files(&directory);
        let path = directory.path().join("user.json");
        assert!(!files.restrict(USER).unwrap(), "there is none");
        fs::write(&path, "{}").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(files.restrict(USER).unwrap());
        assert_eq!(mode(&path), 0o600);
        assert!(!files.restrict(USER).unwrap());
    }

    #[test]
    fn a_file_without_credentials_has_none() {
        let directory = tempfile::tempdir().unwrap();
        let files = files(&directory);
        let path = directory.path().join("user.json");
        assert!(files.read(USER).is_none());
        for text in ["", "[]", "{\"a\":"] {
            fs::write(&path, text).unwrap();
            assert!(files.read(USER).is_none(), "{text}");
        }
        fs::write(&path, " ".repeat(CONTENT_LIMIT + 1)).unwrap();
        assert!(files.read(USER).is_none());
    }
}
