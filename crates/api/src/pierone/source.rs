use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// Where an image was made from (contract pierone 2.9).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ScmSource {
    /// `<provider>:<location>`, as `git:git@github.com:org/repo.git`.
    pub url: String,
    /// The full commit id; with ` (locally modified)` behind it when files were changed after the commit.
    pub revision: String,
    /// Who made the image.
    pub author: String,
    /// What was changed after the commit, as `git status --porcelain` says; empty when nothing was.
    pub status: String,
    /// When it was pushed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// Whether it says all that it has to: the originals do not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid: Option<bool>,
    /// What told it: the originals do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<SourceOrigin>,
}

/// What tells where an image was made from; the first that does counts (contract pierone 5.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SourceOrigin {
    /// The header `X-SCM-Source` of a trusted caller.
    Header,
    /// The manifest's annotations.
    Annotations,
    /// Labels in the image's configuration.
    Labels,
    /// The file in a layer.
    #[serde(rename = "scm-source.json")]
    File,
    /// SLSA provenance that was attached to the image. Nobody has verified a signature of it.
    Provenance,
}

/// What stands behind the commit id of changed files.
pub const MODIFIED: &str = " (locally modified)";

/// Systems that commits come from.
const PROVIDERS: [&str; 4] = ["git", "hg", "svn", "http"];

impl ScmSource {
    /// Whether files were changed after the commit.
    pub fn is_locally_modified(&self) -> bool {
        self.revision.ends_with(MODIFIED) || !self.status.trim().is_empty()
    }

    /// Whether an auditor can find what the image was made from: all is said, the provider is known, and the revision is a full
    /// commit id without changes (contract pierone 5.7).
    pub fn is_valid(&self) -> bool {
        let full = matches!(self.revision.len(), 40 | 64) && self.revision.bytes().all(|byte| byte.is_ascii_hexdigit());
        full && self.knows_provider() && !self.author.trim().is_empty() && !self.is_locally_modified()
    }

    fn knows_provider(&self) -> bool {
        let Some((provider, location)) = self.url.split_once(':') else {
            return false;
        };
        let provider = provider.split('+').next().unwrap_or_default();
        let known = PROVIDERS.contains(&provider) || provider == "https" || provider == "ssh";
        known && !location.trim_matches('/').is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(url: &str, revision: &str, status: &str) -> ScmSource {
        ScmSource {
            url: url.to_owned(),
            revision: revision.to_owned(),
            author: "jdoe".to_owned(),
            status: status.to_owned(),
            created: None,
            valid: None,
            origin: None,
        }
    }

    #[test]
    fn only_a_full_clean_commit_of_a_known_system_is_valid() {
        let full = "0".repeat(40);
        let modified = format!("{full}{MODIFIED}");
        for (url, revision, status, valid) in [
            ("git:git@github.com:org/repo.git", full.as_str(), "", true),
            ("https://github.com/org/repo", &full, "", true),
            ("git:git@github.com:org/repo.git", &modified, "", false),
            ("git:git@github.com:org/repo.git", &full, " M file", false),
            ("git:git@github.com:org/repo.git", "0123456", "", false),
            ("git:", &full, "", false),
            ("cvs:host", &full, "", false),
            ("", &full, "", false),
        ] {
            assert_eq!(
                source(url, revision, status).is_valid(),
                valid,
                "{url} {revision} {status}"
            );
        }
        assert!(source("git:x", &modified, "").is_locally_modified());
        assert!(source("git:x", &full, " M file").is_locally_modified());
        assert!(!source("git:x", &full, "").is_locally_modified());
    }
}
