//! Cloud accounts and who may do what there (contract identity 2.17).

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder};
use stups_api::identity::{Account, AccountMember, AccountPatch, Change};
use stups_store::Error;

use crate::model::entity::{account, account_member, team_member};
use crate::model::teams;
use crate::model::write::{Author, Fields, Invalid, WriteError, check_name, check_text, save};

/// What the members of a team may do in its accounts.
pub const TEAM_ROLE: &str = "PowerUser";

/// Which accounts are meant.
#[derive(Clone, Debug, Default)]
pub struct Filter<'a> {
    /// The one with this id.
    pub id: Option<&'a str>,
    /// Those that this realm and user name is a member of.
    pub member: Option<(&'a str, &'a str)>,
    /// With this role only.
    pub role: Option<&'a str>,
    /// Whether teams of the member without an account of their name are listed as one (contract identity 2.17: the services of
    /// old take the names of a user's accounts for the ids of the user's teams).
    pub synthetic: bool,
}

/// Accounts of a kind, by id. At most five queries, however many there are.
pub async fn list(connection: &impl ConnectionTrait, kind: &str, filter: &Filter<'_>) -> Result<Vec<Account>, Error> {
    let mut query = account::Entity::find()
        .filter(account::Column::Kind.eq(kind))
        .order_by_asc(account::Column::Id);
    if let Some(id) = filter.id {
        query = query.filter(account::Column::Id.eq(id));
    }
    let mut teams = Vec::new();
    if let Some((realm, uid)) = filter.member {
        teams = teams::of_user(connection, realm, uid).await?;
        let explicit = account_member::Entity::find()
            .filter(account_member::Column::Kind.eq(kind))
            .filter(account_member::Column::Realm.eq(realm))
            .filter(account_member::Column::Uid.eq(uid))
            .all(connection)
            .await?;
        let explicit = explicit.into_iter().map(|row| row.account_id);
        let any = Condition::any()
            .add(account::Column::Id.is_in(explicit))
            .add(account::Column::Owner.is_in(&teams));
        query = query.filter(any);
    }
    let rows = query.all(connection).await?;
    let mut members = members(connection, kind, &rows).await?;
    let mut accounts: Vec<Account> = rows
        .into_iter()
        .map(|row| Account {
            members: members.remove(&row.id).unwrap_or_default().into_iter().collect(),
            provider: row.kind.clone(),
            id: row.id,
            name: row.name,
            kind: row.kind,
            owner: row.owner,
            description: row.description,
            disabled: row.disabled,
        })
        .collect();
    if let (Some((realm, uid)), Some(role)) = (filter.member, filter.role) {
        let holds = |member: &AccountMember| member.realm == realm && member.id == uid && member.role == role;
        accounts.retain(|account| account.members.iter().any(holds));
    }
    if let (Some((realm, uid)), true, None) = (filter.member, filter.synthetic, filter.role) {
        let names: BTreeSet<String> = accounts.iter().map(|account| account.name.clone()).collect();
        accounts.extend(
            teams
                .into_iter()
                .filter(|team| !names.contains(team))
                .map(|team| Account {
                    id: team.clone(),
                    name: team.clone(),
                    kind: kind.to_owned(),
                    provider: kind.to_owned(),
                    owner: Some(team),
                    description: None,
                    disabled: false,
                    members: vec![AccountMember {
                        id: uid.to_owned(),
                        realm: realm.to_owned(),
                        role: TEAM_ROLE.to_owned(),
                    }],
                }),
        );
    }
    Ok(accounts)
}

/// The members of accounts, those of the teams that own them included, by the account's id.
async fn members(
    connection: &impl ConnectionTrait,
    kind: &str,
    accounts: &[account::Model],
) -> Result<BTreeMap<String, BTreeSet<AccountMember>>, Error> {
    let mut members: BTreeMap<String, BTreeSet<AccountMember>> = BTreeMap::new();
    let explicit = account_member::Entity::find()
        .filter(account_member::Column::Kind.eq(kind))
        .filter(account_member::Column::AccountId.is_in(accounts.iter().map(|row| row.id.as_str())))
        .all(connection)
        .await?;
    for row in explicit {
        let member = AccountMember {
            id: row.uid,
            realm: row.realm,
            role: row.role,
        };
        members.entry(row.account_id).or_default().insert(member);
    }
    let mut owned: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for row in accounts {
        if let Some(owner) = &row.owner {
            owned.entry(owner).or_default().push(&row.id);
        }
    }
    let of_teams = team_member::Entity::find()
        .filter(team_member::Column::TeamId.is_in(owned.keys().copied()))
        .all(connection)
        .await?;
    for row in of_teams {
        for account in owned.get(row.team_id.as_str()).into_iter().flatten() {
            let member = AccountMember {
                id: row.uid.clone(),
                realm: row.realm.clone(),
                role: TEAM_ROLE.to_owned(),
            };
            members.entry((*account).to_owned()).or_default().insert(member);
        }
    }
    Ok(members)
}

