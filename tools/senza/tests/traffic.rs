//! `senza traffic` against an AWS API.

mod application;
mod deployment;

use application::{Application, DOMAIN, ZONE, record, template, version_record};
use serde_json::{Value as Json, json};

#[tokio::test]
async fn the_distribution_is_shown() {
    let application = Application::with_weights(&[120, 60, 20]).await;
    let text = application.senza(&["traffic", "hello"]).await.succeeded();
    insta::assert_snapshot!("shares", text.stdout);
    let text = application.senza(&["traffic", "hello", "v2"]).await.succeeded();
    insta::assert_snapshot!("shares_of_a_version", text.stdout);
    let text = application
        .senza(&["traffic", "hello", "v2", "-o", "tsv"])
        .await
        .succeeded();
    insta::assert_snapshot!("shares_tsv", text.stdout);
    let text = application.senza(&["traffic", "-o", "json", "hello"]).await.succeeded();
    insta::assert_snapshot!("shares_json", text.stdout);
    assert_eq!(text.stderr, "");
}

#[tokio::test]
async fn traffic_is_moved() {
    let application = Application::with_weights(&[0, 0]).await;
    let first = application.senza(&["traffic", "hello", "v1", "100"]).await.succeeded();
    insta::assert_snapshot!("first_change", format!("{}---\n{}", first.stdout, first.stderr));
    assert_eq!(application.hello_weights().await, [200, 0]);
    let half = application.senza(&["traffic", "hello", "v2", "50"]).await.succeeded();
    insta::assert_snapshot!("second_change", format!("{}---\n{}", half.stdout, half.stderr));
    assert_eq!(application.hello_weights().await, [100, 100]);
    // Through CloudFormation, so that the stacks know.
    assert_eq!(application.template_weight("hello-v1").await, json!(100));
    assert_eq!(application.template_weight("hello-v2").await, json!(100));

    let json = application
        .senza(&["traffic", "-o", "json", "hello", "v2", "99.9"])
        .await
        .succeeded();
    let rows: Json = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(
        rows,
        json!([
            {"stack_name": "hello", "version": "v1", "identifier": "hello-v1", "old_weight%": 50.0, "delta": -49.5,
             "compensation": null, "new_weight%": 0.5, "current": null},
            {"stack_name": "hello", "version": "v2", "identifier": "hello-v2", "old_weight%": 50.0, "delta": 49.5,
             "compensation": null, "new_weight%": 99.5, "current": "<"},
        ])
    );
    assert_eq!(application.hello_weights().await, [1, 199]);
}

#[tokio::test]
async fn nothing_is_asked_for_that_is_not_needed() {
    let application = Application::with_weights(&[200, 0, 0]).await;
    let zone = application.zone_id().await;
    let asked = async |words: &[&str]| {
        let before = application.account.requests().len();
        application.senza(words).await.succeeded();
        let mut requests: Vec<String> = application.account.requests()[before..]
            .iter()
            .map(|request| request.replace(zone.trim_start_matches("/hostedzone/"), "Z1"))
            .collect();
        requests.sort();
        requests
    };
    insta::assert_debug_snapshot!("calls_to_show", asked(&["traffic", "hello"]).await);
    let change = asked(&["traffic", "hello", "v2", "50"]).await;
    insta::assert_debug_snapshot!("calls_to_change", change);
}

#[tokio::test]
async fn on_a_terminal_it_reads_as_the_guide_shows_it() {
    let application = Application::with_weights(&[0]).await;
    let outcome = application
        .senza_tty("", &["traffic", "hello", "v1", "100"])
        .await
        .succeeded();
    let mut plain = String::new();
    let mut in_escape = false;
    for character in outcome.stdout.chars() {
        match character {
            '\u{1b}' => in_escape = true,
            'm' if in_escape => in_escape = false,
            _ if in_escape => {}
            _ => plain.push(character),
        }
    }
    insta::assert_snapshot!("terminal", plain);
    assert_eq!(outcome.stderr, "");
}

