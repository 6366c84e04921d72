//! The configuration file: that of the instance, of which berry reads what concerns it.

use std::path::Path;

use stups_yaml::Value;

/// What the file says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ConfigFile {
    pub(crate) application_id: Option<String>,
    pub(crate) mint_bucket: Option<String>,
    pub(crate) region: Option<String>,
    /// several applications in one process
    pub(crate) applications: Vec<Entry>,
}

/// One of several applications.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) application_id: String,
    /// else the file's own
    pub(crate) mint_bucket: Option<String>,
    /// relative to the local directory; else the application's id
    pub(crate) directory: Option<String>,
    pub(crate) owner: Option<String>,
    pub(crate) group: Option<String>,
}

impl ConfigFile {
    /// Reads it. Other keys are other programs' affairs. Errors say what is wrong with which key.
    pub(crate) fn load(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
        let document = stups_yaml::load(&text).map_err(|error| error.to_string())?;
        Self::from_document(&document)
    }

    fn from_document(document: &Value) -> Result<Self, String> {
        match document {
            Value::Null => return Ok(Self::default()),
            Value::Map(_) => {}
            other => return Err(format!("it must be a map, not {}", other.kind())),
        }
        let applications = match document.get("applications") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::List(entries)) => entries.iter().map(entry).collect::<Result<_, _>>()?,
            Some(other) => return Err(format!("applications must be a list, not {}", other.kind())),
        };
        Ok(Self {
            application_id: text(document, "application_id")?,
            mint_bucket: text(document, "mint_bucket")?,
            region: text(document, "region")?,
            applications,
        })
    }
}

fn entry(value: &Value) -> Result<Entry, String> {
    if value.as_map().is_none() {
        return Err(format!("each of the applications must be a map, not {}", value.kind()));
    }
    Ok(Entry {
        application_id: text(value, "application_id")?.ok_or("each of the applications needs an application_id")?,
        mint_bucket: text(value, "mint_bucket")?,
        directory: text(value, "directory")?,
        owner: identity(value, "owner")?,
        group: identity(value, "group")?,
    })
}

/// Text; what is empty is not there.
fn text(map: &Value, name: &str) -> Result<Option<String>, String> {
    match map.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
        Some(other) => Err(format!("{name} must be text, not {}", other.kind())),
    }
}

/// The name or number of a user or group.
fn identity(map: &Value, name: &str) -> Result<Option<String>, String> {
    match map.get(name) {
        Some(Value::Int(number)) => Ok(Some(number.to_string())),
        _ => text(map, name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<ConfigFile, String> {
        ConfigFile::from_document(&stups_yaml::load(text).unwrap())
    }

    #[test]
    fn the_configuration_of_an_instance_has_much_else() {
        let config = parsed(
            "#taupage-ami-config\napplication_id: pets\napplication_version: 1\nmint_bucket: mint\nruntime: Docker\nports: {8080: 80}\n",
        )
        .unwrap();
        assert_eq!(config.application_id.as_deref(), Some("pets"));
        assert_eq!(config.mint_bucket.as_deref(), Some("mint"));
        assert_eq!((config.region, config.applications), (None, Vec::new()));
    }

    #[test]
    fn several_applications() {
        let config = parsed(
            "region: eu-west-1\napplications:\n- {application_id: pets, mint_bucket: mint, directory: /run/pets, group: 1000}\n- application_id: cats\n",
        )
        .unwrap();
        assert_eq!(config.region.as_deref(), Some("eu-west-1"));
        let [pets, cats] = config.applications.as_slice() else {
            panic!("{config:?}")
        };
        assert_eq!(pets.directory.as_deref(), Some("/run/pets"));
        assert_eq!(pets.group.as_deref(), Some("1000"));
        assert_eq!(
            *cats,
            Entry {
                application_id: "cats".to_owned(),
                ..Entry::default()
            }
        );
    }

    #[test]
    fn an_empty_file_is_no_configuration() {
        for text in ["", "# nothing\n", "application_id: ''\nmint_bucket:\napplications:\n"] {
            assert_eq!(parsed(text), Ok(ConfigFile::default()), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, expected) in [
            ("- a", "it must be a map"),
            ("application_id: 5", "application_id must be text"),
            ("mint_bucket: [mint]", "mint_bucket must be text"),
            ("applications: pets", "applications must be a list"),
            ("applications: [pets]", "must be a map"),
            ("applications: [{}]", "needs an application_id"),
            ("applications: [{application_id: a, group: [x]}]", "group must be text"),
        ] {
            assert!(parsed(text).unwrap_err().contains(expected), "{text}");
        }
        let missing = ConfigFile::load(Path::new("/nonexistent/taupage.yaml")).unwrap_err();
        assert!(missing.contains("No such file"), "{missing}");
    }
}
