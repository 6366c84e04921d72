//! Bodies that are too large, malformed, of the wrong type, in the wrong encoding: each gets an answer of the caller's own
//! fault, and none leaves anything behind.

use reqwest::Method;

use crate::support::*;

on_both_databases!(bad_bodies_get_an_answer);

const JSON: &str = "application/json";
const YAML: &str = "application/yaml";

async fn bad_bodies_get_an_answer(server: Server) {
    let server = server
        .again_with(|config| config.administrators = vec!["/services/stups_kio".to_owned()])
        .await;
    server.kio().await;
    let token = server.kio_token().await;
    let large = format!("{{\"name\": \"{}\"}}", "x".repeat(2 << 20)).into_bytes();
    let deep = "[".repeat(100_000).into_bytes();
    let bomb = b"a: &a [x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a]\n\
        c: &c [*b, *b, *b, *b, *b, *b, *b, *b]\nd: &d [*c, *c, *c, *c, *c, *c, *c, *c]\n\
        e: &e [*d, *d, *d, *d, *d, *d, *d, *d]\nf: &f [*e, *e, *e, *e, *e, *e, *e, *e]\n\
        g: &g [*f, *f, *f, *f, *f, *f, *f, *f]\nusers: [*g, *g, *g, *g, *g, *g, *g, *g]\n";
    let token_endpoint = "/oauth2/access_token?realm=/services";
    let (user, service) = ("/raw-sync/users/employees/x", "/services/x");
    let cases: Vec<(Method, &str, &str, &[u8], u16)> = vec![
        (
            Method::POST,
            token_endpoint,
            JSON,
            b"{\"grant_type\": \"pass\xff\"}",
            400,
        ),
        (Method::POST, token_endpoint, JSON, b"{\"grant_type\": 7}", 400),
        (Method::POST, token_endpoint, JSON, &deep, 413),
        (Method::POST, token_endpoint, JSON, b"{", 400),
        (Method::POST, token_endpoint, FORM, b"grant_type=%ff%00&username=x", 400),
        (Method::POST, token_endpoint, FORM, b"\xff\xfe=\xff", 400),
        (Method::POST, token_endpoint, "text/plain", b"grant_type=password", 400),
        (Method::POST, token_endpoint, FORM, &large, 413),
        (Method::PUT, user, JSON, b"", 400),
        (Method::PUT, user, JSON, b"{", 400),
        (Method::PUT, user, JSON, b"[]", 400),
        (Method::PUT, user, JSON, b"{\"name\": 7}", 400),
        (Method::PUT, user, JSON, b"{\"nome\": \"x\"}", 400),
        (Method::PUT, user, JSON, b"{\"name\": \"\xe4\"}", 400),
        (Method::PUT, user, JSON, b"{\"name\": \"a\\u0000b\"}", 400),
        (Method::PUT, user, JSON, b"{\"scopes\": [\"a b\"]}", 400),
        (Method::PUT, user, JSON, b"{\"password_hashes\": [\"plain\"]}", 400),
        (Method::PUT, user, JSON, &deep, 400),
        (Method::PUT, user, JSON, &large, 413),
        (Method::PUT, user, "text/plain", b"{}", 406),
        (Method::PUT, service, JSON, b"{\"id\": \"x\"}", 400),
        (
            Method::PUT,
            service,
            JSON,
            b"{\"id\": \"y\", \"owner\": \"t\", \"client_config\": {}, \"user_config\": {}}",
            400,
        ),
        (Method::PUT, "/teams/x", JSON, b"[]", 400),
        (Method::PUT, "/teams/x", JSON, b"{\"members\": \"jdoe\"}", 400),
        (Method::PUT, "/accounts/aws/x", JSON, b"{\"disabled\": \"no\"}", 400),
        (Method::POST, "/import", YAML, b"users: [\xff]", 400),
        (Method::POST, "/import", YAML, b"users: {", 400),
        (Method::POST, "/import", YAML, b"users: [7]", 400),
        (Method::POST, "/import", YAML, bomb, 400),
        (
            Method::POST,
            "/revocations",
            JSON,
            b"{\"type\": \"TOKEN\", \"data\": 7}",
            400,
        ),
        (Method::POST, "/auth", JSON, b"{\"policy\": 7}", 400),
    ];
    for (method, path, kind, body, status) in cases {
        let request = http()
            .request(method.clone(), server.at(path))
            .header("content-type", kind)
            .bearer_auth(&token)
            .body(body.to_vec());
        let answer = Answer::of(request.send().await.unwrap()).await;
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        assert_eq!(answer.status, status, "{method} {path} {shown}: {}", answer.body);
        // Somebody can act on it, and it shows nothing of the inside.
        assert!(answer.body.len() < 2000, "{path} {shown}");
        assert!(
            !answer.body.contains("panicked") && !answer.body.contains(".rs:"),
            "{}",
            answer.body
        );
    }
    for table in ["users WHERE uid = 'x'", "teams", "accounts", "service_users"] {
        let rows = server
            .texts(&format!("SELECT CAST(COUNT(*) AS TEXT) FROM {table}"))
            .await;
        assert_eq!(rows, ["0"], "{table}");
    }
}
