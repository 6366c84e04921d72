use std::path::PathBuf;

/// Where an operating system wants configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Linux, BSD: `$XDG_CONFIG_HOME`
    Unix(PathBuf),
    /// macOS, Windows: a directory in which a directory has the section's name as it is
    AsNamed(PathBuf),
}

impl Place {
    /// Where it is on this machine, as the environment and the home directory say; none where nothing is known.
    pub(super) fn here(variable: impl Fn(&str) -> Option<PathBuf>, home: Option<PathBuf>) -> Option<Self> {
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

    /// The directory of a section's files.
    pub(super) fn directory(&self, section: &str) -> PathBuf {
        match self {
            Self::Unix(base) => base.join(section.to_lowercase().replace(' ', "-")),
            Self::AsNamed(base) => base.join(section),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
