//! A bucket with prepared answers: for those that no emulator gives.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::{IntoResponse as _, Response};

/// A request as far as the tests want to know: `GET /mint/pets/user.json us-east-1`, and its `If-None-Match`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) request: String,
    pub(crate) if_none_match: Option<String>,
}

/// A running server; it ends with the test.
pub(crate) struct FakeS3 {
    pub(crate) endpoint: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl FakeS3 {
    /// Answers each request with what `answer` makes of it.
    pub(crate) async fn start(answer: impl Fn(&Asked) -> Response + Clone + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        let router = Router::new().fallback(move |method: Method, uri: Uri, headers: HeaderMap| {
            let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
            // Credential=KEY/DATE/REGION/s3/aws4_request
            let authorization = header("authorization").unwrap();
            let region = authorization.split('/').nth(2).unwrap();
            let asked = Asked {
                request: format!("{method} {} {region}", uri.path()),
                if_none_match: header("if-none-match"),
            };
            let response = answer(&asked);
            log.lock().unwrap().push(asked);
            async { response }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { endpoint, asked }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.request).collect()
    }
}

/// An error as S3 answers it.
pub(crate) fn error(status: u16, code: &str, region: Option<&str>) -> Response {
    let body = format!("<Error><Code>{code}</Code><Message>The message.</Message></Error>");
    let mut response = (axum::http::StatusCode::from_u16(status).unwrap(), body).into_response();
    if let Some(region) = region {
        response
            .headers_mut()
            .insert("x-amz-bucket-region", region.parse().unwrap());
    }
    response
}

/// An object, or that it has not changed.
pub(crate) fn object(asked: &Asked, content: &str) -> Response {
    const ETAG: &str = "\"one\"";
    if asked.if_none_match.as_deref() == Some(ETAG) {
        return axum::http::StatusCode::NOT_MODIFIED.into_response();
    }
    ([("etag", ETAG)], content.to_owned()).into_response()
}
