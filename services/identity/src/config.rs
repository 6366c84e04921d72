//! The settings of the identity service. Every one has a default that works on an empty directory.

use std::collections::BTreeMap;
use std::path::PathBuf;

use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use crate::realms::Realm;

/// The settings of the identity service.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `sqlite:///path/file.db` or `postgres://user:password@host/database`. Default: `identity.db` in the data directory.
    pub database: Option<SecretString>,
    /// The key that seals private signing keys: 32 bytes in base64. All instances on one database need the same. Default: the
    /// file `identity-master.key` in the data directory, made at the first start.
    pub master_key: Option<SecretString>,
    /// The user directories, by name with the leading slash. What is given here is merged over the four default realms.
    pub realms: BTreeMap<String, Realm>,
    /// The realm of requests that name none and whose `Host` names none. Default: no such realm, they are refused.
    pub default_realm: Option<String>,
    /// Signing keys.
    pub signing: Signing,
    /// Costs of password hashes.
    pub argon2: Argon2Config,
    /// Sessions, codes, refresh tokens.
    pub lifetimes: Lifetimes,
    /// How failed logins are slowed.
    pub throttle: Throttle,
    /// Clients whose native login pages may send user name and password as JSON to the authorize endpoint: `/realm/client_id`.
    pub first_party_clients: Vec<String>,
    /// Audiences (RFC 8707 `resource`) that are known to read RFC 9068 tokens: clients that ask for one get an `at+jwt`.
    pub modern_resources: Vec<String>,
    /// Who administers everything here: `/realm/uid`. Default: `/employees/admin`, who is made at the first start.
    pub administrators: Vec<String>,
    /// The scope that the administration API (`/raw-sync`, consents of others) demands of everybody else.
    pub administration_scope: String,
    /// Callers of the service-user API that need no further scope than `uid`: `/realm/uid` of the Mint worker.
    pub service_user_administrators: Vec<String>,
    /// The client in whose name `GET /access_token`, the Token Service of old, gives tokens for passwords of people's devices
    /// and programs: an id in the realm that is asked for. Default: there is no Token Service.
    pub token_service_client: Option<String>,
    /// How long passwords and clients of service users stay good when younger ones are committed, in seconds. Default: 15
    /// minutes; at least 5.
    pub credential_grace_seconds: i64,
    /// A file with users, teams, accounts, clients that is applied at start (see `stups identity apply`).
    pub import: Option<PathBuf>,
    /// Put before an application's id to make the name of its service user.
    pub robot_prefix: String,
    /// Whether `GET /accounts/aws?member=` also answers one account per team that has none of its name (contract 2.17).
    pub synthetic_team_accounts: bool,
    /// Revocation of access tokens.
    pub revocation: Revocation,
    /// A token info that answers for opaque tokens (contract 2.11.3). Default: opaque tokens are not valid.
    pub upstream_tokeninfo_url: Option<Url>,
    /// Another OpenID provider that people log in at. Default: they log in here, with a password.
    pub upstream: Option<Upstream>,
    /// An audit service that gets an event for each record of the audit trail (`PUT <audit_url>/<SHA-256 of the event>`), with
    /// the service's own token of the name `http-audit-logger`. None by default.
    pub audit_url: Option<Url>,
    /// A file that gets each record of the audit trail as a line of JSON. None by default.
    pub audit_file: Option<PathBuf>,
    /// What `stups configure` is told beside our own addresses: section to key to value. In one process with other services their
    /// addresses are in it already.
    pub autoconfig: BTreeMap<String, BTreeMap<String, serde_json::Value>>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            database: None,
            master_key: None,
            realms: BTreeMap::new(),
            default_realm: None,
            signing: Signing::default(),
            argon2: Argon2Config::default(),
            lifetimes: Lifetimes::default(),
            throttle: Throttle::default(),
            first_party_clients: Vec::new(),
            modern_resources: Vec::new(),
            administrators: vec!["/employees/admin".to_owned()],
            administration_scope: "identity.admin".to_owned(),
            service_user_administrators: Vec::new(),
            token_service_client: None,
            credential_grace_seconds: 15 * 60,
            import: None,
            robot_prefix: "stups_".to_owned(),
            synthetic_team_accounts: true,
            revocation: Revocation::default(),
            upstream_tokeninfo_url: None,
            upstream: None,
            audit_url: None,
            audit_file: None,
            autoconfig: BTreeMap::new(),
        }
    }
}

/// Another OpenID provider that people of a realm log in at.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// The provider's name, an address: `https://login.example.org`.
    pub issuer: Url,
    /// What we are called there. Our redirect URI is `<public URL>/oauth2/login/callback`.
    pub client_id: String,
    /// What proves it. Default: we are a public client.
    #[serde(default)]
    pub client_secret: Option<SecretString>,
    /// Whose users log in there.
    #[serde(default = "employees")]
    pub realm: String,
    /// What the provider is called on pages. Default: its host.
    #[serde(default)]
    pub name: Option<String>,
    /// What is asked for there, beside `openid`.
    #[serde(default = "profile_and_email")]
    pub scopes: Vec<String>,
    /// The claim that becomes the user name. It must be one that people there cannot choose freely.
    #[serde(default = "preferred_username")]
    pub uid_claim: String,
    /// The claim that lists the person's groups.
    #[serde(default = "groups")]
    pub groups_claim: String,
    /// The scopes that everybody who logs in there may have here.
    #[serde(default = "uid_and_cn")]
    pub user_scopes: Vec<String>,
    /// Which teams the members of a group are in. Members of these teams who are in none of the groups leave them when they
    /// log in.
    #[serde(default)]
    pub teams: BTreeMap<String, Vec<String>>,
}

