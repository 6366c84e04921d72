//! An account with an application in it: stacks whose weighted records share one name.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

use std::collections::BTreeMap;
use std::ffi::OsString;

use serde_json::{Value as Json, json};
use stups_aws::Session;
use stups_aws::cloudformation::types::{Parameter, Tag};
use stups_aws::route53::types::{Change, ChangeAction, ChangeBatch, ResourceRecord, ResourceRecordSet, RrType};
use stups_terminal::{Captured, Failure, Terminal};
use stups_testkit::{Account, AwsApi};

pub const ZONE: &str = "stups.example.org";
pub const DOMAIN: &str = "hello.stups.example.org";

/// What a command has written and how it ended.
pub struct Outcome {
    pub result: Result<(), Failure>,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert_eq!(self.result, Ok(()), "{}\n{}", self.stdout, self.stderr);
        self
    }

    /// Exit code and message of a command that failed.
    #[track_caller]
    pub fn failure(&self) -> (u8, &str) {
        let failure = self.result.as_ref().expect_err("the command succeeded");
        (failure.exit_code, &failure.message)
    }
}

/// An account of its own and the commands in it.
pub struct Application {
    pub account: Account,
    pub session: Session,
}

impl Application {
    pub async fn new() -> Self {
        let account = Account::builder(AwsApi::shared().await).hosted_zone(ZONE).build().await;
        let session = account.session();
        Self { account, session }
    }

    /// The application `hello` with a stack per weight: `hello-v1`, `hello-v2`, ...
    pub async fn with_weights(weights: &[i64]) -> Self {
        let application = Self::new().await;
        for (index, weight) in weights.iter().enumerate() {
            let name = format!("hello-v{}", index + 1);
            application.create(&name, &template(&name, *weight)).await;
        }
        application
    }

    pub async fn create(&self, name: &str, template: &Json) {
        self.create_with(name, &template.to_string(), &[], &[]).await;
    }

    pub async fn create_with(&self, name: &str, template: &str, parameters: &[(&str, &str)], topics: &[String]) {
        let (application, version) = name.rsplit_once('-').unwrap();
        let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
        let parameter =
            |(key, value): &(&str, &str)| Parameter::builder().parameter_key(*key).parameter_value(*value).build();
        self.session
            .cloudformation()
            .create_stack()
            .stack_name(name)
            .template_body(template)
            .tags(tag("StackName", application))
            .tags(tag("StackVersion", version))
            .set_parameters(Some(parameters.iter().map(parameter).collect()))
            .set_notification_arns(Some(topics.to_vec()))
            .send()
            .await
            .unwrap();
    }

    /// Runs `senza` with these words; its output is that of a pipe.
    pub async fn senza(&self, words: &[&str]) -> Outcome {
        let (terminal, captured) = Terminal::captured("");
        self.run(&terminal, &captured, words).await
    }

    /// As [`Self::senza`], on a terminal whose user types `stdin`.
    pub async fn senza_tty(&self, stdin: &str, words: &[&str]) -> Outcome {
        let (terminal, captured) = Terminal::captured_tty(stdin);
        self.run(&terminal, &captured, words).await
    }

    async fn run(&self, terminal: &Terminal, captured: &Captured, words: &[&str]) -> Outcome {
        let arguments = std::iter::once("senza").chain(words.iter().copied());
        let result = senza::run_in(terminal, &self.session, arguments.map(OsString::from).collect()).await;
        Outcome {
            result,
            stdout: captured.stdout(),
            stderr: captured.stderr(),
        }
    }

    pub async fn zone_id(&self) -> String {
        let zones = self.session.route53().list_hosted_zones().send().await.unwrap();
        zones.hosted_zones()[0].id().to_owned()
    }

