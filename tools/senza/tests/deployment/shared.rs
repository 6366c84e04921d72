//! Versions that share one load balancer: weighted target groups.

use serde_json::{Value as Json, json};
use stups_aws::elasticloadbalancingv2::types::{Action, ActionTypeEnum, FixedResponseActionConfig, ProtocolEnum, Rule};

use super::Definition;
use super::faults::{Between, When};
use crate::application::Application;

const DOMAIN: &str = "hello.stups.example.org";

/// An account with a load balancer that has a listener, and the definition of an application on it.
struct Shared {
    application: Application,
    listener: String,
    definition: Definition,
}

impl Shared {
    async fn new() -> Self {
        let application = Application::new().await;
        let session = &application.session;
        let subnets = session.ec2().describe_subnets().send().await.unwrap();
        let subnets = subnets
            .subnets()
            .iter()
            .filter_map(|subnet| subnet.subnet_id.clone())
            .collect();
        let balancer = session
            .elbv2()
            .create_load_balancer()
            .name("shared")
            .set_subnets(Some(subnets));
        let balancer = balancer
            .send()
            .await
            .unwrap()
            .load_balancers
            .unwrap()
            .remove(0)
            .load_balancer_arn
            .unwrap();
        let nobody = FixedResponseActionConfig::builder().status_code("404").build();
        let nobody = Action::builder()
            .r#type(ActionTypeEnum::FixedResponse)
            .fixed_response_config(nobody)
            .build();
        let listener = session.elbv2().create_listener().load_balancer_arn(balancer);
        let listener = listener
            .protocol(ProtocolEnum::Http)
            .port(80)
            .default_actions(nobody)
            .send()
            .await
            .unwrap();
        let listener = listener.listeners.unwrap().remove(0).listener_arn.unwrap();
        let definition = Definition::write(&format!(
            "SenzaInfo: {{StackName: hello}}\nSenzaComponents:\n- App:\n    Type: Senza::WeightedTargetGroup\n    \
             HTTPPort: 8080\n    Listener: {listener}\n"
        ));
        Self {
            application,
            listener,
            definition,
        }
    }

    async fn with_versions(count: usize) -> Self {
        let shared = Self::new().await;
        for number in 1..=count {
            let version = format!("v{number}");
            shared
                .application
                .senza(&["create", &shared.definition.path(), &version])
                .await
                .succeeded();
        }
        shared
    }

    async fn rules(&self) -> Vec<Rule> {
        let request = self
            .application
            .session
            .elbv2()
            .describe_rules()
            .listener_arn(&self.listener);
        request.send().await.unwrap().rules.unwrap()
    }

    /// The rule for the name that versions share.
    async fn rule(&self) -> Option<Rule> {
        let is_it = |rule: &Rule| {
            let mut conditions = rule
                .conditions()
                .iter()
                .filter_map(|condition| condition.host_header_config());
            conditions.any(|config| config.values() == [DOMAIN])
        };
        self.rules().await.into_iter().find(is_it)
    }

    /// What it forwards to, by the target groups' names.
    async fn forwards(&self) -> Vec<(String, i32)> {
        let rule = self.rule().await.expect("there is no rule");
        let config = rule.actions().iter().find_map(|action| action.forward_config());
        let mut forwards: Vec<(String, i32)> = config
            .map(stups_aws::elasticloadbalancingv2::types::ForwardActionConfig::target_groups)
            .unwrap_or_default()
            .iter()
            .map(|group| {
                let arn = group.target_group_arn().unwrap();
                (arn.split('/').nth(1).unwrap().to_owned(), group.weight().unwrap())
            })
            .collect();
        forwards.sort();
        forwards
    }
}

fn to(forwards: &[(&str, i32)]) -> Vec<(String, i32)> {
    forwards
        .iter()
        .map(|(name, weight)| ((*name).to_owned(), *weight))
        .collect()
}

#[tokio::test]
async fn the_same_command_and_the_same_arithmetic() {
    let shared = Shared::with_versions(3).await;
    let application = &shared.application;
    assert!(shared.rule().await.is_none());
    let text = application.senza(&["traffic", "hello", "-o", "tsv"]).await.succeeded();
    assert!(text.stdout.contains("hello\tv2\thello-v2\t0.0\n"), "{}", text.stdout);

    let first = application.senza(&["traffic", "hello", "v1", "100"]).await.succeeded();
    assert!(
        first
            .stderr
            .ends_with("Setting weights for hello.stups.example.org... OK\n"),
        "{}",
        first.stderr
    );
    assert_eq!(shared.forwards().await, to(&[("hello-v1", 200)]));
    application.senza(&["traffic", "hello", "v2", "10"]).await.succeeded();
    assert_eq!(shared.forwards().await, to(&[("hello-v1", 180), ("hello-v2", 20)]));
    let before = application.account.requests().len();
    application.senza(&["traffic", "hello", "v3", "0.5"]).await.succeeded();
    assert_eq!(
        shared.forwards().await,
        to(&[("hello-v1", 180), ("hello-v2", 19), ("hello-v3", 1)])
    );
    let asked = application.account.requests().split_off(before);
    let changes = |action: &str| asked.iter().filter(|request| request.ends_with(action)).count();
    assert_eq!(
        (changes("ModifyRule"), changes("UpdateStack")),
        (1, 0),
        "at once, and no stack is touched"
    );

    let rows = application.senza(&["domains", "hello", "-o", "json"]).await.succeeded();
    let rows: Json = serde_json::from_str(&rows.stdout).unwrap();
    let weights: Vec<&Json> = rows.as_array().unwrap().iter().map(|row| &row["weight"]).collect();
    assert_eq!(rows.as_array().unwrap().len(), 3);
    for weight in ["1", "19", "180"] {
        assert!(weights.contains(&&json!(weight)), "{rows}");
    }
    assert_eq!((&rows[0]["domain"], &rows[0]["type"]), (&json!(DOMAIN), &json!("RULE")));

    application.senza(&["rollback", "hello", "-y"]).await.succeeded();
    assert_eq!(shared.forwards().await, to(&[("hello-v1", 180), ("hello-v2", 20)]));
}

