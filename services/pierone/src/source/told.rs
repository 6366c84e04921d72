use serde_json::{Map, Value};
use stups_api::Timestamp;
use stups_api::pierone::{ScmSource, SourceOrigin};
use stups_server::Error;

/// The annotations of OCI images, and labels of the same names.
const SOURCE: &str = "org.opencontainers.image.source";
const REVISION: &str = "org.opencontainers.image.revision";
const AUTHORS: &str = "org.opencontainers.image.authors";

/// Longer ones are not kept.
const LONGEST: usize = 64 << 10;

/// What annotations or labels say; nothing unless they say source and revision.
pub(super) fn annotated(annotations: &Map<String, Value>) -> Option<ScmSource> {
    let text = |name: &str| annotations.get(name).and_then(Value::as_str).map(str::trim);
    let url = text(SOURCE).filter(|text| !text.is_empty())?;
    let revision = text(REVISION).filter(|text| !text.is_empty())?;
    Some(ScmSource {
        url: url.to_owned(),
        revision: revision.to_owned(),
        author: text(AUTHORS).unwrap_or_default().to_owned(),
        status: String::new(),
        created: None,
        valid: None,
        origin: None,
    })
}

/// What `scm-source.json` says: four texts; what else it has does not matter.
pub(super) fn file(bytes: &[u8]) -> Option<ScmSource> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(ScmSource {
        url: text("url")?,
        revision: text("revision")?,
        author: text("author")?,
        status: text("status")?,
        created: None,
        valid: None,
        origin: None,
    })
}

/// What the header `X-SCM-Source` says: the same as JSON, percent-encoded.
pub(crate) fn stated(header: &str) -> Result<ScmSource, Error> {
    if header.len() > LONGEST {
        return Err(Error::bad_request("X-SCM-Source is too long"));
    }
    // A form's decoding without its plus signs.
    let pairs = format!("value={}", header.replace('+', "%2B"));
    let decoded = url::form_urlencoded::parse(pairs.as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default();
    let source = file(decoded.as_bytes()).ok_or_else(|| {
        Error::bad_request("X-SCM-Source is not percent-encoded JSON with the texts url, revision, author and status")
    })?;
    Ok(ScmSource {
        created: Some(Timestamp::now()),
        origin: Some(SourceOrigin::Header),
        ..source
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_file_with_more_than_the_four_texts_is_read() {
        let source = json!({"url": "git:x", "revision": "1", "author": "jdoe", "status": "", "more": 1});
        assert_eq!(file(source.to_string().as_bytes()).unwrap().url, "git:x");
        for source in [
            json!({"url": "git:x", "revision": 1, "author": "jdoe", "status": ""}),
            json!({"url": "x"}),
            json!([]),
        ] {
            assert_eq!(file(source.to_string().as_bytes()), None);
        }
    }

    #[test]
    fn the_header_is_percent_encoded_json() {
        let header = "%7B%22url%22%3A%22git%3Aa+b%22%2C%22revision%22%3A%221%22%2C%22author%22%3A%22j%22%2C%22status%22%3A%22%22%7D";
        assert_eq!(stated(header).unwrap().url, "git:a+b");
        for header in ["", "x", "%7B%7D", &"x".repeat(70_000)] {
            assert!(stated(header).is_err());
        }
    }

    #[test]
    fn annotations_need_source_and_revision() {
        let annotations = |value: Value| value.as_object().cloned().unwrap();
        let both = annotations(json!({SOURCE: "https://github.com/o/r", REVISION: "1", AUTHORS: "j"}));
        assert_eq!(annotated(&both).unwrap().author, "j");
        assert_eq!(annotated(&annotations(json!({SOURCE: "https://github.com/o/r"}))), None);
        assert_eq!(annotated(&annotations(json!({SOURCE: "", REVISION: "1"}))), None);
    }
}
