//! Whether an image may run: what a check, a person and an emergency say (contract pierone 2.7, 5.7).

use sea_orm::{ConnectionTrait, DatabaseTransaction, FromQueryResult};
use stups_api::Timestamp;
use stups_api::pierone::{INACTIVE, ScmSource};
use stups_server::Error;
use stups_store::Error as StoreError;

use crate::manifest::{Stored, TagRow};
use crate::names::{Repository, is_snapshot};
use crate::{PierOne, sql};

/// What lets an image run.
pub(crate) const READY: &str = "production_ready";
/// What nobody has said anything about.
const NOT_PROCESSED: &str = "Not Processed";

/// What somebody said about a tag while it pointed to a digest.
#[derive(Clone, Debug, FromQueryResult)]
#[expect(clippy::struct_field_names, reason = "named as the column")]
pub(crate) struct Status {
    pub(crate) kind: String,
    pub(crate) set_by: String,
    pub(crate) status: String,
    pub(crate) reason: Option<String>,
    pub(crate) details: Option<String>,
    pub(crate) incident: Option<String>,
    pub(crate) received_at: i64,
}

/// What is said of a source, by an image itself or by what was attached to it.
#[derive(FromQueryResult)]
struct Told {
    standing: i32,
    source: String,
}

/// Everything that is said about a tag.
#[derive(Clone, Debug, Default)]
pub(crate) struct Compliance {
    pub(crate) checker: Option<Status>,
    pub(crate) user: Option<Status>,
    pub(crate) emergency: Option<Status>,
    /// Whether the source is valid and somebody else than who pushed it has approved it.
    pub(crate) trusted: bool,
    pub(crate) source: Option<ScmSource>,
    snapshot: bool,
    inactive: Option<String>,
}

impl Compliance {
    /// What counts: an emergency, else a person, else the check.
    pub(crate) fn decisive(&self) -> Option<&Status> {
        self.emergency.as_ref().or(self.user.as_ref()).or(self.checker.as_ref())
    }

    pub(crate) fn status(&self) -> &str {
        if self.inactive.is_some() {
            return INACTIVE;
        }
        self.decisive().map_or(NOT_PROCESSED, |status| &status.status)
    }

    /// Movable tags never are.
    pub(crate) fn is_production_ready(&self) -> bool {
        !self.snapshot && self.inactive.is_none() && self.decisive().is_some_and(|status| status.status == READY)
    }

    /// Why it is what it is.
    pub(crate) fn reason(&self) -> String {
        if let Some(reason) = &self.inactive {
            return format!("it was withdrawn: {reason}");
        }
        if self.snapshot {
            return "tags that end in -SNAPSHOT are never ready for production".to_owned();
        }
        match self.decisive() {
            Some(status) => status.reason.clone().unwrap_or_else(|| status.status.clone()),
            None if self.source.is_none() => "its source is not known".to_owned(),
            None => "nobody has said that it is ready for production".to_owned(),
        }
    }
}

impl PierOne {
    /// Where a tag's image was made from.
    pub(crate) async fn source_of_tag(
        &self,
        repository: &Repository,
        row: &TagRow,
        manifest: &Stored,
    ) -> Result<Option<ScmSource>, Error> {
        let read = |text: &Option<String>| {
            text.as_deref()
                .and_then(|text| serde_json::from_str::<ScmSource>(text).ok())
        };
        let own = read(&row.source).or_else(|| read(&manifest.source));
        let source = match own {
            Some(source) => Some(source),
            None => self.told_elsewhere(repository, &manifest.digest).await?,
        };
        Ok(source.map(|source| ScmSource {
            created: source.created.or(Some(Timestamp(manifest.pushed_at))),
            valid: Some(source.is_valid()),
            ..source
        }))
    }

