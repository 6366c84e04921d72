use reqwest::Method;
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{
    Account, AccountPatch, AppPassword, Client as OAuthClient, ClientPatch, ClientRotation, ClientSecret, Commit,
    CommitClient, ImportReport, MadeAppPassword, NewAppPassword, NewClient, NewPassword, NewSshKey, Page, ServiceUser,
    ServiceUserAnswer, ServiceUserId, ServiceUserPassword, ServiceUserWrite, SshKey, Team, TeamPatch, User, UserPatch,
};
use crate::client::{Client, Error};

/// Calls the identity service.
#[derive(Clone, Debug)]
pub struct IdentityClient(Client);

impl IdentityClient {
    /// A client of the identity service that `client` is based at.
    pub fn new(client: Client) -> Self {
        Self(client)
    }

    /// What it stands on.
    pub fn client(&self) -> &Client {
        &self.0
    }

    /// The same, on behalf of a caller.
    #[must_use]
    pub fn on_behalf_of(&self, token: &SecretString) -> Self {
        Self(self.0.on_behalf_of(token))
    }

    /// All items of a list, page by page.
    async fn all<T: DeserializeOwned>(&self, path: &[&str]) -> Result<Vec<T>, Error> {
        let mut items = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let query = after.as_deref().map(|after| ("after", after));
            let page: Page<T> = self.0.get(path).query(query.as_slice()).send().await?;
            items.extend(page.items);
            after = page.next;
            if after.is_none() {
                return Ok(items);
            }
        }
    }

    async fn write(&self, method: Method, path: &[&str], body: &impl Serialize) -> Result<(), Error> {
        self.0.request(method, path).json(body).done().await
    }
}

/// Users, clients and SSH keys: for administrators.
impl IdentityClient {
    /// All users of a realm.
    pub async fn users(&self, realm: &str) -> Result<Vec<User>, Error> {
        self.all(&["raw-sync", "users", slashless(realm)]).await
    }

    /// One user, or none.
    pub async fn user(&self, realm: &str, uid: &str) -> Result<Option<User>, Error> {
        self.0
            .get(&["raw-sync", "users", slashless(realm), uid])
            .optional()
            .await
    }

    /// Makes a user or replaces all its fields.
    pub async fn put_user(&self, realm: &str, uid: &str, user: &UserPatch) -> Result<(), Error> {
        self.write(Method::PUT, &["raw-sync", "users", slashless(realm), uid], user)
            .await
    }

    /// Changes the fields that are given.
    pub async fn patch_user(&self, realm: &str, uid: &str, patch: &UserPatch) -> Result<(), Error> {
        self.merge_patch(&["raw-sync", "users", slashless(realm), uid], patch)
            .await
    }

    /// Removes a user.
    pub async fn delete_user(&self, realm: &str, uid: &str) -> Result<(), Error> {
        self.0
            .delete(&["raw-sync", "users", slashless(realm), uid])
            .done()
            .await
    }

    /// Adds a password, or replaces all.
    pub async fn add_password(&self, realm: &str, uid: &str, password: &NewPassword) -> Result<(), Error> {
        self.write(
            Method::POST,
            &["raw-sync", "users", slashless(realm), uid, "password"],
            password,
        )
        .await
    }

    /// Removes one password.
    pub async fn delete_password(&self, realm: &str, uid: &str, id: &str) -> Result<(), Error> {
        self.0
            .delete(&["raw-sync", "users", slashless(realm), uid, "password", id])
            .done()
            .await
    }

    /// All clients of a realm.
    pub async fn clients(&self, realm: &str) -> Result<Vec<OAuthClient>, Error> {
        self.all(&["raw-sync", "clients", slashless(realm)]).await
    }

    /// One client, or none.
    pub async fn oauth_client(&self, realm: &str, id: &str) -> Result<Option<OAuthClient>, Error> {
        self.0
            .get(&["raw-sync", "clients", slashless(realm), id])
            .optional()
            .await
    }

