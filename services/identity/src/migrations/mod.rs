//! The tables of the identity service, oldest change first.

mod m0001_directory;
mod m0002_oauth;

/// All migrations, oldest first.
pub fn all() -> stups_store::Migrations {
    vec![Box::new(m0001_directory::Migration), Box::new(m0002_oauth::Migration)]
}
