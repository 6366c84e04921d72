//! Logins at another OpenID provider: those that are under way, and whose users are whose there. Times are milliseconds since
//! 1970 UTC.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, text};

/// See the module.
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0003_upstream"
    }
}

#[async_trait::async_trait]
#[expect(elided_lifetimes_in_paths, reason = "the trait is declared so")]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut logins = Table::create();
        logins
            .table(Alias::new("upstream_logins"))
            .col(text("state_hash").primary_key())
            .col(text("browser_hash"))
            .col(text("return_to"))
            .col(big_integer("expires_at"));
        manager.create_table(logins).await?;
        let mut users = Table::create();
        users
            .table(Alias::new("upstream_users"))
            .col(text("issuer"))
            .col(text("subject"))
            .col(text("realm"))
            .col(text("uid"))
            .col(big_integer("created_at"))
            .primary_key(Index::create().col("issuer").col("subject"))
            .foreign_key(
                ForeignKey::create()
                    .name("upstream_users_user")
                    .from("upstream_users", ("realm", "uid"))
                    .to("users", ("realm", "uid"))
                    .on_delete(ForeignKeyAction::Cascade),
            );
        manager.create_table(users).await?;
        for (name, table, columns, unique) in [
            (
                "upstream_logins_expires_at",
                "upstream_logins",
                ["expires_at"].as_slice(),
                false,
            ),
            // A user here is one person there.
            ("upstream_users_user_unique", "upstream_users", &["realm", "uid"], true),
        ] {
            let mut index = Index::create();
            index.name(name).table(Alias::new(table));
            for column in columns {
                index.col(Alias::new(*column));
            }
            if unique {
                index.unique();
            }
            manager.create_index(index).await?;
        }
        Ok(())
    }
}
