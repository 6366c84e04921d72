//! Domains as people type them.

use std::fmt;

/// A domain name in small letters, without a dot at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Domain(String);

impl Domain {
    /// Reads a domain: labels of letters, digits and hyphens. Nothing that would make it anything else inside a URL.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let name = text.trim().trim_end_matches('.').to_ascii_lowercase();
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if name.len() <= 253 && name.split('.').all(is_label) {
            Ok(Self(name))
        } else {
            Err(format!("\"{}\" is no domain", text.trim()))
        }
    }

    /// What may have been meant: people type their company's or their team's domain.
    pub(crate) fn suggestion(&self) -> (Self, &'static str) {
        let labels: Vec<&str> = self.0.split('.').collect();
        match labels.as_slice() {
            [_, rest @ ..] if labels.len() > 2 => (
                Self(format!("stups.{}", rest.join("."))),
                "The entered domain might be a team domain.",
            ),
            _ => (Self(format!("stups.{}", self.0)), "The entered domain looks too short."),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_domain_is_normalised() {
        assert_eq!(
            Domain::parse(" Stups.Example.ORG. ").unwrap().as_str(),
            "stups.example.org"
        );
        for text in ["", ".", "a..b", "a/b", "a b", "-a.org", "x@y", "a:1", &"a".repeat(64)] {
            assert!(Domain::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_short_domain_or_a_teams_has_a_suggestion() {
        let suggestion = |text: &str| Domain::parse(text).unwrap().suggestion().0.to_string();
        assert_eq!(suggestion("example.org"), "stups.example.org");
        assert_eq!(suggestion("org"), "stups.org");
        assert_eq!(suggestion("team.example.org"), "stups.example.org");
    }

    proptest! {
        #[test]
        fn whatever_is_a_domain_is_the_host_of_its_url(text in "[a-zA-Z0-9.-]{1,20}") {
            if let Ok(domain) = Domain::parse(&text)
                && let Ok(url) = url::Url::parse(&format!("https://kio.{domain}"))
            {
                prop_assert_eq!(url.host_str().map(str::to_owned), Some(format!("kio.{domain}")));
                prop_assert_eq!(url.path(), "/");
            }
        }
    }
}
