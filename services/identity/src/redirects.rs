//! Where people may be sent back to (contract identity 5.1): exactly what is registered; only the port of a loopback address
//! may vary (RFC 8252 7.3).

use url::Url;

/// Whether the client may have people sent there.
pub fn is_registered(registered: &[String], requested: &str) -> bool {
    // A URL parser is forgiving; browsers are, too, and not in the same way.
    let plain = requested.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    plain && registered.iter().any(|uri| uri == requested || is_same_loopback(uri, requested))
}

/// Whether the address is one of the user's own machine.
pub fn is_loopback(uri: &str) -> bool {
    Url::parse(uri).is_ok_and(|uri| loopback_host(&uri).is_some())
}

fn loopback_host(uri: &Url) -> Option<&str> {
    let host = uri.host_str().filter(|host| ["localhost", "127.0.0.1", "[::1]"].contains(host));
    host.filter(|_| uri.scheme() == "http" && uri.username().is_empty() && uri.password().is_none())
}

/// The same host, path and query; a registration without a path is one with `/`, as clients of old have none.
fn is_same_loopback(registered: &str, requested: &str) -> bool {
    let (Ok(registered), Ok(requested)) = (Url::parse(registered), Url::parse(requested)) else { return false };
    loopback_host(&registered).is_some()
        && loopback_host(&registered) == loopback_host(&requested)
        && registered.path() == requested.path()
        && registered.query() == requested.query()
        && requested.fragment().is_none()
}

/// The redirect URI with parameters in its query; a query that it has stays.
pub fn with_query(redirect_uri: &str, parameters: &[(&str, &str)]) -> String {
    let separator = if redirect_uri.contains('?') { '&' } else { '?' };
    format!("{redirect_uri}{separator}{}", encode(parameters))
}

/// The redirect URI with parameters in its fragment.
pub fn with_fragment(redirect_uri: &str, parameters: &[(&str, &str)]) -> String {
    format!("{redirect_uri}#{}", encode(parameters))
}

fn encode(parameters: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registered(uri: &str, requested: &str) -> bool {
        is_registered(&[uri.to_owned()], requested)
    }

    #[test]
    fn redirects_are_compared_exactly() {
        let uri = "https://app.example.org/callback";
        assert!(registered(uri, uri));
        for other in [
            "https://app.example.org/callback/",
            "https://app.example.org/callback?x=1",
            "https://app.example.org/callback#x",
            "https://app.example.org:8443/callback",
            "https://app.example.org.evil.example/callback",
            "https://app.example.org@evil.example/callback",
            "http://app.example.org/callback",
            "https://app.example.org/callback/../evil",
            "HTTPS://app.example.org/callback",
            "",
        ] {
            assert!(!registered(uri, other), "{other}");
        }
    }

    #[test]
    fn only_the_port_of_a_loopback_address_varies() {
        assert!(registered("http://127.0.0.1/callback", "http://127.0.0.1:49152/callback"));
        assert!(registered("http://localhost", "http://localhost:8081"));
        assert!(registered("http://localhost", "http://localhost:8081/"));
        assert!(registered("http://[::1]/", "http://[::1]:1"));
        for (uri, other) in [
            ("http://127.0.0.1/callback", "http://127.0.0.1:1/other"),
            ("http://127.0.0.1/callback", "http://localhost:1/callback"),
            ("http://127.0.0.1/callback", "https://127.0.0.1:1/callback"),
            ("http://localhost", "http://localhost.evil.example:8081"),
            ("http://localhost", "http://localhost:8081@evil.example"),
            ("http://localhost", "http://user@localhost:8081"),
            ("http://localhost", "http://localhost:8081/?x"),
            ("http://localhost", "http://localhost:8081/#x"),
            ("http://localhost", "http:\\\\localhost:8081"),
            ("http://localhost", "http://local\thost:8081"),
            ("http://app.example.org/", "http://app.example.org:8080/"),
        ] {
            assert!(!registered(uri, other), "{other}");
        }
    }

    #[test]
    fn a_query_of_the_redirect_stays() {
        assert_eq!(with_query("https://a/?x=1", &[("code", "a=b")]), "https://a/?x=1&code=a%3Db");
        assert_eq!(with_query("https://a/", &[("code", "c"), ("state", "")]), "https://a/?code=c&state=");
        assert_eq!(with_fragment("http://localhost:1", &[("error", "e")]), "http://localhost:1#error=e");
    }
}
