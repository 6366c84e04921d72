//! What the API document says of the distribution protocol. Its one route knows no paths that a macro could read.

use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

/// An operation: method, path, what it does, further parameters in the query, and its successful answers.
type Operation = (
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static [(&'static str, &'static str)],
);

const OPERATIONS: [Operation; 25] = [
    (
        "get",
        "/v2/",
        "Tells whether the caller is known (end-1).",
        &[],
        &[("200", "He is")],
    ),
    (
        "get",
        "/v2/token",
        "Issues a token for repositories.",
        &["service", "scope"],
        &[("200", "The token, with what of the wanted is allowed")],
    ),
    (
        "post",
        "/v2/token",
        "Issues a token for repositories, by a form.",
        &[],
        &[("200", "The token, with what of the wanted is allowed")],
    ),
    (
        "get",
        "/v2/_catalog",
        "Lists repositories.",
        &["n", "last"],
        &[("200", "Their names, sorted")],
    ),
    (
        "get",
        "/v2/_oci/ext/discover",
        "Lists extensions of the protocol.",
        &[],
        &[("200", "The one that lists them")],
    ),
    (
        "get",
        "/v2/{name}/_oci/ext/discover",
        "Lists extensions of the protocol for a repository.",
        &[],
        &[("200", "The one that lists them")],
    ),
    (
        "get",
        "/v2/{name}/blobs/{digest}",
        "Reads a blob, or a range of it (end-2).",
        &[],
        &[
            ("200", "Its bytes"),
            ("206", "Some of its bytes"),
            ("307", "It is in the storage at this address"),
        ],
    ),
    (
        "head",
        "/v2/{name}/blobs/{digest}",
        "Tells whether a blob is there (end-2).",
        &[],
        &[("200", "It is")],
    ),
    (
        "delete",
        "/v2/{name}/blobs/{digest}",
        "Content is never removed (end-10).",
        &[],
        &[("405", "As was said")],
    ),
    (
        "post",
        "/v2/{name}/blobs/uploads/",
        "Starts an upload, or uploads or mounts a blob at once (end-4, end-11).",
        &["digest", "digest-algorithm", "mount", "from"],
        &[("201", "The blob is there"), ("202", "The upload is at this address")],
    ),
    (
        "get",
        "/v2/{name}/blobs/uploads/{id}",
        "Tells how far an upload got (end-13).",
        &[],
        &[("204", "As the header Range says")],
    ),
    (
        "patch",
        "/v2/{name}/blobs/uploads/{id}",
        "Appends to an upload (end-5).",
        &[],
        &[("202", "It is appended")],
    ),
    (
        "put",
        "/v2/{name}/blobs/uploads/{id}",
        "Ends an upload (end-6).",
        &["digest"],
        &[("201", "The blob is there")],
    ),
    (
        "delete",
        "/v2/{name}/blobs/uploads/{id}",
        "Cancels an upload (end-14).",
        &[],
        &[("204", "It is cancelled")],
    ),
    (
        "get",
        "/v2/{name}/manifests/{reference}",
        "Reads a manifest (end-3).",
        &[],
        &[("200", "Its bytes")],
    ),
    (
        "head",
        "/v2/{name}/manifests/{reference}",
        "Tells whether a manifest is there (end-3).",
        &[],
        &[("200", "It is")],
    ),
    (
        "put",
        "/v2/{name}/manifests/{reference}",
        "Pushes a manifest, and gives it tags (end-7).",
        &["tag"],
        &[("201", "It is there")],
    ),
    (
        "delete",
        "/v2/{name}/manifests/{reference}",
        "Names and content are never removed (end-9).",
        &[],
        &[("405", "As was said")],
    ),
    (
        "get",
        "/v2/{name}/tags/list",
        "Lists tags (end-8).",
        &["n", "last"],
        &[("200", "The tags, sorted")],
    ),
    (
        "get",
        "/v2/{name}/referrers/{digest}",
        "Lists what refers to a manifest (end-12).",
        &["artifactType"],
        &[("200", "An index of it")],
    ),
    ("head", "/v2/", "The same without a body.", &[], &[("200", "He is")]),
    (
        "head",
        "/v2/{name}/tags/list",
        "The same without a body.",
        &["n", "last"],
        &[("200", "The tags, sorted")],
    ),
    (
        "head",
        "/v2/{name}/referrers/{digest}",
        "The same without a body.",
        &["artifactType"],
        &[("200", "An index of it")],
    ),
    (
        "head",
        "/v2/_catalog",
        "The same without a body.",
        &["n", "last"],
        &[("200", "Their names, sorted")],
    ),
    (
        "head",
        "/v2/{name}/blobs/uploads/{id}",
        "The same.",
        &[],
        &[("204", "As the header Range says")],
    ),
];

/// The routes, with what the document says of them.
pub(super) fn with(routes: OpenApiRouter) -> OpenApiRouter {
    let mut paths = Map::new();
    for (method, path, summary, query, answers) in OPERATIONS {
        let item = paths.entry(path).or_insert_with(|| json!({}));
        item[method] = operation(path, method, summary, query, answers);
    }
    let document = json!({"openapi": "3.1.0", "info": {"title": "", "version": ""}, "paths": paths});
    let (router, mut described) = routes.split_for_parts();
    // It is a constant, and a test reads it.
    if let Ok(document) = serde_json::from_value::<OpenApi>(document) {
        described.merge(document);
    }
    OpenApiRouter::with_openapi(described).merge(OpenApiRouter::from(router))
}

fn operation(path: &str, method: &str, summary: &str, query: &[&str], answers: &[(&str, &str)]) -> Value {
    let in_path = path
        .split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}));
    let in_query = query
        .iter()
        .map(|name| json!({"name": name, "in": "query", "required": false, "schema": {"type": "string"}}));
    let responses: Map<String, Value> = answers
        .iter()
        .map(|(status, meaning)| ((*status).to_owned(), json!({"description": meaning})))
        .collect();
    let words: Vec<&str> = path
        .split(['/', '{', '}', '_'])
        .filter(|word| !word.is_empty())
        .collect();
    json!({
        "tags": ["distribution"],
        "summary": summary,
        "operationId": format!("{method}_{}", words.join("_")),
        "parameters": in_path.chain(in_query).collect::<Vec<_>>(),
        "responses": responses,
        "security": [{"oauth2": ["uid"]}],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_every_operation() {
        let (_, document) = with(OpenApiRouter::new()).split_for_parts();
        let document = serde_json::to_value(&document).unwrap();
        for (method, path, ..) in OPERATIONS {
            assert!(
                document["paths"][path][method]["responses"].is_object(),
                "{method} {path}"
            );
        }
    }
}
