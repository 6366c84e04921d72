//! What every typed client stands on: a base URL, a way to get a token, bounded time and size, and errors a person can act on.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a whole call may take, unless the client says otherwise.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// How many bytes an answer may have, unless the client says otherwise: a registry of tens of thousands of applications.
const ANSWER_LIMIT: usize = 64 << 20;

/// How many bytes of an error's answer are looked at.
const ERROR_ANSWER_LIMIT: usize = 64 << 10;

/// How many characters of a service's message are shown.
const MESSAGE_LIMIT: usize = 500;

/// Where a client gets the bearer token of its next request.
pub trait TokenSource: Send + Sync {
    /// A token that is valid now, or why there is none.
    fn token(&self) -> Pin<Box<dyn Future<Output = Result<SecretString, String>> + Send + '_>>;
}

/// A token that was handed over: the caller's own, passed on.
impl TokenSource for SecretString {
    fn token(&self) -> Pin<Box<dyn Future<Output = Result<SecretString, String>> + Send + '_>> {
        Box::pin(async move { Ok(self.clone()) })
    }
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No token could be had, so the call was not made.
    #[error("no token for {url}: {reason}")]
    Token {
        /// The service that was to be called.
        url: Box<Url>,
        /// What the token source said.
        reason: String,
    },
    /// The service was not reached, was too slow, or broke off.
    #[error("{url} cannot be reached: {}", cause(.source))]
    Unreachable {
        /// What was called, without its query.
        url: Box<Url>,
        /// The cause.
        #[source]
        source: reqwest::Error,
    },
    /// The service refused or failed.
    #[error("{url} answered {status}: {message}")]
    Status {
        /// What was called, without its query.
        url: Box<Url>,
        /// The HTTP status.
        status: StatusCode,
        /// The OAuth error code, when the answer has one: `invalid_grant`.
        code: Option<String>,
        /// What the service said, one line.
        message: String,
        /// How long the service asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// The answer was not what the contract says.
    #[error("{url} answered something that is not expected: {reason}")]
    Answer {
        /// What was called, without its query.
        url: Box<Url>,
        /// What was wrong with it.
        reason: String,
    },
}

impl Error {
    /// The HTTP status, when the service answered with an error.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The OAuth error code, when the service answered with one: `authorization_pending`.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Status { code, .. } => code.as_deref(),
            _ => None,
        }
    }

    /// Whether the service is away, overloaded or out of its mind, so that the same call may succeed later.
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Answer { .. } => true,
            Self::Status { status, .. } => status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS,
            Self::Token { .. } => false,
        }
    }
}

/// A client of one service. Cloning is cheap; connections are shared.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    tokens: Option<Arc<dyn TokenSource>>,
    timeout: Duration,
    answer_limit: usize,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("base", &self.base.as_str())
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client of the service at `base`, without a token. A path in `base` is kept in front of every path.
    ///
    /// Fails only when the machine's trusted certificates cannot be read.
    pub fn new(base: Url) -> Result<Self, Error> {
        let http = http_client().map_err(|source| Error::Unreachable {
            url: Box::new(without_query(&base)),
            source,
        })?;
        Ok(Self {
            http,
            base,
            tokens: None,
            timeout: CALL_TIMEOUT,
            answer_limit: ANSWER_LIMIT,
        })
    }

    /// The same client with bearer tokens from `source`.
    #[must_use]
    pub fn with_tokens(self, source: impl TokenSource + 'static) -> Self {
        self.with_shared_tokens(Arc::new(source))
    }

    /// The same client with bearer tokens from a source that others use too.
    #[must_use]
    pub fn with_shared_tokens(self, source: Arc<dyn TokenSource>) -> Self {
        Self {
            tokens: Some(source),
            ..self
        }
    }

    /// The same client, on behalf of a caller: with the caller's token.
    #[must_use]
    pub fn on_behalf_of(&self, token: &SecretString) -> Self {
        self.clone().with_tokens(token.clone())
    }

    /// The same client with another bound on the time of one call (30 seconds by default).
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// The same client with another bound on the bytes of one answer (64 MiB by default).
    #[must_use]
    pub fn with_answer_limit(self, bytes: usize) -> Self {
        Self {
            answer_limit: bytes,
            ..self
        }
    }

    /// Where the service is.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// A `GET` of the path: `client.get(&["apps", id])`. Segments are percent-encoded.
    pub fn get(&self, path: &[&str]) -> Request<'_> {
        self.request(Method::GET, path)
    }

    /// A `PUT` to the path.
    pub fn put(&self, path: &[&str]) -> Request<'_> {
        self.request(Method::PUT, path)
    }

    /// A `POST` to the path.
    pub fn post(&self, path: &[&str]) -> Request<'_> {
        self.request(Method::POST, path)
    }

    /// A `PATCH` of the path.
    pub fn patch(&self, path: &[&str]) -> Request<'_> {
        self.request(Method::PATCH, path)
    }

    /// A `DELETE` of the path.
    pub fn delete(&self, path: &[&str]) -> Request<'_> {
        self.request(Method::DELETE, path)
    }

    /// A request of any method.
    pub fn request(&self, method: Method, path: &[&str]) -> Request<'_> {
        let url = below(&self.base, path);
        let builder = self
            .http
            .request(method, url.clone())
            .timeout(self.timeout)
            .header(ACCEPT, "application/json");
        Request {
            client: self,
            url: without_query(&url),
            builder,
            authorised: false,
            body: Ok(()),
        }
    }

    /// A request of an address that a service gave: the next page of a list. Without a token when it is on another host.
    pub fn follow(&self, method: Method, url: &Url) -> Request<'_> {
        let builder = self
            .http
            .request(method, url.clone())
            .timeout(self.timeout)
            .header(ACCEPT, "application/json");
        let authorised = url.origin() != self.base.origin();
        Request {
            client: self,
            url: without_query(url),
            builder,
            authorised,
            body: Ok(()),
        }
    }
}

