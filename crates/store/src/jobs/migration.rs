use sea_orm::{ConnectionTrait as _, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

/// The table of jobs.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "store_0002_jobs"
    }
}

const TABLE: &str = "
CREATE TABLE jobs (
    id TEXT NOT NULL PRIMARY KEY,
    queue TEXT NOT NULL,
    key TEXT,
    payload TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    attempt INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    lease TEXT,
    leased_until BIGINT NOT NULL,
    error TEXT,
    died_at BIGINT
);
CREATE INDEX jobs_due ON jobs (queue, due_at, id) WHERE died_at IS NULL;
CREATE UNIQUE INDEX jobs_key ON jobs (queue, key) WHERE died_at IS NULL;
";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    #[allow(elided_lifetimes_in_paths)] // async_trait takes a named one for another signature
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(TABLE).await?;
        Ok(())
    }
}