    /// Makes a client or replaces all its fields.
    pub async fn put_client(&self, realm: &str, id: &str, client: &ClientPatch) -> Result<(), Error> {
        self.write(Method::PUT, &["raw-sync", "clients", slashless(realm), id], client)
            .await
    }

    /// Changes the fields that are given.
    pub async fn patch_client(&self, realm: &str, id: &str, patch: &ClientPatch) -> Result<(), Error> {
        self.merge_patch(&["raw-sync", "clients", slashless(realm), id], patch)
            .await
    }

    /// Removes a client.
    pub async fn delete_client(&self, realm: &str, id: &str) -> Result<(), Error> {
        self.0
            .delete(&["raw-sync", "clients", slashless(realm), id])
            .done()
            .await
    }

    /// Gives a client a new secret; the old one is good no more.
    pub async fn new_client_secret(&self, realm: &str, id: &str) -> Result<ClientSecret, Error> {
        self.0
            .post(&["raw-sync", "clients", slashless(realm), id, "secret"])
            .send()
            .await
    }

    /// The SSH keys of a user, expired ones included.
    pub async fn ssh_keys(&self, realm: &str, uid: &str) -> Result<Vec<SshKey>, Error> {
        self.0
            .get(&["raw-sync", "users", slashless(realm), uid, "keys"])
            .send()
            .await
    }

    /// Adds an SSH key.
    pub async fn add_ssh_key(&self, realm: &str, uid: &str, key: &NewSshKey) -> Result<SshKey, Error> {
        self.0
            .post(&["raw-sync", "users", slashless(realm), uid, "keys"])
            .json(key)
            .send()
            .await
    }

    /// Removes an SSH key.
    pub async fn delete_ssh_key(&self, realm: &str, uid: &str, id: &str) -> Result<(), Error> {
        self.0
            .delete(&["raw-sync", "users", slashless(realm), uid, "keys", id])
            .done()
            .await
    }

    /// The passwords of a user's devices and programs, expired ones included.
    pub async fn app_passwords(&self, realm: &str, uid: &str) -> Result<Vec<AppPassword>, Error> {
        self.0
            .get(&["raw-sync", "users", slashless(realm), uid, "app-passwords"])
            .send()
            .await
    }

    /// Makes a password for a device or program of a user.
    pub async fn add_app_password(
        &self,
        realm: &str,
        uid: &str,
        password: &NewAppPassword,
    ) -> Result<MadeAppPassword, Error> {
        self.0
            .post(&["raw-sync", "users", slashless(realm), uid, "app-passwords"])
            .json(password)
            .send()
            .await
    }

    /// Removes a password of a device or program.
    pub async fn delete_app_password(&self, realm: &str, uid: &str, id: &str) -> Result<(), Error> {
        self.0
            .delete(&["raw-sync", "users", slashless(realm), uid, "app-passwords", id])
            .done()
            .await
    }

    /// Applies an import file, or says what it would change. With `prune`, what the file does not list is removed, in the
    /// sections that it has.
    pub async fn import(&self, yaml: &str, dry_run: bool, prune: bool) -> Result<ImportReport, Error> {
        let request = self
            .0
            .post(&["import"])
            .query(&[("dry_run", dry_run), ("prune", prune)]);
        request.bytes("application/yaml", yaml.as_bytes().to_vec()).send().await
    }

    async fn merge_patch(&self, path: &[&str], patch: &impl Serialize) -> Result<(), Error> {
        let body = serde_json::to_vec(patch).unwrap_or_default();
        self.0
            .patch(path)
            .bytes("application/merge-patch+json", body)
            .done()
            .await
    }
}

/// Teams and accounts.
impl IdentityClient {
    /// All teams.
    pub async fn teams(&self) -> Result<Vec<Team>, Error> {
        self.0.get(&["teams"]).send().await
    }

