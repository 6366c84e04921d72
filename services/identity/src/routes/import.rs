//! Applying a file of users, teams, accounts and clients.

use axum::body::Bytes;
use axum::extract::State as Shared;
use serde::Deserialize;
use serde_json::json;
use stups_api::identity::ImportReport;
use stups_server::{Authenticated, Error, Json, Query};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::common::{Failures, administrator, author, done};
use crate::State;
use crate::import::{self, ImportError};

/// The route; it is for administrators.
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(apply))
}

/// How a file is applied.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Options {
    /// Says what would change, and changes nothing.
    dry_run: bool,
    /// Removes what the file does not list, in the sections that it has.
    prune: bool,
}

/// Applies a YAML file in one step: all of it or nothing. A second time it changes nothing.
#[utoipa::path(post, path = "/import", tag = "Import", params(Options),
    request_body(content = String, content_type = "application/yaml"),
    responses((status = 200, body = ImportReport), Failures))]
async fn apply(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Query(options): Query<Options>,
    body: Bytes,
) -> Result<Json<ImportReport>, Error> {
    administrator(&state, &caller, "directory.imported", "import").await?;
    let text = std::str::from_utf8(&body).map_err(|_| Error::bad_request("The file is not UTF-8."))?;
    let document = import::read(text).map_err(Error::from)?;
    let write = state.store.write().await?;
    let author = author(&state, &caller);
    let changes = import::apply(write.transaction(), &state, document, options.prune, &author).await?;
    if !options.dry_run && !changes.is_empty() {
        let events = changes.iter().map(|change| super::common::changed(&caller, change));
        let summary = done(
            &caller,
            "directory.imported",
            "import",
            json!({ "changes": changes.len() }),
        );
        write.commit_all(events.chain([summary]).collect()).await?;
    }
    Ok(Json(ImportReport {
        dry_run: options.dry_run,
        changes,
    }))
}

impl From<ImportError> for Error {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::File { line, column, message } => {
                let text = format!("line {line}, column {column}: {message}");
                Self::bad_request(text).with_details(json!({ "line": line, "column": column, "reason": message }))
            }
            ImportError::Unreadable(_) => Self::internal(),
            ImportError::Store(error) => error.into(),
        }
    }
}
