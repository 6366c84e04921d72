//! The schema, oldest change first.

mod m0001_applications;

/// All of them.
pub fn all() -> stups_store::Migrations {
    vec![Box::new(m0001_applications::Migration)]
}
