use sea_orm::ConnectionTrait;
use sea_orm_migration::prelude::*;

/// Where images come from, and what people and scanners say about them (contract pierone 5.7, 5.8).
#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
#[expect(elided_lifetimes_in_paths, reason = "the trait is declared so")]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let name = super::name_type(manager);
        let database = manager.get_connection();
        database
            .execute_unprepared(&format!(
                "CREATE TABLE layer_scans (
                    digest {name} NOT NULL PRIMARY KEY,
                    source TEXT,
                    scanned_at BIGINT NOT NULL
                );
                CREATE TABLE statuses (
                    repository {name} NOT NULL,
                    tag {name} NOT NULL,
                    digest {name} NOT NULL,
                    kind TEXT NOT NULL,
                    set_by TEXT NOT NULL,
                    status TEXT NOT NULL,
                    reason TEXT,
                    details TEXT,
                    incident TEXT,
                    received_at BIGINT NOT NULL,
                    PRIMARY KEY (repository, tag, digest, kind, set_by)
                );
                CREATE TABLE vulnerability_reports (
                    repository {name} NOT NULL,
                    digest {name} NOT NULL,
                    clair_id {name} NOT NULL,
                    fix_available TEXT NOT NULL,
                    no_fix_available TEXT NOT NULL,
                    report TEXT NOT NULL,
                    scanner TEXT NOT NULL,
                    received_at BIGINT NOT NULL,
                    PRIMARY KEY (repository, digest),
                    FOREIGN KEY (repository, digest) REFERENCES manifests (repository, digest)
                );
                CREATE INDEX vulnerability_reports_clair_id ON vulnerability_reports (clair_id)"
            ))
            .await?;
        Ok(())
    }
}
