//! Names of repositories, tags and digests: what is one, and what is refused before anything is looked up (contract pierone 5.1).

use std::fmt;

use axum::http::StatusCode;
use stups_server::Error;

/// How long a repository's name may be.
const LONGEST_NAME: usize = 255;

/// `team/artifact`; the artifact may have slashes of its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Repository(String);

impl Repository {
    /// Lower case words joined by `.`, `_`, `__` or dashes, at least two of them between slashes.
    pub(crate) fn parse(name: &str) -> Result<Self, Error> {
        let refused = |reason: &str| {
            let message = format!("{name:?} is not a repository's name: {reason}");
            Error::oci(StatusCode::BAD_REQUEST, "NAME_INVALID", message)
        };
        if name.len() > LONGEST_NAME {
            return Err(Error::oci(
                StatusCode::BAD_REQUEST,
                "NAME_INVALID",
                format!("a repository's name has at most {LONGEST_NAME} characters"),
            ));
        }
        if !name.contains('/') {
            return Err(refused("it consists of a team and an artifact, as in team/artifact"));
        }
        if !name.split('/').all(is_component) {
            return Err(refused(
                "between slashes stand lower case letters and digits, joined by single dots, one or two underscores, or dashes",
            ));
        }
        Ok(Self(name.to_owned()))
    }

    /// The repository of a team's artifact.
    pub(crate) fn of(team: &str, artifact: &str) -> Result<Self, Error> {
        Self::parse(&format!("{team}/{artifact}"))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The first word: who owns it.
    pub(crate) fn team(&self) -> &str {
        self.0.split_once('/').map_or("", |(team, _)| team)
    }

    /// All but the team.
    pub(crate) fn artifact(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, artifact)| artifact)
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_component(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    let ends = bytes.first().copied().is_some_and(word) && bytes.last().copied().is_some_and(word);
    ends && text
        .split(|character: char| character.is_ascii_lowercase() || character.is_ascii_digit())
        .all(|joint| matches!(joint, "" | "." | "_" | "__") || joint.bytes().all(|byte| byte == b'-'))
}

/// Which hash a digest is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Algorithm {
    Sha256,
    Sha512,
}

impl Algorithm {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name {
            "sha256" => Some(Self::Sha256),
            "sha512" => Some(Self::Sha512),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    /// The hash of these bytes.
    pub(crate) fn digest(self, bytes: &[u8]) -> Digest {
        let algorithm = match self {
            Self::Sha256 => &ring::digest::SHA256,
            Self::Sha512 => &ring::digest::SHA512,
        };
        Digest::new(self, ring::digest::digest(algorithm, bytes).as_ref())
    }
}

/// `sha256:<64 digits>` or `sha512:<128 digits>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Digest {
    pub(crate) algorithm: Algorithm,
    text: String,
}

impl Digest {
    pub(crate) fn new(algorithm: Algorithm, hash: &[u8]) -> Self {
        let hex = hash.iter().fold(String::with_capacity(128), |mut hex, byte| {
            hex.push(char::from(b"0123456789abcdef"[usize::from(byte >> 4)]));
            hex.push(char::from(b"0123456789abcdef"[usize::from(byte & 15)]));
            hex
        });
        Self {
            algorithm,
            text: format!("{}:{hex}", algorithm.name()),
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        Self::read(text).ok_or_else(|| {
            Error::oci(
                StatusCode::BAD_REQUEST,
                "DIGEST_INVALID",
                "a digest is sha256: with 64 or sha512: with 128 lower case hexadecimal digits",
            )
        })
    }

    /// The digest, if the text is one.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (name, hex) = text.split_once(':')?;
        let algorithm = Algorithm::parse(name)?;
        let length = match algorithm {
            Algorithm::Sha256 => 64,
            Algorithm::Sha512 => 128,
        };
        let valid = hex.len() == length && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        valid.then(|| Self {
            algorithm,
            text: text.to_owned(),
        })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What a manifest is asked for by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Reference {
    Tag(String),
    Digest(Digest),
}

impl Reference {
    /// A text with a colon means a digest: no tag has one.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        if text.contains(':') {
            return Digest::parse(text).map(Self::Digest);
        }
        tag(text).map(|()| Self::Tag(text.to_owned()))
    }
}

/// Refuses what cannot be a tag: `[A-Za-z0-9_][A-Za-z0-9._-]{0,127}`.
pub(crate) fn tag(text: &str) -> Result<(), Error> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let valid = (1..=128).contains(&text.len())
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|byte| word(byte) || byte == b'.' || byte == b'-');
    if valid {
        return Ok(());
    }
    Err(Error::oci(
        StatusCode::BAD_REQUEST,
        "MANIFEST_INVALID",
        "a tag has 1 to 128 letters, digits, dots, dashes and underscores, and starts with no dot or dash",
    ))
}