/// A request that has not been sent.
#[must_use = "a request does nothing until it is sent"]
pub struct Request<'a> {
    client: &'a Client,
    url: Url,
    builder: reqwest::RequestBuilder,
    /// Whether the request carries its own credentials, or must carry none.
    authorised: bool,
    body: Result<(), String>,
}

impl Request<'_> {
    /// Adds query parameters: a slice of pairs, or a structure whose absent fields are skipped.
    pub fn query(self, parameters: &(impl Serialize + ?Sized)) -> Self {
        Self {
            builder: self.builder.query(parameters),
            ..self
        }
    }

    /// Sends the value as JSON.
    pub fn json(self, body: &(impl Serialize + ?Sized)) -> Self {
        match serde_json::to_vec(body) {
            Ok(bytes) => {
                let builder = self.builder.header(CONTENT_TYPE, "application/json").body(bytes);
                Self { builder, ..self }
            }
            Err(error) => Self {
                body: Err(format!("the request cannot be written as JSON: {error}")),
                ..self
            },
        }
    }

    /// Sends the pairs as a form (`application/x-www-form-urlencoded`).
    pub fn form(self, fields: &(impl Serialize + ?Sized)) -> Self {
        Self {
            builder: self.builder.form(fields),
            ..self
        }
    }

    /// Sends the bytes as they are.
    pub fn bytes(self, content_type: &'static str, body: Vec<u8>) -> Self {
        Self {
            builder: self.builder.header(CONTENT_TYPE, content_type).body(body),
            ..self
        }
    }

    /// Adds a header: `If-Match`.
    pub fn header(self, name: HeaderName, value: &str) -> Self {
        match HeaderValue::from_str(value) {
            Ok(value) => Self {
                builder: self.builder.header(name, value),
                ..self
            },
            Err(_) => Self {
                body: Err(format!("{name} cannot have this value")),
                ..self
            },
        }
    }

    /// Sends Basic credentials instead of a bearer token.
    pub fn basic(self, user: &str, password: &SecretString) -> Self {
        let builder = self.builder.basic_auth(user, Some(password.expose_secret()));
        Self {
            builder,
            authorised: true,
            ..self
        }
    }

    /// Sends this bearer token instead of one of the client's source.
    pub fn bearer(self, token: &SecretString) -> Self {
        Self {
            builder: self.builder.header(AUTHORIZATION, bearer(token)),
            authorised: true,
            ..self
        }
    }

    /// Bounds the time of this call.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self {
            builder: self.builder.timeout(timeout),
            ..self
        }
    }

    /// Sends the request; an answer other than 2xx is an error.
    pub async fn answer(self) -> Result<Answer, Error> {
        let answer = self.any_answer().await?;
        if answer.status.is_success() {
            Ok(answer)
        } else {
            Err(answer.into_error())
        }
    }

    /// Sends the request and reads the answer's JSON.
    pub async fn send<T: DeserializeOwned>(self) -> Result<T, Error> {
        self.answer().await?.json()
    }

    /// Sends the request; 404 means that there is none.
    pub async fn optional<T: DeserializeOwned>(self) -> Result<Option<T>, Error> {
        let answer = self.any_answer().await?;
        match answer.status {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => answer.json().map(Some),
            _ => Err(answer.into_error()),
        }
    }

    /// Sends the request; what a successful answer holds does not matter.
    pub async fn done(self) -> Result<(), Error> {
        self.answer().await.map(|_| ())
    }

    /// Sends the request; every status is an answer.
    pub async fn any_answer(self) -> Result<Answer, Error> {
        let Self {
            client,
            url,
            mut builder,
            authorised,
            body,
        } = self;
        if let Err(reason) = body {
            return Err(Error::Answer {
                url: Box::new(url),
                reason,
            });
        }
        if let (Some(tokens), false) = (&client.tokens, authorised) {
            let token = tokens.token().await.map_err(|reason| Error::Token {
                url: Box::new(url.clone()),
                reason: one_line(&reason),
            })?;
            builder = builder.header(AUTHORIZATION, bearer(&token));
        }
        let unreachable = |source: reqwest::Error| Error::Unreachable {
            url: Box::new(url.clone()),
            source: source.without_url(),
        };
        let mut response = builder.send().await.map_err(unreachable)?;
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        let limit = if status.is_success() {
            client.answer_limit
        } else {
            ERROR_ANSWER_LIMIT
        };
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > limit {
                if status.is_success() {
                    return Err(Error::Answer {
                        url: Box::new(url),
                        reason: format!("more than {limit} bytes"),
                    });
                }
                body.extend_from_slice(&chunk[..limit - body.len()]);
                break;
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer {
            url,
            status,
            headers,
            body,
        })
    }
}

