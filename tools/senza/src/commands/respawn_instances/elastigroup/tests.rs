use serde_json::{Value as Json, json};
use stups_aws::{Credentials, Session};
use stups_terminal::{Captured, Terminal};

use super::*;
use crate::clean_up::CleanUp;
use crate::spotinst::tests::{Asked, api, items};

fn context() -> (Context, Captured) {
    let nobody = Credentials::new("nobody", "nobody", None, None, "test");
    let (terminal, captured) = Terminal::captured("");
    let session = Session::with_credentials(nobody, "us-east-1", None);
    (
        Context {
            terminal,
            session,
            settings: crate::settings::Settings::default(),
            clean_up: CleanUp::default(),
            command: String::new(),
        },
        captured,
    )
}

fn options() -> Options {
    Options {
        interval: Some(Duration::from_millis(1)),
        ..Options::default()
    }
}

async fn respawn(spotinst: &Spotinst, context: &Context, options: &Options) -> Result<Outcome, Error> {
    let elastigroup = Elastigroup {
        context,
        spotinst,
        id: "sig-1",
        stack: "app-1",
        options,
    };
    elastigroup.respawn().await
}

/// Method and what follows the group's path, of each request.
fn calls(asked: &Asked) -> Vec<String> {
    asked
        .try_iter()
        .map(|(line, _, _)| {
            let line = line
                .replace("/aws/ec2/group/sig-1", "")
                .replace("?accountId=act-zwk HTTP/1.1", "");
            line.replace("statefulInstance", "instances")
        })
        .collect()
}

fn stateful(states: &[(&str, &str)]) -> (u16, Json) {
    let instances = states.iter().enumerate();
    items(Json::Array(
        instances
            .map(|(index, (address, state))| {
                json!({"id": format!("ssi-{address}"), "instanceId": format!("i-{index}"),
                       "privateIp": format!("10.0.0.{address}"), "state": state})
            })
            .collect(),
    ))
}

fn roll(id: &str, status: &str, progress: i32) -> Json {
    json!({"id": id, "status": status, "progress": {"unit": "percentage", "value": progress}})
}

#[tokio::test]
async fn stateful_instances_are_recycled_by_address_one_after_the_other() {
    let (spotinst, asked) = api(vec![
        stateful(&[("2", "ACTIVE"), ("1", "ACTIVE")]),
        items(json!([])),
        stateful(&[("2", "ACTIVE"), ("1", "RECYCLING")]),
        stateful(&[("2", "ACTIVE"), ("1", "ACTIVE")]),
        items(json!([])),
        stateful(&[("2", "ACTIVE"), ("1", "ACTIVE")]),
    ]);
    let (context, captured) = context();
    let outcome = respawn(&spotinst, &context, &options()).await.unwrap();
    assert_eq!((outcome.instances, outcome.replaced), (2, 2));
    assert_eq!(
        calls(&asked),
        [
            "GET /instances",
            "PUT /instances/ssi-1/recycle",
            "GET /instances",
            "GET /instances",
            "PUT /instances/ssi-2/recycle",
            "GET /instances",
        ]
    );
    let said = captured.stderr();
    assert!(
        said.starts_with("Recycling 2 stateful instances for ElastiGroup app-1 (ID sig-1)\n"),
        "{said}"
    );
}

#[tokio::test]
async fn what_does_not_fit_the_group_is_refused_before_anything_happens() {
    let batch = Options {
        batch_size: Some(50),
        ..options()
    };
    let by_subnet = Options {
        batch_per_subnet: true,
        ..options()
    };
    for (answer, options, expected) in [
        (
            stateful(&[("1", "ACTIVE")]),
            batch,
            "Batch size is not supported when respawning stateful",
        ),
        (
            stateful(&[]),
            by_subnet,
            "Batch per subnet is not supported when respawning stateless",
        ),
        (
            stateful(&[("1", "ACTIVE"), ("2", "PAUSED")]),
            options(),
            "Stateful ElastiGroup sig-1 is not ready: some instances are not in the ACTIVE state",
        ),
    ] {
        let (spotinst, asked) = api(vec![answer]);
        let error = respawn(&spotinst, &context().0, &options)
            .await
            .unwrap_err()
            .to_string();
        assert!(error.starts_with(expected), "{error}");
        assert_eq!(calls(&asked), ["GET /instances"]);
    }
}

#[tokio::test]
async fn stateless_groups_are_rolled_and_each_deploy_is_counted_once() {
    let (spotinst, asked) = api(vec![
        stateful(&[]),
        items(json!([roll("a", "STARTING", 0), roll("b", "STARTING", 0)])),
        items(json!([roll("a", "IN_PROGRESS", 50)])),
        items(json!([roll("b", "FINISHED", 100)])),
        items(json!([roll("a", "FINISHED", 100)])),
    ]);
    let (context, captured) = context();
    respawn(&spotinst, &context, &options()).await.unwrap();
    assert_eq!(
        calls(&asked),
        [
            "GET /instances",
            "PUT /roll",
            "GET /roll/a",
            "GET /roll/b",
            "GET /roll/a"
        ]
    );
    let said = captured.stderr();
    for deploy in ["a", "b"] {
        let line = format!("Deploy {deploy} finished with status FINISHED\n");
        assert_eq!(said.matches(&line).count(), 1, "{said}");
    }
}

