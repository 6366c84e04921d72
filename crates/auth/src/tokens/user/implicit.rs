//! The implicit flow, for servers that have no other (contract zign 2.5.1).

use serde_json::{Map, Value};
use url::Url;

use super::code::{is_secret, refusal};
use super::login::Login;
use super::loopback::{LAST_PAGE, Loopback, Page, Visit, page};
use super::{TokenError, browser};
use crate::tokens::endpoint::TokenResponse;
use crate::tokens::random;

/// Where the browser is sent when its address has been read.
const DONE: &str = "/done";

/// The page that hands over what is behind the `#` of its address, a token or an error: servers do not see that part.
const HAND_OVER: &str = r#"<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Redirecting... - Zign</title></head>
<body><p id="text">Redirecting...</p><script>
var fragment = window.location.hash.substring(1);
if (fragment) { window.location.replace("/?" + fragment); }
else { document.getElementById("text").textContent = "The address has neither a token nor an error in it."; }
</script><noscript>JavaScript is needed here.</noscript></body></html>"#;

/// Logs in with the browser of this machine.
pub(crate) async fn login(login: &Login<'_>) -> Result<TokenResponse, TokenError> {
    let mut loopback = Loopback::on_legacy_port()
        .map_err(|error| TokenError::Authentication(format!("Failed to launch local server: {error}")))?;
    let state = random::secret();
    let mut url = login.session.authorization_endpoint().await?;
    add_request(
        &mut url,
        login.session.login_fields(login.scopes),
        loopback.port(),
        &state,
    );
    let opened = if browser::open(&url).await {
        "Your browser has been opened to visit:"
    } else {
        "Please visit:"
    };
    login.terminal.info(&format!("{opened}\n\n\t{url}\n"));

    loop {
        let Some(visit) = loopback.visit().await else {
            return Err(TokenError::Authentication("Failed to retrieve token".to_owned()));
        };
        if visit.query.is_empty() {
            let page = match visit.path.as_str() {
                "/" => Page::Html(200, HAND_OVER.to_owned()),
                _ => Page::Html(404, page("Not here", "There is nothing here.")),
            };
            visit.answer(page).await;
            continue;
        }
        let Some(result) = result(&visit, &state) else {
            let text = "This is no answer to the login that is waiting.";
            visit.answer(Page::Html(400, page("Not this login", text))).await;
            continue;
        };
        visit.answer(Page::SeeOther(DONE)).await;
        // Whether the browser fetches its last page is its own affair, but it should find one.
        if let Ok(Some(last)) = tokio::time::timeout(LAST_PAGE, loopback.visit()).await {
            let text = if result.is_ok() {
                "You are logged in"
            } else {
                "The login failed"
            };
            let page = page(text, "You may close this window.");
            last.answer(Page::Html(200, page)).await;
        }
        return result;
    }
}

/// The request, as the originals make it, with a state; it is added to the query that is there.
fn add_request(url: &mut Url, fields: Vec<(&'static str, String)>, port: u16, state: &str) {
    url.query_pairs_mut()
        .extend_pairs(fields)
        .append_pair("redirect_uri", &format!("http://localhost:{port}"))
        .append_pair("response_type", "token")
        .append_pair("state", state);
}

/// The token, or why there is none. `None` for a token that is no answer to this login.
fn result(visit: &Visit, state: &str) -> Option<Result<TokenResponse, TokenError>> {
    if let Some(error) = visit.parameter("error") {
        let text = refusal(error, visit.parameter("error_description"));
        return Some(Err(TokenError::Authentication(text)));
    }
    if !is_secret(visit.parameter("state"), state) {
        return None;
    }
    let fields: Map<String, Value> = visit
        .query
        .iter()
        .map(|(key, value)| (key.clone(), Value::from(value.as_str())))
        .collect();
    Some(
        TokenResponse::from_json(&Value::Object(fields)).map_err(|error| TokenError::Authentication(error.to_string())),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configured_query_stays_and_values_are_encoded() {
        let mut url = "https://id.example.org/authorize?realm=employees".parse().unwrap();
        let fields = vec![
            ("client_id", "z&t".to_owned()),
            ("business_partner_id", "42".to_owned()),
        ];
        add_request(&mut url, fields, 8081, "s");
        assert_eq!(
            url.as_str(),
            "https://id.example.org/authorize?realm=employees&client_id=z%26t&business_partner_id=42\
             &redirect_uri=http%3A%2F%2Flocalhost%3A8081&response_type=token&state=s"
        );
    }
}
