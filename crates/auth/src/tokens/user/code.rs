//! Authorization code with PKCE, back to a loopback address (RFC 8252, RFC 7636, RFC 9207).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq as _;
use url::Url;

use super::login::Login;
use super::loopback::{LAST_PAGE, Loopback, Page, Visit, page};
use super::session::Session;
use super::{TokenError, browser, claims, device};
use crate::tokens::endpoint::{ClientAuthentication, TokenResponse};
use crate::tokens::random;

/// Where the browser comes back to.
const CALLBACK: &str = "/callback";

/// Where it is sent from there, so that the code is not in its history.
const DONE: &str = "/done";

/// The same after a failure.
const FAILED: &str = "/failed";

/// What only this login knows.
struct Secrets {
    state: String,
    nonce: String,
    verifier: String,
}

/// Logs in with the browser of this machine. When none opens, and `or_device`, by device code instead.
pub(crate) async fn login(login: &Login<'_>, or_device: bool) -> Result<TokenResponse, TokenError> {
    let mut loopback = Loopback::on_any_port()
        .map_err(|error| TokenError::Authentication(format!("Failed to launch local server: {error}")))?;
    let redirect = format!("http://127.0.0.1:{}{CALLBACK}", loopback.port());
    let secrets = Secrets {
        state: random::secret(),
        nonce: random::secret(),
        verifier: random::secret(),
    };
    let url = authorization_url(login, &redirect, &secrets).await?;
    if browser::open(&url).await {
        login
            .terminal
            .info(&format!("Your browser has been opened to visit:\n\n\t{url}\n"));
    } else if or_device {
        return device::login(login).await;
    } else {
        login.terminal.info(&format!("Please visit:\n\n\t{url}\n"));
    }

    let issuer = expected_issuer(login).await?;
    let code = loop {
        let Some(visit) = loopback.visit().await else {
            return Err(TokenError::Authentication("Failed to retrieve token".to_owned()));
        };
        if visit.path != CALLBACK {
            serve(visit).await;
            continue;
        }
        // Anybody on this machine can send a browser here; only the server knows the state.
        if !is_secret(visit.parameter("state"), &secrets.state) {
            visit
                .answer(Page::Html(
                    400,
                    page("Not this login", "This is no answer to the login that is waiting."),
                ))
                .await;
            continue;
        }
        let result = code(&visit, &issuer);
        visit
            .answer(Page::SeeOther(if result.is_ok() { DONE } else { FAILED }))
            .await;
        break result;
    };
    // While the code is exchanged, the browser fetches its last page.
    let exchange = async {
        match code {
            Ok(code) => exchange(login, &code, &redirect, &secrets).await,
            Err(error) => Err(error),
        }
    };
    let last_page = last_page(&mut loopback);
    tokio::pin!(exchange, last_page);
    let mut served = false;
    loop {
        tokio::select! {
            result = &mut exchange => {
                if !served {
                    let _ = tokio::time::timeout(LAST_PAGE, &mut last_page).await;
                }
                return result;
            }
            () = &mut last_page, if !served => served = true,
        }
    }
}

/// Answers until the last page was fetched.
async fn last_page(loopback: &mut Loopback) {
    while let Some(visit) = loopback.visit().await {
        let last = [DONE, FAILED].contains(&visit.path.as_str());
        serve(visit).await;
        if last {
            return;
        }
    }
}

/// The pages beside the callback.
pub(crate) async fn serve(visit: Visit) {
    let page = match visit.path.as_str() {
        DONE => Page::Html(200, page("You are logged in", "You may close this window.")),
        FAILED => Page::Html(
            200,
            page(
                "The login failed",
                "The command that asked for it says why. You may close this window.",
            ),
        ),
        _ => Page::Html(404, page("Not here", "There is nothing here.")),
    };
    visit.answer(page).await;
}

/// The address where the person logs in: the server's own, query included, and the request.
async fn authorization_url(login: &Login<'_>, redirect: &str, secrets: &Secrets) -> Result<Url, TokenError> {
    let mut url = login.session.authorization_endpoint().await?;
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, secrets.verifier.as_bytes()));
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("redirect_uri", redirect)
        .append_pair("state", &secrets.state)
        .append_pair("nonce", &secrets.nonce)
        .append_pair("code_challenge", &challenge)
        .append_pair("code_challenge_method", "S256")
        .extend_pairs(login.session.login_fields(login.scopes));
    Ok(url)
}

