//! Users, clients, teams, accounts: everything that the directory knows.

use sea_orm_migration::async_trait;
use sea_orm_migration::prelude::*;

/// The first tables.
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0001_directory"
    }
}

/// A table and its columns. Times are milliseconds since 1970 UTC; lists and maps are JSON.
fn table(name: &'static str, columns: Vec<ColumnDef>, primary_key: &[&'static str]) -> TableCreateStatement {
    let mut key = Index::create();
    for &column in primary_key {
        key.col(column);
    }
    let mut table = Table::create();
    table.table(name).primary_key(&mut key);
    for mut column in columns {
        table.col(&mut column);
    }
    table
}

fn text(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).text().not_null().take()
}

fn optional_text(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).text().null().take()
}

fn boolean(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).boolean().not_null().take()
}

fn number(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().not_null().take()
}

fn optional_number(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().null().take()
}

/// Who made a row and when, who changed it last and when, and how often it was changed: the number behind its ETag.
fn traces() -> Vec<ColumnDef> {
    vec![
        number("created_at"),
        text("created_by"),
        number("modified_at"),
        text("modified_by"),
        number("version"),
    ]
}

fn index(table: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create();
    index.name(format!("{table}_{}", columns.join("_"))).table(table);
    for &column in columns {
        index.col(column);
    }
    index
}

fn unique(table: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    index(table, columns).unique().take()
}

/// Rows of `table` go with the row of `parent` that they belong to.
fn belongs_to(
    mut table: TableCreateStatement,
    columns: &[&'static str],
    parent: &'static str,
    parent_columns: &[&'static str],
) -> TableCreateStatement {
    let mut key = ForeignKey::create();
    for &column in columns {
        key.from_col(column);
    }
    key.to_tbl(parent);
    for &column in parent_columns {
        key.to_col(column);
    }
    key.on_delete(ForeignKeyAction::Cascade);
    table.foreign_key(&mut key).take()
}

fn tables() -> Vec<TableCreateStatement> {
    let mut users = vec![
        text("realm"),
        text("uid"),
        optional_text("name"),
        optional_text("email"),
        boolean("disabled"),
        text("scopes"),
    ];
    users.extend(traces());
    let passwords = vec![
        text("id"),
        text("realm"),
        text("uid"),
        text("hash"),
        // The fingerprint of the hash that somebody brought along: it stays when the hash is upgraded.
        optional_text("source"),
        number("created_at"),
        text("created_by"),
        // What follows is for the passwords of service users: see model/service_users.rs.
        optional_text("txid"),
        optional_number("committed_at"),
        optional_number("expires_at"),
        optional_number("last_used_at"),
    ];
    let ssh_keys = vec![
        text("id"),
        text("realm"),
        text("uid"),
        text("key_type"),
        text("public_key"),
        text("comment"),
        text("fingerprint"),
        optional_number("expires_at"),
        number("created_at"),
        text("created_by"),
    ];
    let mut clients = vec![
        text("realm"),
        text("id"),
        optional_text("name"),
        optional_text("description"),
        optional_text("image_uri"),
        optional_text("homepage_url"),
        boolean("confidential"),
        optional_text("secret_hash"),
        optional_text("secret_source"),
        text("scopes"),
        text("default_scopes"),
        text("redirect_uris"),
        optional_text("owner"),
        text("grants"),
        text("token_profile"),
        text("extra_claims"),
        optional_text("audience"),
        optional_text("jwks"),
    ];
    clients.extend(traces());
    let mut service_users = vec![
        text("uid"),
        optional_text("name"),
        optional_text("subtitle"),
        text("owner"),
        text("client_id"),
        text("client_config"),
    ];
    service_users.extend(traces());
    let service_clients = vec![
        text("client_id"),
        text("uid"),
        text("txid"),
        number("created_at"),
        optional_number("committed_at"),
        optional_number("expires_at"),
        optional_number("last_used_at"),
    ];
    let mut teams = vec![
        text("id"),
        text("name"),
        text("kind"),
        optional_text("description"),
        optional_text("dn"),
        text("mail"),
    ];
    teams.extend(traces());
    let mut accounts = vec![
        text("kind"),
        text("id"),
        text("name"),
        optional_text("owner"),
        optional_text("description"),
        boolean("disabled"),
    ];
    accounts.extend(traces());

    let user = ["realm", "uid"];
    vec![
        table("users", users, &user),
        belongs_to(table("passwords", passwords, &["id"]), &user, "users", &user),
        belongs_to(table("ssh_keys", ssh_keys, &["id"]), &user, "users", &user),
        table("clients", clients, &["realm", "id"]),
        table("service_users", service_users, &["uid"]),
        belongs_to(
            table("service_clients", service_clients, &["client_id"]),
            &["uid"],
            "service_users",
            &["uid"],
        ),
        table("teams", teams, &["id"]),
        belongs_to(
            table(
                "team_members",
                vec![text("team_id"), text("realm"), text("uid")],
                &["team_id", "realm", "uid"],
            ),
            &["team_id"],
            "teams",
            &["id"],
        ),
        belongs_to(
            table("team_aliases", vec![text("alias"), text("team_id")], &["alias"]),
            &["team_id"],
            "teams",
            &["id"],
        ),
        table("accounts", accounts, &["kind", "id"]),
        belongs_to(
            table(
                "account_members",
                vec![
                    text("kind"),
                    text("account_id"),
                    text("realm"),
                    text("uid"),
                    text("role"),
                ],
                &["kind", "account_id", "realm", "uid", "role"],
            ),
            &["kind", "account_id"],
            "accounts",
            &["kind", "id"],
        ),
    ]
}

fn indexes() -> Vec<IndexCreateStatement> {
    vec![
        index("passwords", &["realm", "uid"]),
        index("passwords", &["txid"]),
        unique("ssh_keys", &["realm", "uid", "fingerprint"]),
        index("clients", &["id"]),
        index("clients", &["owner"]),
        index("service_users", &["owner"]),
        index("service_clients", &["uid"]),
        index("team_members", &["realm", "uid"]),
        index("team_aliases", &["team_id"]),
        index("accounts", &["owner"]),
        index("accounts", &["name"]),
        index("account_members", &["realm", "uid"]),
    ]
}

#[async_trait::async_trait]
#[expect(elided_lifetimes_in_paths, reason = "the trait is declared so")]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in tables() {
            manager.create_table(table).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in tables().iter().rev() {
            if let Some(name) = table.get_table_name() {
                manager.drop_table(Table::drop().table(name.clone()).take()).await?;
            }
        }
        Ok(())
    }
}
