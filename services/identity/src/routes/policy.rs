//! The policy service: may this token act for that team? (contract identity 2.19)

use axum::extract::State as Shared;
use stups_api::identity::PolicyQuestion;
use stups_server::{Authenticated, Error, Json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::common::Failures;
use crate::State;
use crate::model::teams;

/// The one policy that there is: who belongs to a team may do everything for it.
const POLICY: &str = "relaxed-radical-agility";

/// The routes, for callers with a valid token.
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(get_auth, post_auth))
}

/// Whether the caller may act for a team. The question is the body: Kio asks so.
#[utoipa::path(get, path = "/auth", tag = "Policy", request_body = PolicyQuestion,
    responses((status = 200, body = String, description = "`\"OK\"`: it may"), Failures))]
async fn get_auth(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Json(question): Json<PolicyQuestion>,
) -> Result<Json<&'static str>, Error> {
    decide(&state, &caller, &question).await
}

/// Whether the caller may act for a team.
#[utoipa::path(post, path = "/auth", tag = "Policy", request_body = PolicyQuestion,
    responses((status = 200, body = String, description = "`\"OK\"`: it may"), Failures))]
async fn post_auth(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Json(question): Json<PolicyQuestion>,
) -> Result<Json<&'static str>, Error> {
    decide(&state, &caller, &question).await
}

async fn decide(state: &State, caller: &Authenticated, question: &PolicyQuestion) -> Result<Json<&'static str>, Error> {
    caller.require_scope("uid")?;
    if question.policy != POLICY {
        return Err(Error::not_found(format!("Policy {} not found", question.policy)));
    }
    if !caller.is_employee() && !caller.is_service() {
        return Err(Error::forbidden("Not an internal user"));
    }
    if teams::may_act(
        state.store.connection(),
        &caller.realm,
        &caller.uid,
        &question.payload.team,
    )
    .await?
    {
        return Ok(Json("OK"));
    }
    let who = if caller.is_service() { "Service user" } else { "User" };
    Err(Error::forbidden(format!("{who} does not belong to team")))
}