    /// The teams of a person.
    pub async fn teams_of(&self, uid: &str) -> Result<Vec<Team>, Error> {
        self.0.get(&["teams"]).query(&[("member", uid)]).send().await
    }

    /// One team, or none.
    pub async fn team(&self, id: &str) -> Result<Option<Team>, Error> {
        self.0.get(&["teams", id]).optional().await
    }

    /// Makes a team, or changes the fields that are given.
    pub async fn put_team(&self, id: &str, team: &TeamPatch) -> Result<(), Error> {
        self.write(Method::PUT, &["teams", id], team).await
    }

    /// Removes a team.
    pub async fn delete_team(&self, id: &str) -> Result<(), Error> {
        self.0.delete(&["teams", id]).done().await
    }

    /// All accounts of a kind.
    pub async fn accounts(&self, kind: &str) -> Result<Vec<Account>, Error> {
        self.0.get(&["accounts", kind]).send().await
    }

    /// One account, or none.
    pub async fn account(&self, kind: &str, id: &str) -> Result<Option<Account>, Error> {
        self.0.get(&["accounts", kind, id]).optional().await
    }

    /// Makes an account, or changes the fields that are given.
    pub async fn put_account(&self, kind: &str, id: &str, account: &AccountPatch) -> Result<(), Error> {
        self.write(Method::PUT, &["accounts", kind, id], account).await
    }

    /// Removes an account.
    pub async fn delete_account(&self, kind: &str, id: &str) -> Result<(), Error> {
        self.0.delete(&["accounts", kind, id]).done().await
    }
}

/// Service users: what the Mint worker does.
impl IdentityClient {
    /// The names of all service users.
    pub async fn service_users(&self) -> Result<Vec<ServiceUserId>, Error> {
        self.0.get(&["services"]).send().await
    }

    /// One service user, or none.
    pub async fn service_user(&self, id: &str) -> Result<Option<ServiceUser>, Error> {
        self.0.get(&["services", id]).optional().await
    }

    /// Makes a service user or changes its configuration; passwords and secrets stay.
    pub async fn put_service_user(&self, user: &ServiceUserWrite) -> Result<ServiceUserAnswer, Error> {
        self.0.put(&["services", &user.id]).json(user).send().await
    }

    /// Removes a service user with its clients in all realms.
    pub async fn delete_service_user(&self, id: &str) -> Result<(), Error> {
        self.0.delete(&["services", id]).done().await
    }

    /// Makes a new password, good at once beside the old ones.
    pub async fn new_password(&self, id: &str) -> Result<ServiceUserPassword, Error> {
        self.0
            .post(&["services", id, "password"])
            .json(&serde_json::json!({}))
            .send()
            .await
    }

    /// Makes the older passwords expire.
    pub async fn commit_password(&self, id: &str, txid: &str) -> Result<(), Error> {
        self.write(
            Method::PUT,
            &["services", id, "password"],
            &Commit { txid: txid.to_owned() },
        )
        .await
    }

    /// Makes a new client id and secret, good at once beside the old ones.
    ///
    /// `public_key` (a JSON Web Key): the client proves itself by it (RFC 7523) and has no secret; originals do not know that.
    pub async fn new_client(
        &self,
        id: &str,
        current: Option<&str>,
        public_key: Option<serde_json::Value>,
    ) -> Result<NewClient, Error> {
        let rotation = ClientRotation {
            id: Some(id.to_owned()),
            client_id: current.map(str::to_owned),
            public_key,
        };
        self.0.post(&["services", id, "client"]).json(&rotation).send().await
    }

    /// Makes the older clients expire.
    pub async fn commit_client(&self, id: &str, txid: &str) -> Result<(), Error> {
        let commit = CommitClient {
            txid: Some(txid.to_owned()),
            ..CommitClient::default()
        };
        self.write(Method::PUT, &["services", id, "client"], &commit).await
    }
}

/// A realm as paths have it.
fn slashless(realm: &str) -> &str {
    realm.trim_start_matches('/')
}
