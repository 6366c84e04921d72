//! Teams, their members and their other names (contract identity 2.17, 2.19).

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder};
use stups_api::identity::{AccountReference, Change, Team, TeamKind, TeamOfUser, TeamPatch};
use stups_store::Error;

use crate::model::entity::{account, account_member, service_user, team, team_alias, team_member};
use crate::model::json::{from_json, to_json};
use crate::model::write::{Author, Fields, Invalid, WriteError, check_name, check_text, member_name, save};

/// What a team is called by in requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A team, by its id, another name of it, or the name or id of an account of it.
    Team(String),
    /// An AWS account of no team.
    Account(String),
}

/// Teams as consumers read them, by id: those of `ids`, or all. Four queries, however many there are.
pub async fn list(connection: &impl ConnectionTrait, ids: Option<&[String]>) -> Result<Vec<Team>, Error> {
    let mut teams = team::Entity::find().order_by_asc(team::Column::Id);
    let mut members = team_member::Entity::find().filter(team_member::Column::Realm.eq("/employees"));
    let mut aliases = team_alias::Entity::find().order_by_asc(team_alias::Column::Alias);
    let mut accounts = account::Entity::find().order_by_asc(account::Column::Id);
    if let Some(ids) = ids {
        teams = teams.filter(team::Column::Id.is_in(ids));
        members = members.filter(team_member::Column::TeamId.is_in(ids));
        aliases = aliases.filter(team_alias::Column::TeamId.is_in(ids));
        accounts = accounts.filter(account::Column::Owner.is_in(ids));
    }
    let mut members_of: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in members.order_by_asc(team_member::Column::Uid).all(connection).await? {
        members_of.entry(row.team_id).or_default().push(row.uid);
    }
    let mut aliases_of: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in aliases.all(connection).await? {
        aliases_of.entry(row.team_id).or_default().push(row.alias);
    }
    let mut accounts_of: BTreeMap<String, Vec<AccountReference>> = BTreeMap::new();
    for row in accounts.all(connection).await? {
        if let Some(owner) = row.owner {
            let reference = AccountReference {
                id: row.id,
                kind: row.kind,
                name: row.name,
            };
            accounts_of.entry(owner).or_default().push(reference);
        }
    }
    let teams = teams.all(connection).await?;
    let complete = |row: team::Model| {
        let members = members_of.remove(&row.id).unwrap_or_default();
        let aliases = aliases_of.remove(&row.id).unwrap_or_default();
        let accounts = accounts_of.remove(&row.id).unwrap_or_default();
        Ok(Team {
            id_name: row.id.clone(),
            full_name: row.name.clone(),
            name: row.name,
            kind: if row.kind == "virtual" {
                TeamKind::Virtual
            } else {
                TeamKind::Official
            },
            description: row.description,
            dn: row.dn,
            mail: from_json(&row.mail)?,
            member: members.clone(),
            members,
            alias: aliases.clone(),
            aliases,
            accounts: accounts.clone(),
            infrastructure_accounts: accounts,
            id: row.id,
        })
    };
    teams.into_iter().map(complete).collect()
}

/// One team by its id, another name of it, or the name or id of an account of it.
pub async fn find(connection: &impl ConnectionTrait, name: &str) -> Result<Option<Team>, Error> {
    match resolve(connection, name).await? {
        Some(Subject::Team(id)) => Ok(list(connection, Some(&[id])).await?.pop()),
        _ => Ok(None),
    }
}

/// The ids of the teams of a user: those that list it, and for a service user the one that owns its application.
pub async fn of_user(connection: &impl ConnectionTrait, realm: &str, uid: &str) -> Result<Vec<String>, Error> {
    let rows = team_member::Entity::find()
        .filter(team_member::Column::Realm.eq(realm))
        .filter(team_member::Column::Uid.eq(uid))
        .all(connection)
        .await?;
    let mut ids: BTreeSet<String> = rows.into_iter().map(|row| row.team_id).collect();
    if realm == "/services"
        && let Some(row) = service_user::Entity::find_by_id(uid.to_owned()).one(connection).await?
        && let Some(Subject::Team(id)) = resolve(connection, &row.owner).await?
    {
        ids.insert(id);
    }
    Ok(ids.into_iter().collect())
}

/// Who is in which team, people only.
pub async fn memberships(connection: &impl ConnectionTrait) -> Result<Vec<TeamOfUser>, Error> {
    let rows = team_member::Entity::find()
        .filter(team_member::Column::Realm.eq("/employees"))
        .order_by_asc(team_member::Column::Uid)
        .order_by_asc(team_member::Column::TeamId)
        .all(connection)
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| TeamOfUser {
            uid: row.uid,
            team_id: row.team_id,
        })
        .collect())
}

