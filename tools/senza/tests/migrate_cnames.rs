//! `senza migrate-cnames`: the records that stacks of old made become aliases, and traffic goes on.

mod application;

use application::{Application, DOMAIN, ZONE, record, version_record};
use serde_json::{Value as Json, json};
use stups_aws::elasticloadbalancing::types::Listener;
use stups_aws::route53::types::{Change, ChangeAction, ChangeBatch};

/// Where classic load balancers and, in the test API, those of the second generation are kept in us-east-1.
const CLASSIC_ZONE: &str = "Z35SXDOTRQ7X7K";
const BALANCER_ZONE: &str = "Z2P70J7EXAMPLE";

/// The DNS name of a new classic load balancer.
async fn classic(application: &Application, name: &str) -> String {
    let listener = Listener::builder()
        .protocol("TCP")
        .load_balancer_port(80)
        .instance_port(80);
    let request = application
        .session
        .elb()
        .create_load_balancer()
        .load_balancer_name(name);
    let request = request
        .availability_zones("us-east-1a")
        .listeners(listener.build().unwrap());
    request.send().await.unwrap().dns_name.unwrap()
}

/// The DNS name of a new application load balancer.
async fn second_generation(application: &Application, name: &str) -> String {
    let subnets = application.session.ec2().describe_subnets().send().await.unwrap();
    let ids = subnets.subnets().iter().filter_map(|subnet| subnet.subnet_id.clone());
    let request = application.session.elbv2().create_load_balancer().name(name);
    let made = request.set_subnets(Some(ids.collect())).send().await.unwrap();
    made.load_balancers()[0].dns_name().unwrap().to_owned()
}

/// A version as of old, whose record is a CNAME for `target`.
async fn version(application: &Application, identifier: &str, weight: i64, target: &str) {
    let mut main = record(DOMAIN, identifier, weight);
    main["Properties"]["ResourceRecords"] = json!([target]);
    let template = json!({"Resources": {"MainDomain": main, "VersionDomain": version_record(identifier)}});
    application.create(identifier, &template).await;
    write_again(application, DOMAIN).await;
}

/// Writes a name's records as they are: moto deletes none that only a stack has written.
async fn write_again(application: &Application, name: &str) {
    let changes = application.records(name).await.into_iter().map(|record| {
        let change = Change::builder().action(ChangeAction::Upsert);
        change.resource_record_set(record).build().unwrap()
    });
    let batch = ChangeBatch::builder()
        .set_changes(Some(changes.collect()))
        .build()
        .unwrap();
    let request = application.session.route53().change_resource_record_sets();
    let request = request.hosted_zone_id(application.zone_id().await).change_batch(batch);
    request.send().await.unwrap();
}

/// Type, target, its zone and weight of the records of the main domain.
async fn found(application: &Application) -> Vec<(String, String, Option<String>, Option<i64>)> {
    let records = application.records(DOMAIN).await.into_iter();
    records
        .map(|record| {
            let alias = record.alias_target();
            let value = alias.map_or_else(|| record.resource_records()[0].value(), |alias| alias.dns_name());
            (
                record.r#type().as_str().to_owned(),
                value.trim_end_matches('.').to_owned(),
                alias.map(|alias| alias.hosted_zone_id().to_owned()),
                record.weight(),
            )
        })
        .collect()
}

#[tokio::test]
async fn records_become_aliases_with_their_weights_and_dangling_ones_go() {
    let application = Application::new().await;
    let old = classic(&application, "hello-v1").await;
    let new = second_generation(&application, "hello-v2").await;
    version(&application, "hello-v1", 120, &old).await;
    version(&application, "hello-v2", 80, &new).await;
    version(&application, "hello-v3", 0, "gone-1.us-east-1.elb.amazonaws.com").await;
    let before = found(&application).await;

    let words = ["migrate-cnames", "Hello.stups.example.org.", "-o", "json", "--dry-run"];
    let shown = application.senza(&words).await.succeeded();
    let rows: Json = serde_json::from_str(&shown.stdout).unwrap();
    let row = |identifier: &str, weight: i64, value: &str, action: &str, zone: Option<&str>| json!({"domain": DOMAIN, "set_identifier": identifier, "weight": weight, "value": value, "action": action, "target_zone": zone});
    assert_eq!(
        rows,
        json!([
            row("hello-v1", 120, &old, "alias", Some(CLASSIC_ZONE)),
            row("hello-v2", 80, &new, "alias", Some(BALANCER_ZONE)),
            row("hello-v3", 0, "gone-1.us-east-1.elb.amazonaws.com", "delete", None),
        ])
    );
    let declined = application.senza_tty("n\n", &["migrate-cnames", DOMAIN]).await;
    assert_eq!(declined.failure().0, 1);
    let unasked = application.senza(&["migrate-cnames", DOMAIN]).await;
    assert_eq!(unasked.failure().0, 1, "without a terminal it is not done unasked");
    assert_eq!(found(&application).await, before);

    let calls = application.account.requests().len();
    let converted = application
        .senza_tty("y\n", &["migrate-cnames", DOMAIN])
        .await
        .succeeded();
    assert!(
        converted.stdout.contains("Convert 3 records? [y/N]: "),
        "{}",
        converted.stdout
    );
    let changes = application.account.requests().split_off(calls);
    let changes = changes.iter().filter(|call| call.starts_with("route53:POST")).count();
    assert_eq!(changes, 1, "all at once: no moment without an answer");
    let alias =
        |target: &str, zone: &str, weight| ("A".to_owned(), target.to_owned(), Some(zone.to_owned()), Some(weight));
    let expected = [alias(&old, CLASSIC_ZONE, 120), alias(&new, BALANCER_ZONE, 80)];
    assert_eq!(found(&application).await, expected);
    let again = application.senza(&["migrate-cnames", DOMAIN]).await.succeeded();
    assert!(
        again.stderr.contains("No CNAME records to convert."),
        "{}",
        again.stderr
    );
}

