use std::time::Duration;

use askama::Template;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use stups_auth::openid::{Callback, OpenIdError, Person};
use stups_server::{Error, Origin};
use stups_store::audit::Event;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::login;
use crate::State;
use crate::audit;
use crate::browser::{self, Browser, see_other};
use crate::model::upstream_users::{self, Refusal, Visitor};
use crate::model::write::{Author, Change, WriteError, action};
use crate::model::{sessions, upstream_logins};
use crate::parameters::{Parameters, invalid_request};
use crate::secret;
use crate::upstream::{Upstream, secrets};

/// Logins at another OpenID provider: there and back.
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(come_back))
}

/// How long a login there may take.
const PATIENCE: Duration = Duration::from_mins(15);

/// When to ask an unavailable provider again.
const RETRY: Duration = Duration::from_secs(5);

/// Nobody came in.
struct Failure {
    status: StatusCode,
    /// For the person and the auditors.
    reason: String,
}

impl From<OpenIdError> for Failure {
    fn from(error: OpenIdError) -> Self {
        let status = match error {
            OpenIdError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            OpenIdError::Refused(_) => StatusCode::FORBIDDEN,
        };
        let reason = error.to_string();
        Self { status, reason }
    }
}

impl Failure {
    fn refused(reason: impl Into<String>) -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            reason: reason.into(),
        }
    }
}

/// Sends somebody who has to log in to the other provider; `return_to` is the page of ours that goes on afterwards. None when
/// the people of the realm log in here. `again`: also when the provider remembers them.
pub(super) async fn hand_over(
    state: &State,
    browser: &Browser,
    realm: &str,
    return_to: &str,
    again: bool,
) -> Result<Option<Response>, Error> {
    let Some(upstream) = state.upstream.as_ref().filter(|upstream| upstream.realm == realm) else {
        return Ok(None);
    };
    let login = secret::generate();
    let address = match upstream.provider.login_address(&secrets(state, &login), again).await {
        Ok(address) => address,
        Err(error) => return Ok(Some(failed(upstream, return_to, &error.into()))),
    };
    let row = upstream_logins::Model {
        state_hash: secret::hash(login.expose_secret()),
        browser_hash: browser.mark(),
        return_to: return_to.to_owned(),
        expires_at: state.clock.milliseconds() + i64::try_from(PATIENCE.as_millis()).unwrap_or(i64::MAX),
    };
    let write = state.store.write().await?;
    upstream_logins::insert(write.transaction(), row).await?;
    write.commit_unaudited().await?;
    Ok(Some(browser.remember(state, None, see_other(address.as_str()))))
}

/// Takes whoever comes back from the other provider.
#[utoipa::path(
    get,
    path = "/oauth2/login/callback",
    tag = "Pages",
    params(
        ("state" = Option<String>, Query),
        ("code" = Option<String>, Query),
        ("iss" = Option<String>, Query, description = "RFC 9207"),
        ("error" = Option<String>, Query),
    ),
    responses(
        (status = 303, description = "Logged in"),
        (status = 400, description = "No login of this browser is under way"),
        (status = 403, description = "The provider, or this service, did not let the person in", content_type = "text/html"),
        (status = 404, description = "People log in here"),
        (status = 503, description = "The database or the provider is unavailable"),
    )
)]
async fn come_back(Shared(state): Shared<State>, origin: Origin, headers: HeaderMap, uri: Uri) -> Response {
    let taken = async {
        let parameters = Parameters::of_query(uri.query())?;
        let upstream = state.upstream.as_ref();
        let upstream = upstream.ok_or_else(|| Error::not_found("People log in at this service itself"))?;
        let mut browser = Browser::of(&state, &headers).await?;
        let (login, return_to) = take(&state, &browser, &parameters).await?;
        let entered = match who(&state, upstream, &login, &parameters).await {
            Ok(visitor) => enter(&state, &origin, &mut browser, upstream, &visitor).await?,
            Err(failure) => Err(failure),
        };
        match entered {
            Ok(cookie) => Ok(browser.remember(&state, Some(&cookie), see_other(&return_to))),
            Err(failure) => {
                tracing::warn!(
                    reason = failure.reason,
                    "somebody could not log in at the other provider"
                );
                Ok(failed(upstream, &return_to, &failure))
            }
        }
    };
    taken.await.unwrap_or_else(|error| browser::error_page(&headers, error))
}

