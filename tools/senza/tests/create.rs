//! `senza create` and `senza update` against a real AWS API.

mod template_support;

use serde_json::{Value as Json, json};
use stups_aws::cloudformation::types::Stack;
use stups_aws::route53::types::{Change, ChangeAction, ChangeBatch};
use stups_testkit::{Account, AwsApi};
use template_support::{Files, senza};

const TOPIC: &str = "SenzaInfo:\n  StackName: hello\n  Tags: {Team: demo}\n  Parameters: [{Label: }]\n\
                     Parameters: {Label: {Type: String}, Unset: {Type: String, Default: d}}\n\
                     Resources: {Topic: {Type: 'AWS::SNS::Topic', Properties: {DisplayName: {Ref: Label}}}}\n";

async fn stack(account: &Account, name: &str) -> Stack {
    let answer = account
        .session()
        .cloudformation()
        .describe_stacks()
        .stack_name(name)
        .send();
    answer.await.unwrap().stacks.unwrap().remove(0)
}

async fn template_body(account: &Account, name: &str) -> String {
    let answer = account
        .session()
        .cloudformation()
        .get_template()
        .stack_name(name)
        .send();
    answer.await.unwrap().template_body.unwrap()
}

async fn template(account: &Account, name: &str) -> Json {
    serde_json::from_str(&template_body(account, name).await).unwrap()
}

fn tags(stack: &Stack) -> Vec<(String, String)> {
    let mut tags: Vec<_> = stack
        .tags()
        .iter()
        .map(|tag| (tag.key().unwrap().to_owned(), tag.value().unwrap().to_owned()))
        .collect();
    tags.sort();
    tags
}

