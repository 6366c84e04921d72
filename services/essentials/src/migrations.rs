//! The schema, oldest change first.

mod m0001_catalogue;

/// All of them.
pub fn all() -> stups_store::Migrations {
    vec![Box::new(m0001_catalogue::Migration)]
}
