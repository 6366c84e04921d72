//! Cross-origin requests, exactly as the originals answer them (contract kio 2.1), or for a list of origins.

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ORIGIN,
    STRICT_TRANSPORT_SECURITY, VARY,
};
use axum::http::{HeaderMap, HeaderValue};

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, DELETE, PUT, PATCH, OPTIONS");
const MAX_AGE: HeaderValue = HeaderValue::from_static("3600");
const ANY: HeaderValue = HeaderValue::from_static("*");
const EXPOSED: HeaderValue = HeaderValue::from_static("ETag, Link, X-Request-Id");
const VARY_ORIGIN: HeaderValue = HeaderValue::from_static("Origin");
const HSTS: HeaderValue = HeaderValue::from_static("max-age=10886400");

/// Which web pages may call the service.
pub(crate) struct Cors {
    /// Empty: all.
    origins: Vec<HeaderValue>,
}

/// The headers that one answer gets.
pub(crate) struct Allowed {
    origin: Option<HeaderValue>,
    vary: bool,
    headers: Option<HeaderValue>,
}

impl Cors {
    /// For pages from these origins; for all when there are none.
    pub(crate) fn new(origins: &[String]) -> Result<Self, String> {
        let origins = origins.iter().map(|origin| {
            let origin = origin.trim_end_matches('/');
            let valid = origin.starts_with("https://") || origin.starts_with("http://");
            match HeaderValue::from_str(origin) {
                Ok(value) if valid => Ok(value),
                _ => Err(format!(
                    "{origin} is not an origin such as https://yourturn.example.org"
                )),
            }
        });
        Ok(Self {
            origins: origins.collect::<Result<_, _>>()?,
        })
    }

    /// What a page says that no other site may read (RFC 9700 2.6: no CORS at the authorization endpoint).
    pub(crate) fn forbidden() -> Allowed {
        Allowed {
            origin: None,
            vary: false,
            headers: None,
        }
    }

    /// What the answer to a request with these headers says.
    pub(crate) fn of(&self, request: &HeaderMap) -> Allowed {
        let headers = request.get(ACCESS_CONTROL_REQUEST_HEADERS).cloned();
        if self.origins.is_empty() {
            return Allowed {
                origin: Some(ANY),
                vary: false,
                headers,
            };
        }
        let origin = request
            .get(ORIGIN)
            .filter(|origin| self.origins.contains(origin))
            .cloned();
        Allowed {
            origin,
            vary: true,
            headers,
        }
    }
}

impl Allowed {
    /// Writes them, and the one that tells browsers to come over TLS from now on.
    pub(crate) fn write(self, response: &mut HeaderMap) {
        response.reserve(8);
        response.insert(STRICT_TRANSPORT_SECURITY, HSTS);
        if self.vary {
            response.append(VARY, VARY_ORIGIN);
        }
        let Some(origin) = self.origin else { return };
        response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        response.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        response.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        response.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        if let Some(headers) = self.headers {
            response.insert(ACCESS_CONTROL_ALLOW_HEADERS, headers);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(cors: &Cors, request: &[(&'static str, &'static str)]) -> HeaderMap {
        let request = request
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        let mut response = HeaderMap::new();
        cors.of(&request).write(&mut response);
        response
    }

    #[test]
    fn everybody_may_by_default() {
        let cors = Cors::new(&[]).unwrap();
        let headers = answer(
            &cors,
            &[("access-control-request-headers", "authorization, content-type")],
        );
        assert_eq!(headers["access-control-allow-origin"], "*");
        assert_eq!(headers["access-control-max-age"], "3600");
        assert_eq!(
            headers["access-control-allow-methods"],
            "GET, POST, DELETE, PUT, PATCH, OPTIONS"
        );
        assert_eq!(headers["access-control-allow-headers"], "authorization, content-type");
        assert_eq!(headers["strict-transport-security"], "max-age=10886400");
        assert!(!headers.contains_key("access-control-allow-credentials"));
    }

    #[test]
    fn a_list_lets_in_who_is_on_it() {
        let cors = Cors::new(&["https://yourturn.example.org/".to_owned()]).unwrap();
        let headers = answer(&cors, &[("origin", "https://yourturn.example.org")]);
        assert_eq!(headers["access-control-allow-origin"], "https://yourturn.example.org");
        assert_eq!(headers["vary"], "Origin");
        let headers = answer(&cors, &[("origin", "https://evil.example.org")]);
        assert!(!headers.contains_key("access-control-allow-origin"));
        assert_eq!(headers["strict-transport-security"], "max-age=10886400");
    }

    #[test]
    fn what_is_not_an_origin_is_refused() {
        assert!(Cors::new(&["yourturn.example.org".to_owned()]).is_err());
    }
}
