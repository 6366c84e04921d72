use sea_orm::{ConnectionTrait, DbBackend};
use sea_orm_migration::prelude::*;

/// Full-text search (contract kio 2.6): PostgreSQL keeps its own text search vector beside each row; on SQLite the service
/// keeps one row per word and application.
#[derive(DeriveMigrationName)]
pub(super) struct Migration;

const POSTGRESQL: &[&str] = &[
    "ALTER TABLE applications ADD COLUMN search tsvector GENERATED ALWAYS AS (
        setweight(to_tsvector('pg_catalog.english', id), 'A')
        || setweight(to_tsvector('pg_catalog.english', name), 'B')
        || setweight(to_tsvector('pg_catalog.english', coalesce(subtitle, '')), 'C')
        || setweight(to_tsvector('pg_catalog.english', coalesce(description, '')), 'D')
    ) STORED",
    "CREATE INDEX applications_search ON applications USING gin (search)",
];

const SQLITE: &[&str] = &[
    // The positions of the word in the document with their weights, as PostgreSQL writes them: `1A,4B,7`.
    "CREATE TABLE search_terms (
        term TEXT NOT NULL,
        application_id TEXT NOT NULL REFERENCES applications (id),
        positions TEXT NOT NULL,
        PRIMARY KEY (term, application_id)
    ) WITHOUT ROWID",
    "CREATE INDEX search_terms_application_id ON search_terms (application_id)",
];

#[async_trait::async_trait]
#[expect(elided_lifetimes_in_paths, reason = "the trait is declared so")]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let statements = match manager.get_database_backend() {
            DbBackend::Sqlite => SQLITE,
            _ => POSTGRESQL,
        };
        for statement in statements {
            manager.get_connection().execute_unprepared(statement).await?;
        }
        Ok(())
    }
}