/// What a service answered.
#[derive(Clone, Debug)]
pub struct Answer {
    url: Url,
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers: `ETag`, `Link`.
    pub headers: HeaderMap,
    /// The body, whole.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| Error::Answer {
            url: Box::new(self.url.clone()),
            reason: one_line(&error.to_string()),
        })
    }

    /// The body as text.
    pub fn text(&self) -> Result<&str, Error> {
        std::str::from_utf8(&self.body).map_err(|_| Error::Answer {
            url: Box::new(self.url.clone()),
            reason: "text that is not UTF-8".to_owned(),
        })
    }

    /// A header's value, when it is there and readable.
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The answer as the error that it is.
    pub fn into_error(self) -> Error {
        let body = serde_json::from_slice::<Value>(&self.body).ok();
        let code = body
            .as_ref()
            .and_then(|body| body.get("error"))
            .and_then(Value::as_str)
            .map(one_line);
        let message = body.as_ref().and_then(said).unwrap_or_else(|| self.plain_message());
        let retry_after = self
            .header(&RETRY_AFTER)
            .and_then(|text| text.parse().ok())
            .map(Duration::from_secs);
        Error::Status {
            url: Box::new(self.url),
            status: self.status,
            code,
            message,
            retry_after,
        }
    }

    /// What an answer without JSON says: its first line when it is plain text, never a page of HTML.
    fn plain_message(&self) -> String {
        let plain = self
            .header(&CONTENT_TYPE)
            .is_some_and(|kind| kind.starts_with("text/plain"));
        let text = String::from_utf8_lossy(&self.body);
        match text.lines().map(str::trim).find(|line| !line.is_empty()) {
            Some(line) if plain => one_line(line),
            _ => "no message".to_owned(),
        }
    }
}

/// What the services of the platform, OAuth providers (RFC 6749) and problem details (RFC 9457) say in their errors.
fn said(body: &Value) -> Option<String> {
    ["message", "error_description", "detail", "error", "title"]
        .iter()
        .find_map(|key| body.get(key)?.as_str().map(str::trim).filter(|text| !text.is_empty()))
        .map(one_line)
}

/// The text without line breaks and other control characters, cut to what a person reads.
fn one_line(text: &str) -> String {
    let mut line: String = text
        .chars()
        .take(MESSAGE_LIMIT)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect::<String>();
    if text.chars().nth(MESSAGE_LIMIT).is_some() {
        line.push('…');
    }
    line
}

/// The innermost cause of a failed call, which says what happened: `Connection refused`.
fn cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it did not answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    one_line(&cause.to_string())
}

fn bearer(token: &SecretString) -> HeaderValue {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()))
        .unwrap_or_else(|_| HeaderValue::from_static("Bearer invalid"));
    value.set_sensitive(true);
    value
}

fn without_query(url: &Url) -> Url {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
}

/// `base` with the segments below its path.
fn below(base: &Url, path: &[&str]) -> Url {
    let mut url = base.clone();
    url.set_query(None);
    url.set_fragment(None);
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    url
}