    /// What all images of an index say themselves, else what provenance says of them or of the manifest itself; nothing where two of
    /// them contradict each other. What an image says is never outdone by what was attached to it.
    async fn told_elsewhere(&self, repository: &Repository, digest: &str) -> Result<Option<ScmSource>, Error> {
        let told: Vec<Told> = sql::rows(
            self.store.connection(),
            "SELECT 0 AS standing, m.source FROM manifest_refs r
             JOIN manifests m ON m.repository = r.repository AND m.digest = r.target
             WHERE r.repository = $1 AND r.digest = $2 AND r.kind = 'manifest' AND m.source IS NOT NULL
             UNION ALL SELECT 1 AS standing, p.source FROM provenance p
             WHERE p.repository = $1 AND (p.subject = $2 OR p.subject IN
                 (SELECT r.target FROM manifest_refs r WHERE r.repository = $1 AND r.digest = $2 AND r.kind = 'manifest'))
             ORDER BY standing LIMIT 10000",
            [repository.as_str().into(), digest.into()],
        )
        .await?;
        let best = told.first().map(|told| told.standing);
        let mut common: Option<ScmSource> = None;
        for told in told.iter().filter(|told| Some(told.standing) == best) {
            let Ok(source) = serde_json::from_str::<ScmSource>(&told.source) else {
                continue;
            };
            match &common {
                None => common = Some(source),
                Some(known) if known.url == source.url && known.revision == source.revision => {}
                Some(_) => return Ok(None),
            }
        }
        Ok(common)
    }

    /// Everything that is said about a tag.
    pub(crate) async fn compliance(
        &self,
        repository: &Repository,
        row: &TagRow,
        manifest: &Stored,
    ) -> Result<Compliance, Error> {
        let said = statuses(self.store.connection(), repository, row).await?;
        let source = self.source_of_tag(repository, row, manifest).await?;
        let of = |kind: &str| said.iter().rfind(|status| status.kind == kind).cloned();
        let valid = source.as_ref().is_some_and(ScmSource::is_valid);
        let approved = said
            .iter()
            .any(|status| status.kind == "approval" && name_of(&status.set_by) != row.created_by);
        let by_policy = (self.config.source_is_production_ready && valid).then(|| Status {
            kind: "checker".to_owned(),
            set_by: String::new(),
            status: READY.to_owned(),
            reason: Some("its source is known and unmodified".to_owned()),
            details: None,
            incident: None,
            received_at: row.created_at,
        });
        Ok(Compliance {
            checker: of("checker").or(by_policy),
            user: of("user"),
            emergency: of("emergency"),
            trusted: valid && approved && row.active,
            source,
            snapshot: is_snapshot(&row.name),
            inactive: (!row.active).then(|| row.reason.clone().unwrap_or_default()),
        })
    }

    /// Why a tag that points to this digest was withdrawn; nothing when another one still points to it.
    pub(crate) async fn withdrawn(&self, repository: &Repository, digest: &str) -> Result<Option<String>, Error> {
        let rows: Vec<TagRow> = sql::rows(
            self.store.connection(),
            "SELECT name, digest, created_at, created_by, source, active, reason FROM tags
             WHERE repository = $1 AND digest = $2 ORDER BY name",
            [repository.as_str().into(), digest.into()],
        )
        .await?;
        if rows.iter().any(|row| row.active) {
            return Ok(None);
        }
        Ok(rows.into_iter().next().map(|row| row.reason.unwrap_or_default()))
    }
}

/// `/realm/uid` without the realm.
fn name_of(set_by: &str) -> &str {
    set_by.rsplit('/').next().unwrap_or(set_by)
}

/// What people and checks said about what a tag points to now, oldest first.
async fn statuses(
    connection: &impl ConnectionTrait,
    repository: &Repository,
    row: &TagRow,
) -> Result<Vec<Status>, StoreError> {
    sql::rows(
        connection,
        "SELECT kind, set_by, status, reason, details, incident, received_at FROM statuses
         WHERE repository = $1 AND tag = $2 AND digest = $3 ORDER BY received_at, set_by",
        [
            repository.as_str().into(),
            row.name.clone().into(),
            row.digest.clone().into(),
        ],
    )
    .await
}

/// Says something about what a tag points to now. False when the same was said before.
pub(crate) async fn say(
    transaction: &DatabaseTransaction,
    repository: &Repository,
    row: &TagRow,
    status: &Status,
) -> Result<bool, StoreError> {
    let said = sql::execute(
        transaction,
        "INSERT INTO statuses (repository, tag, digest, kind, set_by, status, reason, details, incident, received_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (repository, tag, digest, kind, set_by) DO NOTHING",
        [
            repository.as_str().into(),
            row.name.clone().into(),
            row.digest.clone().into(),
            status.kind.clone().into(),
            status.set_by.clone().into(),
            status.status.clone().into(),
            status.reason.clone().into(),
            status.details.clone().into(),
            status.incident.clone().into(),
            status.received_at.into(),
        ],
    )
    .await?;
    Ok(said > 0)
}
