//! What an empty database is given, so that `zign login` works at once: an administrator, and the public clients of our own
//! tools.

use sea_orm::ActiveValue::Set;
use sea_orm::{EntityTrait, PaginatorTrait};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use stups_server::StartError;

use crate::State;
use crate::audit;
use crate::model::clients::{Grants, TokenProfile};
use crate::model::entity::{client, password, user};
use crate::model::passwords;
use crate::start::Administrator;

const REALM: &str = "/employees";
const UID: &str = "admin";
const AUTHOR: &str = "first start";

/// What our tools may ask for in a person's name; what the person does not hold they do not get.
const TOOL_SCOPES: [&str; 12] = [
    "uid",
    "cn",
    "openid",
    "azp",
    "application.read",
    "application.write",
    "application.write_all",
    "application.write_sensitive",
    "application.write_all_sensitive",
    "application.write_all_trusted",
    "fullstop.violation.write",
    "audit.read",
];

/// Makes the administrator and the clients when there is neither a user nor a client; answers the administrator's password.
/// Two instances that start together make them once: the names are unique.
pub async fn first_start(state: &State) -> Result<Option<Administrator>, StartError> {
    match make(state).await {
        Ok(password) => Ok(password.map(|password| Administrator {
            name: format!("{REALM}/{UID}"),
            password,
        })),
        Err(stups_store::Error::Constraint(_)) => Ok(None),
        Err(source) => Err(StartError::Store {
            service: "identity",
            source,
        }),
    }
}

async fn make(state: &State) -> Result<Option<SecretString>, stups_store::Error> {
    let connection = state.store.connection();
    if user::Entity::find().count(connection).await? + client::Entity::find().count(connection).await? > 0 {
        return Ok(None);
    }
    let (generated, hash) = passwords::generate(&state.hasher);
    let now = state.clock.milliseconds();
    let write = state.store.write().await?;
    let scopes = json!({ "uid": "", "cn": "", state.config.administration_scope.as_str(): "" });
    let row = user::ActiveModel {
        realm: Set(REALM.to_owned()),
        uid: Set(UID.to_owned()),
        name: Set(Some("Administrator".to_owned())),
        email: Set(None),
        scopes: Set(scopes.to_string()),
        disabled: Set(false),
        created_at: Set(now),
        created_by: Set(AUTHOR.to_owned()),
        modified_at: Set(now),
        modified_by: Set(AUTHOR.to_owned()),
        version: Set(1),
    };
    user::Entity::insert(row)
        .exec_without_returning(write.transaction())
        .await?;
    let row = password::ActiveModel {
        id: Set(uuid::Uuid::now_v7().to_string()),
        realm: Set(REALM.to_owned()),
        uid: Set(UID.to_owned()),
        hash: Set(hash),
        source: Set(None),
        created_at: Set(now),
        created_by: Set(AUTHOR.to_owned()),
        committed_at: Set(Some(now)),
        ..Default::default()
    };
    password::Entity::insert(row)
        .exec_without_returning(write.transaction())
        .await?;
    for row in clients(state, now) {
        client::Entity::insert(row)
            .exec_without_returning(write.transaction())
            .await?;
    }
    let details = json!({ "administrator": format!("{REALM}/{UID}"), "clients": ["zign", "ztoken"] });
    write
        .commit(audit::by_service("directory.initialised", "identity", details))
        .await?;
    Ok(Some(SecretString::from(generated.expose_secret())))
}

/// `zign`: code with PKCE, refresh, device flow. `ztoken`: the same, and the implicit flow for the original program of that name,
/// which knows no other, drops the realm, and listens at a path-less loopback address. Original and new programs are one client,
/// so that they share one login: a refresh token is its client's alone.
fn clients(state: &State, now: i64) -> [client::ActiveModel; 2] {
    let zign = Grants {
        refresh: true,
        device: true,
        ..Grants::default()
    };
    let ztoken = Grants {
        legacy_implicit: true,
        ..zign
    };
    let loopback = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
    let callbacks: Vec<String> = loopback
        .iter()
        .flat_map(|host| [format!("{host}/callback"), (*host).to_owned()])
        .collect();
    [
        public_client(state, now, "zign", "Zign command line", zign, &callbacks),
        public_client(state, now, "ztoken", "ztoken command line", ztoken, &callbacks),
    ]
}

fn public_client(
    state: &State,
    now: i64,
    id: &str,
    name: &str,
    grants: Grants,
    redirect_uris: &[String],
) -> client::ActiveModel {
    let mut scopes: Vec<&str> = TOOL_SCOPES.to_vec();
    scopes.push(&state.config.administration_scope);
    client::ActiveModel {
        realm: Set(REALM.to_owned()),
        id: Set(id.to_owned()),
        name: Set(Some(name.to_owned())),
        confidential: Set(false),
        scopes: Set(json!(scopes).to_string()),
        // The originals ask for no scope, and every service wants this one.
        default_scopes: Set(json!(["uid"]).to_string()),
        redirect_uris: Set(json!(redirect_uris).to_string()),
        grants: Set(json!(grants).to_string()),
        token_profile: Set(TokenProfile::Legacy.as_str().to_owned()),
        extra_claims: Set("{}".to_owned()),
        created_at: Set(now),
        created_by: Set(AUTHOR.to_owned()),
        modified_at: Set(now),
        modified_by: Set(AUTHOR.to_owned()),
        version: Set(1),
        ..Default::default()
    }
}
