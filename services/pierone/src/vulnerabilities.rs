//! What scanners found, as it is kept: the last report of each image (contract pierone 5.8).

use sea_orm::{DatabaseTransaction, FromQueryResult};
use stups_api::Timestamp;
use stups_api::pierone::{LayerReport, Severities};
use stups_store::Error as StoreError;

use crate::names::Repository;
use crate::sql;

/// What a scanner found in an image.
pub(crate) struct Report<'a> {
    pub(crate) repository: &'a Repository,
    pub(crate) digest: &'a str,
    /// Its layer's name is the one under which the image was scanned.
    pub(crate) found: &'a LayerReport,
    pub(crate) scanner: &'a str,
}

#[derive(FromQueryResult)]
struct Known {
    fix_available: String,
    no_fix_available: String,
}

/// Keeps a report in the place of the last one: the worst of it, and whether that is news.
pub(crate) async fn keep(
    transaction: &DatabaseTransaction,
    report: &Report<'_>,
) -> Result<(Severities, bool), StoreError> {
    let layer = &report.found.layer;
    let severities = layer.severities();
    // Texts, numbers and lists always are JSON.
    let text = serde_json::to_string(report.found).unwrap_or_default();
    let known: Option<Known> = sql::row(
        transaction,
        "SELECT fix_available, no_fix_available FROM vulnerability_reports WHERE repository = $1 AND digest = $2",
        [report.repository.as_str().into(), report.digest.into()],
    )
    .await?;
    sql::execute(
        transaction,
        "INSERT INTO vulnerability_reports
             (repository, digest, clair_id, fix_available, no_fix_available, report, scanner, received_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (repository, digest) DO UPDATE SET clair_id = excluded.clair_id, fix_available = excluded.fix_available,
             no_fix_available = excluded.no_fix_available, report = excluded.report, scanner = excluded.scanner,
             received_at = excluded.received_at",
        [
            report.repository.as_str().into(),
            report.digest.into(),
            layer.name.clone().into(),
            severities.fix_available.clone().into(),
            severities.no_fix_available.clone().into(),
            text.into(),
            report.scanner.into(),
            Timestamp::now().0.into(),
        ],
    )
    .await?;
    let known = known.map(|known| Severities {
        fix_available: known.fix_available,
        no_fix_available: known.no_fix_available,
    });
    let news = known.as_ref() != Some(&severities);
    Ok((severities, news))
}
