//! The tables of the original and ours, of the same account at the same moment.

use serde_json::{Value as Json, json};
use stups_aws::cloudformation::types::Tag;
use stups_testkit::Account;

use crate::account::{redacted, senza};
use crate::health::account_with_figures;
use crate::instances::{register, run_instances};
use crate::original_support;

/// What the original answers to each command line, in a process that imports it once.
fn original(account: &Account, lines: &[String]) -> Vec<Json> {
    let lines: Vec<Vec<String>> = lines
        .iter()
        .map(|line| line.split(' ').map(str::to_owned).collect())
        .collect();
    let lines: Vec<&[String]> = lines.iter().map(Vec::as_slice).collect();
    original_support::original(account, &lines, "")
}

/// A version of the application `web`: a load balancer named like it, its own and its weighted record.
pub(crate) async fn version(account: &Account, version: &str, weight: i64) {
    let stack = format!("web-{version}");
    let record = |name: &str, more: Json| {
        let mut properties = json!({"HostedZoneName": "stups.example.org.", "Name": format!("{name}.stups.example.org."),
            "Type": "CNAME", "TTL": "20", "ResourceRecords": ["nowhere.invalid"]});
        properties
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({"Type": "AWS::Route53::RecordSet", "Properties": properties})
    };
    let template = json!({"Description": format!("Web (ImageVersion: {version})"), "Resources": {
        "AppLoadBalancer": {"Type": "AWS::ElasticLoadBalancing::LoadBalancer", "Properties": {
            "LoadBalancerName": stack, "AvailabilityZones": ["us-east-1a"],
            "Listeners": [{"LoadBalancerPort": "80", "InstancePort": "80", "Protocol": "HTTP"}]}},
        "AppLoadBalancerVersionDomain": record(&stack, json!({})),
        "AppLoadBalancerMainDomain": record("web", json!({"Weight": weight, "SetIdentifier": stack})),
    }});
    let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
    let create = account.session().cloudformation().create_stack().stack_name(&stack);
    create
        .template_body(template.to_string())
        .tags(tag("StackName", "web"))
        .tags(tag("StackVersion", version))
        .send()
        .await
        .unwrap();
    let ids = run_instances(account, "web", version, 2).await;
    register(account, &stack, &ids[..1]).await;
}

/// What has to be the same: not how long ago something was, for seconds pass between the two; not whether a whole number has
/// a point; not in which order events of the same second come, which the original shows backwards.
fn comparable(line: &str, output: &str) -> Vec<String> {
    fn plain(value: &Json) -> Json {
        match value {
            Json::Number(number) => json!(number.as_f64()),
            Json::Array(items) => items.iter().map(plain).collect(),
            Json::Object(map) => map.iter().map(|(key, value)| (key.clone(), plain(value))).collect(),
            other => other.clone(),
        }
    }
    let mut rows: Vec<String> = match serde_json::from_str::<Json>(output) {
        Ok(Json::Array(rows)) => rows.iter().map(|row| plain(row).to_string()).collect(),
        _ => redacted(output.trim_end_matches('\n'))
            .lines()
            .map(str::to_owned)
            .collect(),
    };
    if line.starts_with("events") {
        rows.sort();
    }
    rows
}

/// Those of the account's public Taupage images that no instance was made from.
const UNUSED_PUBLIC_IMAGES: [&str; 2] = [
    "Taupage-Public-AMI-20261006-101500",
    "Taupage-Public-AMI-20270101-000000",
];

#[tokio::test]
async fn tables_are_the_same() {
    let account = account_with_figures().await;
    version(&account, "v1", 50).await;
    version(&account, "v2", 150).await;
    let commands = [
        "list",
        "list --all web v1",
        "list web -f version -f status",
        "resources web",
        "events web v2",
        "instances",
        "instances web v1",
        "instances --all",
        "status web",
        "domains",
        "images",
        "images --show-instances",
        "traffic web",
        "traffic web v2",
        "health",
        "health --all old",
    ];
    let formats = ["json", "tsv", "text"];
    let mut lines: Vec<String> = commands
        .iter()
        .flat_map(|command| formats.map(|format| format!("{command} -o {format}")))
        .collect();
    // Ours has more rows there, which make columns wider.
    lines.retain(|line| !(line.starts_with("images") && line.ends_with("text")));
    lines.extend(["dump web v1", "dump web v1 -o yaml"].map(str::to_owned));
    let mut differences = Vec::new();
    for (line, original) in lines.iter().zip(original(&account, &lines)) {
        if original["exit_code"] != 0 {
            differences.push(format!("{line}: the original fails: {}", original["stderr"]));
            continue;
        }
        let theirs = original["stdout"].as_str().unwrap();
        let ours = senza(&account.session(), line).await;
        assert_eq!(ours.exit_code, 0, "{line}: {}", ours.stderr);
        let mut shown = comparable(line, &ours.stdout);
        if line.starts_with("images") {
            // The original offers the organisation's own images only; ours public ones as well, where there are none.
            shown.retain(|row| !UNUSED_PUBLIC_IMAGES.iter().any(|image| row.contains(image)));
        }
        if comparable(line, theirs) != shown {
            differences.push(format!("{line}\n--- original\n{theirs}--- ours\n{}", ours.stdout));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
