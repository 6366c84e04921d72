//! What the OAuth provider itself keeps: keys, codes, refresh tokens, device codes, sessions, consents, revocations, throttles.
//! Secrets are here as hashes only; private keys are sealed with the master key. Times are milliseconds since 1970 UTC.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, integer, text, text_null};

/// See the module.
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0002_oauth"
    }
}

#[async_trait::async_trait]
#[expect(elided_lifetimes_in_paths, reason = "the trait is declared so")]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in tables() {
            manager.create_table(table).await?;
        }
        for (name, table, column) in INDEXES {
            let index = Index::create()
                .name(*name)
                .table(Alias::new(*table))
                .col(Alias::new(*column))
                .to_owned();
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

/// What is looked up or cleaned away by something else than the primary key.
const INDEXES: &[(&str, &str, &str)] = &[
    ("authorization_codes_expires_at", "authorization_codes", "expires_at"),
    ("refresh_tokens_family_id", "refresh_tokens", "family_id"),
    ("refresh_families_session_hash", "refresh_families", "session_hash"),
    ("refresh_families_expires_at", "refresh_families", "expires_at"),
    ("device_codes_expires_at", "device_codes", "expires_at"),
    ("sessions_expires_at", "sessions", "expires_at"),
    ("revocations_revoked_at", "revocations", "revoked_at"),
    ("client_assertions_expires_at", "client_assertions", "expires_at"),
    ("throttles_failed_at", "throttles", "failed_at"),
];

fn tables() -> Vec<TableCreateStatement> {
    vec![
        table("signing_keys")
            .col(text("kid").primary_key())
            .col(text("algorithm"))
            .col(integer("generation"))
            .col(text("sealed_private_key"))
            .col(big_integer("created_at"))
            .col(big_integer("active_from"))
            .index(
                Index::create()
                    .unique()
                    .name("signing_keys_generation")
                    .col("algorithm")
                    .col("generation"),
            )
            .to_owned(),
        table("authorization_codes")
            .col(text("code_hash").primary_key())
            .col(text("realm"))
            .col(text("uid"))
            .col(text("client_id"))
            .col(text("redirect_uri"))
            .col(text("scopes"))
            .col(text("code_challenge"))
            .col(text_null("nonce"))
            .col(text_null("resource"))
            .col(text("session_hash"))
            .col(big_integer("authenticated_at"))
            .col(big_integer("expires_at"))
            .col(big_integer_null("used_at"))
            .col(text_null("access_token_hash"))
            .col(text_null("family_id"))
            .to_owned(),
        table("refresh_families")
            .col(text("id").primary_key())
            .col(text("realm"))
            .col(text("uid"))
            .col(text("client_id"))
            .col(text("scopes"))
            .col(text_null("resource"))
            .col(text_null("session_hash"))
            .col(big_integer("authenticated_at"))
            .col(big_integer("created_at"))
            .col(big_integer("expires_at"))
            .col(big_integer_null("revoked_at"))
            .to_owned(),
        table("refresh_tokens")
            .col(text("token_hash").primary_key())
            .col(text("family_id"))
            .col(text_null("access_token_hash"))
            .col(big_integer("created_at"))
            .col(big_integer("expires_at"))
            .col(big_integer_null("used_at"))
            .foreign_key(
                ForeignKey::create()
                    .name("refresh_tokens_family")
                    .from("refresh_tokens", "family_id")
                    .to("refresh_families", "id")
                    .on_delete(ForeignKeyAction::Cascade),
            )
            .to_owned(),
        table("device_codes")
            .col(text("device_code_hash").primary_key())
            .col(text("user_code_hash").unique_key())
            .col(text("realm"))
            .col(text("client_id"))
            .col(text("scopes"))
            .col(text_null("resource"))
            .col(text_null("address"))
            .col(text("status"))
            .col(text_null("uid"))
            .col(text_null("session_hash"))
            .col(big_integer_null("authenticated_at"))
            .col(integer("interval_seconds"))
            .col(big_integer_null("polled_at"))
            .col(big_integer("created_at"))
            .col(big_integer("expires_at"))
            .to_owned(),
        table("sessions")
            .col(text("session_hash").primary_key())
            .col(text("realm"))
            .col(text("uid"))
            .col(text("method"))
            .col(big_integer("authenticated_at"))
            .col(big_integer("expires_at"))
            .to_owned(),
        table("consents")
            .col(text("realm"))
            .col(text("uid"))
            .col(text("client_id"))
            .col(text("scopes"))
            .col(big_integer("granted_at"))
            .primary_key(Index::create().col("realm").col("uid").col("client_id"))
            .to_owned(),
        table("revocations")
            .col(text("id").primary_key())
            .col(text("kind"))
            .col(text("data"))
            .col(big_integer("issued_before"))
            .col(big_integer("revoked_at"))
            .col(text("revoked_by"))
            .to_owned(),
        table("revocation_refreshes")
            .col(text("id").primary_key())
            .col(big_integer("refresh_from"))
            .col(big_integer("requested_at"))
            .col(text("requested_by"))
            .to_owned(),
        table("throttles")
            .col(text("subject").primary_key())
            .col(integer("failures"))
            .col(big_integer("failed_at"))
            .col(big_integer("blocked_until"))
            .to_owned(),
        table("client_assertions")
            .col(text("assertion_hash").primary_key())
            .col(big_integer("expires_at"))
            .to_owned(),
    ]
}

fn table(name: &'static str) -> TableCreateStatement {
    Table::create().table(Alias::new(name)).to_owned()
}
