use std::time::Duration;

use reqwest::header::ACCEPT;
use reqwest::{Method, StatusCode};
use serde_json::json;
use url::Url;

use super::{
    Active, HistoryEntry, ImageMetadata, ImageName, Import, Imported, LayerReport, Purge, ScmSource, Stats, TagDetail,
    TagSummary, TeamStats, Tombstone,
};
use crate::client::{Answer, Client, Error};

/// How long the download of a layer may take.
const DOWNLOAD_TIMEOUT: Duration = Duration::from_hours(1);

/// A registry, ours or an original, beside the distribution protocol.
#[derive(Clone, Debug)]
pub struct PierOneClient(Client);

impl PierOneClient {
    /// The registry, where the client says it is.
    pub fn new(client: Client) -> Self {
        Self(client)
    }

    /// The same registry, on behalf of a caller: with the caller's token.
    #[must_use]
    pub fn on_behalf_of(&self, token: &secrecy::SecretString) -> Self {
        Self(self.0.on_behalf_of(token))
    }

    /// Teams that have tags.
    pub async fn teams(&self) -> Result<Vec<String>, Error> {
        self.0.get(&["teams"]).send().await
    }

    /// Artifacts of a team that have tags.
    pub async fn artifacts(&self, team: &str) -> Result<Vec<String>, Error> {
        self.0.get(&["teams", team, "artifacts"]).send().await
    }

    /// Tags of an artifact, oldest first; none when there is no such artifact.
    pub async fn tags(&self, team: &str, artifact: &str) -> Result<Vec<TagSummary>, Error> {
        let list = self.0.get(&["teams", team, "artifacts", artifact, "tags"]).optional();
        Ok(list.await?.unwrap_or_default())
    }

    /// A tag, if there is one. The original that was published does not know it.
    pub async fn tag(&self, team: &str, artifact: &str, tag: &str) -> Result<Option<TagDetail>, Error> {
        self.0
            .get(&["teams", team, "artifacts", artifact, "tags", tag])
            .optional()
            .await
    }

    /// Where a tag's image was made from, if that is known.
    pub async fn scm_source(&self, team: &str, artifact: &str, tag: &str) -> Result<Option<ScmSource>, Error> {
        self.0
            .get(&["teams", team, "artifacts", artifact, "tags", tag, "scm-source"])
            .optional()
            .await
    }

    /// What happened to a tag, oldest first.
    pub async fn history(&self, team: &str, artifact: &str, tag: &str) -> Result<Vec<HistoryEntry>, Error> {
        self.0
            .get(&["teams", team, "artifacts", artifact, "tags", tag, "history"])
            .send()
            .await
    }

    /// Tags of the image whose id starts so; the error has status 404 when there is none and 412 when there are several images.
    pub async fn images(&self, prefix: &str) -> Result<Vec<ImageName>, Error> {
        self.0.get(&["tags", prefix]).send().await
    }

    /// How much there is.
    pub async fn stats(&self) -> Result<Stats, Error> {
        self.0.get(&["stats"]).send().await
    }

    /// How much a team has.
    pub async fn team_stats(&self, team: &str) -> Result<TeamStats, Error> {
        self.0.get(&["stats", "teams", team]).send().await
    }

    /// Says that a tag is ready for production, because of an incident.
    pub async fn mark_production_ready(
        &self,
        team: &str,
        artifact: &str,
        tag: &str,
        incident: &str,
    ) -> Result<(), Error> {
        self.0
            .post(&["teams", team, "artifacts", artifact, "tags", tag, "production-ready"])
            .json(&json!({"incident_id": incident}))
            .done()
            .await
    }

    /// Approves a tag.
    pub async fn approve(&self, team: &str, artifact: &str, tag: &str) -> Result<(), Error> {
        self.0
            .post(&["teams", team, "artifacts", artifact, "tags", tag, "approval"])
            .done()
            .await
    }

    /// Withdraws a tag, or takes that back.
    pub async fn set_active(&self, team: &str, artifact: &str, tag: &str, active: &Active) -> Result<(), Error> {
        self.0
            .put(&["teams", team, "artifacts", artifact, "tags", tag, "active"])
            .json(active)
            .done()
            .await
    }

