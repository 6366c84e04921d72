//! Components against accounts whose answers are given, and against a real AWS API.

mod auto_scaling;
mod aws;
mod configuration;
mod elastigroup;
mod groups_of_today;
mod load_balancing;
mod load_balancing_v2;
mod original;
mod others;
mod plug_ins;
mod references;
mod taupage;
mod weighted_target_group;

use serde_json::{Map as JsonMap, Value as Json};
use stups_terminal::{Captured, Terminal};
use stups_yaml::Value;

use super::{Component, Generation, apply, prefetch};
use crate::Compatibility::{self, Senza2, Senza3};
use crate::Error;
use crate::account::answers::Answers;
use crate::account::{
    Account, AcmCertificate, Channel, DeviceMapping, Image, NatGateway, SecurityGroup, ServerCertificate, StackOutputs,
    StackResource, Subnet, Vpc,
};
use crate::route53::HostedZone;
use crate::template::Arguments;

/// What generating a template came to.
struct Generated {
    result: Result<Json, String>,
    streams: Captured,
    /// the account's domain afterwards
    domain: Option<String>,
}

impl Generated {
    fn template(self) -> Json {
        self.result.unwrap()
    }

    fn error(self) -> String {
        self.result.unwrap_err()
    }

    fn warnings(&self) -> String {
        self.streams.stderr()
    }

    fn at(&self, pointer: &str) -> Json {
        let template = self.result.as_ref().unwrap();
        template
            .pointer(pointer)
            .unwrap_or_else(|| panic!("nothing at {pointer} of {template:#}"))
            .clone()
    }
}

/// Applies the components of a definition without templating: `SenzaInfo` and `SenzaComponents` as they are, everything else
/// is the template they edit.
async fn generate(definition: &str, compatibility: Compatibility, answers: Answers) -> Generated {
    generate_with(definition, compatibility, answers, true).await
}

async fn generate_with(definition: &str, compatibility: Compatibility, answers: Answers, force: bool) -> Generated {
    let (terminal, streams) = Terminal::captured("");
    let account = answers.account(&terminal).await;
    let result = run(definition, compatibility, &account, &terminal, force).await;
    Generated {
        result: result.map_err(|error| error.into_failure().message),
        streams,
        domain: account.domain().await.ok(),
    }
}

async fn run(
    definition: &str,
    compatibility: Compatibility,
    account: &Account,
    terminal: &Terminal,
    force: bool,
) -> Result<Json, Error> {
    let document = stups_yaml::load(definition).unwrap();
    let Json::Object(mut template) = document.to_json() else {
        panic!("the definition must be a map")
    };
    let mut info = match template.remove("SenzaInfo") {
        Some(Json::Object(info)) => info,
        _ => JsonMap::new(),
    };
    info.entry("StackName").or_insert_with(|| Json::from("hello-world"));
    info.entry("StackVersion").or_insert_with(|| Json::from("v1"));
    template.remove("SenzaComponents");
    let components = components(&document);
    let arguments = Arguments {
        region: account.session().region().to_owned(),
        version: "v1".to_owned(),
        parameters: [("ImageVersion".to_owned(), "1.0".to_owned())].into_iter().collect(),
    };
    prefetch(&components, account).await;
    let mut generation = Generation {
        template: &mut template,
        info: &info,
        arguments: &arguments,
        account,
        compatibility,
        force,
        terminal,
    };
    for component in &components {
        apply(component, &mut generation).await?;
    }
    Ok(Json::Object(template))
}

fn components(document: &Value) -> Vec<Component> {
    let entries = document.get("SenzaComponents").and_then(Value::as_list);
    entries
        .unwrap_or_default()
        .iter()
        .map(|entry| {
            let (name, value) = entry.as_map().unwrap().first().unwrap();
            let mut properties = value.as_map().unwrap().clone();
            let component_type = properties.shift_remove("Type").unwrap();
            Component {
                name: name.to_string(),
                component_type: component_type.as_str().unwrap().to_owned(),
                properties,
            }
        })
        .collect()
}

fn zone(name: &str) -> HostedZone {
    HostedZone {
        id: format!("Z{name}"),
        name: format!("{name}."),
        is_private: false,
    }
}

fn group(id: &str, name: &str, tag: Option<&str>, vpc_id: &str) -> SecurityGroup {
    SecurityGroup {
        id: id.to_owned(),
        group_name: name.to_owned(),
        name_tag: tag.map(str::to_owned),
        vpc_id: Some(vpc_id.to_owned()),
    }
}

fn certificate(name: &str) -> AcmCertificate {
    AcmCertificate {
        arn: format!("arn:aws:acm:eu-west-1:123456789012:certificate/{name}"),
        domain: name.to_owned(),
        alternative_names: vec![name.to_owned()],
        status: "ISSUED".to_owned(),
        not_before: Some(0.0),
        not_after: Some(f64::MAX),
        created: Some(1.0),
    }
}

/// An account like a new one that was set up for STUPS: one VPC, one zone, one certificate, public Taupage images.
fn standard() -> Answers {
    let subnet = |id: &str, zone: &str, name: &str| Subnet {
        id: id.to_owned(),
        vpc_id: "vpc-1".to_owned(),
        availability_zone: zone.to_owned(),
        name: name.to_owned(),
        is_default: false,
    };
    let device = DeviceMapping {
        name: "/dev/sda1".to_owned(),
        is_ebs: true,
    };
    Answers {
        vpcs: vec![Vpc {
            id: "vpc-1".to_owned(),
            is_default: true,
            name: None,
        }],
        subnets: vec![
            subnet("subnet-d1", "eu-west-1a", "dmz-eu-west-1a"),
            subnet("subnet-d2", "eu-west-1b", "dmz-eu-west-1b"),
            subnet("subnet-i1", "eu-west-1a", "internal-eu-west-1a"),
            subnet("subnet-i2", "eu-west-1b", "internal-eu-west-1b"),
        ],
        taupage_images: vec![Image {
            id: "ami-1".to_owned(),
            name: "Taupage-Public-AMI-1".to_owned(),
            owner: "111111111111".to_owned(),
            is_public: true,
            is_arm64: false,
            root_device: Some("/dev/sda1".to_owned()),
            devices: vec![device],
        }],
        security_groups: vec![
            group("sg-app", "app-hello-world", None, "vpc-1"),
            group("sg-lb", "app-hello-world-lb", None, "vpc-1"),
        ],
        missing_security_groups: vec!["app-unknown"],
        hosted_zones: vec![zone("example.org")],
        acm_certificates: vec![certificate("*.example.org")],
        ..Answers::default()
    }
}
