use sea_orm::ConnectionTrait;
use sea_orm_migration::prelude::*;

/// Versions and their approvals (contract kio 2.8). `approval_type` is free text.
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
                "CREATE TABLE versions (
                    application_id {id} NOT NULL REFERENCES applications (id),
                    id {id} NOT NULL,
                    artifact TEXT NOT NULL,
                    notes TEXT,
                    created_at BIGINT NOT NULL,
                    created_by TEXT NOT NULL,
                    last_modified_at BIGINT NOT NULL,
                    last_modified_by TEXT NOT NULL,
                    PRIMARY KEY (application_id, id)
                )"
            ))
            .await?;
        database
            .execute_unprepared(&format!(
                "CREATE TABLE approvals (
                    application_id {id} NOT NULL,
                    version_id {id} NOT NULL,
                    user_id TEXT NOT NULL,
                    approval_type {id} NOT NULL,
                    approved_at BIGINT NOT NULL,
                    notes TEXT,
                    PRIMARY KEY (application_id, version_id, user_id, approval_type),
                    FOREIGN KEY (application_id, version_id) REFERENCES versions (application_id, id)
                )"
            ))
            .await?;
        Ok(())
    }
}
