//! Who may administer the directory: dedicated scope and realm, or named; never just anybody (contract identity section 4).

use stups_auth::Caller;
use stups_server::Error;

use crate::State;

/// Whether the caller is an administrator: named by the settings (and with the scope `uid`), or with the administration scope,
/// which is granted to nobody by default.
pub fn is_administrator(state: &State, caller: &Caller) -> bool {
    let named = state.config.administrators.contains(&caller.name()) && caller.has_scope("uid");
    let inside = caller.is_service() || caller.is_employee();
    named || (inside && caller.has_scope(&state.config.administration_scope))
}

/// Refuses everybody who is no administrator.
pub fn require(state: &State, caller: &Caller) -> Result<(), Error> {
    if is_administrator(state, caller) {
        Ok(())
    } else {
        Err(Error::forbidden(
            "Forbidden: this is for administrators of the identity service.",
        ))
    }
}