#[tokio::test]
async fn versions_are_independent_and_what_has_traffic_stays() {
    let shared = Shared::with_versions(3).await;
    let application = &shared.application;
    let priorities: std::collections::BTreeSet<String> = shared
        .rules()
        .await
        .iter()
        .filter_map(|rule| rule.priority.clone())
        .collect();
    assert_eq!(priorities.len(), 4, "three versions and the default: {priorities:?}");
    application.senza(&["traffic", "hello", "v1", "100"]).await.succeeded();
    application.senza(&["traffic", "hello", "v2", "50"]).await.succeeded();
    let refused = application.senza(&["delete", "hello", "v1"]).await;
    assert!(
        refused.failure().1.starts_with("Stack hello-v1 has traffic!"),
        "{:?}",
        refused.failure()
    );
    let kept = application
        .senza(&["cleanup", "hello", "--keep", "0", "--yes"])
        .await
        .succeeded();
    assert!(
        kept.stderr.contains("hello-v3.. OK") && !kept.stderr.contains("hello-v1"),
        "{}",
        kept.stderr
    );

    // Forced, it leaves the rule first; the other one gets all.
    application
        .senza(&["delete", "hello", "v1", "--force"])
        .await
        .succeeded();
    assert_eq!(shared.forwards().await, to(&[("hello-v2", 100)]));
    // Switched off is off, not an equal share.
    let off = application.senza(&["traffic", "hello", "v2", "0"]).await.succeeded();
    assert!(!off.stderr.contains("equally often"), "{}", off.stderr);
    assert_eq!(shared.forwards().await, []);
    let rule = shared.rule().await.unwrap();
    assert_eq!(
        rule.actions()[0].fixed_response_config().unwrap().status_code(),
        Some("503")
    );
    // The last one takes the rule along.
    application.senza(&["delete", "hello", "v2"]).await.succeeded();
    assert!(shared.rule().await.is_none());
}

#[tokio::test]
async fn who_has_traffic_is_protected_on_request() {
    let shared = Shared::with_versions(2).await;
    let application = &shared.application;
    for (version, share, expected) in [
        ("v1", "100", &["hello-v1"][..]),
        ("v2", "50", &["hello-v1", "hello-v2"]),
        ("v2", "100", &["hello-v2"]),
        ("v2", "0", &[]),
    ] {
        let words = ["traffic", "hello", version, share, "--protect-traffic"];
        application.senza(&words).await.succeeded();
        assert_eq!(
            application.account.protected_stacks().await,
            expected,
            "{version} {share}"
        );
    }
}

#[tokio::test]
async fn a_rule_has_room_for_five() {
    let shared = Shared::with_versions(6).await;
    let application = &shared.application;
    for version in ["v1", "v2", "v3", "v4", "v5"] {
        application
            .senza(&["traffic", "hello", version, "10"])
            .await
            .succeeded();
    }
    let refused = application.senza(&["traffic", "hello", "v6", "10"]).await;
    let (code, message) = refused.failure();
    assert_eq!(code, 1);
    assert!(message.contains("6 versions would share the traffic"), "{message}");
    assert_eq!(shared.forwards().await.len(), 5);
    application.senza(&["traffic", "hello", "v6", "100"]).await.succeeded();
    assert_eq!(shared.forwards().await, to(&[("hello-v6", 200)]));
}

#[tokio::test]
async fn an_update_keeps_the_rules_priority() {
    let shared = Shared::with_versions(1).await;
    let path = shared.definition.path();
    let printed = shared.application.senza(&["print", &path, "v1"]).await.succeeded();
    let template: Json = serde_json::from_str(&printed.stdout).unwrap();
    let wanted = &template["Resources"]["AppVersionRule"]["Properties"]["Priority"];
    let rules = shared.rules().await;
    assert_eq!(rules[0].priority().unwrap(), wanted.to_string());
}

#[tokio::test]
async fn deployments_go_on_where_they_died() {
    for number in 0.. {
        let shared = Shared::with_versions(1).await;
        let application = &shared.application;
        application.senza(&["traffic", "hello", "v1", "100"]).await.succeeded();
        let path = shared.definition.path();
        let words = ["deploy", &path, "v2", "--steps", "10,100", "--pause", "0"];
        if Between::start(application, number, When::After)
            .senza(application, &words)
            .await
        {
            assert!(number >= 5, "a stack, and twice a memory and weights: {number}");
            break;
        }
        application.senza(&words).await.succeeded();
        assert_eq!(
            shared.forwards().await,
            to(&[("hello-v2", 200)]),
            "died at change {number}"
        );
        application.senza(&["rollback", "hello", "-y"]).await.succeeded();
        assert_eq!(
            shared.forwards().await,
            to(&[("hello-v1", 200)]),
            "died at change {number}"
        );
    }
}
