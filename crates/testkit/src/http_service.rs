use std::net::SocketAddr;

use http::HeaderName;
use secrecy::SecretString;
use serde_json::Value;
use stups_api::client::{Answer, Client};
use url::Url;

/// A service that is served over HTTP on a free loopback port for as long as the test's runtime lives.
#[derive(Clone, Debug)]
pub struct HttpService {
    /// Where it is.
    pub url: Url,
    client: Client,
}

impl HttpService {
    /// Takes a free port and serves what `build` makes for it.
    ///
    /// Panics when there is no port, as all here.
    pub async fn start(build: impl FnOnce(&Url) -> axum::Router) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let url: Url = format!("http://{address}").parse().expect("it is a URL");
        let router = build(&url).into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let client = Client::new(url.clone()).expect("certificates are there");
        Self { url, client }
    }

    /// Sends a request as somebody (empty: nobody; see [`crate::Everybody`]) with a JSON body, if any.
    pub async fn call(&self, method: &str, path: &str, who: &str, body: Option<Value>) -> Answer {
        self.call_with(method, path, who, body, &[]).await
    }

    /// The same with headers.
    pub async fn call_with(
        &self,
        method: &str,
        path: &str,
        who: &str,
        body: Option<Value>,
        headers: &[(HeaderName, &str)],
    ) -> Answer {
        let content_type = if method == "PATCH" {
            "application/merge-patch+json"
        } else {
            "application/json"
        };
        let body = body.map(|body| (content_type, body.to_string().into_bytes()));
        self.send(method, path, who, body, headers).await
    }

    /// The same with a body of any type.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        who: &str,
        body: Option<(&'static str, Vec<u8>)>,
        headers: &[(HeaderName, &str)],
    ) -> Answer {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        let query: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes())
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        let method = method.parse().expect("a method");
        let mut request = self.client.request(method, &segments).query(&query);
        if !who.is_empty() {
            request = request.bearer(&SecretString::from(who));
        }
        if let Some((content_type, body)) = body {
            request = request.bytes(content_type, body);
        }
        for (name, value) in headers {
            request = request.header(name.clone(), value);
        }
        request.any_answer().await.expect("it answers")
    }
}

/// The message of an error in the originals' shape.
pub fn error_message(answer: &Answer) -> String {
    let body: Value = answer.json().expect("errors are JSON");
    body["message"].as_str().expect("errors have a message").to_owned()
}
