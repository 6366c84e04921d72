//! What an authorization server says of itself (RFC 8414, OpenID Connect Discovery 1.0).

use std::time::Duration;

use http::{Method, StatusCode};
use serde::Deserialize;
use stups_api::client::{Client, Error};
use url::Url;

/// No server describes itself with more bytes.
const ANSWER_LIMIT: usize = 1 << 20;

/// The parts of a server's metadata that its clients use.
#[derive(Clone, Debug, Deserialize)]
pub struct Metadata {
    /// The server's name, an address.
    pub issuer: Url,
    /// Where people log in.
    pub authorization_endpoint: Option<Url>,
    /// Where grants become tokens.
    pub token_endpoint: Option<Url>,
    /// Where a device asks for a code (RFC 8628).
    pub device_authorization_endpoint: Option<Url>,
    /// Where tokens are given back (RFC 7009).
    pub revocation_endpoint: Option<Url>,
    /// Where its public keys are.
    pub jwks_uri: Option<Url>,
    /// Where there is more about whoever logged in (OpenID Connect Core 5.3).
    pub userinfo_endpoint: Option<Url>,
    /// How clients may prove who they are. The standard's default when it is absent is `client_secret_basic`.
    #[serde(default)]
    pub token_endpoint_auth_methods_supported: Vec<String>,
    /// Which grants there are. The standard's default when it is absent is code and implicit.
    #[serde(default)]
    pub grant_types_supported: Vec<String>,
    /// How PKCE challenges are made.
    #[serde(default)]
    pub code_challenge_methods_supported: Vec<String>,
    /// Whether every authorization response names the issuer (RFC 9207).
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
}

impl Metadata {
    /// Whether the server lists the grant.
    pub fn supports_grant(&self, grant: &str) -> bool {
        self.grant_types_supported.iter().any(|listed| listed == grant)
    }
}

/// Asks the server named `issuer` to describe itself. `None` if it has no such description: a server of the old kind.
///
/// The description's own `issuer` must be the one that was asked (RFC 8414 3.3): otherwise somebody else could speak for it.
pub async fn discover(issuer: &Url, timeout: Duration) -> Result<Option<Metadata>, Error> {
    let client = Client::new(issuer.clone())?
        .with_timeout(timeout)
        .with_answer_limit(ANSWER_LIMIT);
    for address in addresses(issuer) {
        let answer = client.follow(Method::GET, &address).any_answer().await?;
        if answer.status != StatusCode::OK {
            continue;
        }
        // A server of the old kind may answer any path with a page.
        let Ok(metadata) = answer.json::<Metadata>() else {
            continue;
        };
        if !same(&metadata.issuer, issuer) {
            return Err(Error::Answer {
                url: Box::new(address),
                reason: format!("it speaks for {}, not for {issuer}", metadata.issuer),
            });
        }
        return Ok(Some(metadata));
    }
    Ok(None)
}

/// Where the description may be: RFC 8414 puts the well-known part before the issuer's path, OpenID Connect behind it.
fn addresses(issuer: &Url) -> Vec<Url> {
    let path = issuer.path().trim_end_matches('/');
    let at = |path: String| {
        let mut url = issuer.clone();
        url.set_query(None);
        url.set_fragment(None);
        url.set_path(&path);
        url
    };
    let mut addresses = vec![
        at(format!("/.well-known/oauth-authorization-server{path}")),
        at(format!("{path}/.well-known/openid-configuration")),
    ];
    addresses.dedup();
    addresses
}

/// Whether two issuers are one: a slash at the end is no difference.
fn same(one: &Url, other: &Url) -> bool {
    one.as_str().trim_end_matches('/') == other.as_str().trim_end_matches('/')
}

/// The server that an endpoint belongs to when nobody has said which: the endpoint's origin.
pub(crate) fn origin(endpoint: &Url) -> Url {
    let mut url = endpoint.clone();
    url.set_path("/");
    url.set_query(None);
    url.set_fragment(None);
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_are_looked_for_where_the_standards_put_them() {
        let found = |issuer: &str| {
            addresses(&issuer.parse().unwrap())
                .into_iter()
                .map(String::from)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            found("https://id.example.org"),
            [
                "https://id.example.org/.well-known/oauth-authorization-server",
                "https://id.example.org/.well-known/openid-configuration"
            ]
        );
        assert_eq!(
            found("https://id.example.org/realms/a/?x=1"),
            [
                "https://id.example.org/.well-known/oauth-authorization-server/realms/a",
                "https://id.example.org/realms/a/.well-known/openid-configuration"
            ]
        );
    }

    #[test]
    fn a_slash_at_the_end_is_no_other_issuer() {
        let url = |text: &str| text.parse::<Url>().unwrap();
        assert!(same(&url("https://a.example.org"), &url("https://a.example.org/")));
        assert!(same(&url("https://a.example.org/x/"), &url("https://a.example.org/x")));
        assert!(!same(&url("https://a.example.org"), &url("https://b.example.org")));
        assert!(!same(&url("https://a.example.org"), &url("http://a.example.org")));
    }
}