/// Which team or account is meant: an id, another name, an account's name or id, in this order (contract identity 2.19, 3).
pub async fn resolve(connection: &impl ConnectionTrait, name: &str) -> Result<Option<Subject>, Error> {
    if let Some(row) = team::Entity::find_by_id(name.to_owned()).one(connection).await? {
        return Ok(Some(Subject::Team(row.id)));
    }
    if let Some(row) = team_alias::Entity::find_by_id(name.to_owned()).one(connection).await? {
        return Ok(Some(Subject::Team(row.team_id)));
    }
    let named = Condition::any()
        .add(account::Column::Name.eq(name))
        .add(account::Column::Id.eq(name));
    let row = account::Entity::find()
        .filter(account::Column::Kind.eq("aws"))
        .filter(named)
        .order_by_asc(account::Column::Id)
        .one(connection)
        .await?;
    Ok(row.map(|row| row.owner.map_or(Subject::Account(row.id), Subject::Team)))
}

/// Whether a user may act for a team: rules 3 to 6 of contract identity 2.19.
pub async fn may_act(connection: &impl ConnectionTrait, realm: &str, uid: &str, team: &str) -> Result<bool, Error> {
    match resolve(connection, team).await? {
        None => Ok(false),
        Some(Subject::Account(id)) => is_account_member(connection, account::Column::Id.eq(id), realm, uid).await,
        Some(Subject::Team(id)) => {
            if of_user(connection, realm, uid).await?.contains(&id) {
                return Ok(true);
            }
            if realm != "/employees" {
                return Ok(false);
            }
            is_account_member(connection, account::Column::Owner.eq(id), realm, uid).await
        }
    }
}

async fn is_account_member(
    connection: &impl ConnectionTrait,
    which: sea_orm::sea_query::SimpleExpr,
    realm: &str,
    uid: &str,
) -> Result<bool, Error> {
    let accounts = account::Entity::find()
        .filter(account::Column::Kind.eq("aws"))
        .filter(which)
        .all(connection)
        .await?;
    let ids = accounts.into_iter().map(|row| row.id);
    let member = account_member::Entity::find()
        .filter(account_member::Column::Kind.eq("aws"))
        .filter(account_member::Column::Realm.eq(realm))
        .filter(account_member::Column::Uid.eq(uid))
        .filter(account_member::Column::AccountId.is_in(ids))
        .one(connection)
        .await?;
    Ok(member.is_some())
}

/// What is there of a team.
#[derive(Clone, Debug)]
pub(crate) struct Current {
    pub(crate) row: team::Model,
    /// Realm and user name.
    pub(crate) members: BTreeSet<(String, String)>,
    pub(crate) aliases: BTreeSet<String>,
}

/// What is there of the teams of `ids`, or of all, by id.
pub(crate) async fn current(
    connection: &impl ConnectionTrait,
    id: Option<&str>,
) -> Result<BTreeMap<String, Current>, Error> {
    let mut teams = team::Entity::find();
    let mut members = team_member::Entity::find();
    let mut aliases = team_alias::Entity::find();
    if let Some(id) = id {
        teams = teams.filter(team::Column::Id.eq(id));
        members = members.filter(team_member::Column::TeamId.eq(id));
        aliases = aliases.filter(team_alias::Column::TeamId.eq(id));
    }
    let rows = teams.all(connection).await?.into_iter();
    let mut all: BTreeMap<String, Current> = rows
        .map(|row| {
            (
                row.id.clone(),
                Current {
                    row,
                    members: BTreeSet::new(),
                    aliases: BTreeSet::new(),
                },
            )
        })
        .collect();
    for row in members.all(connection).await? {
        if let Some(team) = all.get_mut(&row.team_id) {
            team.members.insert((row.realm, row.uid));
        }
    }
    for row in aliases.all(connection).await? {
        if let Some(team) = all.get_mut(&row.team_id) {
            team.aliases.insert(row.alias);
        }
    }
    Ok(all)
}

