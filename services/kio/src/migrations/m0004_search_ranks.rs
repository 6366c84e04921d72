use sea_orm::{ConnectionTrait, DbBackend};
use sea_orm_migration::prelude::*;

/// The rank of each application for each word by itself, in an index: most searches are for one word, and one that most
/// applications have must not be ranked anew for each search.
#[derive(DeriveMigrationName)]
pub(super) struct Migration;

/// A word's rank in an application is the sum of the weights of its positions (contract kio 2.6): A 1.0, B 0.4, C 0.2, D 0.1.
const SQLITE: &[&str] = &[
    "ALTER TABLE search_terms ADD COLUMN tenths INTEGER NOT NULL DEFAULT 0",
    "UPDATE search_terms SET tenths =
        1 + length(positions) - length(replace(positions, ',', ''))
        + 9 * (length(positions) - length(replace(positions, 'A', '')))
        + 3 * (length(positions) - length(replace(positions, 'B', '')))
        + (length(positions) - length(replace(positions, 'C', '')))",
    "CREATE INDEX search_terms_rank ON search_terms (term, tenths DESC, application_id)",
];

const POSTGRESQL: &[&str] = &[
    "CREATE TABLE search_terms (
        term TEXT COLLATE \"C\" NOT NULL,
        application_id TEXT COLLATE \"C\" NOT NULL REFERENCES applications (id),
        rank REAL NOT NULL,
        PRIMARY KEY (application_id, term)
    )",
    "INSERT INTO search_terms (term, application_id, rank)
        SELECT lexeme, id, ts_rank_cd(search, CAST(
            '''' || replace(replace(lexeme, '\\', '\\\\'), '''', '''''') || '''' AS tsquery))
        FROM applications, unnest(search)",
    "CREATE INDEX search_terms_rank ON search_terms (term, rank DESC, application_id)",
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
