//! Which applications' credentials are copied, from where and to where.

use std::path::{Path, PathBuf};

use stups_aws::SecretLocation;

use crate::cli::SourceArguments;
use crate::config_file::{ConfigFile, Entry};
use crate::log::Log;

/// An application, and where its credentials are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Application {
    pub(crate) id: String,
    pub(crate) location: SecretLocation,
}

/// An application, and where its credentials are to go.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) application: Application,
    pub(crate) directory: PathBuf,
    pub(crate) owner: Option<String>,
    pub(crate) group: Option<String>,
}

/// The configuration file; an empty one, with a warning, when it can't be read.
pub(crate) fn load_config(path: &Path, log: &Log) -> ConfigFile {
    ConfigFile::load(path).unwrap_or_else(|error| {
        log.warning(&format!(
            "Could not load configuration from {}: {error}",
            path.display()
        ));
        ConfigFile::default()
    })
}

/// The one application that options, or else the file, name. Errors are a matter of usage.
pub(crate) fn one(arguments: &SourceArguments, config: &ConfigFile) -> Result<Application, String> {
    let file = arguments.config_file.display();
    let id = first([&arguments.application_id, &config.application_id]).ok_or_else(|| {
        format!("Application ID missing, please say it with --application-id or as application_id in {file}")
    })?;
    let bucket = first([&arguments.mint_bucket, &config.mint_bucket]).ok_or_else(|| {
        format!("Mint Bucket is not configured, please say it with --mint-bucket or as mint_bucket in {file}")
    })?;
    application(id, bucket)
}

/// The applications of options and file, with their directories in or beside `local_directory`.
///
/// With `--application-id` it is that one alone. Else it is the one at the file's top level, if there is one, and those of its list.
pub(crate) fn all(
    arguments: &SourceArguments,
    config: &ConfigFile,
    local_directory: &Path,
    owner: Option<&str>,
    group: Option<&str>,
) -> Result<Vec<Target>, String> {
    let is_list = arguments.application_id.is_none() && !config.applications.is_empty();
    let mut targets = Vec::new();
    if !is_list || (config.application_id.is_some() && config.mint_bucket.is_some()) {
        targets.push(Target {
            application: one(arguments, config)?,
            directory: local_directory.to_owned(),
            owner: owner.map(str::to_owned),
            group: group.map(str::to_owned),
        });
    }
    for entry in config.applications.iter().filter(|_| is_list) {
        let target = target(entry, arguments, config, local_directory, owner, group)?;
        if let Some(other) = targets.iter().find(|other| other.directory == target.directory) {
            let (one, two) = (&other.application.id, &target.application.id);
            return Err(format!(
                "\"{one}\" and \"{two}\" have the same directory {}",
                target.directory.display()
            ));
        }
        targets.push(target);
    }
    Ok(targets)
}

fn target(
    entry: &Entry,
    arguments: &SourceArguments,
    config: &ConfigFile,
    local_directory: &Path,
    owner: Option<&str>,
    group: Option<&str>,
) -> Result<Target, String> {
    let bucket = first([&arguments.mint_bucket, &entry.mint_bucket, &config.mint_bucket])
        .ok_or_else(|| format!("Mint Bucket is not configured for \"{}\"", entry.application_id))?;
    let application = application(&entry.application_id, bucket)?;
    // The id has been found to be one directory's name.
    let directory = local_directory.join(entry.directory.as_ref().unwrap_or(&entry.application_id));
    Ok(Target {
        application,
        directory,
        owner: entry.owner.as_deref().or(owner).map(str::to_owned),
        group: entry.group.as_deref().or(group).map(str::to_owned),
    })
}

fn application(id: &str, bucket: &str) -> Result<Application, String> {
    let location: SecretLocation = bucket.parse().map_err(|error| format!("{error}"))?;
    // Whether the id can be part of a name shows now and not in every round.
    location
        .object_name(id, stups_aws::SecretObject::User)
        .map_err(|error| error.to_string())?;
    Ok(Application {
        id: id.to_owned(),
        location,
    })
}