/// How a tag may move (contract pierone 5.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TagClass {
    /// Never.
    Ordinary,
    /// Freely: `1.0-SNAPSHOT`, and what the policy `mutable_tags` says.
    Movable,
    /// Only to what keeps everything that it pointed to: signatures and the like.
    Growing,
    /// It is computed, nobody writes it.
    Latest,
}

impl TagClass {
    /// What a tag is by its name alone.
    pub(crate) fn of(tag: &str) -> Self {
        if tag == "latest" {
            Self::Latest
        } else if is_snapshot(tag) {
            Self::Movable
        } else if is_growing(tag) {
            Self::Growing
        } else {
            Self::Ordinary
        }
    }
}

/// `1.0-SNAPSHOT`: movable, and never for production.
pub(crate) fn is_snapshot(tag: &str) -> bool {
    tag.ends_with("-SNAPSHOT")
}

/// `sha256-<64 digits>`, and the same with `.sig`, `.att`, `.sbom` behind it: where tools without referrers keep signatures.
pub(crate) fn is_growing(tag: &str) -> bool {
    let Some(rest) = tag.strip_prefix("sha256-") else {
        return false;
    };
    let (hex, suffix) = rest.split_at_checked(64).unwrap_or((rest, "none"));
    hex.len() == 64
        && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        && matches!(suffix, "" | ".sig" | ".att" | ".sbom")
}

/// Whether a text matches a pattern in which `*` stands for any characters.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(place) => rest = &rest[place + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_follow_the_grammar() {
        for name in [
            "stups/kio",
            "a/b",
            "a/b/c",
            "team-1/my.app_x",
            "a/b__c",
            "a/b---c",
            "0/9",
        ] {
            assert!(Repository::parse(name).is_ok(), "{name}");
        }
        let long = format!("a/{}", "b".repeat(254));
        for name in [
            "kio", "", "/", "a/", "/a", "a//b", "A/b", "a/B", "a/.b", "a/b.", "a/..", "../a", "a/b..c", "a/b___c",
            "a/b.-c", "a/b c", "a/b%2fc", "a/b\\c", "a/é", &long,
        ] {
            assert!(Repository::parse(name).is_err(), "{name}");
        }
        let name = Repository::parse("a/b/c").unwrap();
        assert_eq!((name.team(), name.artifact()), ("a", "b/c"));
    }

    #[test]
    fn tags_follow_the_grammar() {
        for text in ["1.0", "_", "A-b.c_d", &"x".repeat(128)] {
            assert!(tag(text).is_ok(), "{text}");
        }
        for text in ["", ".1", "-1", "a/b", "a b", "a:b", "é", &"x".repeat(129)] {
            assert!(tag(text).is_err(), "{text}");
        }
    }

    #[test]
    fn digests_are_exact() {
        let sha256 = Algorithm::Sha256.digest(b"");
        assert_eq!(
            sha256.as_str(),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        let sha512 = Algorithm::Sha512.digest(b"");
        for digest in [&sha256, &sha512] {
            assert_eq!(Digest::parse(digest.as_str()).unwrap(), *digest);
        }
        let upper = sha256.as_str().to_uppercase();
        let short = &sha256.as_str()[..70];
        for text in [
            "",
            "sha256:",
            "sha256:baddigeststring",
            &upper,
            short,
            "md5:00",
            "sha512:00",
        ] {
            assert!(Digest::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn classes_are_told_by_name() {
        let fallback = format!("sha256-{}", "0".repeat(64));
        for (name, class) in [
            ("1.0", TagClass::Ordinary),
            ("1.0-SNAPSHOT", TagClass::Movable),
            ("1.0-snapshot", TagClass::Ordinary),
            ("latest", TagClass::Latest),
            (&fallback, TagClass::Growing),
            (&format!("{fallback}.sig"), TagClass::Growing),
            (&format!("{fallback}.exe"), TagClass::Ordinary),
            ("sha256-00", TagClass::Ordinary),
        ] {
            assert_eq!(TagClass::of(name), class, "{name}");
        }
    }

    #[test]
    fn patterns_match_whole_texts() {
        for (pattern, text, expected) in [
            ("a/*", "a/b", true),
            ("a/*", "b/b", false),
            ("*", "", true),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
            ("ab", "abc", false),
            ("*cache", "x/cache", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
