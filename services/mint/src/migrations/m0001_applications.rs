use sea_orm::ConnectionTrait;
use sea_orm_migration::prelude::*;

/// Configurations of applications and how their secrets are (contract mint-berry 2.4); what workers agree on: leases, waits after
/// errors, the brake. Lists are JSON; times are milliseconds since 1970 UTC. No secret is here, only the names of transactions in which
/// one is being made.
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
        for statement in [
            format!(
                "CREATE TABLE applications (
                    id {id} NOT NULL PRIMARY KEY,
                    username TEXT NOT NULL,
                    client_id TEXT,
                    redirect_url TEXT,
                    is_client_confidential BOOLEAN NOT NULL,
                    is_client_key BOOLEAN NOT NULL,
                    s3_buckets TEXT NOT NULL,
                    kubernetes_clusters TEXT NOT NULL,
                    last_modified BIGINT NOT NULL,
                    last_synced BIGINT,
                    last_password_rotation BIGINT,
                    last_client_rotation BIGINT,
                    has_problems BOOLEAN NOT NULL,
                    message TEXT NOT NULL,
                    s3_errors INTEGER NOT NULL,
                    next_attempt BIGINT,
                    pending_password TEXT,
                    pending_client TEXT,
                    pending_client_id TEXT,
                    missing_since BIGINT,
                    removal_released BOOLEAN NOT NULL,
                    lease_owner TEXT,
                    lease_until BIGINT
                )"
            ),
            format!(
                "CREATE TABLE scopes (
                    application_id {id} NOT NULL REFERENCES applications (id) ON DELETE CASCADE,
                    resource_type_id {id} NOT NULL,
                    scope_id {id} NOT NULL,
                    PRIMARY KEY (application_id, resource_type_id, scope_id)
                )"
            ),
            "CREATE INDEX scopes_by_name ON scopes (resource_type_id, scope_id)".to_owned(),
            format!(
                "CREATE TABLE buckets (
                    bucket {id} NOT NULL PRIMARY KEY,
                    errors INTEGER NOT NULL,
                    next_attempt BIGINT NOT NULL,
                    message TEXT NOT NULL
                )"
            ),
            "CREATE TABLE departed (username TEXT NOT NULL PRIMARY KEY, since BIGINT NOT NULL)".to_owned(),
            "CREATE TABLE brake (
                id INTEGER NOT NULL PRIMARY KEY,
                engaged_since BIGINT,
                applications TEXT NOT NULL,
                total BIGINT NOT NULL,
                released BOOLEAN NOT NULL
            )"
            .to_owned(),
            "INSERT INTO brake (id, engaged_since, applications, total, released) VALUES (1, NULL, '[]', 0, FALSE)"
                .to_owned(),
        ] {
            database.execute_unprepared(&statement).await?;
        }
        Ok(())
    }
}
