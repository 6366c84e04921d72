use sea_orm::ConnectionTrait;
use sea_orm_migration::prelude::*;

/// How far manifests have been looked through that were pushed before their provenance was read (contract pierone 5.7): the last
/// one's key. There is a row as long as some are left.
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
                "CREATE TABLE provenance_backlog (
                    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
                    repository {name} NOT NULL,
                    digest {name} NOT NULL
                );
                INSERT INTO provenance_backlog (id, repository, digest)
                    SELECT 1, '', '' WHERE EXISTS (SELECT 1 FROM manifests)"
            ))
            .await?;
        Ok(())
    }
}