/// The issuer that the answer must name: always if the server says that it names itself, else if it does.
struct Issuer {
    name: Option<String>,
    required: bool,
}

async fn expected_issuer(login: &Login<'_>) -> Result<Issuer, TokenError> {
    let metadata = login.session.metadata().await?;
    Ok(Issuer {
        name: metadata.map(|metadata| metadata.issuer.to_string()),
        required: metadata.is_some_and(|metadata| metadata.authorization_response_iss_parameter_supported),
    })
}

impl Issuer {
    fn is(&self, named: Option<&str>) -> bool {
        match (named, &self.name) {
            (Some(named), Some(name)) => named.trim_end_matches('/') == name.trim_end_matches('/'),
            (Some(_), None) => true,
            (None, _) => !self.required,
        }
    }
}

/// The code in the server's answer, or why there is none.
fn code(visit: &Visit, issuer: &Issuer) -> Result<String, TokenError> {
    if !issuer.is(visit.parameter("iss")) {
        return Err(TokenError::Authentication(
            "The answer comes from another server than the one that was asked".to_owned(),
        ));
    }
    if let Some(error) = visit.parameter("error") {
        return Err(TokenError::Authentication(refusal(
            error,
            visit.parameter("error_description"),
        )));
    }
    visit
        .parameter("code")
        .map(str::to_owned)
        .ok_or_else(|| TokenError::Authentication("Failed to retrieve token".to_owned()))
}

/// What the server said, on one line.
pub(crate) fn refusal(error: &str, description: Option<&str>) -> String {
    let text = match description {
        Some(description) => format!("Failed to retrieve token: {error}: {description}"),
        None => format!("Failed to retrieve token: {error}"),
    };
    text.chars()
        .take(500)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

async fn exchange(
    login: &Login<'_>,
    code: &str,
    redirect: &str,
    secrets: &Secrets,
) -> Result<TokenResponse, TokenError> {
    let endpoint = Session::endpoint(login.session.token_url().await?)?;
    let common = login.session.common_fields();
    let mut fields = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", redirect),
        ("code_verifier", &secrets.verifier),
    ];
    fields.extend(common.iter().map(|(key, value)| (*key, value.as_str())));
    let response = endpoint
        .token(&fields, &ClientAuthentication::Public)
        .await
        .map_err(|error| TokenError::Authentication(error.to_string()))?;
    check_nonce(&response, &secrets.nonce)?;
    Ok(response)
}

/// An ID token must be one of this login. It comes from the server itself, so its signature says nothing more.
fn check_nonce(response: &TokenResponse, nonce: &str) -> Result<(), TokenError> {
    let Some(id_token) = &response.id_token else {
        return Ok(());
    };
    // Servers of the old kind repeat the access token here, which has no nonce.
    let claimed = claims(id_token).and_then(|claims| claims.get("nonce")?.as_str().map(str::to_owned));
    if claimed.is_none_or(|claimed| is_secret(Some(&claimed), nonce)) {
        return Ok(());
    }
    Err(TokenError::Authentication(
        "The ID token belongs to another login".to_owned(),
    ))
}

/// Whether it is the secret, in constant time.
pub(crate) fn is_secret(given: Option<&str>, secret: &str) -> bool {
    given.is_some_and(|given| given.as_bytes().ct_eq(secret.as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_issuer_is_checked_as_rfc_9207_wants() {
        let issuer = |name: Option<&str>, required| Issuer {
            name: name.map(str::to_owned),
            required,
        };
        let known = issuer(Some("https://a/"), false);
        assert!(known.is(None) && known.is(Some("https://a")) && !known.is(Some("https://b")));
        let strict = issuer(Some("https://a/"), true);
        assert!(!strict.is(None) && strict.is(Some("https://a/")) && !strict.is(Some("https://b")));
        assert!(issuer(None, false).is(Some("https://a")));
    }

    #[test]
    fn what_the_server_says_is_one_line() {
        assert_eq!(
            refusal("access_denied", None),
            "Failed to retrieve token: access_denied"
        );
        assert_eq!(
            refusal("x", Some("one\ntwo\u{1b}[31m")),
            "Failed to retrieve token: x: one two [31m"
        );
        assert_eq!(refusal(&"x".repeat(10_000), None).len(), 500);
    }
}
