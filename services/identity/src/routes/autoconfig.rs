use std::collections::BTreeMap;

use axum::extract::State as Shared;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::State;

/// What `stups configure` reads: the settings of every tool of people, by section.
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(autoconfig))
}

/// The client that original and new programs of people are here.
const CLIENT_ID: &str = "ztoken";
/// The originals ask for a business partner when none is configured; nothing here knows what that is.
const BUSINESS_PARTNER_ID: &str = "stups";

/// The settings of the command line tools for this organisation, by section. None of them is secret.
#[utoipa::path(
    get,
    path = "/.well-known/stups-autoconfig",
    tag = "Discovery",
    responses((status = 200, description = "Sections with keys and values", body = Object))
)]
async fn autoconfig(Shared(state): Shared<State>) -> axum::Json<BTreeMap<String, BTreeMap<String, Value>>> {
    axum::Json(sections(&state.issuer, &state.config.autoconfig))
}

/// Our own sections, with what the settings say over them.
fn sections(
    issuer: &str,
    configured: &BTreeMap<String, BTreeMap<String, Value>>,
) -> BTreeMap<String, BTreeMap<String, Value>> {
    let mut sections: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
    for (section, key, value) in [
        ("identity", "url", issuer.to_owned()),
        ("zalando-token-cli", "issuer", issuer.to_owned()),
        (
            "zalando-token-cli",
            "authorize_url",
            format!("{issuer}/oauth2/authorize"),
        ),
        ("zalando-token-cli", "token_url", format!("{issuer}/oauth2/token")),
        ("zalando-token-cli", "client_id", CLIENT_ID.to_owned()),
        (
            "zalando-token-cli",
            "business_partner_id",
            BUSINESS_PARTNER_ID.to_owned(),
        ),
    ] {
        let section = sections.entry(section.to_owned()).or_default();
        section.insert(key.to_owned(), json!(value));
    }
    for (section, values) in configured {
        sections.entry(section.clone()).or_default().extend(values.clone());
    }
    sections
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_go_over_what_is_known() {
        let configured = BTreeMap::from([
            (
                "kio".to_owned(),
                BTreeMap::from([("url".to_owned(), json!("https://kio"))]),
            ),
            (
                "zalando-token-cli".to_owned(),
                BTreeMap::from([("business_partner_id".to_owned(), json!("42"))]),
            ),
        ]);
        let sections = sections("https://id", &configured);
        assert_eq!(sections["kio"]["url"], "https://kio");
        assert_eq!(sections["identity"]["url"], "https://id");
        assert_eq!(sections["zalando-token-cli"]["business_partner_id"], "42");
        assert_eq!(sections["zalando-token-cli"]["client_id"], "ztoken");
    }
}
