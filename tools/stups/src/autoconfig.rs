//! What an organisation says about itself over HTTP.

use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::{Value as Json, json};
use stups_api::client::Client;
use stups_auth::tokens::discover;
use stups_yaml::Value;
use url::Url;

use crate::sections::Sections;

/// Where the document is.
const PATH: &str = "/.well-known/stups-autoconfig";

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// No document has more bytes.
const ANSWER_LIMIT: usize = 1 << 20;

/// The client that original and new programs of people are to our identity service.
const CLIENT_ID: &str = "ztoken";

/// The originals ask for a business partner if none is configured, although few servers know what that is.
const BUSINESS_PARTNER_ID: &str = "stups";

/// The document that is served at this address; `None` if none is.
pub(crate) async fn document(base: &Url) -> Result<Option<Sections>, String> {
    let client = client(base)?;
    let mut url = base.clone();
    url.set_path(PATH);
    let answer = client
        .follow(Method::GET, &url)
        .any_answer()
        .await
        .map_err(|error| error.to_string())?;
    if answer.status != StatusCode::OK {
        return Ok(None);
    }
    // Many sites answer any path with a page.
    let Ok(Json::Object(document)) = answer.json::<Json>() else {
        return Ok(None);
    };
    Sections::from_document(&document).map(Some)
}

/// What is served at this address, if it is one of our services without a document: identity or Kio.
pub(crate) async fn service(base: &Url) -> Result<Option<Sections>, String> {
    if let Some(metadata) = discover(base, TIMEOUT).await.map_err(|error| error.to_string())? {
        let section = json!({
            "issuer": metadata.issuer,
            "authorize_url": metadata.authorization_endpoint,
            "token_url": metadata.token_endpoint,
            "client_id": CLIENT_ID,
            "business_partner_id": BUSINESS_PARTNER_ID,
        });
        return Ok(Some(Sections::of("zalando-token-cli", &section)));
    }
    let client = client(base)?;
    let definition = client
        .get(&["swagger.json"])
        .any_answer()
        .await
        .map_err(|error| error.to_string())?;
    let title = definition.json::<Json>().ok().and_then(|definition| {
        let title = definition.pointer("/info/title")?.as_str()?;
        Some(title.to_lowercase())
    });
    if title.is_some_and(|title| title.contains("kio")) {
        let url = base.as_str().trim_end_matches('/');
        return Ok(Some(Sections::of("kio", &json!({"url": url}))));
    }
    Ok(None)
}

/// Whether anybody answers at the address, whatever the answer is; redirects are not followed far.
pub(crate) async fn is_reached(url: &Url) -> Result<(), String> {
    let answer = client(url)?.follow(Method::GET, url).any_answer().await;
    answer.map(|_| ()).map_err(|error| error.to_string())
}

/// A URL that a section names.
pub(crate) fn url_of(value: Option<&Value>) -> Option<Url> {
    value?.as_str()?.parse().ok()
}

fn client(base: &Url) -> Result<Client, String> {
    Ok(Client::new(base.clone())
        .map_err(|error| error.to_string())?
        .with_timeout(TIMEOUT)
        .with_answer_limit(ANSWER_LIMIT))
}