#[tokio::test]
async fn the_pinned_sequence_holds_in_an_account() {
    let application = Application::with_weights(&[120, 60, 20, 0]).await;
    for (version, percentage, expected) in [
        ("v4", "100", [0, 0, 0, 200]),
        ("v3", "10", [0, 0, 20, 180]),
        ("v2", "0.5", [0, 1, 20, 179]),
        ("v1", "1", [2, 1, 19, 178]),
        ("v4", "95", [1, 1, 13, 185]),
        ("v4", "100", [0, 0, 0, 200]),
        ("v4", "10", [0, 0, 0, 200]),
        ("v4", "0", [0, 0, 0, 0]),
    ] {
        let outcome = application
            .senza(&["traffic", "hello", version, percentage])
            .await
            .succeeded();
        assert_eq!(application.hello_weights().await, expected, "{version} {percentage}");
        let warns = |text: &str| outcome.stderr.contains(text);
        assert_eq!(warns("Changing given percentage from 95.0 to 92.5"), percentage == "95");
        assert_eq!(
            warns("from 10.0 to 100.0 because no other version gets traffic"),
            (version, percentage) == ("v4", "10")
        );
        assert_eq!(warns(" not changed"), (version, percentage) == ("v4", "10"));
        assert_eq!(warns("every version equally often"), percentage == "0");
    }
}

#[tokio::test]
async fn a_definition_file_names_the_application() {
    let application = Application::with_weights(&[200, 0]).await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("hello.yaml");
    std::fs::write(&file, "SenzaInfo:\n  StackName: hello\n").unwrap();
    let file = file.to_str().unwrap();
    application.senza(&["traffic", file, "v2", "25"]).await.succeeded();
    assert_eq!(application.hello_weights().await, [150, 50]);
    let missing = application.senza(&["traffic", "no-such-file.yaml"]).await;
    assert_eq!(missing.failure().0, 1);
}

#[tokio::test]
async fn templates_in_yaml_with_parameters_and_references_work() {
    let application = Application::new().await;
    let yaml = "Parameters:\n  Zone: {Type: String}\n  Secret: {Type: String, NoEcho: true}\nResources:\n  MainDomain:\n    \
                Type: AWS::Route53::RecordSet\n    Properties:\n      Name: !Sub 'hello.${Zone}.'\n      HostedZoneName: !Sub '${Zone}.'\n      \
                Type: CNAME\n      TTL: 20\n      ResourceRecords: [!Ref Secret]\n      SetIdentifier: !Ref AWS::StackName\n      Weight: 200\n";
    application
        .create_with(
            "hello-v1",
            yaml,
            &[("Zone", ZONE), ("Secret", "secret.example.com")],
            &[],
        )
        .await;
    application.create("hello-v2", &template("hello-v2", 0)).await;
    application.senza(&["traffic", "hello", "v2", "30"]).await.succeeded();
    assert_eq!(application.hello_weights().await, [140, 60]);
    assert_eq!(application.template_weight("hello-v1").await, json!(140));
    let records = application.records(DOMAIN).await;
    let own = records
        .iter()
        .find(|record| record.set_identifier() == Some("hello-v1"))
        .unwrap();
    assert_eq!(own.resource_records()[0].value(), "secret.example.com");
}

#[tokio::test]
async fn records_without_a_stack_follow_and_go() {
    let application = Application::with_weights(&[100]).await;
    application.upsert(DOMAIN, "hello-gone", 100).await;
    let shown = application.senza(&["traffic", "hello", "-o", "tsv"]).await.succeeded();
    assert!(shown.stdout.contains("hello\t\thello-gone\t50.0\n"), "{}", shown.stdout);
    application.senza(&["traffic", "hello", "v1", "75"]).await.succeeded();
    let weights = application.weights(DOMAIN).await;
    assert_eq!((weights["hello-gone"], weights["hello-v1"]), (50, 150));
    application.senza(&["traffic", "hello", "v1", "100"]).await.succeeded();
    let weights = application.weights(DOMAIN).await;
    assert_eq!(weights.into_iter().collect::<Vec<_>>(), [("hello-v1".to_owned(), 200)]);
}

#[tokio::test]
async fn weights_set_by_hand_are_corrected_in_route_53() {
    let application = Application::with_weights(&[0, 200]).await;
    // The templates say 0 and 200, the records 200 and 0.
    application.upsert(DOMAIN, "hello-v1", 200).await;
    application.upsert(DOMAIN, "hello-v2", 0).await;
    application.senza(&["traffic", "hello", "v2", "100"]).await.succeeded();
    assert_eq!(application.hello_weights().await, [0, 200]);
}

#[tokio::test]
async fn weights_of_other_tools_are_scaled() {
    let application = Application::with_weights(&[255, 255, 0]).await;
    application.senza(&["traffic", "hello", "v3", "10"]).await.succeeded();
    assert_eq!(application.hello_weights().await, [90, 90, 20]);
}

