use sea_orm::ConnectionTrait;
use sea_orm_migration::prelude::*;

/// What attestations (`digest`) say about the sources of images (`subject`) that need not be there yet (contract pierone 5.7).
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
                "CREATE TABLE provenance (
                    repository {name} NOT NULL,
                    digest {name} NOT NULL,
                    subject {name} NOT NULL,
                    source TEXT NOT NULL,
                    PRIMARY KEY (repository, digest, subject),
                    FOREIGN KEY (repository, digest) REFERENCES manifests (repository, digest)
                );
                CREATE INDEX provenance_subject ON provenance (repository, subject)"
            ))
            .await?;
        Ok(())
    }
}