    /// What a scanner found, under the name that [`TagSummary::clair_id`] says.
    pub async fn report(&self, clair_id: &str) -> Result<Option<LayerReport>, Error> {
        self.0.get(&["v1", "layers", clair_id]).optional().await
    }

    /// What a scanner found, at the address that [`TagSummary::clair_details`] says. Only the registry itself is told the token.
    pub async fn report_at(&self, details: &Url) -> Result<Option<LayerReport>, Error> {
        let mut url = details.clone();
        url.set_query(Some("vulnerabilities&features"));
        self.0.follow(Method::GET, &url).optional().await
    }

    /// Reports what a scanner found in a tag's image.
    pub async fn put_report(&self, team: &str, artifact: &str, tag: &str, report: &LayerReport) -> Result<(), Error> {
        self.0
            .put(&["teams", team, "artifacts", artifact, "tags", tag, "vulnerabilities"])
            .json(report)
            .done()
            .await
    }

    /// Asks for an image to be removed for good, or agrees with who has asked.
    pub async fn purge(&self, purge: &Purge) -> Result<Tombstone, Error> {
        self.0.post(&["purges"]).json(purge).send().await
    }

    /// Takes over a tag of an original, whose content is where the original keeps it, or here already.
    pub async fn import(&self, import: &Import) -> Result<Imported, Error> {
        self.0
            .post(&["imports"])
            .json(import)
            .timeout(DOWNLOAD_TIMEOUT)
            .send()
            .await
    }

    /// Collects garbage, or says what would be collected.
    pub async fn collect_garbage(&self, dry_run: bool) -> Result<serde_json::Value, Error> {
        self.0
            .post(&["garbage-collections"])
            .json(&json!({"dry_run": dry_run}))
            .send()
            .await
    }

    /// A manifest with its headers, by tag or digest, whatever kind it is; nothing when there is none.
    pub async fn manifest(&self, team: &str, artifact: &str, reference: &str) -> Result<Option<Answer>, Error> {
        let path: Vec<&str> = ["v2", team]
            .into_iter()
            .chain(artifact.split('/'))
            .chain(["manifests", reference])
            .collect();
        let answer = self.0.get(&path).header(ACCEPT, "*/*").any_answer().await?;
        match answer.status {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => Ok(Some(answer)),
            _ => Err(answer.into_error()),
        }
    }

    /// Writes the content with this digest to `sink` while it arrives.
    pub async fn blob(
        &self,
        team: &str,
        artifact: &str,
        digest: &str,
        sink: &mut impl std::io::Write,
    ) -> Result<(), Error> {
        let path: Vec<&str> = ["v2", team]
            .into_iter()
            .chain(artifact.split('/'))
            .chain(["blobs", digest])
            .collect();
        let blob = self.0.get(&path).header(ACCEPT, "*/*").timeout(DOWNLOAD_TIMEOUT);
        blob.download(sink).await
    }

    /// What is told of an image in `registry` (`host[:port]`), if there is one: this server keeps that beside the images, the
    /// original was a service of its own, docker-meta (contract pierone 2.7).
    pub async fn image_metadata(
        &self,
        registry: &str,
        team: &str,
        artifact: &str,
        tag: &str,
    ) -> Result<Option<ImageMetadata>, Error> {
        let image = format!("{artifact}:{tag}");
        self.0
            .get(&["image-metadata", registry, team, &image])
            .query(&[("embed", "(base-image,compliance,ci)")])
            .optional()
            .await
    }

    /// Says that an image is ready for production, because of an incident, where [`PierOneClient::image_metadata`] tells it.
    pub async fn declare_production_ready(
        &self,
        registry: &str,
        team: &str,
        artifact: &str,
        tag: &str,
        incident: &str,
    ) -> Result<(), Error> {
        let image = format!("{artifact}:{tag}");
        let user = json!({"incident": incident, "reason": null, "status": "production_ready"});
        self.0
            .put(&["image-metadata", registry, team, &image])
            .json(&json!({"compliance": {"user": user}}))
            .done()
            .await
    }
}