fn employees() -> String {
    "/employees".to_owned()
}

fn profile_and_email() -> Vec<String> {
    ["profile", "email"].map(str::to_owned).to_vec()
}

fn preferred_username() -> String {
    "preferred_username".to_owned()
}

fn groups() -> String {
    "groups".to_owned()
}

fn uid_and_cn() -> Vec<String> {
    ["uid", "cn"].map(str::to_owned).to_vec()
}

/// What tokens are signed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Algorithm {
    /// ECDSA on P-256: small, and verified by every client of the time.
    #[serde(rename = "ES256")]
    Es256,
    /// RSA, 2048 bits and more: from a key file.
    #[serde(rename = "RS256")]
    Rs256,
    /// Ed25519: only for tokens of the modern profile, and only in the modern key set.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

/// Signing keys and their rotation.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Signing {
    /// For tokens of the legacy profile and ID tokens: `ES256` or `RS256`.
    pub algorithm: Algorithm,
    /// For tokens of the modern profile: any.
    pub modern_algorithm: Algorithm,
    /// A PKCS #8 PEM file (`openssl genpkey -algorithm RSA`) that is taken in at start: needed for `RS256`.
    pub rs256_key_file: Option<PathBuf>,
    /// How long a key signs, in seconds. Default: 30 days.
    pub rotation_seconds: i64,
    /// How long a key is published before it signs: at least twice the slowest consumer's refresh. Default: 20 minutes.
    pub publish_before_seconds: i64,
}

impl Default for Signing {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::Es256,
            modern_algorithm: Algorithm::Es256,
            rs256_key_file: None,
            rotation_seconds: 30 * 24 * 3600,
            publish_before_seconds: 20 * 60,
        }
    }
}

/// Costs of argon2id. Values below 19 MiB and two iterations are raised to them.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Argon2Config {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// How many hashes are computed at once. Default: one per processor.
    pub parallel: Option<usize>,
    /// How many more logins may wait for their turn; further ones are answered 503.
    pub queue: usize,
}

impl Default for Argon2Config {
    fn default() -> Self {
        Self {
            memory_kib: 19 * 1024,
            iterations: 2,
            parallel: None,
            queue: 64,
        }
    }
}

/// How long things live, in seconds. Access tokens: see the realm.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lifetimes {
    /// An authorization code.
    pub code_seconds: i64,
    /// A login, from the last use.
    pub session_seconds: i64,
    /// A refresh token that is not used.
    pub refresh_idle_seconds: i64,
    /// A chain of refresh tokens, from the login.
    pub refresh_absolute_seconds: i64,
    /// How long a used refresh token still answers the same successor.
    pub refresh_grace_seconds: i64,
    /// A device code.
    pub device_code_seconds: i64,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            code_seconds: 60,
            session_seconds: 8 * 3600,
            refresh_idle_seconds: 30 * 24 * 3600,
            refresh_absolute_seconds: 90 * 24 * 3600,
            refresh_grace_seconds: 60,
            device_code_seconds: 600,
        }
    }
}

/// How failed logins are slowed: after some failures each further one doubles the wait.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Throttle {
    /// Failures of one user before the first wait.
    pub user_failures: i32,
    /// Failures from one address before the first wait.
    pub address_failures: i32,
    /// The longest wait in seconds.
    pub longest_wait_seconds: i64,
    /// Failures are forgotten after so many seconds without one.
    pub forget_seconds: i64,
}

impl Default for Throttle {
    fn default() -> Self {
        Self {
            user_failures: 5,
            address_failures: 50,
            longest_wait_seconds: 300,
            forget_seconds: 900,
        }
    }
}

/// Revocation of access tokens (contract 2.12).
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Revocation {
    /// Must equal the setting of every foreign token info that polls our list. Default: the original's.
    pub hashing_salt: String,
    /// How far ahead `issued_before` may be, in seconds.
    pub future_seconds: i64,
    /// Who may revoke by claims.
    pub rules: Vec<RevocationRule>,
}

impl Default for Revocation {
    fn default() -> Self {
        Self {
            hashing_salt: "seasaltisthebest".to_owned(),
            future_seconds: 5,
            rules: Vec::new(),
        }
    }
}

/// A caller whose token has all required claims may revoke claims that include all allowed ones.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevocationRule {
    /// Claims of the caller's token.
    pub required_user_claims: BTreeMap<String, String>,
    /// Claims that must be part of the request.
    pub allowed_revocation_claims: BTreeMap<String, String>,
}