/// The first that is there and not empty.
fn first<const COUNT: usize>(texts: [&Option<String>; COUNT]) -> Option<&str> {
    texts
        .into_iter()
        .flatten()
        .map(String::as_str)
        .find(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(application_id: Option<&str>, mint_bucket: Option<&str>) -> SourceArguments {
        SourceArguments {
            config_file: "/etc/taupage.yaml".into(),
            application_id: application_id.map(str::to_owned),
            mint_bucket: mint_bucket.map(str::to_owned),
            ..SourceArguments::default()
        }
    }

    fn config(application_id: Option<&str>, mint_bucket: Option<&str>) -> ConfigFile {
        ConfigFile {
            application_id: application_id.map(str::to_owned),
            mint_bucket: mint_bucket.map(str::to_owned),
            ..ConfigFile::default()
        }
    }

    fn entry(id: &str, directory: Option<&str>) -> Entry {
        Entry {
            application_id: id.to_owned(),
            directory: directory.map(str::to_owned),
            ..Entry::default()
        }
    }

    fn found(arguments: &SourceArguments, config: &ConfigFile) -> Result<Vec<String>, String> {
        let targets = all(arguments, config, Path::new("/meta"), None, None)?;
        let shown = targets.iter().map(|target| {
            let Application { id, location } = &target.application;
            format!("{id} {location} {}", target.directory.display())
        });
        Ok(shown.collect())
    }

    #[test]
    fn options_come_before_the_file() {
        let file = config(Some("pets"), Some("mint"));
        assert_eq!(found(&arguments(None, None), &file).unwrap(), ["pets mint /meta"]);
        assert_eq!(
            found(&arguments(Some("cats"), None), &file).unwrap(),
            ["cats mint /meta"]
        );
        assert_eq!(
            found(&arguments(None, Some("ssm://stups")), &file).unwrap(),
            ["pets ssm://stups /meta"]
        );
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for (application_id, mint_bucket, expected) in [
            (None, Some("mint"), "Application ID missing"),
            (Some(""), Some("mint"), "Application ID missing"),
            (Some("pets"), None, "Mint Bucket is not configured"),
            (Some("../pets"), Some("mint"), "'../pets' is not the id"),
            (Some("pets"), Some("ssm://../x"), "is no place for secrets"),
        ] {
            let error = found(&arguments(application_id, mint_bucket), &ConfigFile::default()).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn several_applications_have_a_directory_each() {
        let mut file = config(None, Some("mint"));
        file.applications = vec![entry("pets", None), entry("cats", Some("/run/cats"))];
        file.applications[1].mint_bucket = Some("ssm://cats".to_owned());
        let none = arguments(None, None);
        let list = ["pets mint /meta/pets", "cats ssm://cats /run/cats"];
        assert_eq!(found(&none, &file).unwrap(), list);
        assert_eq!(
            found(&arguments(Some("dogs"), None), &file).unwrap(),
            ["dogs mint /meta"]
        );

        file.application_id = Some("dogs".to_owned());
        let all = ["dogs mint /meta", list[0], list[1]];
        assert_eq!(found(&none, &file).unwrap(), all);

        file.applications[1].directory = Some("pets".to_owned());
        assert!(
            found(&none, &file)
                .unwrap_err()
                .contains("the same directory /meta/pets")
        );
        file.applications[0].application_id = "..".to_owned();
        assert!(found(&none, &file).unwrap_err().contains("not the id"));
    }

    #[test]
    fn owner_and_group_may_differ() {
        let mut file = config(None, Some("mint"));
        file.applications = vec![entry("pets", None), entry("cats", None)];
        file.applications[1].group = Some("cats".to_owned());
        let targets = all(
            &arguments(None, None),
            &file,
            Path::new("/meta"),
            Some("root"),
            Some("apps"),
        )
        .unwrap();
        let groups: Vec<_> = targets.iter().map(|target| target.group.as_deref()).collect();
        assert_eq!(groups, [Some("apps"), Some("cats")]);
        assert!(targets.iter().all(|target| target.owner.as_deref() == Some("root")));
    }
}
