//! Reading a definition from a file or URL.

use stups_yaml::Map;

use crate::Error;

/// A definition as written: a map with `SenzaInfo`.
#[derive(Clone, Debug)]
pub struct Definition {
    /// the path or URL, for messages
    pub source: String,
    /// the whole document
    pub document: Map,
}

impl Definition {
    /// Reads a path, or a URL when there is `://` in it (file, http, https; 10 s, 1 MiB).
    pub async fn read(source: &str) -> Result<Self, Error> {
        let _ = source;
        todo!()
    }
}
