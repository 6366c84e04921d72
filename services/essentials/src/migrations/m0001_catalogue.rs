use sea_orm::ConnectionTrait;
use sea_orm_migration::prelude::*;

/// Resource types and scopes (contract essentials 2.6). Lists are JSON; times are milliseconds since 1970 UTC; `revision` counts the
/// writes of a row.
#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
#[expect(elided_lifetimes_in_paths, reason = "the trait is declared so")]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Ids are compared byte by byte on both databases, so that lists have one order.
        let id = match manager.get_database_backend() {
            sea_orm::DbBackend::Sqlite => "TEXT",
            _ => "TEXT COLLATE \"C\"",
        };
        let database = manager.get_connection();
        database
            .execute_unprepared(&format!(
                "CREATE TABLE resource_types (
                    id {id} NOT NULL PRIMARY KEY,
                    name TEXT NOT NULL,
                    description TEXT,
                    resource_owners TEXT NOT NULL,
                    created_at BIGINT NOT NULL,
                    created_by TEXT NOT NULL,
                    last_modified_at BIGINT NOT NULL,
                    last_modified_by TEXT NOT NULL,
                    revision BIGINT NOT NULL
                )"
            ))
            .await?;
        database
            .execute_unprepared(&format!(
                "CREATE TABLE scopes (
                    resource_type_id {id} NOT NULL REFERENCES resource_types (id) ON DELETE CASCADE,
                    id {id} NOT NULL,
                    summary TEXT NOT NULL,
                    description TEXT,
                    user_information TEXT,
                    user_information_by_language TEXT NOT NULL,
                    is_resource_owner_scope BOOLEAN NOT NULL,
                    criticality_level SMALLINT NOT NULL CHECK (criticality_level BETWEEN 1 AND 3),
                    created_at BIGINT NOT NULL,
                    created_by TEXT NOT NULL,
                    last_modified_at BIGINT NOT NULL,
                    last_modified_by TEXT NOT NULL,
                    revision BIGINT NOT NULL,
                    PRIMARY KEY (resource_type_id, id)
                )"
            ))
            .await?;
        Ok(())
    }
}
