//! From entries to rows. What is there is read once per table, however many entries there are.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter};
use stups_api::identity::{AccountPatch, ClientPatch, NewSshKey, TeamPatch, UserPatch};

use super::read::{Document, Entry, ServiceUserEntry, UserEntry};
use super::{ImportError, Place, failed, wrong_field};
use crate::State;
use crate::model::entity::{client, password, service_user, ssh_key, team, user};
use crate::model::users::change::{self as users, Replace};
use crate::model::write::{Author, Change, Fields, Invalid, removal};
use crate::model::{accounts, clients, service_users, ssh_keys, teams};

/// The realm of entries that name none.
const DEFAULT_REALM: &str = "employees";
/// The type of accounts that name none.
const DEFAULT_KIND: &str = "aws";

/// Realm and user name.
type Name = (String, String);

struct Importer<'a> {
    transaction: &'a DatabaseTransaction,
    state: &'a State,
    text: &'a str,
    prune: bool,
    author: &'a Author,
    changes: Vec<Change>,
}

/// Applies a file within a transaction. Answers what changed, in the order in which it was done.
pub async fn apply(
    transaction: &DatabaseTransaction,
    state: &State,
    document: Document,
    prune: bool,
    author: &Author,
) -> Result<Vec<Change>, ImportError> {
    let Document {
        text,
        users,
        teams,
        accounts,
        clients,
        service_users,
    } = document;
    let mut importer = Importer {
        transaction,
        state,
        text: &text,
        prune,
        author,
        changes: Vec::new(),
    };
    if let Some(entries) = users {
        importer.users(entries).await?;
    }
    if let Some(entries) = service_users {
        importer.service_users(entries).await?;
    }
    if let Some(entries) = clients {
        importer.clients(entries).await?;
    }
    if let Some(entries) = teams {
        importer.teams(entries).await?;
    }
    if let Some(entries) = accounts {
        importer.accounts(entries).await?;
    }
    Ok(importer.changes)
}

