//! The Swagger 2 form of an OpenAPI 3.1 document, for the discovery clients of the originals (contract kio 2.1).

use serde_json::{Map, Value, json};

const METHODS: [&str; 7] = ["get", "put", "post", "delete", "patch", "head", "options"];

/// Translates the document. What Swagger 2 cannot say is left out.
pub(crate) fn from_openapi(openapi: &Value) -> Value {
    let mut paths = Map::new();
    for (path, item) in members(openapi.get("paths")) {
        let shared = array(item.get("parameters"));
        let operations = METHODS.iter().filter_map(|method| {
            let operation = item.get(method)?;
            Some(((*method).to_owned(), self::operation(operation, shared)))
        });
        paths.insert(path.clone(), Value::Object(operations.collect()));
    }
    let schemas = members(openapi.pointer("/components/schemas"));
    let definitions: Map<String, Value> = schemas
        .map(|(name, schema)| (name.clone(), self::schema(schema)))
        .collect();
    json!({
        "swagger": "2.0",
        "info": openapi.get("info").cloned().unwrap_or_default(),
        "basePath": "/",
        "consumes": ["application/json"],
        "produces": ["application/json"],
        "securityDefinitions": {"oauth2": {
            "type": "oauth2", "flow": "implicit", "authorizationUrl": "/oauth2/authorize",
            "scopes": {"uid": "Who is calling"},
        }},
        "paths": paths,
        "definitions": definitions,
    })
}

fn operation(operation: &Value, shared: &[Value]) -> Value {
    let mut result = Map::new();
    for name in [
        "tags",
        "summary",
        "description",
        "operationId",
        "deprecated",
        "security",
    ] {
        if let Some(value) = operation.get(name) {
            result.insert(name.to_owned(), value.clone());
        }
    }
    let own = array(operation.get("parameters"));
    let parameters = shared.iter().chain(own).filter_map(parameter);
    let parameters: Vec<_> = parameters.chain(operation.get("requestBody").and_then(body)).collect();
    result.insert("parameters".to_owned(), Value::Array(parameters));
    let responses = members(operation.get("responses"));
    let responses: Map<String, Value> = responses
        .map(|(status, answer)| (status.clone(), response(answer)))
        .collect();
    result.insert("responses".to_owned(), Value::Object(responses));
    Value::Object(result)
}

/// A parameter: its schema's members stand beside its name. Cookies are unknown to Swagger 2.
fn parameter(parameter: &Value) -> Option<Value> {
    let place = parameter.get("in")?.as_str()?;
    if place == "cookie" {
        return None;
    }
    let mut result = Map::new();
    for name in ["name", "in", "description", "required"] {
        if let Some(value) = parameter.get(name) {
            result.insert(name.to_owned(), value.clone());
        }
    }
    let flat = parameter.get("schema").map(schema).unwrap_or_default();
    for (name, value) in members(Some(&flat)) {
        if !matches!(name.as_str(), "$ref" | "description") {
            result.insert(name.clone(), value.clone());
        }
    }
    result.entry("type").or_insert_with(|| Value::from("string"));
    Some(Value::Object(result))
}

fn body(body: &Value) -> Option<Value> {
    let (_, content) = members(body.get("content")).next()?;
    Some(json!({
        "name": "body",
        "in": "body",
        "required": body.get("required").and_then(Value::as_bool).unwrap_or(false),
        "schema": content.get("schema").map(schema).unwrap_or_default(),
    }))
}

fn response(response: &Value) -> Value {
    let mut result = Map::new();
    result.insert(
        "description".to_owned(),
        response.get("description").cloned().unwrap_or_else(|| Value::from("")),
    );
    if let Some((_, content)) = members(response.get("content")).next()
        && let Some(found) = content.get("schema")
    {
        result.insert("schema".to_owned(), schema(found));
    }
    Value::Object(result)
}

/// A schema: references point to `definitions`, `null` becomes an extension, alternatives with `null` become the other one.
fn schema(of: &Value) -> Value {
    match of {
        Value::Array(schemas) => Value::Array(schemas.iter().map(schema).collect()),
        Value::Object(found) => object_schema(found),
        other => other.clone(),
    }
}

fn object_schema(found: &Map<String, Value>) -> Value {
    for alternatives in ["oneOf", "anyOf"] {
        if let Some(Value::Array(choices)) = found.get(alternatives) {
            let something = choices
                .iter()
                .find(|choice| choice.get("type") != Some(&Value::from("null")));
            return something.map(schema).unwrap_or_default();
        }
    }
    let mut result = Map::new();
    for (name, value) in found {
        match (name.as_str(), value) {
            ("$ref", Value::String(reference)) => {
                let definition = reference.replace("#/components/schemas/", "#/definitions/");
                result.insert(name.clone(), Value::from(definition));
            }
            ("type", Value::Array(types)) => {
                let kind = types
                    .iter()
                    .find(|kind| *kind != "null")
                    .cloned()
                    .unwrap_or_else(|| Value::from("string"));
                result.insert("type".to_owned(), kind);
                result.insert("x-nullable".to_owned(), Value::Bool(true));
            }
            ("properties", Value::Object(properties)) => {
                let properties = properties
                    .iter()
                    .map(|(name, value)| (name.clone(), schema(value)))
                    .collect();
                result.insert(name.clone(), Value::Object(properties));
            }
            ("items" | "additionalProperties" | "allOf", value) => {
                result.insert(name.clone(), schema(value));
            }
            ("examples" | "propertyNames" | "const" | "contentEncoding", _) => {}
            _ => {
                result.insert(name.clone(), value.clone());
            }
        }
    }
    Value::Object(result)
}

fn members(value: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    value.and_then(Value::as_object).into_iter().flatten()
}

fn array(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_translated() {
        let openapi = json!({
            "openapi": "3.1.0",
            "info": {"title": "kio", "version": "1"},
            "paths": {"/apps/{id}": {"put": {
                "operationId": "put_app",
                "parameters": [
                    {"name": "id", "in": "path", "required": true, "schema": {"type": "string", "pattern": "^a$"}},
                    {"name": "session", "in": "cookie", "schema": {"type": "string"}}
                ],
                "requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/App"}}}},
                "responses": {"200": {"description": "ok", "content": {"application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/App"}}}}},
                              "default": {"description": "error"}}
            }}},
            "components": {"schemas": {"App": {"type": "object", "properties": {
                "name": {"type": ["string", "null"]},
                "parent": {"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/App"}]}
            }}}}
        });
        let swagger = from_openapi(&openapi);
        assert_eq!(swagger["swagger"], "2.0");
        assert_eq!(
            swagger["paths"]["/apps/{id}"]["put"],
            json!({
                "operationId": "put_app",
                "parameters": [
                    {"name": "id", "in": "path", "required": true, "type": "string", "pattern": "^a$"},
                    {"name": "body", "in": "body", "required": true, "schema": {"$ref": "#/definitions/App"}}
                ],
                "responses": {
                    "200": {"description": "ok", "schema": {"type": "array", "items": {"$ref": "#/definitions/App"}}},
                    "default": {"description": "error"}
                }
            })
        );
        assert_eq!(
            swagger["definitions"]["App"]["properties"],
            json!({"name": {"type": "string", "x-nullable": true}, "parent": {"$ref": "#/definitions/App"}})
        );
    }
}