#[tokio::test]
async fn each_of_several_names_has_its_own_weights() {
    let application = Application::new().await;
    let other = "second.stups.example.org";
    for (identifier, weight, other_weight) in [("hello-v1", 200, 100), ("hello-v2", 0, 100)] {
        let two = json!({"Resources": {
            "MainDomain": record(DOMAIN, identifier, weight),
            "SecondDomain": record(other, identifier, other_weight),
            "VersionDomain": version_record(identifier)}});
        application.create(identifier, &two).await;
    }
    let shown = application
        .senza(&["traffic", "hello", "v1", "-o", "tsv"])
        .await
        .succeeded();
    insta::assert_snapshot!("several_names", shown.stdout);
    application.senza(&["traffic", "hello", "v2", "25"]).await.succeeded();
    assert_eq!(application.hello_weights().await, [150, 50]);
    assert_eq!(
        application.weights(other).await.into_values().collect::<Vec<_>>(),
        [150, 50]
    );
    let shown = application
        .senza(&["traffic", "hello", "v1", "-o", "tsv"])
        .await
        .succeeded();
    assert!(
        shown.stdout.starts_with("stack_name\tversion\t"),
        "they agree now: {}",
        shown.stdout
    );
}

#[tokio::test]
async fn operators_hear_of_it_before_it_happens() {
    let application = Application::new().await;
    let sns = application.session.sns();
    let topic = sns.create_topic().name("ops").send().await.unwrap().topic_arn.unwrap();
    let body = template("hello-v1", 0).to_string();
    application
        .create_with("hello-v1", &body, &[], std::slice::from_ref(&topic))
        .await;
    let before = application.account.requests().len();
    let outcome = application.senza(&["traffic", "hello", "v1", "100"]).await.succeeded();
    let requests = application.account.requests();
    let position = |call: &str| requests.iter().skip(before).position(|request| request == call);
    let (published, updated) = (position("sns:Publish"), position("cloudformation:UpdateStack"));
    assert!(published.is_some() && published < updated, "{requests:?}");
    assert!(!outcome.stderr.contains("could not be published"));

    // A topic that is gone does not stop anything.
    application.create("hello-v2", &template("hello-v2", 0)).await;
    application.upsert(DOMAIN, "hello-v1", 0).await;
    sns.delete_topic().topic_arn(&topic).send().await.unwrap();
    let outcome = application.senza(&["traffic", "hello", "v2", "100"]).await.succeeded();
    assert!(
        outcome.stderr.contains("could not be published to arn:aws:sns:"),
        "{}",
        outcome.stderr
    );
    assert_eq!(application.hello_weights().await, [0, 200]);
}

#[tokio::test]
async fn a_failure_in_the_middle_is_taken_back() {
    let application = Application::with_weights(&[0, 0]).await;
    // The stack of v3 cannot be updated any more: its record was made in a zone that is gone since.
    let route53 = application.session.route53();
    let other = route53
        .create_hosted_zone()
        .name("other.example.org")
        .caller_reference("other")
        .send()
        .await
        .unwrap();
    let other = other.hosted_zone.unwrap().id;
    let mut broken = template("hello-v3", 0);
    let properties = broken["Resources"]["MainDomain"]["Properties"].as_object_mut().unwrap();
    properties.remove("HostedZoneName");
    properties.insert(
        "HostedZoneId".to_owned(),
        json!(other.trim_start_matches("/hostedzone/")),
    );
    application.create("hello-v3", &broken).await;
    application.delete(&other, "hello.other.example.org", "hello-v3").await;
    route53.delete_hosted_zone().id(&other).send().await.unwrap();
    application.upsert(DOMAIN, "hello-v1", 50).await;
    application.upsert(DOMAIN, "hello-v3", 150).await;

    let outcome = application.senza(&["traffic", "hello", "v2", "50"]).await;
    let (exit_code, message) = outcome.failure();
    assert_eq!(exit_code, 1);
    assert!(message.starts_with("Traffic was not changed: hello-v3: "), "{message}");
    assert!(message.ends_with("All weights are as they were before."), "{message}");
    assert_eq!(application.hello_weights().await, [50, 0, 150]);
    assert_eq!(application.template_weight("hello-v2").await, json!(0));
}

