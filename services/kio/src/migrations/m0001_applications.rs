use sea_orm::ConnectionTrait;
use sea_orm_migration::prelude::*;

/// Applications (contract kio 2.11). Times are milliseconds since 1970 UTC; `revision` counts the writes of a row.
#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
#[expect(elided_lifetimes_in_paths, reason = "the trait is declared so")]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let id = super::id_type(manager);
        let database = manager.get_connection();
        database
            .execute_unprepared(&format!(
                "CREATE TABLE applications (
                    id {id} NOT NULL PRIMARY KEY,
                    team_id TEXT NOT NULL,
                    active BOOLEAN NOT NULL,
                    name TEXT NOT NULL,
                    incident_contact TEXT,
                    subtitle TEXT,
                    description TEXT,
                    service_url TEXT,
                    scm_url TEXT,
                    documentation_url TEXT,
                    specification_url TEXT,
                    support_url TEXT,
                    specification_type TEXT,
                    criticality_level SMALLINT CHECK (criticality_level BETWEEN 1 AND 4),
                    publicly_accessible BOOLEAN NOT NULL,
                    created_at BIGINT NOT NULL,
                    created_by TEXT NOT NULL,
                    last_modified_at BIGINT NOT NULL,
                    last_modified_by TEXT NOT NULL,
                    revision BIGINT NOT NULL
                )"
            ))
            .await?;
        for column in ["team_id", "incident_contact", "last_modified_at", "active"] {
            database
                .execute_unprepared(&format!(
                    "CREATE INDEX applications_{column} ON applications ({column})"
                ))
                .await?;
        }
        Ok(())
    }
}
