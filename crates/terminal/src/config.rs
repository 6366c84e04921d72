//! Configuration files in the operating system's place.

use std::io;
use std::path::{Path, PathBuf};

use crate::Terminal;

/// One configuration file of a tool: a YAML mapping that environment variables override.
#[derive(Clone, Debug)]
pub struct ConfigFile {
    path: PathBuf,
}

impl ConfigFile {
    /// `<configuration directory>/<section>/<file>.yaml`.
    pub fn new(section: &str, file: &str) -> Self {
        let _ = (section, file);
        todo!()
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The mapping in the file; empty, with a warning that names file and line, when it can't be read.
    pub fn load(&self, terminal: &Terminal) -> stups_yaml::Map {
        let _ = terminal;
        todo!()
    }

    /// Replaces the file in one step (block style, keys sorted, 0600).
    pub fn store(&self, content: &stups_yaml::Map) -> io::Result<()> {
        let _ = content;
        todo!()
    }
}

/// Replaces `path` by `content` in one step, readable by its owner only; makes missing directories.
pub fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let _ = (path, content);
    todo!()
}
