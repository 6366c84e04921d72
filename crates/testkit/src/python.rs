//! Python virtual environments from hash-pinned requirements, made once per machine.

use std::path::{Path, PathBuf};

/// A checked-in requirements file with hashes.
#[derive(Clone, Copy, Debug)]
pub enum Requirements {
    /// the AWS API server (moto), cfn-lint and PyYAML
    AwsApi,
    /// the original senza 2.1.143
    Senza,
}

/// A virtual environment that has what [`Requirements`] lists.
#[derive(Clone, Debug)]
pub struct PythonEnvironment {
    root: PathBuf,
}

impl PythonEnvironment {
    /// The environment for `requirements`; makes it on first use (one process at a time, others wait), says so on stderr,
    /// and finds it again silently afterwards. It lives in the user's cache directory under a name made of the file's hash.
    pub fn get(requirements: Requirements) -> std::io::Result<Self> {
        let _ = requirements;
        todo!()
    }

    /// An executable of the environment: `python`, `moto_server`, `senza`, ...
    pub fn executable(&self, name: &str) -> PathBuf {
        self.root.join("bin").join(name)
    }

    /// Its `bin` directory.
    pub fn bin(&self) -> &Path {
        &self.root
    }
}
