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
