//! Configuration files in the operating system's place.

mod place;
#[cfg(test)]
mod tests;

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use stups_yaml::{Key, Map, Value};

use self::place::Place;
use crate::Terminal;
use crate::private_file::{create_private_directories, directory, write_private};

/// One configuration file of a tool: a YAML mapping that environment variables override.
#[derive(Clone, Debug)]
pub struct ConfigFile {
    section: String,
    /// empty where there is no place for configuration
    path: PathBuf,
}

/// No configuration file is longer, in bytes.
const LONGEST_FILE: u64 = 1 << 20;

/// How long another process may hold a file's lock.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// How long to wait between two attempts to lock a file.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

impl ConfigFile {
    /// `<configuration directory>/<section>/<file>.yaml`.
    ///
    /// On Linux and BSD the directory is `$XDG_CONFIG_HOME` (`~/.config`) and the section's directory has small letters and
    /// hyphens for blanks; on macOS it is `~/Library/Application Support`, on Windows `%APPDATA%`.
    pub fn new(section: &str, file: &str) -> Self {
        let place = Place::here(|name| std::env::var_os(name).map(PathBuf::from), std::env::home_dir());
        Self::at(place.as_ref(), section, file)
    }

    /// As [`ConfigFile::new`], with `base` as `$XDG_CONFIG_HOME`.
    pub fn in_directory(base: &Path, section: &str, file: &str) -> Self {
        Self::at(Some(&Place::Unix(base.to_owned())), section, file)
    }

    fn at(place: Option<&Place>, section: &str, file: &str) -> Self {
        let path = place.map(|place| place.directory(section).join(format!("{file}.yaml")));
        Self {
            section: section.to_owned(),
            path: path.unwrap_or_default(),
        }
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The mapping in the file; empty, with a warning that names file and line, when it can't be read.
    pub fn load(&self, terminal: &Terminal) -> Map {
        self.read().unwrap_or_else(|problem| {
            terminal.warning(&problem);
            Map::new()
        })
    }

    /// As [`ConfigFile::load`], overridden by the environment: `KIO_URL` sets `url` of section `kio`, always as text. Not to be
    /// stored again.
    pub fn load_with_environment(&self, terminal: &Terminal) -> Map {
        let mut content = self.load(terminal);
        let variables =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        override_by(&mut content, &self.section, variables);
        content
    }

    /// Replaces the file in one step (block style, keys sorted, 0600).
    pub fn store(&self, content: &Map) -> io::Result<()> {
        self.check_place()?;
        let _lock = self.lock()?;
        self.write(content)
    }

    /// As [`ConfigFile::store`], but a file or directory that may not be written is left alone with a warning: some people
    /// keep their configuration read-only.
    pub fn store_if_writable(&self, content: &Map, terminal: &Terminal) -> io::Result<()> {
        match self.store(content) {
            Err(error) if is_read_only(&error) => {
                terminal.warning(&format!(
                    "{} is read-only and stays as it is: {error}",
                    self.path.display()
                ));
                Ok(())
            }
            result => result,
        }
    }

    /// Changes the file while no other process does. A file that can't be read is an error, and stays as it is.
    pub fn update(&self, change: impl FnOnce(&mut Map)) -> io::Result<()> {
        self.check_place()?;
        let _lock = self.lock()?;
        let mut content = self
            .read()
            .map_err(|problem| io::Error::new(io::ErrorKind::InvalidData, problem))?;
        change(&mut content);
        self.write(&content)
    }

    fn write(&self, content: &Map) -> io::Result<()> {
        let text = stups_yaml::dump(&Value::Map(content.clone()));
        write_private(&self.path, text.as_bytes())
    }

    /// The mapping in the file, empty if there is no file; else what is wrong and where.
    fn read(&self) -> Result<Map, String> {
        let path = self.path.display();
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Map::new()),
            Err(error) => return Err(format!("Could not read {path}: {error}")),
        };
        let mut text = String::new();
        let read = file.take(LONGEST_FILE + 1).read_to_string(&mut text);
        if let Err(error) = read {
            return Err(format!("Could not read {path}: {error}"));
        }
        if text.len() as u64 > LONGEST_FILE {
            return Err(format!("Could not read {path}: it is longer than {LONGEST_FILE} bytes"));
        }
        match stups_yaml::load(&text) {
            Ok(Value::Map(content)) => Ok(content),
            Ok(Value::Null) => Ok(Map::new()),
            Ok(other) => Err(format!(
                "Could not read {path}: line 1: a map was expected, not {}",
                other.kind()
            )),
            Err(error) => Err(format!("Could not read {path}: {error}")),
        }
    }

    fn check_place(&self) -> io::Result<()> {
        if self.path.as_os_str().is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "no home directory is known; set XDG_CONFIG_HOME",
            ));
        }
        Ok(())
    }

    /// Locks the file against other processes until the result is dropped. The lock is a file beside it, because the file itself
    /// is replaced.
    fn lock(&self) -> io::Result<File> {
        create_private_directories(directory(&self.path)?)?;
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(self.path.with_extension("lock"))?;
        let give_up = Instant::now() + LONGEST_WAIT;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) if Instant::now() < give_up => sleep(LOCK_PAUSE),
                Err(TryLockError::WouldBlock) => {
                    let problem = format!("{} is locked by another process", self.path.display());
                    return Err(io::Error::new(io::ErrorKind::TimedOut, problem));
                }
            }
        }
    }
}

/// Sets `<remainder>` to the value of each variable `<SECTION>_<REMAINDER>`.
fn override_by(content: &mut Map, section: &str, variables: impl Iterator<Item = (String, String)>) {
    let prefix = section.to_uppercase().replace(['-', ' '], "_") + "_";
    for (name, value) in variables {
        if let Some(key) = name.strip_prefix(&prefix).filter(|key| !key.is_empty()) {
            content.insert(Key::from(key.to_lowercase()), Value::from(value));
        }
    }
}

fn is_read_only(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
    )
}