    pub async fn records(&self, domain: &str) -> Vec<ResourceRecordSet> {
        let answer = self
            .session
            .route53()
            .list_resource_record_sets()
            .hosted_zone_id(self.zone_id().await);
        let records = answer.send().await.unwrap().resource_record_sets;
        let name = format!("{domain}.");
        records
            .into_iter()
            .filter(|record| record.name().trim_end_matches('.') == name.trim_end_matches('.'))
            .collect()
    }

    /// What Route 53 has: weight by set identifier.
    pub async fn weights(&self, domain: &str) -> BTreeMap<String, i64> {
        let records = self.records(domain).await;
        let count = records.len();
        let weights: BTreeMap<String, i64> = records
            .into_iter()
            .map(|record| {
                (
                    record.set_identifier().unwrap_or_default().to_owned(),
                    record.weight().unwrap(),
                )
            })
            .collect();
        assert_eq!(weights.len(), count, "a version has two records");
        weights
    }

    /// The weights of `hello-v1`, `hello-v2`, ... in Route 53.
    pub async fn hello_weights(&self) -> Vec<i64> {
        self.weights(DOMAIN).await.into_values().collect()
    }

    /// The weight in the stack's template.
    pub async fn template_weight(&self, stack: &str) -> Json {
        let answer = self
            .session
            .cloudformation()
            .get_template()
            .stack_name(stack)
            .send()
            .await
            .unwrap();
        let template: Json = serde_json::from_str(answer.template_body().unwrap()).unwrap();
        template["Resources"]["MainDomain"]["Properties"]["Weight"].clone()
    }

    /// Creates or replaces a weighted record by hand.
    pub async fn upsert(&self, domain: &str, identifier: &str, weight: i64) {
        let zone = self.zone_id().await;
        self.change(&zone, ChangeAction::Upsert, domain, identifier, weight)
            .await;
    }

    /// Deletes a weighted record by hand, whatever it was.
    pub async fn delete(&self, zone: &str, domain: &str, identifier: &str) {
        for action in [ChangeAction::Upsert, ChangeAction::Delete] {
            self.change(zone, action, domain, identifier, 0).await;
        }
    }

    async fn change(&self, zone: &str, action: ChangeAction, domain: &str, identifier: &str, weight: i64) {
        let value = format!("{identifier}.elb.example.com");
        let record = ResourceRecordSet::builder()
            .name(format!("{domain}."))
            .r#type(RrType::Cname)
            .ttl(20)
            .set_identifier(identifier)
            .weight(weight)
            .resource_records(ResourceRecord::builder().value(value).build().unwrap())
            .build()
            .unwrap();
        let change = Change::builder()
            .action(action)
            .resource_record_set(record)
            .build()
            .unwrap();
        self.session
            .route53()
            .change_resource_record_sets()
            .hosted_zone_id(zone)
            .change_batch(ChangeBatch::builder().changes(change).build().unwrap())
            .send()
            .await
            .unwrap();
    }
}

/// A weighted record.
pub fn record(domain: &str, identifier: &str, weight: i64) -> Json {
    json!({"Type": "AWS::Route53::RecordSet", "Properties": {
        "Name": format!("{domain}."), "HostedZoneName": format!("{ZONE}."), "Type": "CNAME", "TTL": "20",
        "ResourceRecords": [format!("{identifier}.elb.example.com")], "SetIdentifier": identifier, "Weight": weight}})
}

/// A version's own record.
pub fn version_record(identifier: &str) -> Json {
    json!({"Type": "AWS::Route53::RecordSet", "Properties": {
        "Name": format!("{identifier}.{ZONE}."), "HostedZoneName": format!("{ZONE}."), "Type": "CNAME", "TTL": "20",
        "ResourceRecords": [format!("{identifier}.elb.example.com")]}})
}

/// What Senza makes of a web application, as far as names go.
pub fn template(identifier: &str, weight: i64) -> Json {
    json!({"Resources": {"MainDomain": record(DOMAIN, identifier, weight), "VersionDomain": version_record(identifier)}})
}
