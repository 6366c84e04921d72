use std::collections::HashSet;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::Error;

/// A request's query parameters. One that is given twice is refused: the originals took the first, the last or fell over.
#[derive(Clone, Copy, Debug, Default)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        parse(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

fn parse<T: DeserializeOwned>(query: &str) -> Result<T, Error> {
    let mut seen = HashSet::new();
    for (name, _) in url::form_urlencoded::parse(query.as_bytes()) {
        if let Some(name) = seen.replace(name) {
            return Err(Error::bad_request(format!(
                "Value in query->{name} cannot be used because it is given twice."
            ))
            .with_details(json!({"field": name, "reason": "given twice"})));
        }
    }
    let pairs = serde_urlencoded::Deserializer::new(url::form_urlencoded::parse(query.as_bytes()));
    serde_path_to_error::deserialize(pairs).map_err(|error| {
        let field = error.path().to_string();
        let reason = error.into_inner().to_string();
        let place = if field == "." {
            "query".to_owned()
        } else {
            format!("query->{field}")
        };
        Error::bad_request(format!("Value in {place} cannot be used because of: {reason}."))
            .with_details(json!({"field": field, "reason": reason}))
    })
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Filter {
        search: Option<String>,
        limit: Option<u32>,
    }

    #[test]
    fn parameters_are_decoded() {
        assert_eq!(
            parse::<Filter>("search=a+b%26c&limit=5&other=1").unwrap(),
            Filter {
                search: Some("a b&c".to_owned()),
                limit: Some(5)
            }
        );
        assert_eq!(
            parse::<Filter>("").unwrap(),
            Filter {
                search: None,
                limit: None
            }
        );
    }

    #[test]
    fn a_bad_parameter_is_named() {
        for (query, message) in [
            (
                "limit=x",
                "Value in query->limit cannot be used because of: invalid digit found in string.",
            ),
            (
                "limit=1&limit=2",
                "Value in query->limit cannot be used because it is given twice.",
            ),
            ("a=1&a=1", "Value in query->a cannot be used because it is given twice."),
        ] {
            let error = parse::<Filter>(query).unwrap_err();
            assert_eq!((error.status.as_u16(), error.message.as_str()), (400, message));
        }
    }
}
