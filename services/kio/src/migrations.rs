//! The schema, oldest change first.

mod m0001_applications;
mod m0002_versions;
mod m0003_search;
mod m0004_search_ranks;

/// All of them.
pub fn all() -> stups_store::Migrations {
    vec![
        Box::new(m0001_applications::Migration),
        Box::new(m0002_versions::Migration),
        Box::new(m0003_search::Migration),
        Box::new(m0004_search_ranks::Migration),
    ]
}

/// The type of an id: compared byte by byte on both databases, so that lists have one order.
fn id_type(manager: &sea_orm_migration::SchemaManager<'_>) -> &'static str {
    match manager.get_database_backend() {
        sea_orm::DbBackend::Sqlite => "TEXT",
        _ => "TEXT COLLATE \"C\"",
    }
}
