//! Names of images: `[registry/]team/artifact:tag`.

use std::fmt;

use clap::Args;

/// An image of the registry by team, artifact and tag.
#[derive(Clone, Debug, Args)]
pub(crate) struct TagArguments {
    #[arg(value_parser = team)]
    pub(crate) team: String,
    pub(crate) artifact: String,
    pub(crate) tag: String,
}

/// An image in any registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ImageName {
    /// `host[:port]`
    pub(crate) registry: String,
    pub(crate) team: String,
    pub(crate) artifact: String,
    pub(crate) tag: String,
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}:{}", self.registry, self.team, self.artifact, self.tag)
    }
}

/// A team's name (contract pierone 2.15).
pub(crate) fn team(text: &str) -> Result<String, String> {
    let mut bytes = text.bytes();
    let starts = bytes.next().is_some_and(|byte| byte.is_ascii_lowercase());
    let goes_on = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
    if starts && text.len() > 1 && bytes.all(goes_on) {
        Ok(text.to_owned())
    } else {
        Err("a team has small letters, digits, - and _, two or more, and begins with a letter".to_owned())
    }
}

/// `registry/team/artifact:tag`, all of it.
pub(crate) fn full_image_name(text: &str) -> Result<ImageName, String> {
    let parse = || {
        let (name, tag) = text.rsplit_once(':')?;
        let (registry, path) = name.split_once('/')?;
        let (team_name, artifact) = path.split_once('/')?;
        let whole = !registry.is_empty() && !artifact.is_empty() && !tag.is_empty() && !tag.contains('/');
        whole.then(|| ImageName {
            registry: registry.to_owned(),
            team: team_name.to_owned(),
            artifact: artifact.to_owned(),
            tag: tag.to_owned(),
        })
    };
    let image = parse().ok_or("an image is <registry>/<team>/<artifact>:<tag>")?;
    team(&image.team)?;
    Ok(image)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn teams_are_named_as_the_original_allows() {
        for good in ["t1", "stups", "foo-bar", "foo_bar", "a9"] {
            assert_eq!(team(good).unwrap(), good);
        }
        for bad in ["", "t", "1t", "T1", "fOo", "foo.bar", "-foo", "foo/bar"] {
            assert!(team(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_image_has_all_its_parts() {
        for good in [
            "localhost:5000/stups/kio:1.0",
            "pierone.example.org/stups/group/kio:cd1",
        ] {
            assert_eq!(full_image_name(good).unwrap().to_string(), good);
        }
        for bad in [
            "",
            "stups/kio:1.0",
            "pierone.example.org/stups/kio",
            "localhost:5000/stups/kio",
            "pierone.example.org/s/kio:1",
            "pierone.example.org/stups/:1",
            "pierone.example.org/stups/kio:",
        ] {
            assert!(full_image_name(bad).is_err(), "{bad}");
        }
    }
}
