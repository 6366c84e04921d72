//! The user service (contract identity 2.18, 2.19).

use axum::extract::State as Shared;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use stups_api::identity::{Group, UserDetails};
use stups_server::{Authenticated, Error, Json, Path};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::common::Failures;
use crate::State;
use crate::model::{accounts, ssh_keys, users};

/// The realm of people.
const EMPLOYEES: &str = "/employees";

/// The routes, for callers with a valid token.
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(ssh_of_employee))
        .routes(routes!(ssh_of_user))
        .routes(routes!(employee))
        .routes(routes!(groups))
        .routes(routes!(roles))
        .routes(routes!(user))
        .routes(routes!(self_user))
}

/// `/{user}/ssh`, which goes to the root alone: below another path it would hide what is there.
pub fn root_routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(ssh_of_anybody))
}

/// The public keys of a person, as an `authorized_keys` file. Nothing for an unknown or disabled person, and without a key.
#[utoipa::path(get, path = "/employees/{uid}/ssh", tag = "Users", params(("uid" = String, Path)),
    responses((status = 200, body = String, content_type = "text/plain"), Failures))]
async fn ssh_of_employee(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Path(uid): Path<String>,
) -> Result<Response, Error> {
    ssh(&state, &caller, &uid).await
}

/// The same.
#[utoipa::path(get, path = "/users/{realm}/ssh", tag = "Users", params(("realm" = String, Path, description = "The user name")),
    responses((status = 200, body = String, content_type = "text/plain"), Failures))]
async fn ssh_of_user(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Path(uid): Path<String>,
) -> Result<Response, Error> {
    ssh(&state, &caller, &uid).await
}

/// The same.
#[utoipa::path(get, path = "/{user}/ssh", tag = "Users", params(("user" = String, Path)),
    responses((status = 200, body = String, content_type = "text/plain"), Failures))]
async fn ssh_of_anybody(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Path(uid): Path<String>,
) -> Result<Response, Error> {
    ssh(&state, &caller, &uid).await
}

async fn ssh(state: &State, caller: &Authenticated, uid: &str) -> Result<Response, Error> {
    caller.require_scope("uid")?;
    let now = state.clock.milliseconds();
    Ok(
        match ssh_keys::authorized_keys(state.store.connection(), EMPLOYEES, uid, now).await? {
            Some(keys) => (
                [(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))],
                keys,
            )
                .into_response(),
            // With an empty body: what even reads is a file of keys.
            None => StatusCode::NOT_FOUND.into_response(),
        },
    )
}

async fn details(state: &State, realm: &str, uid: &str) -> Result<UserDetails, Error> {
    let user = users::find(state.store.connection(), realm, uid)
        .await?
        .filter(|user| !user.disabled);
    let user = user.ok_or_else(|| Error::not_found("There is no such user."))?;
    let person = realm != "/services";
    Ok(UserDetails {
        login: person.then(|| user.uid.clone()),
        name: user.name.filter(|_| person),
        email: user.email.filter(|_| person),
        id: user.uid,
        realm: realm.trim_start_matches('/').to_owned(),
    })
}

/// A person.
#[utoipa::path(get, path = "/employees/{uid}", tag = "Users", params(("uid" = String, Path)),
    responses((status = 200, body = UserDetails), Failures))]
async fn employee(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Path(uid): Path<String>,
) -> Result<Json<UserDetails>, Error> {
    caller.require_scope("uid")?;
    Ok(Json(details(&state, EMPLOYEES, &uid).await?))
}

/// What a person may do in which account.
#[utoipa::path(get, path = "/employees/{uid}/groups", tag = "Users", params(("uid" = String, Path)),
    responses((status = 200, body = Vec<Group>), Failures))]
async fn groups(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Path(uid): Path<String>,
) -> Result<Json<Vec<Group>>, Error> {
    caller.require_scope("uid")?;
    Ok(Json(groups_of(&state, &uid).await?))
}

/// The same, for consumers that read the names alone.
#[utoipa::path(get, path = "/employees/{uid}/roles", tag = "Users", params(("uid" = String, Path)),
    responses((status = 200, body = Vec<Group>), Failures))]
async fn roles(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Path(uid): Path<String>,
) -> Result<Json<Vec<Group>>, Error> {
    caller.require_scope("uid")?;
    Ok(Json(groups_of(&state, &uid).await?))
}

async fn groups_of(state: &State, uid: &str) -> Result<Vec<Group>, Error> {
    let filter = accounts::Filter {
        member: Some((EMPLOYEES, uid)),
        ..accounts::Filter::default()
    };
    let accounts = accounts::list(state.store.connection(), "aws", &filter).await?;
    let mut groups = Vec::new();
    for account in accounts.into_iter().filter(|account| !account.disabled) {
        let own = account
            .members
            .iter()
            .filter(|member| member.realm == EMPLOYEES && member.id == uid);
        groups.extend(own.map(|member| Group {
            id: account.id.clone(),
            name: format!("Apps/AWS/Aws-{}-{}/Roles/{}", account.name, account.id, member.role),
            role: member.role.clone(),
            provider: account.provider.clone(),
        }));
    }
    Ok(groups)
}

/// A person or machine. Machines have an id and a realm alone.
#[utoipa::path(get, path = "/users/{realm}/{user}", tag = "Users",
    params(("realm" = String, Path), ("user" = String, Path)),
    responses((status = 200, body = UserDetails), Failures))]
async fn user(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Path((realm, uid)): Path<(String, String)>,
) -> Result<Json<UserDetails>, Error> {
    caller.require_scope("uid")?;
    Ok(Json(details(&state, &crate::realms::canonical(&realm), &uid).await?))
}

/// Where the caller is found.
#[utoipa::path(get, path = "/users/self", tag = "Users",
    responses((status = 302, description = "`Location` is the caller's own address"), Failures))]
async fn self_user(caller: Authenticated) -> Result<Response, Error> {
    caller.require_scope("uid")?;
    let mut uid = String::new();
    for byte in caller.uid.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => uid.push(char::from(byte)),
            _ => uid.extend(['%', hex_digit(byte >> 4), hex_digit(byte & 15)]),
        }
    }
    let mut response = Redirect::to(&format!("/users{}/{uid}", caller.realm)).into_response();
    *response.status_mut() = StatusCode::FOUND;
    Ok(response)
}

fn hex_digit(value: u8) -> char {
    char::from(b"0123456789ABCDEF"[usize::from(value)])
}
