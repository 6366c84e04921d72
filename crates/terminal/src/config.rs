//! Configuration files in the operating system's place.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use stups_yaml::{Key, Map, Value};

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

/// Where an operating system wants configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// Linux, BSD: `$XDG_CONFIG_HOME`
    Unix(PathBuf),
    /// macOS, Windows: a directory in which a directory has the section's name as it is
    AsNamed(PathBuf),
}

impl Place {
    fn here(variable: impl Fn(&str) -> Option<PathBuf>, home: Option<PathBuf>) -> Option<Self> {
        let home = home.filter(|home| !home.as_os_str().is_empty());
        // Relative paths are to be ignored (XDG Base Directory Specification).
        let absolute = |name: &str| variable(name).filter(|path| path.is_absolute());
        if cfg!(windows) {
            let data = absolute("APPDATA").or_else(|| Some(home?.join("AppData").join("Roaming")));
            data.map(Self::AsNamed)
        } else if cfg!(target_os = "macos") {
            Some(Self::AsNamed(home?.join("Library").join("Application Support")))
        } else {
            let config = absolute("XDG_CONFIG_HOME").or_else(|| Some(home?.join(".config")));
            config.map(Self::Unix)
        }
    }

    fn directory(&self, section: &str) -> PathBuf {
        match self {
            Self::Unix(base) => base.join(section.to_lowercase().replace(' ', "-")),
            Self::AsNamed(base) => base.join(section),
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn map(members: &[(&str, &str)]) -> Map {
        members
            .iter()
            .map(|(key, value)| (Key::from(*key), Value::from(*value)))
            .collect()
    }

    /// A place for configuration that goes away with the directory.
    fn place() -> (tempfile::TempDir, ConfigFile) {
        let directory = tempfile::tempdir().unwrap();
        let config = ConfigFile::in_directory(directory.path(), "Example Proj", "Example Proj");
        (directory, config)
    }

    fn load(config: &ConfigFile) -> (Map, String) {
        let (terminal, captured) = Terminal::captured("");
        let content = config.load(&terminal);
        assert_eq!(captured.stdout(), "");
        (content, captured.stderr())
    }

    fn write(config: &ConfigFile, text: &str) {
        fs::create_dir_all(config.path().parent().unwrap()).unwrap();
        fs::write(config.path(), text).unwrap();
    }

    #[test]
    fn the_directory_is_normalised_and_the_file_keeps_its_name() {
        let place = Place::Unix(PathBuf::from("/home/x/.config"));
        let path = ConfigFile::at(Some(&place), "My Tool", "My Tool").path;
        assert_eq!(path, Path::new("/home/x/.config/my-tool/My Tool.yaml"));
        let path = ConfigFile::at(Some(&place), "senza", "config").path;
        assert_eq!(path, Path::new("/home/x/.config/senza/config.yaml"));
        let place = Place::AsNamed(PathBuf::from("/Users/x/Library/Application Support"));
        let path = ConfigFile::at(Some(&place), "My Tool", "My Tool").path;
        assert_eq!(
            path,
            Path::new("/Users/x/Library/Application Support/My Tool/My Tool.yaml")
        );
    }

    #[cfg(all(unix, not(target_os = "macos")))]
    #[test]
    fn the_environment_names_the_place() {
        let home = Some(PathBuf::from("/home/x"));
        let with = |xdg: Option<&str>, home: Option<PathBuf>| {
            Place::here(
                |name| xdg.filter(|_| name == "XDG_CONFIG_HOME").map(PathBuf::from),
                home,
            )
        };
        let unix = |path: &str| Some(Place::Unix(PathBuf::from(path)));
        assert_eq!(with(Some("/etc/x"), home.clone()), unix("/etc/x"));
        assert_eq!(with(None, home.clone()), unix("/home/x/.config"));
        assert_eq!(with(Some(""), home.clone()), unix("/home/x/.config"));
        assert_eq!(with(Some("relative"), home), unix("/home/x/.config"));
        assert_eq!(with(None, None), None);
    }

    #[test]
    fn without_a_place_it_is_empty_and_cannot_be_stored() {
        let config = ConfigFile::at(None, "kio", "kio");
        assert_eq!(load(&config), (Map::new(), String::new()));
        let error = config.store(&Map::new()).unwrap_err();
        assert_eq!(error.to_string(), "no home directory is known; set XDG_CONFIG_HOME");
    }

    #[test]
    fn a_missing_or_empty_file_is_empty() {
        let (_directory, config) = place();
        assert_eq!(load(&config), (Map::new(), String::new()));
        write(&config, "");
        assert_eq!(load(&config), (Map::new(), String::new()));
    }

    #[test]
    fn what_is_stored_is_loaded() {
        let (_directory, config) = place();
        let content = map(&[("url", "https://kio.example.org"), ("accounts", "a")]);
        config.store(&content).unwrap();
        assert_eq!(load(&config), (content, String::new()));
        let text = fs::read_to_string(config.path()).unwrap();
        assert_eq!(text, "accounts: a\nurl: https://kio.example.org\n");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(config.path()).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_malformed_file_is_empty_with_a_warning_that_names_file_and_line() {
        let (_directory, config) = place();
        write(&config, "url: x\nlist: [1\n");
        let (content, warning) = load(&config);
        assert!(content.is_empty());
        let path = config.path().display().to_string();
        assert!(
            warning.starts_with(&format!("Could not read {path}: line ")),
            "{warning}"
        );
        assert_eq!(warning.lines().count(), 1);
        let error = config.update(|_| ()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert_eq!(fs::read_to_string(config.path()).unwrap(), "url: x\nlist: [1\n");
    }

    #[test]
    fn what_is_no_map_or_no_text_or_no_file_is_empty_with_a_warning() {
        for (content, reason) in [
            (b"- a\n".as_slice(), "a map was expected, not a list"),
            (b"\xff\xfe\xfa", "UTF-8"),
        ] {
            let (_directory, config) = place();
            fs::create_dir_all(config.path().parent().unwrap()).unwrap();
            fs::write(config.path(), content).unwrap();
            let (content, warning) = load(&config);
            assert!(content.is_empty());
            assert!(warning.contains(reason), "{warning}");
        }
        let (_directory, config) = place();
        fs::create_dir_all(config.path()).unwrap();
        assert!(load(&config).1.contains("Could not read"));
    }

    #[test]
    fn a_file_beyond_all_measure_is_refused() {
        let (_directory, config) = place();
        write(&config, &"#".repeat(LONGEST_FILE as usize + 1));
        assert!(load(&config).1.contains("it is longer than 1048576 bytes"));
    }

    #[test]
    fn variables_of_the_section_override_as_text() {
        let mut content = map(&[("url", "https://file"), ("my_key", "file")]);
        let variables = [
            ("EXAMPLE_PROJ_MY_KEY", "7"),
            ("EXAMPLE_PROJ_", "nothing"),
            ("EXAMPLE_PROJECT", "other"),
            ("PATH", "/bin"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        override_by(&mut content, "example-proj", variables.into_iter());
        assert_eq!(content, map(&[("url", "https://file"), ("my_key", "7")]));
    }

    #[test]
    fn updates_at_the_same_time_all_last() {
        let (_directory, config) = place();
        std::thread::scope(|scope| {
            for number in 0..8 {
                let config = &config;
                scope.spawn(move || {
                    let key = Key::from(format!("key{number}"));
                    config
                        .update(|content| drop(content.insert(key, Value::Bool(true))))
                        .unwrap();
                });
            }
        });
        assert_eq!(load(&config).0.len(), 8);
    }

    #[test]
    fn a_read_only_place_is_left_alone() {
        for (kind, left_alone) in [
            (io::ErrorKind::PermissionDenied, true),
            (io::ErrorKind::ReadOnlyFilesystem, true),
            (io::ErrorKind::StorageFull, false),
        ] {
            assert_eq!(is_read_only(&io::Error::from(kind)), left_alone);
        }
        let (_directory, config) = place();
        let (terminal, captured) = Terminal::captured("");
        config.store_if_writable(&Map::new(), &terminal).unwrap();
        assert_eq!(captured.stderr(), "");
        assert!(config.path().exists());
    }
}
