use reqwest::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Application, Approval, ApprovalWrite, Version, VersionSummary, VersionWrite};
use crate::Timestamp;
use crate::client::{Client, Error};

/// Kio, ours or an original.
#[derive(Clone, Debug)]
pub struct KioClient(Client);

/// Which applications a list has. The default is all.
///
/// Originals before 2019 do not know every filter and answer more than was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ApplicationFilter {
    /// Owned by this team.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team_id: Option<String>,
    /// With this incident contact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incident_contact: Option<String>,
    /// Active, or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// Changed last at this moment or after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified_after: Option<Timestamp>,
    /// Changed last at this moment or before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified_before: Option<Timestamp>,
    /// With all these words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
}

/// An application as it was answered, with attributes that this program does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its attributes.
    pub attributes: Map<String, Value>,
    /// Its tag, for [`Condition::Unchanged`]. The originals have none.
    pub tag: Option<String>,
}

/// On which condition something is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// On none.
    #[default]
    Always,
    /// If there is no such application yet.
    New,
    /// If it still has this tag.
    Unchanged(String),
}

impl KioClient {
    /// Kio, where the client says it is.
    pub fn new(client: Client) -> Self {
        Self(client)
    }

    /// The same Kio, on behalf of a caller: with the caller's token.
    #[must_use]
    pub fn on_behalf_of(&self, token: &secrecy::SecretString) -> Self {
        Self(self.0.on_behalf_of(token))
    }

    /// The applications that fulfil the filter.
    pub async fn applications(&self, filter: &ApplicationFilter) -> Result<Vec<Application>, Error> {
        // The originals answer null for an empty list.
        let list: Option<Vec<Application>> = self.0.get(&["apps"]).query(filter).send().await?;
        Ok(list.unwrap_or_default())
    }

    /// The same with the list's tag; nothing when the list still has the tag that is given. The originals have no tags.
    pub async fn applications_unless(
        &self,
        filter: &ApplicationFilter,
        known: Option<&str>,
    ) -> Result<Option<(Vec<Application>, Option<String>)>, Error> {
        let mut request = self.0.get(&["apps"]).query(filter);
        if let Some(known) = known {
            request = request.header(IF_NONE_MATCH, known);
        }
        let answer = request.any_answer().await?;
        if answer.status == reqwest::StatusCode::NOT_MODIFIED {
            return Ok(None);
        }
        if !answer.status.is_success() {
            return Err(answer.into_error());
        }
        let tag = answer.header(&ETAG).map(str::to_owned);
        let list: Option<Vec<Application>> = answer.json()?;
        Ok(Some((list.unwrap_or_default(), tag)))
    }

    /// An application, if there is one.
    pub async fn application(&self, id: &str) -> Result<Option<Application>, Error> {
        self.0.get(&["apps", id]).optional().await
    }

    /// An application with everything that was answered, if there is one.
    pub async fn document(&self, id: &str) -> Result<Option<Document>, Error> {
        let answer = self.0.get(&["apps", id]).any_answer().await?;
        if answer.status == reqwest::StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if !answer.status.is_success() {
            return Err(answer.into_error());
        }
        let tag = answer.header(&ETAG).map(str::to_owned);
        Ok(Some(Document {
            attributes: answer.json()?,
            tag,
        }))
    }

    /// Registers an application, or changes its attributes that are not null.
    pub async fn put(&self, id: &str, attributes: &impl Serialize, condition: &Condition) -> Result<(), Error> {
        let request = self.0.put(&["apps", id]).json(attributes);
        match condition {
            Condition::Always => request,
            Condition::New => request.header(IF_NONE_MATCH, "*"),
            Condition::Unchanged(tag) => request.header(IF_MATCH, tag),
        }
        .done()
        .await
    }

    /// Changes attributes of an application; null clears. The originals do not know it.
    pub async fn patch(&self, id: &str, attributes: &impl Serialize, condition: &Condition) -> Result<(), Error> {
        let request = self.0.patch(&["apps", id]).json(attributes);
        match condition {
            Condition::Always => request,
            Condition::New => request.header(IF_NONE_MATCH, "*"),
            Condition::Unchanged(tag) => request.header(IF_MATCH, tag),
        }
        .done()
        .await
    }

    /// The versions of an application.
    pub async fn versions(&self, application: &str) -> Result<Vec<VersionSummary>, Error> {
        let list: Option<Vec<VersionSummary>> = self.0.get(&["apps", application, "versions"]).send().await?;
        Ok(list.unwrap_or_default())
    }

    /// A version, if there is one.
    pub async fn version(&self, application: &str, version: &str) -> Result<Option<Version>, Error> {
        self.0.get(&["apps", application, "versions", version]).optional().await
    }

    /// Registers a version, or changes it; its approvals are removed.
    pub async fn put_version(&self, application: &str, version: &str, write: &VersionWrite) -> Result<(), Error> {
        self.0
            .put(&["apps", application, "versions", version])
            .json(write)
            .done()
            .await
    }

    /// The approvals of a version.
    pub async fn approvals(&self, application: &str, version: &str) -> Result<Vec<Approval>, Error> {
        let path = ["apps", application, "versions", version, "approvals"];
        let list: Option<Vec<Approval>> = self.0.get(&path).send().await?;
        Ok(list.unwrap_or_default())
    }

    /// Approves a version.
    pub async fn approve(&self, application: &str, version: &str, write: &ApprovalWrite) -> Result<(), Error> {
        let path = ["apps", application, "versions", version, "approvals"];
        self.0.post(&path).json(write).done().await
    }
}