#[tokio::test]
async fn create_sends_template_parameters_and_tags() {
    let account = Account::standard(AwsApi::shared().await).await;
    let files = Files::new();
    let definition = files.write("d.yaml", TOPIC);
    let created = senza(
        &account,
        &[
            "create",
            &definition,
            "v1",
            "one",
            "-t",
            "a=1",
            "--tag",
            "b=",
            "--disable-rollback",
        ],
    )
    .await
    .success();
    assert_eq!(created.stdout, "");
    assert_eq!(
        created.stderr,
        "Generating Cloud Formation template.. OK\nChecking limits of the account.. OK\nCreating Cloud Formation stack hello-v1.. OK\n"
    );

    let stack = stack(&account, "hello-v1").await;
    let parameters: Vec<_> = stack
        .parameters()
        .iter()
        .map(|parameter| (parameter.parameter_key().unwrap(), parameter.parameter_value().unwrap()))
        .collect();
    assert!(parameters.contains(&("Label", "one")), "{parameters:?}");
    assert!(!parameters.contains(&("Unset", "")), "{parameters:?}");
    let who = account
        .session()
        .sts()
        .get_caller_identity()
        .send()
        .await
        .unwrap()
        .arn
        .unwrap();
    let expected = [
        ("Name", "hello-v1"),
        ("StackName", "hello"),
        ("StackVersion", "v1"),
        ("Team", "demo"),
        ("a", "1"),
        ("application", "hello"),
        ("b", ""),
        ("version", "v1"),
        ("who", who.as_str()),
    ];
    assert_eq!(
        tags(&stack),
        expected.map(|(key, value)| (key.to_owned(), value.to_owned()))
    );
    assert_eq!(stack.enable_termination_protection(), Some(false));

    for words in [&["--no-stack-tags"][..], &["--compat", "2.1"]] {
        let version = if words.len() == 1 { "v2" } else { "v3" };
        senza(&account, &[&["create", &definition, version, "one"], words].concat())
            .await
            .success();
        let plain: Vec<String> = tags(&self::stack(&account, &format!("hello-{version}")).await)
            .into_iter()
            .map(|(key, _)| key)
            .collect();
        assert_eq!(plain, ["Name", "StackName", "StackVersion", "Team"]);
    }
    senza(&account, &["create", &definition, "v4", "one", "--protect"])
        .await
        .success();
    assert_eq!(
        self::stack(&account, "hello-v4").await.enable_termination_protection(),
        Some(true)
    );
    let body = template_body(&account, "hello-v1").await;
    assert!(body.contains(r#""Senza":{"Info":{"#), "{body}");
}

#[tokio::test]
async fn an_existing_stack_is_only_updated_on_request() {
    let account = Account::standard(AwsApi::shared().await).await;
    let files = Files::new();
    let definition = files.write("d.yaml", TOPIC);
    senza(&account, &["create", &definition, "v1", "one"]).await.success();
    let refused = senza(&account, &["create", &definition, "v1", "two"])
        .await
        .failure(1, "Stack hello-v1 already exists. Please choose another version");
    assert!(refused.stderr.contains("--update-if-exists"), "{}", refused.stderr);

    let updated = senza(
        &account,
        &["create", &definition, "v1", "two", "--update-if-exists", "-o", "json"],
    )
    .await
    .success();
    assert!(
        updated.stderr.ends_with(
            "Stack hello-v1 already exists. It will be updated\nUpdating Cloud Formation stack hello-v1.. OK\n"
        ),
        "{}",
        updated.stderr
    );
    let rows = updated.json();
    assert_eq!(rows[0]["result"], "updated");
    assert_eq!(
        (&rows[0]["stack_name"], &rows[0]["version"]),
        (&json!("hello"), &json!("v1"))
    );
    let updated = stack(&account, "hello-v1").await;
    assert!(
        updated
            .parameters()
            .iter()
            .any(|parameter| parameter.parameter_value() == Some("two"))
    );
}

#[tokio::test]
async fn update_changes_the_stack_or_says_that_nothing_changes() {
    let account = Account::standard(AwsApi::shared().await).await;
    let files = Files::new();
    let definition = files.write("d.yaml", TOPIC);
    senza(&account, &["update", &definition, "v1", "one"])
        .await
        .failure(1, "does not exist");
    senza(&account, &["create", &definition, "v1", "one"]).await.success();
    let dry = senza(&account, &["update", &definition, "v1", "two", "--dry-run"])
        .await
        .success();
    assert!(dry.stderr.contains("**DRY-RUN** []\n"), "{}", dry.stderr);

    let updated = senza(&account, &["update", &definition, "v1", "two", "--disable-rollback"])
        .await
        .success();
    assert!(
        updated
            .stderr
            .ends_with("\nUpdating Cloud Formation stack hello-v1.. OK\n"),
        "{}",
        updated.stderr
    );
    let stack = stack(&account, "hello-v1").await;
    assert_eq!(stack.stack_status().unwrap().as_str(), "UPDATE_COMPLETE");
    assert!(tags(&stack).contains(&("Team".to_owned(), "demo".to_owned())));
}

#[tokio::test]
async fn a_dry_run_shows_topics_and_tags_and_creates_nothing() {
    let account = Account::builder(AwsApi::shared().await).sns_topic("ops").build().await;
    let files = Files::new();
    let definition = files.write("d.yaml", "SenzaInfo: {StackName: hello, OperatorTopicId: ops}\n");
    let shown = senza(&account, &["create", &definition, "v1", "--dry-run", "-t", "a=it's"])
        .await
        .success();
    let arn = format!("arn:aws:sns:us-east-1:{}:ops", account.id());
    let who = account
        .session()
        .sts()
        .get_caller_identity()
        .send()
        .await
        .unwrap()
        .arn
        .unwrap();
    assert_eq!(
        shown.stderr,
        format!(
            "Generating Cloud Formation template.. OK\nChecking limits of the account.. OK\nNothing more to check: no Taupage \
             instances in this stack\nCreating Cloud Formation \
             stack hello-v1..\n**DRY-RUN** ['{arn}']\n Tags: \
             [{{'Key': 'Name', 'Value': 'hello-v1'}}, {{'Key': 'StackName', 'Value': 'hello'}}, {{'Key': 'StackVersion', 'Value': 'v1'}}, \
             {{'Key': 'a', 'Value': \"it's\"}}, {{'Key': 'application', 'Value': 'hello'}}, {{'Key': 'version', 'Value': 'v1'}}, \
             {{'Key': 'who', 'Value': '{who}'}}]\nCreating Cloud Formation stack hello-v1.. OK\n"
        )
    );
    let stacks = account.session().cloudformation().list_stacks().send().await.unwrap();
    assert!(stacks.stack_summaries().is_empty());
}

#[tokio::test]
async fn wrong_requests_end_before_anything_is_created() {
    let account = Account::standard(AwsApi::shared().await).await;
    let files = Files::new();
    let definition = files.write("d.yaml", "SenzaInfo: {StackName: test}");
    let topic = files.write("topic.yaml", "SenzaInfo: {StackName: test, OperatorTopicId: nobody}");
    let large = files.write(
        "large.yaml",
        format!(
            "SenzaInfo: {{StackName: test}}\nOutputs: {{A: {{Value: '{}'}}}}",
            "x".repeat(52_000)
        ),
    );
    let long = "abcde".repeat(25);
    for (arguments, exit_code, message) in [
        (
            &["create", &definition, "1", "-t", "badtag"][..],
            1,
            "Invalid tag badtag. Tags should be in the form of key=value",
        ),
        (&["create", &definition, "1", "-t", "a=b=c"], 1, "Invalid tag a=b=c."),
        (&["create", &definition, &long], 1, "cannot exceed 128 characters"),
        (
            &["create", &topic, "1"],
            1,
            "Error: SNS topic \"nobody\" does not exist\n",
        ),
        (&["create", &large, "1"], 1, "CloudFormation takes at most 51200"),
        (&["create", &definition, "1", "--compat", "2"], 2, "Error: "),
        (
            &["update", &definition, "1", "--launch-templates", "--compat", "3"],
            2,
            "Error: ",
        ),
    ] {
        let outcome = senza(&account, arguments).await.failure(exit_code, message);
        assert_eq!(outcome.stdout, "");
    }
    let stacks = account.session().cloudformation().list_stacks().send().await.unwrap();
    assert!(stacks.stack_summaries().is_empty());
}

#[tokio::test]
async fn an_update_without_changes_says_so() {
    let account = Account::standard(AwsApi::shared().await).await;
    let files = Files::new();
    let definition = files.write(
        "d.yaml",
        "SenzaInfo: {StackName: hello, Parameters: [{Label: }]}\nParameters: {Label: {Type: String}}\n\
         Resources: {Topic: {Type: 'AWS::SNS::Topic', Properties: {DisplayName: {Ref: Label}}}}\n",
    );
    senza(&account, &["create", &definition, "v1", "two"]).await.success();
    let unchanged = senza(&account, &["update", &definition, "v1", "two", "-o", "json"])
        .await
        .success();
    assert!(
        unchanged
            .stderr
            .ends_with("\nUpdating Cloud Formation stack hello-v1.. NO UPDATE\n"),
        "{}",
        unchanged.stderr
    );
    assert_eq!(unchanged.json()[0]["result"], "no update");
}

const WEIGHTED: &str = "SenzaInfo: {StackName: app, Parameters: [{Ttl: }]}\n\
    Resources:\n  MainDomain:\n    Type: AWS::Route53::RecordSet\n    Properties:\n      Type: CNAME\n      Name: app.stups.example.org.\n\
    \x20     HostedZoneName: stups.example.org.\n      TTL: '{{Arguments.Ttl}}'\n      ResourceRecords: [lb.example.org]\n\
    \x20     SetIdentifier: app-v1\n      Weight: 0\n";

#[tokio::test]
async fn an_update_keeps_the_live_weight() {
    let account = Account::standard(AwsApi::shared().await).await;
    let files = Files::new();
    let definition = files.write("d.yaml", WEIGHTED);
    senza(&account, &["create", &definition, "v1", "20"]).await.success();

    let route53 = account.session().route53();
    let zones = route53.list_hosted_zones().send().await.unwrap();
    let zone = zones.hosted_zones()[0].id().to_owned();
    let records = async || {
        let answer = account
            .session()
            .route53()
            .list_resource_record_sets()
            .hosted_zone_id(&zone)
            .send();
        let records = answer.await.unwrap().resource_record_sets;
        records
            .into_iter()
            .filter(|record| record.set_identifier() == Some("app-v1"))
            .collect::<Vec<_>>()
    };
    let mut record = records().await.remove(0);
    assert_eq!(record.weight(), Some(0));
    record.weight = Some(200);
    let change = Change::builder()
        .action(ChangeAction::Upsert)
        .resource_record_set(record)
        .build()
        .unwrap();
    route53
        .change_resource_record_sets()
        .hosted_zone_id(&zone)
        .change_batch(ChangeBatch::builder().changes(change).build().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(records().await[0].weight(), Some(200));

    senza(&account, &["update", &definition, "v1", "60"]).await.success();
    let deployed = template(&account, "app-v1").await;
    let properties = &deployed["Resources"]["MainDomain"]["Properties"];
    assert_eq!(properties["Weight"], 200);
    assert_eq!(properties["TTL"], "60");
    let record = records().await.remove(0);
    assert_eq!((record.weight(), record.ttl()), (Some(200), Some(60)));
}

async fn encrypt(account: &Account, plain: &str) -> String {
    use base64::Engine as _;
    use stups_aws::kms::primitives::Blob;
    let kms = account.session().kms();
    let key = kms.create_key().send().await.unwrap().key_metadata.unwrap().key_id;
    let answer = kms
        .encrypt()
        .key_id(key)
        .plaintext(Blob::new(plain))
        .send()
        .await
        .unwrap();
    base64::engine::general_purpose::STANDARD.encode(answer.ciphertext_blob.unwrap())
}

#[tokio::test]
async fn secrets_are_passed_as_parameters_that_are_never_shown() {
    let account = Account::standard(AwsApi::shared().await).await;
    let files = Files::new();
    let ciphertext = encrypt(&account, "the plain text").await;
    let definition = files.write(
        "d.yaml",
        format!(
            "SenzaInfo: {{StackName: app, Token: 'senza:kms:{ciphertext}', Unused: 'senza:kms:!'}}\n\
             Resources: {{Topic: {{Type: 'AWS::SNS::Topic', Properties: {{DisplayName: !FindInMap [Senza, Info, Token]}}}}}}\n"
        ),
    );
    senza(&account, &["create", &definition, "v1"]).await.success();
    let body = template_body(&account, "app-v1").await;
    assert!(!body.contains("the plain text"));
    let deployed = template(&account, "app-v1").await;
    assert_eq!(
        deployed["Parameters"]["SenzaInfoToken"],
        json!({"Type": "String", "NoEcho": true})
    );
    assert_eq!(
        deployed["Resources"]["Topic"]["Properties"]["DisplayName"],
        json!({"Ref": "SenzaInfoToken"})
    );

    let broken = senza(&account, &["print", &definition, "v1", "--compat", "2.1"]).await;
    broken.failure(1, "SenzaInfo/Unused: what follows senza:kms: must be base64");
    let old = files.write(
        "old.yaml",
        format!("SenzaInfo: {{StackName: app, Compatibility: 2.1, Token: 'senza:kms:{ciphertext}'}}"),
    );
    let printed = senza(&account, &["print", &old, "v1"]).await.success().json();
    assert_eq!(printed["Mappings"]["Senza"]["Info"]["Token"], "the plain text");
}

#[tokio::test]
async fn an_elastigroup_has_its_token_from_a_secret() {
    let account = Account::standard(AwsApi::shared().await).await;
    let files = Files::new();
    let ciphertext = encrypt(&account, "the plain text").await;
    let definition = files.write(
        "d.yaml",
        format!(
            "SenzaInfo: {{StackName: app, SpotinstAccessToken: 'senza:kms:{ciphertext}', SpotinstAccountId: act-1}}\n\
             SenzaComponents: [{{App: {{Type: 'Senza::Elastigroup', InstanceType: m7g.large}}}}]\n"
        ),
    );
    for (compatibility, expected) in [
        ("3", json!({"Ref": "SenzaInfoSpotinstAccessToken"})),
        ("2.1", json!("the plain text")),
    ] {
        let outcome = senza(&account, &["print", &definition, "v1", "--compat", compatibility]).await;
        let template = outcome.success().json();
        let group = &template["Resources"]["App"]["Properties"];
        assert_eq!(
            (&group["accessToken"], &group["accountId"]),
            (&expected, &json!("act-1")),
            "{compatibility}"
        );
    }
}

const SERVER: &str = "SenzaInfo: {StackName: server, Parameters: [{Type: }]}\n\
    SenzaComponents:\n- Configuration: {Type: 'Senza::StupsAutoConfiguration'}\n\
    - Server:\n    Type: Senza::TaupageAutoScalingGroup\n    InstanceType: '{{Arguments.Type}}'\n    SecurityGroups: [app]\n\
    \x20   BlockDeviceMappings: [{DeviceName: /dev/sda1, Ebs: {VolumeSize: 8}}]\n\
    \x20   TaupageConfig: {runtime: Docker, source: 'stups/hello-world:1'}\n";

const OLD: &str = "AWS::AutoScaling::LaunchConfiguration";
const NEW: &str = "AWS::EC2::LaunchTemplate";

#[tokio::test]
async fn an_update_keeps_the_generation_of_what_is_deployed() {
    let account = Account::builder(AwsApi::shared().await)
        .security_group("app")
        .build()
        .await;
    let files = Files::new();
    let definition = files.write("d.yaml", SERVER);
    let configuration = async |name: &str| template(&account, name).await["Resources"]["ServerConfig"]["Type"].clone();
    senza(&account, &["create", &definition, "new", "t3.micro"])
        .await
        .success();
    assert_eq!(configuration("server-new").await, NEW);
    senza(&account, &["create", &definition, "old", "t3.micro", "--compat", "2.1"])
        .await
        .success();
    assert_eq!(configuration("server-old").await, OLD);

    senza(&account, &["update", &definition, "old", "t3.small"])
        .await
        .success();
    assert_eq!(configuration("server-old").await, OLD);
    senza(
        &account,
        &["create", &definition, "old", "t3.large", "--update-if-exists"],
    )
    .await
    .success();
    assert_eq!(configuration("server-old").await, OLD);
    senza(
        &account,
        &["update", &definition, "old", "t3.small", "--launch-templates"],
    )
    .await
    .success();
    assert_eq!(configuration("server-old").await, NEW);

    let wanted_old = files.write(
        "old.yaml",
        SERVER.replace("{StackName: server,", "{StackName: server, Compatibility: 2.1,"),
    );
    let printed = senza(&account, &["print", &wanted_old, "x", "t3.micro"])
        .await
        .success()
        .json();
    assert_eq!(printed["Resources"]["ServerConfig"]["Type"], OLD);
    let printed = senza(&account, &["print", &wanted_old, "x", "t3.micro", "--compat", "3"])
        .await
        .success()
        .json();
    assert_eq!(printed["Resources"]["ServerConfig"]["Type"], NEW);
    senza(&account, &["update", &wanted_old, "new", "t3.small"])
        .await
        .success();
    assert_eq!(configuration("server-new").await, NEW);
}

#[tokio::test]
async fn large_templates_go_through_a_bucket() {
    let account = Account::builder(AwsApi::shared().await)
        .region("eu-west-1")
        .build()
        .await;
    let files = Files::new();
    let large = |label: &str| {
        let filler: Vec<String> = (0..60)
            .map(|number| format!("  O{number}: {{Value: '{}'}}\n", "x".repeat(1000)))
            .collect();
        let filler = filler.concat();
        let topic =
            format!("Resources: {{Topic: {{Type: 'AWS::SNS::Topic', Properties: {{DisplayName: {label}}}}}}}\n");
        format!("SenzaInfo: {{StackName: large}}\n{topic}Outputs:\n{filler}")
    };
    let definition = files.write("large.yaml", large("one"));
    let bucket = format!("templates-{}", account.id());
    let with_bucket = async |words: &[&str]| senza(&account, &[words, &["--template-bucket", &bucket]].concat()).await;
    with_bucket(&["create", &definition, "v1"]).await.success();
    assert_eq!(
        template(&account, "large-v1").await["Resources"]["Topic"]["Properties"]["DisplayName"],
        "one"
    );
    let s3 = account.session().s3();
    let versions = s3.list_object_versions().bucket(&bucket).send().await.unwrap();
    assert!(
        versions
            .versions()
            .iter()
            .all(|version| version.version_id().is_some_and(|id| id != "null"))
    );
    let private = s3.get_public_access_block().bucket(&bucket).send().await.unwrap();
    assert_eq!(
        private
            .public_access_block_configuration()
            .unwrap()
            .block_public_policy(),
        Some(true)
    );
    assert!(s3.get_bucket_encryption().bucket(&bucket).send().await.is_ok());
    let region = s3.get_bucket_location().bucket(&bucket).send().await.unwrap();
    assert_eq!(region.location_constraint().unwrap().as_str(), "eu-west-1");

    let definition = files.write("large.yaml", large("two"));
    with_bucket(&["update", &definition, "v1"]).await.success();
    assert_eq!(
        template(&account, "large-v1").await["Resources"]["Topic"]["Properties"]["DisplayName"],
        "two"
    );
    let shown = with_bucket(&["diff", &definition, "v1", "--exit-code"]).await.success();
    assert_eq!(shown.stdout, "Stack large-v1: no changes.\n");
    let objects = s3.list_objects_v2().bucket(&bucket).send().await.unwrap();
    assert!(
        objects
            .contents()
            .iter()
            .all(|object| object.key().unwrap().starts_with("large-v1/"))
    );
}
