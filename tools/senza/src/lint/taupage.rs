//! `TaupageConfig`: what every group of Taupage instances runs.

use stups_yaml::{Map, Value};

use super::Rule;
use super::components::check_port;
use super::document::{Document, Path, is_templated};
use super::info::is_stack_name;
use crate::components::docker_image::DockerImage;
use crate::components::{is_application_id, is_application_version};

pub(super) fn check(document: &mut Document<'_>) {
    for component in document.components() {
        let Some(Value::Map(config)) = component.body.get("TaupageConfig") else {
            continue;
        };
        let path = component.path.key("TaupageConfig");
        check_names(document, config, &path);
        check_source(document, config, &path);
        check_ports(document, config, &path);
        check_health_check(document, config, &path);
    }
}

fn check_names(document: &mut Document<'_>, config: &Map, path: &Path) {
    type Check = fn(&str) -> bool;
    let checks: [(&str, Check, &str); 2] = [
        (
            "application_id",
            is_application_id,
            "lower-case letters, digits and dashes, beginning with a letter, at least two",
        ),
        (
            "application_version",
            is_application_version,
            "letters, digits, and . _ - between them",
        ),
    ];
    for (name, is_right, wanted) in checks {
        let path = path.key(name);
        match config.get(name) {
            None | Some(Value::Null) => {}
            Some(value) if is_templated(value) => {}
            Some(Value::String(text)) if is_right(text) => {}
            Some(Value::String(text)) => {
                let message = format!("{name} \"{text}\" must be {wanted}");
                document.at_value(Rule::Taupage, &path, message, None);
            }
            Some(value @ (Value::Int(_) | Value::Float(_) | Value::Bool(_))) => {
                let written = crate::components::scalar_text(value).unwrap_or_default();
                let message = format!("{name} must be text, not {}", value.kind());
                document.at_value(Rule::Taupage, &path, message, Some(format!("\"{written}\"")));
            }
            Some(_) => {}
        }
    }
    // With no application_id of its own the group has the stack's name.
    let stack_name = document
        .info()
        .and_then(|info| info.get("StackName"))
        .and_then(Value::as_str);
    if let Some(name) = stack_name.filter(|name| !config.contains_key("application_id") && !name.contains("{{"))
        && is_stack_name(name)
        && !is_application_id(name)
    {
        let message = format!("application_id is the stack's name without being given, and \"{name}\" can't be one");
        document.at_key(Rule::Taupage, path, message, None);
    }
}

fn check_source(document: &mut Document<'_>, config: &Map, path: &Path) {
    let path = path.key("source");
    let Some(Value::String(source)) = config.get("source") else {
        return;
    };
    if source.is_empty() {
        document.at_value(Rule::Taupage, &path, "source must name a Docker image", None);
    } else if source.contains("{{") {
        // What templating makes of it may be anything.
    } else if DockerImage::parse(source).is_none() {
        let message = format!("\"{source}\" is not a Docker image");
        let fix = Some("registry/team/artifact:tag".to_owned());
        document.at_value(Rule::Taupage, &path, message, fix);
    } else if source.ends_with(":latest") || DockerImage::parse(source).is_some_and(|image| image.reference == "latest")
    {
        let message = "the tag latest moves: nobody can say later what ran here";
        document.at_value(Rule::Dated, &path, message, None);
    }
}

/// `ports` is a map of the instance's ports to the container's, which may say `/udp`, or a list of ports.
fn check_ports(document: &mut Document<'_>, config: &Map, path: &Path) {
    let path = path.key("ports");
    let without_protocol = |text: &str| {
        let (port, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        matches!(protocol, "tcp" | "udp").then(|| Value::from(port))
    };
    match config.get("ports") {
        Some(Value::Map(ports)) => {
            for (key, value) in ports {
                let name = key.to_string();
                let path = path.key(&name);
                if name.contains("{{") {
                    continue;
                }
                match without_protocol(&name) {
                    Some(port) if port.as_str().is_some_and(|port| port.parse::<i128>().is_ok()) => {
                        check_port(document, &path, "the port", &port);
                    }
                    _ => document.at_key(Rule::Port, &path, format!("\"{name}\" is no port"), None),
                }
                let value = match value {
                    Value::String(text) => without_protocol(text).unwrap_or(Value::Null),
                    other => other.clone(),
                };
                check_port(document, &path, "the container's port", &value);
            }
        }
        Some(Value::List(ports)) => {
            for (index, port) in ports.iter().enumerate() {
                check_port(document, &path.index(index), "the port", port);
            }
        }
        _ => {}
    }
    if let Some(port) = config.get("health_check_port") {
        check_port(document, &path.key("health_check_port"), "health_check_port", port);
    }
}

fn check_health_check(document: &mut Document<'_>, config: &Map, path: &Path) {
    if let Some(Value::String(health_check)) = config.get("health_check_path")
        && !health_check.starts_with('/')
        && !health_check.contains("{{")
    {
        let message = "health_check_path must begin with a slash";
        let fix = Some(format!("/{health_check}"));
        document.at_value(Rule::Taupage, &path.key("health_check_path"), message, fix);
    }
}