/// The login that the browser comes back from, and the page of ours that goes on. Each login ends here once.
async fn take(state: &State, browser: &Browser, parameters: &Parameters) -> Result<(SecretString, String), Error> {
    let login = parameters.require("state")?;
    let write = state.store.write().await?;
    let now = state.clock.milliseconds();
    let taken = upstream_logins::take(write.transaction(), &secret::hash(login), &browser.mark(), now).await?;
    write.commit_unaudited().await?;
    match taken {
        Some(row) => Ok((login.into(), row.return_to)),
        None => Err(invalid_request(
            "No login of this browser is under way: go back to where you came from, and begin again",
        )),
    }
}

/// Who the provider says that it is.
async fn who(
    state: &State,
    upstream: &Upstream,
    login: &SecretString,
    parameters: &Parameters,
) -> Result<Visitor, Failure> {
    let issuer = parameters.get("iss");
    if let Some(error) = parameters.get("error") {
        upstream.provider.check_issuer(issuer).await?;
        let description = parameters.get("error_description").unwrap_or(error);
        let reason = format!("{} did not log you in: {description}", upstream.name);
        return Err(Failure::refused(reason.chars().take(500).collect::<String>()));
    }
    let code = parameters.get("code");
    let code = code.ok_or_else(|| Failure::refused(format!("{} answered nothing", upstream.name)))?;
    let callback = Callback { code, issuer };
    let secrets = secrets(state, login);
    let person: Person = upstream
        .provider
        .finish(&callback, &secrets, state.clock.seconds())
        .await?;
    upstream.visitor(&person).map_err(Failure::refused)
}

/// Makes the user or brings it up to date, and begins a login, in one write. A refusal is recorded.
async fn enter(
    state: &State,
    origin: &Origin,
    browser: &mut Browser,
    upstream: &Upstream,
    visitor: &Visitor,
) -> Result<Result<SecretString, Failure>, Error> {
    let mut entered = try_to_enter(state, origin, browser, upstream, visitor).await;
    // Twice at once for the first time: the second sees what the first has made.
    if let Err(WriteError::Store(stups_store::Error::Constraint(_))) = entered {
        entered = try_to_enter(state, origin, browser, upstream, visitor).await;
    }
    let refusal = match entered? {
        Ok(cookie) => return Ok(Ok(cookie)),
        Err(refusal) => refusal,
    };
    let reason = match refusal {
        Refusal::NameTaken => format!("{} is the name of somebody else here", visitor.uid),
        Refusal::Disabled => "You may not log in any more".to_owned(),
    };
    let event = audit::refused(origin, "login.failed", &upstream.realm, &visitor.uid, "", &reason);
    state.store.record(event).await?;
    Ok(Err(Failure::refused(reason)))
}

async fn try_to_enter(
    state: &State,
    origin: &Origin,
    browser: &mut Browser,
    upstream: &Upstream,
    visitor: &Visitor,
) -> Result<Result<SecretString, Refusal>, WriteError> {
    let author = Author {
        name: visitor.issuer.clone(),
        now: state.clock.milliseconds(),
    };
    let write = state.store.write().await?;
    let admitted = upstream_users::admit(write.transaction(), &upstream.realm, visitor, &author).await?;
    let (user, changes) = match admitted {
        Ok(admitted) => admitted,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let event = |change: &Change| changed(origin, &user.realm, &user.uid, visitor, change);
    let mut events: Vec<Event> = changes.iter().map(event).collect();
    let (cookie, login) = browser
        .begin_login(state, write.transaction(), origin, &user, sessions::ELSEWHERE)
        .await?;
    events.push(login);
    write.commit_all(events).await?;
    Ok(Ok(cookie))
}

/// What a login changed, for the auditors.
fn changed(origin: &Origin, realm: &str, uid: &str, visitor: &Visitor, change: &Change) -> Event {
    let details = json!({ "fields": change.fields, "issuer": visitor.issuer, "subject": visitor.subject });
    Event {
        subject: change.id.clone(),
        ..audit::by_user(origin, &action(change), realm, uid, details)
    }
}

#[derive(Template)]
#[template(path = "upstream_failed.html")]
struct FailedPage<'a> {
    text: &'a str,
    provider: &'a str,
    again: &'a str,
    with_password: &'a str,
}

fn failed(upstream: &Upstream, return_to: &str, failure: &Failure) -> Response {
    let page = FailedPage {
        text: &failure.reason,
        provider: &upstream.name,
        again: return_to,
        with_password: &login::address_with_password(&upstream.realm, return_to),
    };
    let mut response = browser::page(failure.status, &page);
    if failure.status == StatusCode::SERVICE_UNAVAILABLE {
        let seconds = axum::http::HeaderValue::from(RETRY.as_secs());
        response.headers_mut().insert(axum::http::header::RETRY_AFTER, seconds);
    }
    response
}