#[tokio::test]
async fn traffic_moves_from_converted_records_to_a_stack_of_today() {
    let application = Application::new().await;
    let old = classic(&application, "hello-v1").await;
    let new = classic(&application, "hello-v2").await;
    version(&application, "hello-v1", 200, &old).await;
    let alias = json!({"Resources": {"MainDomain": {"Type": "AWS::Route53::RecordSet", "Properties": {
        "Name": format!("{DOMAIN}."), "HostedZoneName": format!("{ZONE}."), "Type": "A",
        "SetIdentifier": "hello-v2", "Weight": 0, "AliasTarget": {"HostedZoneId": CLASSIC_ZONE, "DNSName": new}}}}});
    application.create("hello-v2", &alias).await;
    let refused = application.senza(&["traffic", "hello", "v2", "50"]).await;
    let advice = "Convert the CNAMEs with `senza migrate-cnames hello.stups.example.org`, and try again.";
    assert!(refused.failure().1.ends_with(advice), "{:?}", refused.failure());

    application
        .senza(&["migrate-cnames", DOMAIN, "--yes"])
        .await
        .succeeded();
    let moved = application.senza(&["traffic", "hello", "v2", "50"]).await.succeeded();
    let warning = "Stack hello-v1 is not updated, its record is changed in Route 53 only: its template has a CNAME";
    assert!(moved.stderr.contains(warning), "{}", moved.stderr);
    assert_eq!(application.hello_weights().await, [100, 100]);
    application.senza(&["traffic", "hello", "v2", "100"]).await.succeeded();
    assert_eq!(application.hello_weights().await, [0, 200]);
    assert_eq!(
        application.template_weight("hello-v1").await,
        json!(200),
        "the old stack was left alone"
    );
}

#[tokio::test]
async fn what_is_no_load_balancer_is_refused_unless_it_is_in_the_same_zone() {
    let application = Application::new().await;
    version(&application, "hello-v1", 200, "hello.example.com").await;
    let refused = application.senza(&["migrate-cnames", DOMAIN, "--yes"]).await;
    let (exit_code, message) = refused.failure();
    assert_eq!(exit_code, 1);
    assert!(
        message
            .starts_with("hello.stups.example.org can't become an alias: hello.example.com is neither a load balancer"),
        "{message}"
    );
    assert_eq!(found(&application).await[0].0, "CNAME");
    let elsewhere = application.senza(&["migrate-cnames", "hello.example.com"]).await;
    assert!(
        elsewhere
            .failure()
            .1
            .starts_with("No hosted zone of this account has the name hello.example.com."),
        "{:?}",
        elsewhere.failure()
    );

    let address = json!({"Resources": {"Address": {"Type": "AWS::Route53::RecordSet", "Properties": {
        "Name": format!("address.{ZONE}."), "HostedZoneName": format!("{ZONE}."), "Type": "A", "TTL": "20",
        "ResourceRecords": ["192.0.2.1"]}}}});
    application.create("address-v1", &address).await;
    let name = format!("plain.{ZONE}");
    let mut plain = version_record("plain");
    plain["Properties"]["ResourceRecords"] = json!([format!("address.{ZONE}")]);
    application
        .create("plain-v1", &json!({"Resources": {"Domain": plain}}))
        .await;
    write_again(&application, &name).await;
    application.senza(&["migrate-cnames", &name, "--yes"]).await.succeeded();
    let records = application.records(&name).await;
    let zone_id = application.zone_id().await;
    let alias = records[0].alias_target().unwrap();
    assert_eq!(Some(alias.hosted_zone_id()), zone_id.strip_prefix("/hostedzone/"));
    assert!(!alias.evaluate_target_health());
    assert_eq!(records[0].weight(), None);
}
