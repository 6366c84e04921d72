//! What AWS has replaced.

use stups_yaml::Value;

use super::Rule;
use super::document::{Document, Path, walk};
use crate::Compatibility;
use crate::components::ComponentType;

pub(super) fn check(document: &mut Document<'_>) {
    let mut found: Vec<(Path, String, Option<String>)> = Vec::new();
    check_values(document, &mut found);
    check_components(document, &mut found);
    for (path, message, fix) in found {
        document.at_value(Rule::Dated, &path, message, fix);
    }
    let compatibility = document.info().and_then(|info| info.get("Compatibility"));
    if compatibility.and_then(Compatibility::from_value) == Some(Compatibility::Senza2) {
        let path = Path::to("SenzaInfo").key("Compatibility");
        let message = "accounts made since October 2024 can't create the launch configurations of 2.1";
        document.at_value(Rule::Dated, &path, message, Some("Compatibility: 3".to_owned()));
    }
}

fn check_values(document: &Document<'_>, found: &mut Vec<(Path, String, Option<String>)>) {
    walk(document.root(), &Path::default(), &mut |path, value| {
        let Value::String(text) = value else { return };
        let (message, fix) = match (path.last_key(), text.as_str()) {
            (Some("VolumeType" | "volumeType"), "gp2") => ("gp3 is faster than gp2, and cheaper", "gp3"),
            (Some("Type"), "AWS::AutoScaling::LaunchConfiguration") => (
                "accounts made since October 2024 can't create launch configurations",
                "AWS::EC2::LaunchTemplate",
            ),
            (Some("CacheParameterGroupName"), "default.redis2.8") => {
                ("AWS has retired this version of Redis", "default.redis7")
            }
            (Some("HttpTokens"), "optional") => (
                "whoever can make the application send requests can read its credentials",
                "required",
            ),
            _ => return,
        };
        found.push((path.clone(), format!("{text}: {message}"), Some(fix.to_owned())));
    });
}

fn check_components(document: &Document<'_>, found: &mut Vec<(Path, String, Option<String>)>) {
    for component in document.components() {
        if component.component_type == Some(ComponentType::CoreosAutoConfiguration) {
            let message = "CoreOS is gone; its place has Flatcar Container Linux".to_owned();
            found.push((component.path.key("Type"), message, None));
        }
        let text = |name: &str| component.body.get(name).and_then(crate::components::scalar_text);
        let is_redis = matches!(
            component.component_type,
            Some(ComponentType::RedisNode | ComponentType::RedisCluster)
        );
        if let Some(version) = text("EngineVersion").filter(|_| is_redis)
            && ["2.", "3.", "4.", "5."].iter().any(|old| version.starts_with(old))
        {
            let message = format!("AWS has retired version {version} of Redis");
            found.push((component.path.key("EngineVersion"), message, None));
        }
        if let Some(node) = text("CacheNodeType").filter(|_| is_redis)
            && ["cache.m1.", "cache.m3.", "cache.t1.", "cache.t2."]
                .iter()
                .any(|old| node.starts_with(old))
        {
            let message = format!("AWS has better nodes than {node}");
            found.push((
                component.path.key("CacheNodeType"),
                message,
                Some("cache.t4g.small".to_owned()),
            ));
        }
        if component.body.contains_key("LaunchConfigurationName") {
            let message = "accounts made since October 2024 can't create launch configurations".to_owned();
            found.push((component.path.key("LaunchConfigurationName"), message, None));
        }
    }
}
