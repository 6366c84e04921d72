//! The OpenAPI document of a service: what its handlers say, and what the frame adds to every operation.

use serde_json::json;
use utoipa::openapi::security::{Flow, Implicit, OAuth2, Scopes, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, OpenApi, PathItem, RefOr, Response, ResponseBuilder, Schema, path::Operation,
};

use crate::render::ErrorShape;

/// Puts the document of a service together.
pub(crate) fn of(
    title: &str,
    version: &str,
    shape: ErrorShape,
    mut guarded: OpenApi,
    open: OpenApi,
    mut protocol: OpenApi,
) -> OpenApi {
    default_error(&mut protocol, ErrorShape::Oci);
    for item in guarded.paths.paths.values_mut() {
        for operation in operations(item) {
            // The originals demand the scope of every operation (contract kio 2.2).
            operation
                .security
                .get_or_insert_with(|| vec![SecurityRequirement::new("oauth2", ["uid"])]);
        }
    }
    guarded.merge(open);
    default_error(&mut guarded, shape);
    guarded.merge(protocol);
    let scheme = SecurityScheme::OAuth2(OAuth2::new([Flow::Implicit(Implicit::new(
        "/oauth2/authorize",
        Scopes::from_iter([("uid", "Who is calling")]),
    ))]));
    guarded.components = Some(
        ComponentsBuilder::from(guarded.components.take().unwrap_or_default())
            .security_scheme("oauth2", scheme)
            .build(),
    );
    title.clone_into(&mut guarded.info.title);
    version.clone_into(&mut guarded.info.version);
    // What the router's own crate says about itself.
    guarded.info.description = None;
    guarded.info.contact = None;
    guarded.info.license = None;
    guarded
}

/// Every operation may fail, and says how that looks.
fn default_error(document: &mut OpenApi, shape: ErrorShape) {
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            operation
                .responses
                .responses
                .entry("default".to_owned())
                .or_insert_with(|| RefOr::T(error(shape)));
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.options,
        &mut item.head,
        &mut item.patch,
        &mut item.trace,
    ]
    .into_iter()
    .filter_map(Option::as_mut)
}

/// What every operation may answer instead, in both forms.
fn error(shape: ErrorShape) -> Response {
    let original = match shape {
        ErrorShape::Friboo | ErrorShape::FribooDetail => json!({
            "type": "object",
            "required": ["message"],
            "properties": {"message": {"type": "string"}, "details": {"type": ["object", "null"]}}
        }),
        ErrorShape::Oci => json!({
            "type": "object",
            "required": ["errors"],
            "properties": {"errors": {"type": "array", "items": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {"code": {"type": "string"}, "message": {"type": "string"}, "detail": {}}
            }}}
        }),
        ErrorShape::OAuth => json!({
            "type": "object",
            "required": ["error"],
            "properties": {"error": {"type": "string"}, "error_description": {"type": "string"}}
        }),
    };
    let problem = json!({
        "type": "object",
        "required": ["type", "title", "status"],
        "properties": {
            "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"},
            "detail": {"type": "string"}, "instance": {"type": "string"}
        }
    });
    let content = |schema: serde_json::Value| {
        ContentBuilder::new()
            .schema(serde_json::from_value::<RefOr<Schema>>(schema).ok())
            .build()
    };
    ResponseBuilder::new()
        .description("It was refused, or failed; the body says why.")
        .content("application/json", content(original))
        .content("application/problem+json", content(problem))
        .build()
}
