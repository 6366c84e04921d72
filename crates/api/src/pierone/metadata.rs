use serde::Deserialize;

/// What is told of an image beside its content (contract pierone 2.7). Every part may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct ImageMetadata {
    /// Where it comes from.
    #[serde(default)]
    pub ci: Option<CiMetadata>,
    /// Whether it may run.
    #[serde(default)]
    pub compliance: Option<Compliance>,
    /// What it is built on.
    #[serde(default)]
    pub base_image: Option<BaseImage>,
}

/// Where an image comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct CiMetadata {
    /// The repository.
    pub url: Option<String>,
    /// The commit.
    pub revision: Option<String>,
    /// When it was built, or committed.
    pub created: Option<String>,
    /// Who did.
    pub author: Option<String>,
}

/// Whether an image may run, and who says so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Compliance {
    /// What is in force.
    pub status: Option<String>,
    /// What the automatic check says.
    pub checker: Option<ComplianceStatus>,
    /// What a person said.
    pub user: Option<ComplianceStatus>,
    /// What was decided in an emergency.
    pub emergency: Option<ComplianceStatus>,
}

/// What one of them says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ComplianceStatus {
    /// `production_ready`, or what a checker said.
    pub status: Option<String>,
    /// Since when.
    pub received_at: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Why, in detail, in Markdown.
    pub details: Option<String>,
    /// The incident that demanded it.
    pub incident: Option<String>,
    /// Who it was.
    pub set_by: Option<String>,
}

/// What an image is built on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct BaseImage {
    /// Its name.
    pub name: Option<String>,
    /// Whether images may be built on it.
    pub allowed: bool,
    /// Why, or why not.
    pub message: Option<String>,
}