#[tokio::test]
async fn the_batch_is_20_percent_unless_said() {
    for (batch_size, expected) in [(None, 20), (Some(0), 20), (Some(35), 35)] {
        let (spotinst, asked) = api(vec![
            stateful(&[]),
            items(json!([roll("a", "STARTING", 0)])),
            items(json!([roll("a", "FINISHED", 100)])),
        ]);
        let options = Options {
            batch_size,
            ..options()
        };
        respawn(&spotinst, &context().0, &options).await.unwrap();
        let (_, _, body) = asked.try_iter().nth(1).unwrap();
        let body: Json = serde_json::from_str(&body).unwrap();
        assert_eq!(body["batchSizePercentage"], json!(expected));
        assert_eq!(body["gracePeriod"], json!(600));
    }
}

#[tokio::test]
async fn a_deploy_that_fails_or_stands_still_is_an_error() {
    let (spotinst, _asked) = api(vec![
        stateful(&[]),
        items(json!([roll("a", "STARTING", 0)])),
        items(json!([roll("a", "FAILED", 40)])),
    ]);
    let error = respawn(&spotinst, &context().0, &options())
        .await
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "Not all instances of ElastiGroup sig-1 were replaced: a (FAILED)"
    );

    let mut answers = vec![stateful(&[]), items(json!([roll("a", "STARTING", 0)]))];
    answers.extend((0..1000).map(|_| items(json!([roll("a", "STARTING", 0)]))));
    let (spotinst, _asked) = api(answers);
    let impatient = Options {
        timeout: Duration::from_millis(20),
        ..options()
    };
    let error = respawn(&spotinst, &context().0, &impatient)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.ends_with("deploy a is STARTING. It goes on at Spot."), "{error}");
}

#[tokio::test]
async fn stateful_instances_that_do_not_come_back_are_named() {
    let mut answers = vec![stateful(&[("1", "ACTIVE")]), items(json!([]))];
    answers.extend((0..1000).map(|_| stateful(&[("1", "RECYCLING")])));
    let (spotinst, _asked) = api(answers);
    let impatient = Options {
        timeout: Duration::from_millis(20),
        ..options()
    };
    let error = respawn(&spotinst, &context().0, &impatient)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.ends_with("are not ACTIVE: ssi-1 (RECYCLING)"), "{error}");
}

#[tokio::test]
async fn subnet_by_subnet_all_of_one_are_recycled_together() {
    use stups_testkit::{Account, AwsApi};
    let account = Account::builder(AwsApi::shared().await).build().await;
    let session = account.session();
    let ec2 = session.ec2();
    let subnets = ec2.describe_subnets().send().await.unwrap();
    let images = ec2.describe_images().send().await.unwrap();
    let image = images.images()[0].image_id().unwrap();
    let mut places = Vec::new();
    for subnet in [0, 0, 1] {
        let subnet = subnets.subnets()[subnet].subnet_id().unwrap();
        let run = ec2
            .run_instances()
            .image_id(image)
            .subnet_id(subnet)
            .min_count(1)
            .max_count(1);
        let run = run.send().await.unwrap();
        let instance = &run.instances()[0];
        let zone = instance.placement().unwrap().availability_zone().unwrap();
        places.push((format!("{zone} | {subnet}"), instance.instance_id().unwrap().to_owned()));
    }
    let stateful = || {
        let instances = places.iter().enumerate().map(|(index, (_, instance))| {
            json!({"id": format!("ssi-{index}"), "instanceId": instance, "privateIp": format!("10.0.0.{index}"),
                   "state": "ACTIVE"})
        });
        items(Json::Array(instances.collect()))
    };
    let (spotinst, asked) = api(vec![
        stateful(),
        items(json!([])),
        items(json!([])),
        stateful(),
        items(json!([])),
        stateful(),
    ]);
    let (terminal, captured) = Terminal::captured("");
    let by_subnet = Options {
        batch_per_subnet: true,
        ..options()
    };
    respawn(
        &spotinst,
        &Context {
            terminal,
            session,
            settings: crate::settings::Settings::default(),
            clean_up: CleanUp::default(),
            command: String::new(),
        },
        &by_subnet,
    )
    .await
    .unwrap();
    let pair = [
        "PUT /instances/ssi-0/recycle",
        "PUT /instances/ssi-1/recycle",
        "GET /instances",
    ];
    let single = ["PUT /instances/ssi-2/recycle", "GET /instances"];
    let mut expected = vec!["GET /instances"];
    if places[0].0 < places[2].0 {
        expected.extend(pair);
        expected.extend(single);
    } else {
        expected.extend(single);
        expected.extend(pair);
    }
    assert_eq!(calls(&asked), expected);
    for (place, _) in &places {
        assert!(
            captured
                .stderr()
                .contains(&format!("Recycling ALL stateful instances in subnet: {place}\n"))
        );
    }
}