/// Makes or changes a team; what the patch does not name stays.
pub(crate) async fn put(
    transaction: &DatabaseTransaction,
    current: Option<&Current>,
    id: &str,
    patch: TeamPatch,
    author: &Author,
) -> Result<Option<Change>, WriteError> {
    check_name("id", id)?;
    let existed = current.is_some();
    let mut team = current.cloned().unwrap_or_else(|| Current {
        row: blank(id, author),
        members: BTreeSet::new(),
        aliases: BTreeSet::new(),
    });
    let mut fields = Fields::default();
    let row = &mut team.row;
    if let Some(name) = patch.name {
        check_text("name", name.as_deref())?;
        fields.set("name", &mut row.name, name.unwrap_or_else(|| id.to_owned()));
    }
    if let Some(kind) = patch.kind {
        let kind = if kind.unwrap_or_default() == TeamKind::Virtual {
            "virtual"
        } else {
            "official"
        };
        fields.set("type", &mut row.kind, kind.to_owned());
    }
    for (name, place, value) in [
        ("description", &mut row.description, patch.description),
        ("dn", &mut row.dn, patch.dn),
    ] {
        check_text(name, value.as_ref().and_then(Option::as_deref))?;
        fields.set_given(name, place, value);
    }
    if let Some(mail) = patch.mail.map(Option::unwrap_or_default) {
        mail.iter().try_for_each(|address| check_text("mail", Some(address)))?;
        fields.set("mail", &mut row.mail, to_json(&mail));
    }
    let (members_before, aliases_before) = (team.members.clone(), team.aliases.clone());
    if let Some(members) = patch.members.map(Option::unwrap_or_default) {
        let members = members
            .iter()
            .map(|member| member_name("members", member))
            .collect::<Result<_, Invalid>>()?;
        fields.set("members", &mut team.members, members);
    }
    if let Some(aliases) = patch.aliases.map(Option::unwrap_or_default) {
        aliases.iter().try_for_each(|alias| check_name("aliases", alias))?;
        fields.set("aliases", &mut team.aliases, aliases.into_iter().collect());
    }
    let Some(change) = fields.into_change(existed, "team", id) else {
        return Ok(None);
    };
    team.row.version += 1;
    team.row.modified_at = author.now;
    team.row.modified_by.clone_from(&author.name);
    save::<team::Entity, _>(transaction, team.row, existed).await?;
    write_members(transaction, id, &members_before, &team.members).await?;
    write_aliases(transaction, id, &aliases_before, &team.aliases).await?;
    Ok(Some(change))
}

fn blank(id: &str, author: &Author) -> team::Model {
    team::Model {
        id: id.to_owned(),
        name: id.to_owned(),
        kind: "official".to_owned(),
        description: None,
        dn: None,
        mail: "[]".to_owned(),
        created_at: author.now,
        created_by: author.name.clone(),
        modified_at: author.now,
        modified_by: author.name.clone(),
        version: 0,
    }
}

async fn write_members(
    transaction: &DatabaseTransaction,
    id: &str,
    before: &BTreeSet<(String, String)>,
    after: &BTreeSet<(String, String)>,
) -> Result<(), WriteError> {
    for (realm, uid) in before.difference(after) {
        team_member::Entity::delete_by_id((id.to_owned(), realm.clone(), uid.clone()))
            .exec(transaction)
            .await?;
    }
    let added: Vec<_> = after
        .difference(before)
        .map(|(realm, uid)| team_member::Model {
            team_id: id.to_owned(),
            realm: realm.clone(),
            uid: uid.clone(),
        })
        .map(team_member::ActiveModel::from)
        .collect();
    if !added.is_empty() {
        team_member::Entity::insert_many(added)
            .exec_without_returning(transaction)
            .await?;
    }
    Ok(())
}

async fn write_aliases(
    transaction: &DatabaseTransaction,
    id: &str,
    before: &BTreeSet<String>,
    after: &BTreeSet<String>,
) -> Result<(), WriteError> {
    for alias in before.difference(after) {
        team_alias::Entity::delete_by_id(alias.clone())
            .exec(transaction)
            .await?;
    }
    for alias in after.difference(before) {
        let taken = team_alias::Entity::find_by_id(alias.clone()).one(transaction).await?;
        if let Some(other) = taken {
            return Err(Invalid::new(
                "aliases",
                format!("{alias:?} is another name of the team {}", other.team_id),
            )
            .into());
        }
        let row = team_alias::Model {
            alias: alias.clone(),
            team_id: id.to_owned(),
        };
        team_alias::Entity::insert(team_alias::ActiveModel::from(row))
            .exec_without_returning(transaction)
            .await?;
    }
    Ok(())
}

/// Removes a team with its members and names; its accounts have no team then. Says whether it was there.
pub(crate) async fn delete(transaction: &DatabaseTransaction, id: &str) -> Result<bool, Error> {
    account::Entity::update_many()
        .col_expr(
            account::Column::Owner,
            sea_orm::sea_query::Expr::value(Option::<String>::None),
        )
        .filter(account::Column::Owner.eq(id))
        .exec(transaction)
        .await?;
    let deleted = team::Entity::delete_by_id(id.to_owned()).exec(transaction).await?;
    Ok(deleted.rows_affected > 0)
}
