//! What the registry counts: pushes, pulls and refusals (contract pierone 5.10). Requests as such are counted by the frame.

use axum::http::{Method, StatusCode};
use metrics::counter;

use super::Target;

const PULLS: &str = "stups_pierone_pulls_total";
const PUSHES: &str = "stups_pierone_pushes_total";
const DENIALS: &str = "stups_pierone_denials_total";

/// Counts an answer.
pub(super) fn count(target: Option<&Target<'_>>, method: &Method, status: StatusCode) {
    if let Some((name, kind)) = counted(target, method, status) {
        counter!(name, "kind" => kind).increment(1);
    }
}

/// Which counter an answer belongs to, and what it was about.
fn counted(target: Option<&Target<'_>>, method: &Method, status: StatusCode) -> Option<(&'static str, &'static str)> {
    let kind = match target? {
        Target::Manifest(..) => "manifest",
        Target::Blob(..) | Target::Upload(..) | Target::Uploads(_) => "blob",
        _ => "other",
    };
    match (method, status) {
        // Who is not let in, and what does not move.
        (_, StatusCode::FORBIDDEN | StatusCode::CONFLICT) => Some((DENIALS, kind)),
        (_, _) if kind == "other" => None,
        (&Method::GET, StatusCode::OK | StatusCode::PARTIAL_CONTENT | StatusCode::TEMPORARY_REDIRECT) => {
            Some((PULLS, kind))
        }
        (_, StatusCode::CREATED) => Some((PUSHES, kind)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pushes_pulls_and_refusals_are_told_apart() {
        let manifest = Target::Manifest("a/b", "1.0");
        let blob = Target::Blob("a/b", "sha256:1");
        let upload = Target::Upload("a/b", "1");
        for (target, method, status, expected) in [
            (&manifest, Method::GET, 200, Some((PULLS, "manifest"))),
            (&manifest, Method::HEAD, 200, None),
            (&manifest, Method::PUT, 201, Some((PUSHES, "manifest"))),
            (&manifest, Method::PUT, 409, Some((DENIALS, "manifest"))),
            (&blob, Method::GET, 206, Some((PULLS, "blob"))),
            (&blob, Method::GET, 307, Some((PULLS, "blob"))),
            (&blob, Method::GET, 404, None),
            (&upload, Method::PATCH, 202, None),
            (&upload, Method::PUT, 201, Some((PUSHES, "blob"))),
            (&Target::Uploads("a/b"), Method::POST, 403, Some((DENIALS, "blob"))),
            (&Target::Catalog, Method::GET, 200, None),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(counted(Some(target), &method, status), expected, "{target:?} {method}");
        }
    }
}
