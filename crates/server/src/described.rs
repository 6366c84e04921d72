//! What the descriptions of many endpoints have in common: how they fail.

use stups_api::Problem;
use utoipa::IntoResponses;

/// What every endpoint may answer beside its success.
#[derive(IntoResponses)]
pub enum Failures {
    /// There is no valid token
    #[response(status = 401)]
    Unauthorized(Problem),
    /// The caller is neither an employee nor a service
    #[response(status = 403)]
    Forbidden(Problem),
    /// Something that is needed is not available now
    #[response(status = 503)]
    Unavailable(Problem),
}

/// What every endpoint that writes may answer beside its success.
#[derive(IntoResponses)]
pub enum WriteFailures {
    /// There is no valid token
    #[response(status = 401)]
    Unauthorized(Problem),
    /// The caller may not write for the team
    #[response(status = 403)]
    Forbidden(Problem),
    /// The body is not JSON
    #[response(status = 406)]
    NotAcceptable(Problem),
    /// Somebody else wrote it at the same moment
    #[response(status = 409)]
    Conflict(Problem),
    /// The body is too large
    #[response(status = 413)]
    TooLarge(Problem),
    /// Something that is needed is not available now
    #[response(status = 503)]
    Unavailable(Problem),
}