/// Connections over rustls with ring, the machine's trusted certificates, no proxy surprises beyond the environment's.
fn http_client() -> Result<reqwest::Client, reqwest::Error> {
    // Fails when it is installed already, which is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder()
        .user_agent(concat!("stups/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(reqwest::redirect::Policy::limited(3))
        .build()
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    /// Answers one request with the given bytes and returns what was asked.
    fn serve_once(answer: &'static str) -> (Url, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = Url::parse(&format!("http://{}/base/", listener.local_addr().unwrap())).unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut buffer = [0; 4096];
            while !request.windows(4).any(|window| window == b"\r\n\r\n") {
                let read = stream.read(&mut buffer).unwrap();
                request.extend_from_slice(&buffer[..read]);
            }
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(request).unwrap()
        });
        (url, server)
    }

    #[tokio::test]
    async fn a_call_has_path_query_token_and_answers_json() {
        let (url, server) = serve_once("HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n{\"a\":1}");
        let client = Client::new(url).unwrap().with_tokens(SecretString::from("abc"));
        let answer: Value = client
            .get(&["apps", "a/b c"])
            .query(&[("search", "x y")])
            .send()
            .await
            .unwrap();
        assert_eq!(answer, serde_json::json!({"a": 1}));
        let request = server.join().unwrap();
        assert!(
            request.starts_with("GET /base/apps/a%2Fb%20c?search=x+y HTTP/1.1\r\n"),
            "{request}"
        );
        assert!(
            request.to_lowercase().contains("authorization: bearer abc\r\n"),
            "{request}"
        );
    }

    #[tokio::test]
    async fn errors_say_what_the_service_said() {
        for (body, expected) in [
            (
                r#"{"message":"Team x does not exist.","details":null}"#,
                "Team x does not exist.",
            ),
            (
                r#"{"error":"invalid_grant","error_description":"two\nlines"}"#,
                "two lines",
            ),
            (r#"{"title":"Bad Request","detail":"no name"}"#, "no name"),
            (r#"{"error":"invalid_grant"}"#, "invalid_grant"),
            ("<html>secret page</html>", "no message"),
        ] {
            let answer = Answer {
                url: Url::parse("http://kio.example/apps/x").unwrap(),
                status: StatusCode::BAD_REQUEST,
                headers: HeaderMap::new(),
                body: body.as_bytes().to_vec(),
            };
            let error = answer.into_error();
            assert_eq!(
                error.to_string(),
                format!("http://kio.example/apps/x answered 400 Bad Request: {expected}"),
                "{body}"
            );
        }
    }

    #[tokio::test]
    async fn the_oauth_code_and_the_wait_are_kept() {
        let (url, _server) = serve_once(
            "HTTP/1.1 503 Service Unavailable\r\nretry-after: 7\r\ncontent-length: 21\r\n\r\n{\"error\":\"slow_down\"}",
        );
        let error = Client::new(url).unwrap().get(&["x"]).done().await.unwrap_err();
        assert_eq!(error.code(), Some("slow_down"));
        assert!(error.is_unavailable());
        assert!(matches!(error, Error::Status { retry_after: Some(wait), .. } if wait == Duration::from_secs(7)));
    }

    #[tokio::test]
    async fn an_answer_that_is_too_large_is_an_error() {
        let (url, _server) = serve_once("HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n{\"a\":1}");
        let client = Client::new(url).unwrap().with_answer_limit(6);
        let error = client.get(&["x"]).send::<Value>().await.unwrap_err();
        assert!(error.to_string().ends_with("more than 6 bytes"), "{error}");
    }

    #[tokio::test]
    async fn a_service_that_is_away_is_named_with_the_cause() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = Url::parse(&format!(
            "http://{}/?access_token=secret",
            listener.local_addr().unwrap()
        ))
        .unwrap();
        drop(listener);
        let error = Client::new(url)
            .unwrap()
            .get(&["x"])
            .done()
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("/x cannot be reached: ") && error.contains("refused"),
            "{error}"
        );
        assert!(!error.contains("secret"), "{error}");
    }

    #[tokio::test]
    async fn not_found_is_none_where_asked() {
        let (url, _server) = serve_once("HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}");
        let none: Option<Value> = Client::new(url).unwrap().get(&["apps", "x"]).optional().await.unwrap();
        assert_eq!(none, None);
    }

    #[test]
    fn a_token_is_not_sent_to_another_host() {
        let client = Client::new(Url::parse("https://kio.example").unwrap()).unwrap();
        assert!(
            client
                .follow(Method::GET, &Url::parse("https://other.example/x").unwrap())
                .authorised
        );
        assert!(
            !client
                .follow(Method::GET, &Url::parse("https://kio.example/x?cursor=1").unwrap())
                .authorised
        );
    }

    #[test]
    fn messages_are_one_bounded_line() {
        assert_eq!(one_line("a\r\nb\u{1b}[31mc"), "a  b [31mc");
        assert_eq!(one_line(&"x".repeat(600)).chars().count(), MESSAGE_LIMIT + 1);
    }
}
