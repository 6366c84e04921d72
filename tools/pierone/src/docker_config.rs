//! Docker's configuration file: which program knows the credentials of which registry (contract pierone 2.16).

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use stups_terminal::{Failure, json_pretty, write_private};

/// What docker puts `docker-credential-` before.
pub(crate) const HELPER: &str = "pierone";

/// The file, and what is in it.
#[derive(Debug)]
pub(crate) struct DockerConfig {
    path: PathBuf,
    content: Map<String, Value>,
}

impl DockerConfig {
    /// `config.json` in `$DOCKER_CONFIG`, or in `~/.docker`.
    pub(crate) fn load() -> Result<Self, Failure> {
        let directory = match env::var_os("DOCKER_CONFIG").filter(|directory| !directory.is_empty()) {
            Some(directory) => PathBuf::from(directory),
            None => env::home_dir()
                .ok_or_else(|| Failure::application("There is no home directory for docker's configuration"))?
                .join(".docker"),
        };
        Self::load_from(&directory.join("config.json"))
    }

    /// A file that can't be read is an error: other registries' credentials would be lost when it is written.
    fn load_from(path: &Path) -> Result<Self, Failure> {
        let unreadable = |reason: String| {
            Failure::application(format!(
                "Can't read {}: {reason}. Mend it, or move it away.",
                path.display()
            ))
        };
        let content = match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| unreadable(error.to_string()))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Map::new(),
            Err(error) => return Err(unreadable(error.to_string())),
        };
        Ok(Self {
            path: path.to_owned(),
            content,
        })
    }

    /// Has docker ask our helper for the credentials of `registry` (`host[:port]`), and forgets what it has stored for it.
    pub(crate) fn use_helper(&mut self, registry: &str) -> Result<(), Failure> {
        let stored = [
            registry.to_owned(),
            format!("https://{registry}"),
            format!("http://{registry}"),
        ];
        let auths = self.object("auths")?;
        auths.retain(|name, _| !stored.iter().any(|stored| name.trim_end_matches('/') == *stored));
        self.object("credHelpers")?.insert(registry.to_owned(), HELPER.into());
        Ok(())
    }

    fn object(&mut self, key: &str) -> Result<&mut Map<String, Value>, Failure> {
        let path = self.path.display().to_string();
        let value = self.content.entry(key).or_insert_with(|| json!({}));
        value
            .as_object_mut()
            .ok_or_else(|| Failure::application(format!("\"{key}\" in {path} is no object. Mend it, or move it away.")))
    }

    /// Whether docker asks our helper about `registry`.
    pub(crate) fn uses_helper(&self, registry: &str) -> bool {
        let helper = self
            .content
            .get("credHelpers")
            .and_then(|helpers| helpers.get(registry));
        helper.and_then(Value::as_str) == Some(HELPER)
    }

    /// Replaces the file in one step.
    pub(crate) fn store(&self) -> Result<(), Failure> {
        let text = json_pretty(&Value::Object(self.content.clone()), 2) + "\n";
        write_private(&self.path, text.as_bytes())
            .map_err(|error| Failure::application(format!("Can't write {}: {error}", self.path.display())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(before: &str) -> Result<Value, Failure> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.json");
        fs::write(&path, before).unwrap();
        let mut config = DockerConfig::load_from(&path)?;
        config.use_helper("localhost:5000")?;
        config.store()?;
        Ok(serde_json::from_slice(&fs::read(&path).unwrap()).unwrap())
    }

    #[test]
    fn what_is_stored_for_the_registry_goes_and_all_else_stays() {
        let before = json!({
            "auths": {"https://localhost:5000": {"auth": "x"}, "localhost:5000": {}, "https://localhost:5001": {"auth": "y"}},
            "credHelpers": {"ecr.example.org": "ecr-login"},
            "experimental": "enabled",
        });
        let after = json!({
            "auths": {"https://localhost:5001": {"auth": "y"}},
            "credHelpers": {"ecr.example.org": "ecr-login", "localhost:5000": "pierone"},
            "experimental": "enabled",
        });
        assert_eq!(login(&before.to_string()).unwrap(), after);
    }

    #[test]
    fn there_need_be_nothing() {
        let after = json!({"auths": {}, "credHelpers": {"localhost:5000": "pierone"}});
        assert_eq!(login("{}").unwrap(), after);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("new/config.json");
        let mut config = DockerConfig::load_from(&path).unwrap();
        assert!(!config.uses_helper("localhost:5000"));
        config.use_helper("localhost:5000").unwrap();
        config.store().unwrap();
        let config = DockerConfig::load_from(&path).unwrap();
        assert!(config.uses_helper("localhost:5000") && !config.uses_helper("localhost"));
    }

    #[test]
    fn what_cannot_be_read_is_left_alone() {
        for before in ["", "{", "[]", r#"{"auths": []}"#, r#"{"credHelpers": 1}"#] {
            assert!(login(before).is_err(), "{before}");
        }
    }
}
