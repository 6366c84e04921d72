//! Which applications hold a scope: mint knows.

use serde_json::json;
use stups_api::mint::{ApplicationFilter, MintClient};
use stups_auth::Caller;
use stups_server::Error;

/// How many applications a refusal names.
const NAMED: usize = 20;

/// The applications that hold a scope on the resource type (`scope`: that one), by id.
pub(crate) async fn holders(
    mint: &MintClient,
    caller: &Caller,
    resource_type: &str,
    scope: Option<&str>,
) -> Result<Vec<String>, Error> {
    let filter = ApplicationFilter {
        resource_type_id: Some(resource_type.to_owned()),
        scope_id: scope.map(str::to_owned),
    };
    let found = mint.on_behalf_of(&caller.token).applications(&filter).await;
    let found = found.map_err(|error| {
        tracing::warn!(%error, "mint was asked for the holders of a scope in vain");
        Error::unavailable("mint does not say which applications hold the scope.")
    })?;
    Ok(found.into_iter().map(|application| application.id).collect())
}

/// Refuses with 409 to delete what an application holds. Without a mint nobody is asked (contract essentials 4, E7).
pub(crate) async fn refuse_if_held(
    mint: Option<&MintClient>,
    caller: &Caller,
    resource_type: &str,
    scope: Option<&str>,
) -> Result<(), Error> {
    let Some(mint) = mint else { return Ok(()) };
    let holders = holders(mint, caller, resource_type, scope).await?;
    if holders.is_empty() {
        return Ok(());
    }
    let named: Vec<&String> = holders.iter().take(NAMED).collect();
    let message = format!(
        "{} applications hold it in mint. Take it from them first, or delete it all the same with ?force=true.",
        holders.len()
    );
    Err(Error::conflict(message).with_details(json!({"applications": named, "count": holders.len()})))
}