/// What is there of an account.
#[derive(Clone, Debug)]
pub(crate) struct Current {
    pub(crate) row: account::Model,
    pub(crate) members: BTreeSet<AccountMember>,
}

/// What is there of an account, or of all, by kind and id.
pub(crate) async fn current(
    connection: &impl ConnectionTrait,
    one: Option<(&str, &str)>,
) -> Result<BTreeMap<(String, String), Current>, Error> {
    let mut accounts = account::Entity::find();
    let mut members = account_member::Entity::find();
    if let Some((kind, id)) = one {
        accounts = accounts
            .filter(account::Column::Kind.eq(kind))
            .filter(account::Column::Id.eq(id));
        members = members
            .filter(account_member::Column::Kind.eq(kind))
            .filter(account_member::Column::AccountId.eq(id));
    }
    let rows = accounts.all(connection).await?.into_iter();
    let mut all: BTreeMap<_, _> = rows
        .map(|row| {
            (
                (row.kind.clone(), row.id.clone()),
                Current {
                    row,
                    members: BTreeSet::new(),
                },
            )
        })
        .collect();
    for row in members.all(connection).await? {
        if let Some(account) = all.get_mut(&(row.kind, row.account_id)) {
            account.members.insert(AccountMember {
                id: row.uid,
                realm: row.realm,
                role: row.role,
            });
        }
    }
    Ok(all)
}

/// Makes or changes an account; what the patch does not name stays.
pub(crate) async fn put(
    transaction: &DatabaseTransaction,
    current: Option<&Current>,
    (kind, id): (&str, &str),
    patch: AccountPatch,
    author: &Author,
) -> Result<Option<Change>, WriteError> {
    check_name("type", kind)?;
    check_name("id", id)?;
    if kind == "aws" && (id.len() != 12 || !id.bytes().all(|byte| byte.is_ascii_digit())) {
        return Err(Invalid::new(
            "id",
            format!("{id:?} is not the id of an AWS account: 12 digits, quoted in YAML"),
        )
        .into());
    }
    let existed = current.is_some();
    let mut account = current.cloned().unwrap_or_else(|| Current {
        row: blank(kind, id, author),
        members: BTreeSet::new(),
    });
    let mut fields = Fields::default();
    let row = &mut account.row;
    if let Some(name) = patch.name {
        check_text("name", name.as_deref())?;
        fields.set("name", &mut row.name, name.unwrap_or_else(|| id.to_owned()));
    }
    if let Some(owner) = patch.owner {
        if let Some(owner) = &owner {
            check_name("owner", owner)?;
        }
        fields.set("owner", &mut row.owner, owner);
    }
    if let Some(description) = patch.description {
        check_text("description", description.as_deref())?;
        fields.set("description", &mut row.description, description);
    }
    fields.set_given("disabled", &mut row.disabled, patch.disabled);
    let before = account.members.clone();
    if let Some(members) = patch.members.map(Option::unwrap_or_default) {
        let mut wanted = BTreeSet::new();
        for member in members {
            check_name("members", &member.id)?;
            check_name("members", &member.role)?;
            wanted.insert(AccountMember {
                realm: crate::realms::canonical(&member.realm),
                ..member
            });
        }
        fields.set("members", &mut account.members, wanted);
    }
    let Some(change) = fields.into_change(existed, "account", format!("{kind}/{id}")) else {
        return Ok(None);
    };
    account.row.version += 1;
    account.row.modified_at = author.now;
    account.row.modified_by.clone_from(&author.name);
    save::<account::Entity, _>(transaction, account.row, existed).await?;
    let key = |member: &AccountMember| {
        (
            kind.to_owned(),
            id.to_owned(),
            member.realm.clone(),
            member.id.clone(),
            member.role.clone(),
        )
    };
    for member in before.difference(&account.members) {
        account_member::Entity::delete_by_id(key(member))
            .exec(transaction)
            .await?;
    }
    let added: Vec<_> = account
        .members
        .difference(&before)
        .map(key)
        .map(row_of_member)
        .collect();
    if !added.is_empty() {
        account_member::Entity::insert_many(added)
            .exec_without_returning(transaction)
            .await?;
    }
    Ok(Some(change))
}

fn row_of_member(
    (kind, account_id, realm, uid, role): (String, String, String, String, String),
) -> account_member::ActiveModel {
    account_member::Model {
        kind,
        account_id,
        realm,
        uid,
        role,
    }
    .into()
}

fn blank(kind: &str, id: &str, author: &Author) -> account::Model {
    account::Model {
        kind: kind.to_owned(),
        id: id.to_owned(),
        name: id.to_owned(),
        owner: None,
        description: None,
        disabled: false,
        created_at: author.now,
        created_by: author.name.clone(),
        modified_at: author.now,
        modified_by: author.name.clone(),
        version: 0,
    }
}

/// Removes an account. Says whether it was there.
pub(crate) async fn delete(transaction: &DatabaseTransaction, kind: &str, id: &str) -> Result<bool, Error> {
    let deleted = account::Entity::delete_by_id((kind.to_owned(), id.to_owned()))
        .exec(transaction)
        .await?;
    Ok(deleted.rows_affected > 0)
}
