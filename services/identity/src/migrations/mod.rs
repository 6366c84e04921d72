//! The tables of the identity service, oldest change first.

mod m0001_directory;
mod m0002_oauth;
mod m0003_upstream;
mod m0004_app_passwords;

/// All migrations, oldest first.
pub fn all() -> stups_store::Migrations {
    vec![
        Box::new(m0001_directory::Migration),
        Box::new(m0002_oauth::Migration),
        Box::new(m0003_upstream::Migration),
        Box::new(m0004_app_passwords::Migration),
    ]
}