#[tokio::test]
async fn two_people_at_once_end_with_one_of_their_plans() {
    let application = Application::with_weights(&[200, 0, 0]).await;
    let (first, second) = tokio::join!(
        application.senza(&["traffic", "hello", "v2", "50"]),
        application.senza(&["traffic", "hello", "v3", "30"]),
    );
    let weights = application.hello_weights().await;
    assert_eq!(weights.iter().sum::<i64>(), 200, "{weights:?}");
    let one_plan = [[100, 100, 0], [140, 0, 60]].iter().any(|plan| weights == plan);
    // One after the other is right as well, when the second started late enough to see what the first had done.
    let both = [[70, 70, 60], [50, 100, 50]].iter().any(|plan| weights == plan);
    assert!(one_plan || both, "{weights:?}");
    assert!(
        first.result.is_ok() || second.result.is_ok(),
        "{} {}",
        first.stderr,
        second.stderr
    );
}

#[tokio::test]
async fn a_cname_beside_an_address_is_refused() {
    let application = Application::with_weights(&[200]).await;
    let mut alias = template("hello-v2", 0);
    alias["Resources"]["MainDomain"]["Properties"]["Type"] = json!("A");
    alias["Resources"]["MainDomain"]["Properties"]["ResourceRecords"] = json!(["192.0.2.1"]);
    application.create("hello-v2", &alias).await;
    let outcome = application.senza(&["traffic", "hello", "v2", "50"]).await;
    let (exit_code, message) = outcome.failure();
    assert_eq!(exit_code, 1);
    assert!(
        message.contains("DNS does not allow both. Nothing was changed."),
        "{message}"
    );
    assert_eq!(application.template_weight("hello-v2").await, json!(0));
}

#[tokio::test]
async fn aliases_keep_their_target() {
    let application = Application::new().await;
    for (identifier, weight) in [("hello-v1", 200), ("hello-v2", 0)] {
        let alias = json!({"Resources": {"MainDomain": {"Type": "AWS::Route53::RecordSet", "Properties": {
            "Name": format!("{DOMAIN}."), "HostedZoneName": format!("{ZONE}."), "Type": "A",
            "SetIdentifier": identifier, "Weight": weight,
            "AliasTarget": {"HostedZoneId": "Z35SXDOTRQ7X7K", "DNSName": format!("{identifier}.elb.amazonaws.com")}}}}});
        application.create(identifier, &alias).await;
    }
    application.senza(&["traffic", "hello", "v2", "40"]).await.succeeded();
    assert_eq!(application.hello_weights().await, [120, 80]);
    for record in application.records(DOMAIN).await {
        let target = record.alias_target().unwrap();
        assert_eq!(target.hosted_zone_id(), "Z35SXDOTRQ7X7K");
        assert_eq!(
            target.dns_name(),
            format!("{}.elb.amazonaws.com", record.set_identifier().unwrap())
        );
    }
}

#[tokio::test]
async fn wrong_input_is_said_in_one_line() {
    let application = Application::with_weights(&[200]).await;
    application
        .create(
            "plain-v1",
            &json!({"Resources": {"VersionDomain": version_record("plain-v1")}}),
        )
        .await;
    application.create("hello2-v1", &template("hello2-v1", 0)).await;
    for (words, exit_code, expected) in [
        (&["traffic", "hello", "v9"][..], 2, "Stack version v9 not found"),
        (&["traffic", "hello", "v9", "50"], 2, "Stack version v9 not found"),
        (&["traffic", "nobody"], 2, "No stack version of \"nobody\" found"),
        (&["traffic", "plain"], 2, "Stack plain version v1 has no domain"),
        (
            &["traffic", "plain", "v1", "50"],
            2,
            "Stack plain version v1 has no domain",
        ),
        (&["traffic", "hello.*"], 2, "several match: hello, hello2"),
        (&["traffic", "hello", "v1", "NaN"], 2, "not a number"),
        (&["traffic", "hello", "v1", "half"], 2, "not a number"),
        (&["traffic", "nobody", "v1", "50", "-t", "5"], 1, "Stack not found!"),
        (&["traffic"], 2, ""),
    ] {
        let outcome = application.senza(words).await;
        let (code, message) = outcome.failure();
        assert_eq!(code, exit_code, "{words:?}: {message}");
        assert!(message.contains(expected), "{words:?}: {message}");
    }
    assert_eq!(application.weights(DOMAIN).await["hello-v1"], 200);
}

#[tokio::test]
async fn settled_stacks_are_not_waited_for() {
    let application = Application::with_weights(&[200, 0]).await;
    let outcome = application
        .senza(&["traffic", "hello", "v2", "100", "-t", "99999", "-i", "0"])
        .await
        .succeeded();
    assert!(!outcome.stderr.contains("Waiting for stack"));
    assert_eq!(application.hello_weights().await, [0, 200]);
}
