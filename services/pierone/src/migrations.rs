//! The schema, oldest change first.

mod m0001_content;
mod m0002_traceability;
mod m0003_scan_requests;
mod m0004_provenance;
mod m0005_provenance_backlog;

/// All of them.
pub fn all() -> stups_store::Migrations {
    vec![
        Box::new(m0001_content::Migration),
        Box::new(m0002_traceability::Migration),
        Box::new(m0003_scan_requests::Migration),
        Box::new(m0004_provenance::Migration),
        Box::new(m0005_provenance_backlog::Migration),
    ]
}

/// The type of a name: compared byte by byte on both databases, so that lists have one order.
fn name_type(manager: &sea_orm_migration::SchemaManager<'_>) -> &'static str {
    match manager.get_database_backend() {
        sea_orm::DbBackend::Sqlite => "TEXT",
        _ => "TEXT COLLATE \"C\"",
    }
}

/// The type of bytes.
fn bytes_type(manager: &sea_orm_migration::SchemaManager<'_>) -> &'static str {
    match manager.get_database_backend() {
        sea_orm::DbBackend::Sqlite => "BLOB",
        _ => "BYTEA",
    }
}
