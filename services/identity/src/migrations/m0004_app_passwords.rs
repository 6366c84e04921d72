//! Passwords of people's devices and programs. Times are milliseconds since 1970 UTC.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, text};

/// See the module.
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0004_app_passwords"
    }
}

#[async_trait::async_trait]
#[expect(elided_lifetimes_in_paths, reason = "the trait is declared so")]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table(Alias::new("app_passwords"))
            .col(text("id").primary_key())
            .col(text("realm"))
            .col(text("uid"))
            .col(text("name"))
            .col(text("hash"))
            .col(text("scopes"))
            .col(big_integer("created_at"))
            .col(text("created_by"))
            .col(big_integer_null("expires_at"))
            .col(big_integer_null("last_used_at"))
            .foreign_key(
                ForeignKey::create()
                    .name("app_passwords_user")
                    .from("app_passwords", ("realm", "uid"))
                    .to("users", ("realm", "uid"))
                    .on_delete(ForeignKeyAction::Cascade),
            );
        manager.create_table(table).await?;
        let mut index = Index::create();
        index
            .name("app_passwords_user_index")
            .table(Alias::new("app_passwords"))
            .col(Alias::new("realm"))
            .col(Alias::new("uid"));
        manager.create_index(index).await
    }
}