impl Importer<'_> {
    fn realm(&self, place: Place, name: Option<&str>, managed: bool) -> Result<String, ImportError> {
        let name = name.unwrap_or(DEFAULT_REALM);
        let reason = match self.state.realms.get(name) {
            Some((realm, settings)) if settings.managed || !managed => return Ok(realm.to_owned()),
            Some(_) => format!("the users of {name:?} are kept elsewhere"),
            None => {
                let known: Vec<&str> = self.state.realms.names().collect();
                format!("there is no realm {name:?}; there are {}", known.join(", "))
            }
        };
        Err(wrong_field(self.text, place, &Invalid::new("realm", reason)))
    }

    async fn users(&mut self, entries: Vec<UserEntry>) -> Result<(), ImportError> {
        let rows = user::Entity::find()
            .all(self.transaction)
            .await
            .map_err(stups_store::Error::from)?;
        let named = rows.into_iter().map(|row| ((row.realm.clone(), row.uid.clone()), row));
        let mut present: BTreeMap<Name, user::Model> = named.collect();
        let passwords = self.passwords().await?;
        let keys = self.ssh_keys().await?;
        for UserEntry {
            user:
                Entry {
                    place,
                    realm,
                    id,
                    patch,
                },
            ssh_keys,
        } in entries
        {
            let name = (self.realm(place, realm.as_deref(), true)?, id);
            let row = present.remove(&name);
            self.user(place, row.as_ref(), &name, patch, &passwords).await?;
            let own = keys.get(&name).map(Vec::as_slice).unwrap_or_default();
            self.keys_of_user(place, &name, &ssh_keys, own).await?;
        }
        if self.prune {
            self.prune_users(present.into_keys()).await?;
        }
        Ok(())
    }

    async fn user(
        &mut self,
        place: Place,
        row: Option<&user::Model>,
        name: &Name,
        patch: UserPatch,
        passwords: &BTreeMap<Name, Vec<password::Model>>,
    ) -> Result<(), ImportError> {
        let own: Vec<&password::Model> = passwords.get(name).into_iter().flatten().collect();
        let current = row.map(|row| (row, own.as_slice()));
        let name = (name.0.as_str(), name.1.as_str());
        let change = users::put(self.transaction, current, name, patch, Replace::Imported, self.author).await;
        self.changes
            .extend(change.map_err(|error| failed(self.text, place, error))?);
        Ok(())
    }

    /// Whoever is named in the settings must not lock themself out; machines have a section of their own.
    async fn prune_users(&mut self, names: impl Iterator<Item = Name>) -> Result<(), ImportError> {
        let machines = service_user::Entity::find()
            .all(self.transaction)
            .await
            .map_err(stups_store::Error::from)?;
        let machines: BTreeSet<String> = machines.into_iter().map(|row| row.uid).collect();
        for (realm, uid) in names {
            let name = format!("{realm}/{uid}");
            let machine = realm == service_users::REALM && machines.contains(&uid);
            if !machine && !self.state.config.administrators.contains(&name) {
                let delete = user::Entity::delete_by_id((realm, uid)).exec(self.transaction).await;
                delete.map_err(stups_store::Error::from)?;
                self.changes.push(removal("user", name));
            }
        }
        Ok(())
    }

    async fn passwords(&self) -> Result<BTreeMap<Name, Vec<password::Model>>, ImportError> {
        let rows = password::Entity::find()
            .all(self.transaction)
            .await
            .map_err(stups_store::Error::from)?;
        let mut by_user: BTreeMap<Name, Vec<_>> = BTreeMap::new();
        for row in rows {
            by_user
                .entry((row.realm.clone(), row.uid.clone()))
                .or_default()
                .push(row);
        }
        Ok(by_user)
    }

    async fn ssh_keys(&self) -> Result<BTreeMap<Name, Vec<ssh_key::Model>>, ImportError> {
        let rows = ssh_key::Entity::find()
            .all(self.transaction)
            .await
            .map_err(stups_store::Error::from)?;
        let mut by_user: BTreeMap<Name, Vec<_>> = BTreeMap::new();
        for row in rows {
            by_user
                .entry((row.realm.clone(), row.uid.clone()))
                .or_default()
                .push(row);
        }
        Ok(by_user)
    }

    async fn keys_of_user(
        &mut self,
        place: Place,
        (realm, uid): &Name,
        wanted: &[NewSshKey],
        present: &[ssh_key::Model],
    ) -> Result<(), ImportError> {
        let mut listed = BTreeSet::new();
        for key in wanted {
            let row = ssh_keys::new_row(realm, uid, key, self.author);
            let row =
                row.map_err(|invalid| wrong_field(self.text, place, &Invalid::new("ssh_keys", invalid.to_string())))?;
            if listed.insert(row.fingerprint.clone()) {
                let existing = present.iter().find(|existing| existing.fingerprint == row.fingerprint);
                self.ssh_key(row, existing).await?;
            }
        }
        if self.prune {
            for key in present.iter().filter(|key| !listed.contains(&key.fingerprint)) {
                ssh_keys::delete(self.transaction, realm, uid, &key.id).await?;
                self.changes.push(Change {
                    fingerprint: Some(key.fingerprint.clone()),
                    ..removal("ssh_key", format!("{realm}/{uid}"))
                });
            }
        }
        Ok(())
    }

    async fn ssh_key(&mut self, row: ssh_key::Model, existing: Option<&ssh_key::Model>) -> Result<(), ImportError> {
        let (name, fingerprint) = (format!("{}/{}", row.realm, row.uid), row.fingerprint.clone());
        let mut fields = Fields::default();
        match existing {
            None => {
                ssh_keys::add(self.transaction, row).await?;
            }
            Some(existing) if existing.expires_at != row.expires_at => {
                fields.note("expires_at");
                let update = ssh_key::Entity::update_many()
                    .col_expr(ssh_key::Column::ExpiresAt, Expr::value(row.expires_at))
                    .filter(ssh_key::Column::Id.eq(&existing.id));
                update.exec(self.transaction).await.map_err(stups_store::Error::from)?;
            }
            Some(_) => {}
        }
        let change = fields.into_change(existing.is_some(), "ssh_key", name);
        self.changes.extend(change.map(|change| Change {
            fingerprint: Some(fingerprint),
            ..change
        }));
        Ok(())
    }

    async fn service_users(&mut self, entries: Vec<ServiceUserEntry>) -> Result<(), ImportError> {
        let ids = service_users::list(self.transaction)
            .await?
            .into_iter()
            .map(|user| user.id);
        let mut present: BTreeSet<String> = ids.collect();
        let passwords = self.passwords().await?;
        for ServiceUserEntry {
            place,
            wanted,
            password_hashes,
        } in entries
        {
            present.remove(&wanted.id);
            let put = service_users::put(self.transaction, &self.state.realms, &wanted, self.author).await;
            let (_, change) = put.map_err(|error| failed(self.text, place, error))?;
            self.changes.extend(change);
            if password_hashes.is_some() {
                let name = (service_users::REALM.to_owned(), wanted.id.clone());
                let row = user::Entity::find_by_id(name.clone()).one(self.transaction).await;
                let row = row.map_err(stups_store::Error::from)?;
                let patch = UserPatch {
                    password_hashes: Some(password_hashes),
                    ..UserPatch::default()
                };
                self.user(place, row.as_ref(), &name, patch, &passwords).await?;
            }
        }
        if self.prune {
            for uid in present {
                service_users::delete(self.transaction, &uid).await?;
                self.changes.push(removal("service_user", uid));
            }
        }
        Ok(())
    }

    async fn clients(&mut self, entries: Vec<Entry<ClientPatch>>) -> Result<(), ImportError> {
        let rows = client::Entity::find()
            .all(self.transaction)
            .await
            .map_err(stups_store::Error::from)?;
        let named = rows.into_iter().map(|row| ((row.realm.clone(), row.id.clone()), row));
        let mut present: BTreeMap<Name, client::Model> = named.collect();
        for Entry {
            place,
            realm,
            id,
            patch,
        } in entries
        {
            let name = (self.realm(place, realm.as_deref(), false)?, id);
            let row = present.remove(&name);
            let name = (name.0.as_str(), name.1.as_str());
            let change = clients::change::put(self.transaction, row.as_ref(), name, patch, self.author).await;
            self.changes
                .extend(change.map_err(|error| failed(self.text, place, error))?);
        }
        if self.prune {
            // The clients of service users are theirs.
            for (key, _) in present.into_iter().filter(|(_, row)| row.owner.is_none()) {
                let name = format!("{}/{}", key.0, key.1);
                let delete = client::Entity::delete_by_id(key).exec(self.transaction).await;
                delete.map_err(stups_store::Error::from)?;
                self.changes.push(removal("client", name));
            }
        }
        Ok(())
    }

    async fn teams(&mut self, entries: Vec<Entry<TeamPatch>>) -> Result<(), ImportError> {
        let mut present = teams::current(self.transaction, None).await?;
        for Entry { place, id, patch, .. } in entries {
            let current = present.remove(&id);
            let change = teams::put(self.transaction, current.as_ref(), &id, patch, self.author).await;
            self.changes
                .extend(change.map_err(|error| failed(self.text, place, error))?);
        }
        if self.prune {
            for id in present.into_keys() {
                teams::delete(self.transaction, &id).await?;
                self.changes.push(removal("team", id));
            }
        }
        Ok(())
    }

    async fn accounts(&mut self, entries: Vec<Entry<AccountPatch>>) -> Result<(), ImportError> {
        let mut present = accounts::current(self.transaction, None).await?;
        let teams = team::Entity::find()
            .all(self.transaction)
            .await
            .map_err(stups_store::Error::from)?;
        let teams: BTreeSet<String> = teams.into_iter().map(|row| row.id).collect();
        for Entry {
            place,
            realm: kind,
            id,
            patch,
        } in entries
        {
            let key = (kind.unwrap_or_else(|| DEFAULT_KIND.to_owned()), id);
            if let Some(Some(owner)) = &patch.owner
                && !teams.contains(owner)
            {
                let reason = format!("there is no team {owner:?}, neither here nor in the file");
                return Err(wrong_field(self.text, place, &Invalid::new("owner", reason)));
            }
            let current = present.remove(&key);
            let name = (key.0.as_str(), key.1.as_str());
            let change = accounts::put(self.transaction, current.as_ref(), name, patch, self.author).await;
            self.changes
                .extend(change.map_err(|error| failed(self.text, place, error))?);
        }
        if self.prune {
            for (kind, id) in present.into_keys() {
                accounts::delete(self.transaction, &kind, &id).await?;
                self.changes.push(removal("account", format!("{kind}/{id}")));
            }
        }
        Ok(())
    }
}
