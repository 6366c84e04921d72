//! The configuration file, `senza/config.yaml`: sections of keys and values.

use std::path::Path;

use stups_terminal::{ConfigFile, Terminal};
use stups_yaml::{Map, Value};

/// What the user's configuration file says.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    file: ConfigFile,
    content: Map,
}

impl Settings {
    /// Reads the file; nothing is in it, with a warning, when it can't be read.
    pub(crate) fn load(terminal: &Terminal) -> Self {
        Self::of_file(ConfigFile::new("senza", "config"), terminal)
    }

    /// As [`Settings::load`], of another file.
    pub(crate) fn of_file(file: ConfigFile, terminal: &Terminal) -> Self {
        let content = file.load(terminal);
        Self { file, content }
    }

    /// The file.
    pub(crate) fn file(&self) -> &ConfigFile {
        &self.file
    }

    /// Where the file is.
    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    /// A section, if it is there and not empty.
    pub(crate) fn section(&self, name: &str) -> Option<&Value> {
        self.content.get(name).filter(|section| **section != Value::Null)
    }

    /// A value of a section.
    pub(crate) fn value(&self, section: &str, key: &str) -> Option<&Value> {
        self.section(section)?.get(key)
    }

    /// A text of a section that is not empty.
    pub(crate) fn text(&self, section: &str, key: &str) -> Option<&str> {
        self.value(section, key)?.as_str().filter(|text| !text.is_empty())
    }
}

/// Yes or no; as text too, which is what `senza config` writes.
pub(crate) fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::String(text) => match text.to_lowercase().as_str() {
            "true" | "yes" | "on" => Some(true),
            "false" | "no" | "off" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
impl Default for Settings {
    /// As if there were no file.
    fn default() -> Self {
        Self::of(Path::new("/nowhere"), "{}")
    }
}

#[cfg(test)]
impl Settings {
    /// As if the file in `directory` had this content.
    pub(crate) fn of(directory: &Path, content: &str) -> Self {
        Self {
            file: ConfigFile::in_directory(directory, "senza", "config"),
            content: stups_yaml::load(content).unwrap().as_map().cloned().unwrap_or_default(),
        }
    }
}
