use sea_orm::{ConnectionTrait as _, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

/// The tables of the audit trail, and what keeps them as they were written.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "store_0001_audit"
    }
}

const TABLES: &str = "
CREATE TABLE audit_records (
    sequence BIGINT NOT NULL PRIMARY KEY CHECK (sequence > 0),
    service TEXT NOT NULL,
    recorded_at BIGINT NOT NULL,
    subject TEXT NOT NULL,
    actor TEXT NOT NULL,
    event TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL
);
CREATE INDEX audit_records_subject ON audit_records (subject, sequence);
CREATE INDEX audit_records_actor ON audit_records (actor, sequence);
CREATE INDEX audit_records_recorded_at ON audit_records (recorded_at, sequence);
CREATE TABLE audit_head (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    sequence BIGINT NOT NULL,
    hash TEXT NOT NULL
);
INSERT INTO audit_head (id, sequence, hash)
    VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000');
CREATE TABLE audit_shipments (
    destination TEXT NOT NULL PRIMARY KEY,
    sequence BIGINT NOT NULL,
    shipper TEXT NOT NULL,
    leased_until BIGINT NOT NULL
);
";

const APPEND_ONLY_SQLITE: &str = "
CREATE TRIGGER audit_records_no_update BEFORE UPDATE ON audit_records
    BEGIN SELECT RAISE(ABORT, 'audit records are never changed'); END;
CREATE TRIGGER audit_records_no_delete BEFORE DELETE ON audit_records
    BEGIN SELECT RAISE(ABORT, 'audit records are never removed'); END;
";

const APPEND_ONLY_POSTGRESQL: &str = "
CREATE FUNCTION audit_records_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'audit records are never changed or removed'; END
$$;
CREATE TRIGGER audit_records_append_only BEFORE UPDATE OR DELETE ON audit_records
    FOR EACH ROW EXECUTE FUNCTION audit_records_refuse();
CREATE TRIGGER audit_records_no_truncate BEFORE TRUNCATE ON audit_records
    FOR EACH STATEMENT EXECUTE FUNCTION audit_records_refuse();
";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    #[allow(elided_lifetimes_in_paths)] // async_trait takes a named one for another signature
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(TABLES).await?;
        let append_only = match connection.get_database_backend() {
            DbBackend::Sqlite => APPEND_ONLY_SQLITE,
            _ => APPEND_ONLY_POSTGRESQL,
        };
        connection.execute_unprepared(append_only).await?;
        Ok(())
    }
}
