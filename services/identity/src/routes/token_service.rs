use axum::extract::State as Shared;
use axum::http::header::{CACHE_CONTROL, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use secrecy::SecretString;
use stups_api::identity::TokenResponse;
use stups_server::{Error, Origin};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::State;
use crate::audit;
use crate::brute_force::{self, Attempt};
use crate::client_authentication::basic_user;
use crate::issue::{self, Grant};
use crate::model::{app_passwords, clients};
use crate::parameters::Parameters;
use crate::realms;
use crate::scopes;

/// The Token Service of old (contract identity 2.15), for programs that know nothing else: off unless the settings name the
/// client in whose name it gives tokens, and for passwords of devices and programs alone, never a person's own.
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(access_token))
}

/// Gives a token for user name and password.
#[utoipa::path(
    get,
    path = "/access_token",
    tag = "Token Service",
    params(
        ("json" = Option<String>, Query, description = "`true`: an object rather than the bare token"),
        ("realm" = Option<String>, Query, description = "By default `/employees`"),
        ("scope" = Option<String>, Query, description = "Blank separated; by default all scopes of the password"),
    ),
    responses(
        (status = 200, description = "The token, bare or with what is known of it", body = TokenResponse),
        (status = 400, description = "The request is not valid, or asks for more than the password may"),
        (status = 401, description = "User name or password is missing or wrong"),
        (status = 404, description = "There is no Token Service here"),
        (status = 429, description = "Too many failed attempts"),
        (status = 503, description = "The database is unavailable"),
    )
)]
async fn access_token(
    Shared(state): Shared<State>,
    origin: Origin,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Error> {
    let parameters = Parameters::of_query(uri.query())?;
    let client_id = state.config.token_service_client.as_deref();
    let client_id = client_id.ok_or_else(|| Error::not_found("There is no Token Service here"))?;
    let realm_name = realms::canonical(parameters.get("realm").unwrap_or("/employees"));
    let realm = state.realms.get(&realm_name).map(|(_, realm)| realm);
    let client = clients::find(&state, &realm_name, client_id).await?;
    let (Some(realm), Some(client)) = (realm, client) else {
        return Err(Error::bad_request(format!("{realm_name} has no Token Service")));
    };
    let (uid, password) = basic_user(&headers).ok_or_else(unauthorized)?;
    let (user, allowed) = authenticate(&state, &origin, &realm_name, &uid, client_id, &password).await?;
    let wanted: Vec<String> = match parameters.get("scope") {
        Some(scope) => scope.split_whitespace().map(str::to_owned).collect(),
        None => allowed.clone(),
    };
    let refused: Vec<&str> = wanted
        .iter()
        .filter(|scope| !allowed.contains(scope))
        .map(String::as_str)
        .collect();
    if !refused.is_empty() {
        return Err(scopes::invalid_scope(&refused));
    }
    let scopes = scopes::resolve(Some(&wanted.join(" ")), &client, realm)?;
    scopes::check_user(&scopes, &user, &client, realm)?;
    let grant = Grant {
        client: &client,
        realm: &realm_name,
        uid: &user.uid,
        scopes: &scopes,
        resource: None,
    };
    let token = issue::access_token(&state, &grant)?;
    state
        .issue_log
        .record(audit::issued(&origin, "app_password", &grant, &token))
        .await?;
    let no_store = [(CACHE_CONTROL, "no-store")];
    if parameters.get("json") != Some("true") {
        return Ok((no_store, token.text).into_response());
    }
    let answer = TokenResponse {
        access_token: token.text,
        token_type: "Bearer".to_owned(),
        expires_in: token.expires_in,
        scope: scopes.join(" "),
        realm: realm_name,
        id_token: None,
        refresh_token: None,
    };
    Ok((no_store, axum::Json(answer)).into_response())
}

async fn authenticate(
    state: &State,
    origin: &Origin,
    realm: &str,
    uid: &str,
    client_id: &str,
    password: &SecretString,
) -> Result<(crate::model::users::User, Vec<String>), Error> {
    let attempt = Attempt {
        realm,
        uid,
        client_id,
        origin,
    };
    brute_force::check(state, &attempt).await?;
    let Some(found) = app_passwords::authenticate(state, realm, uid, password).await? else {
        brute_force::failed(state, &attempt).await?;
        return Err(unauthorized());
    };
    brute_force::succeeded(state, &attempt).await?;
    Ok(found)
}

fn unauthorized() -> Error {
    let challenge = HeaderValue::from_static("Basic realm=\"token service\", charset=\"UTF-8\"");
    Error::oauth(
        StatusCode::UNAUTHORIZED,
        "access_denied",
        "User name or password is wrong",
    )
    .with_header(WWW_AUTHENTICATE, challenge)
}
