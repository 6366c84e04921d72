use sea_orm::ConnectionTrait;
use sea_orm_migration::prelude::*;

/// Which images were given to Clair, and under which names (contract pierone 2.10).
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
                "CREATE TABLE scan_requests (
                    clair_id {name} NOT NULL,
                    repository {name} NOT NULL,
                    digest {name} NOT NULL,
                    PRIMARY KEY (clair_id, repository, digest),
                    FOREIGN KEY (repository, digest) REFERENCES manifests (repository, digest)
                );
                CREATE INDEX scan_requests_digest ON scan_requests (repository, digest)"
            ))
            .await?;
        Ok(())
    }
}
