//! OAuth clients, each in a realm.

use std::collections::BTreeMap;

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
pub use stups_api::identity::TokenProfile;
use stups_store::Error;

use crate::State;
use crate::model::entity::{client, service_client};
use crate::model::json::from_json;
use crate::model::passwords;
use crate::model::service_users::{self, Generation};
use crate::upgrades::{Owner, Upgrade};

/// A client as tokens are issued to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Client {
    /// With a leading slash: `/employees`.
    pub realm: String,
    /// The client id, unique within the realm.
    pub id: String,
    /// Shown to people who are asked for consent.
    pub name: Option<String>,
    /// Shown to people who are asked for consent.
    pub description: Option<String>,
    /// A picture, shown to people who are asked for consent.
    pub image_uri: Option<String>,
    /// The client's home page, shown to people who are asked for consent.
    pub homepage_url: Option<String>,
    /// Whether the client can keep a secret.
    pub confidential: bool,
    /// The scopes that it may ask for.
    pub scopes: Vec<String>,
    /// The scopes that it gets when it asks for none; always grantable.
    pub default_scopes: Vec<String>,
    /// Where people may be sent back to, compared exactly.
    pub redirect_uris: Vec<String>,
    /// The service user whose client it is: the subject of tokens from client credentials.
    pub owner: Option<String>,
    /// What it may get tokens by, beside authorization codes.
    pub grants: Grants,
    /// What its tokens look like.
    pub token_profile: TokenProfile,
    /// Claims that its tokens carry beside the usual ones: name to value, where `{uid}` stands for the user name.
    pub extra_claims: BTreeMap<String, String>,
    /// The audience of its tokens, when it is not what the profile says.
    pub audience: Option<String>,
    /// The keys of a client that authenticates by signed assertions (RFC 7523): a JWK set.
    pub jwks: Option<serde_json::Value>,
}

/// Ways to a token that are off unless they are switched on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools)]
pub struct Grants {
    /// User name and password at the token endpoint.
    pub password: bool,
    /// The access token in the redirect's fragment.
    pub legacy_implicit: bool,
    /// Refresh tokens.
    pub refresh: bool,
    /// The device flow of RFC 8628.
    pub device: bool,
    /// The client's own credentials; needs an owner.
    pub client_credentials: bool,
}

impl TryFrom<client::Model> for Client {
    type Error = Error;

    fn try_from(row: client::Model) -> Result<Self, Error> {
        Ok(Self {
            scopes: from_json(&row.scopes)?,
            default_scopes: from_json(&row.default_scopes)?,
            redirect_uris: from_json(&row.redirect_uris)?,
            grants: from_json(&row.grants)?,
            token_profile: if row.token_profile == "at+jwt" {
                TokenProfile::AtJwt
            } else {
                TokenProfile::Legacy
            },
            extra_claims: from_json(&row.extra_claims)?,
            jwks: row.jwks.as_deref().map(from_json).transpose()?,
            realm: row.realm,
            id: row.id,
            name: row.name,
            description: row.description,
            image_uri: row.image_uri,
            homepage_url: row.homepage_url,
            confidential: row.confidential,
            owner: row.owner,
            audience: row.audience,
        })
    }
}

/// The client of that id in that realm; nothing for a service user's client that was replaced.
pub async fn find(state: &State, realm: &str, id: &str) -> Result<Option<Client>, Error> {
    let found = find_valid(state.store.connection(), realm, id, state.clock.milliseconds()).await?;
    found.map(|(row, _)| Client::try_from(row)).transpose()
}

/// The client, if the secret is its own. The secret of a client that cannot keep one is not looked at (contract identity
/// 2.2.2). It takes as long for an unknown client. Errors: 503 when the database is away, or when too many log in at once.
pub async fn authenticate(
    state: &State,
    realm: &str,
    id: &str,
    secret: Option<&SecretString>,
) -> Result<Option<Client>, stups_server::Error> {
    let found = find_valid(state.store.connection(), realm, id, state.clock.milliseconds()).await?;
    if let Some((row, generation)) = &found
        && !row.confidential
    {
        note_use(state, row, generation.as_ref()).await;
        return Ok(Some(Client::try_from(row.clone())?));
    }
    let Some(secret) = secret else { return Ok(None) };
    let hashes: Vec<String> = found.iter().filter_map(|(row, _)| row.secret_hash.clone()).collect();
    let verdict = passwords::verify_of_machine(&state.hasher, secret, &hashes).await?;
    let Some((row, generation)) = found.filter(|_| verdict.matched.is_some()) else {
        return Ok(None);
    };
    note_use(state, &row, generation.as_ref()).await;
    if let Some(hash) = row.secret_hash.clone().filter(|_| verdict.is_weak) {
        state.upgrades.request(Upgrade {
            of: Owner::Client {
                realm: row.realm.clone(),
                id: row.id.clone(),
            },
            hash,
            password: secret.clone(),
            of_machine: true,
        });
    }
    Ok(Some(Client::try_from(row)?))
}

/// The client with its place among the generations of a service user's client, unless that is over.
async fn find_valid(
    connection: &impl ConnectionTrait,
    realm: &str,
    id: &str,
    now: i64,
) -> Result<Option<(client::Model, Option<service_client::Model>)>, Error> {
    let row = client::Entity::find_by_id((realm.to_owned(), id.to_owned()))
        .one(connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let Some(owner) = &row.owner else {
        return Ok(Some((row, None)));
    };
    let generations = service_client::Entity::find()
        .filter(service_client::Column::Uid.eq(owner))
        .all(connection)
        .await?;
    let valid = service_users::valid(&generations.iter().map(Generation::from).collect::<Vec<_>>(), now);
    match generations
        .into_iter()
        .zip(valid)
        .find(|(generation, _)| generation.client_id == id)
    {
        Some((generation, true)) => Ok(Some((row, Some(generation)))),
        Some((_, false)) => Ok(None),
        // A client that somebody gave to a service user by hand has no generations.
        None => Ok(Some((row, None))),
    }
}

/// Puts another hash of the same secret in the place of `old`, if that is still there.
pub(crate) async fn replace_hash(
    transaction: &impl ConnectionTrait,
    (realm, id): (&str, &str),
    old: &str,
    new: String,
) -> Result<(), Error> {
    client::Entity::update_many()
        .col_expr(client::Column::SecretHash, Expr::value(new))
        .filter(client::Column::Realm.eq(realm))
        .filter(client::Column::Id.eq(id))
        .filter(client::Column::SecretHash.eq(old))
        .exec(transaction)
        .await?;
    Ok(())
}

/// Remembers that a client was used. A login does not fail because of it.
async fn note_use(state: &State, row: &client::Model, generation: Option<&service_client::Model>) {
    let now = state.clock.milliseconds();
    let stale = generation.filter(|generation| {
        generation
            .last_used_at
            .is_none_or(|last| now - last >= service_users::USE_RESOLUTION_MS)
    });
    let Some(generation) = stale else { return };
    let written = async {
        let write = state.store.write().await?;
        service_client::Entity::update_many()
            .col_expr(service_client::Column::LastUsedAt, Expr::value(now))
            .filter(service_client::Column::ClientId.eq(&generation.client_id))
            .exec(write.transaction())
            .await?;
        write.commit_unaudited().await
    };
    if let Err(error) = written.await {
        tracing::warn!(realm = row.realm, client = row.id, %error, "the use of a client was not noted");
    }
}

pub mod change;
