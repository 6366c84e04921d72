//! Names of Docker images.

use std::fmt;

/// A Docker image as its name says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DockerImage {
    /// host and port of the registry; nothing means Docker Hub
    pub(crate) registry: Option<String>,
    /// `team/artifact`
    pub(crate) repository: String,
    /// the tag, `latest` without one, or the digest (`sha256:...`)
    pub(crate) reference: String,
}

impl DockerImage {
    /// Reads `[registry/]repository[:tag][@digest]`. The first part is a registry when there are three, or when it looks like a
    /// host (with a dot or a port, or `localhost`).
    pub(crate) fn parse(source: &str) -> Option<Self> {
        let (name, digest) = match source.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (source, None),
        };
        let (registry, rest) = match name.split_once('/') {
            Some((first, rest)) if looks_like_host(first) || rest.matches('/').count() == 1 => (Some(first), rest),
            _ => (None, name),
        };
        let (repository, tag) = match rest.split_once(':') {
            Some((repository, tag)) => (repository, Some(tag)),
            None => (rest, None),
        };
        let reference = digest.or(tag).unwrap_or("latest");
        let is_valid = !reference.is_empty()
            && repository.split('/').all(|part| !part.is_empty())
            && registry.is_none_or(|host| !host.is_empty())
            && [repository, reference].iter().all(|part| {
                part.chars()
                    .all(|character| character.is_ascii_alphanumeric() || "._-/:".contains(character))
            })
            && !reference.contains('/');
        is_valid.then(|| Self {
            registry: registry.map(str::to_owned),
            repository: repository.to_owned(),
            reference: reference.to_owned(),
        })
    }
}

fn looks_like_host(text: &str) -> bool {
    text.contains(['.', ':']) || text == "localhost"
}

impl fmt::Display for DockerImage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(registry) = &self.registry {
            write!(formatter, "{registry}/")?;
        }
        let separator = if self.reference.contains(':') { '@' } else { ':' };
        write!(formatter, "{}{separator}{}", self.repository, self.reference)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        for (source, registry, repository, reference) in [
            ("nginx", None, "nginx", "latest"),
            ("nginx:1.2", None, "nginx", "1.2"),
            ("stups/hello-world:0.1", None, "stups/hello-world", "0.1"),
            (
                "pierone.example.org/team/app:1",
                Some("pierone.example.org"),
                "team/app",
                "1",
            ),
            ("registry/team/app:1", Some("registry"), "team/app", "1"),
            ("localhost:5000/app:1", Some("localhost:5000"), "app", "1"),
            ("reg.example.org/a/b/c:1", Some("reg.example.org"), "a/b/c", "1"),
            ("a/b/c/d:1", None, "a/b/c/d", "1"),
            (
                "reg.example.org/a/b@sha256:00ff",
                Some("reg.example.org"),
                "a/b",
                "sha256:00ff",
            ),
            (
                "reg.example.org/a/b:1@sha256:00ff",
                Some("reg.example.org"),
                "a/b",
                "sha256:00ff",
            ),
        ] {
            let expected = DockerImage {
                registry: registry.map(str::to_owned),
                repository: repository.to_owned(),
                reference: reference.to_owned(),
            };
            assert_eq!(DockerImage::parse(source), Some(expected), "{source}");
        }
        for source in ["", ":1", "a:", "/team/app", "a//b:1", "a b", "team/app:1?x", "x/y:1/2#"] {
            assert_eq!(DockerImage::parse(source), None, "{source}");
        }
        assert_eq!(DockerImage::parse("r.io/a/b:1").unwrap().to_string(), "r.io/a/b:1");
        assert_eq!(
            DockerImage::parse("r.io/a/b@sha256:0f").unwrap().to_string(),
            "r.io/a/b@sha256:0f"
        );
    }
}
