//! `senza diff`, `update --interactive` and `--change-set`.

use serde_json::Value as Json;
use stups_aws::Session;
use stups_terminal::Terminal;
use stups_testkit::{Account, AwsApi};
use tempfile::TempDir;

use crate::account::{Outcome, senza_on};
use crate::scripted;

const DEFINITION: &str = "\
SenzaInfo:
  StackName: hello
  Parameters:
    - Image: {Default: '1'}
    - Password: {NoEcho: true, Default: ''}
SenzaComponents:
  - Configuration: {Type: 'Senza::StupsAutoConfiguration'}
  - Server:
      Type: Senza::TaupageAutoScalingGroup
      InstanceType: t3.micro
      SecurityGroups: [app]
      TaupageConfig:
        runtime: Docker
        source: 'stups/hello-world:{{Arguments.Image}}'
        environment: {PASSWORD: '{{{Arguments.Password}}}'}
Resources:
  Topic: {Type: 'AWS::SNS::Topic', Properties: {DisplayName: old}}
";

struct Stage {
    account: Account,
    files: TempDir,
}

impl Stage {
    async fn new() -> Self {
        let account = Account::builder(AwsApi::shared().await)
            .security_group("app")
            .build()
            .await;
        let files = TempDir::new().unwrap();
        Self { account, files }
    }

    fn session(&self) -> Session {
        self.account.session()
    }

    fn write(&self, name: &str, content: &str) -> String {
        let path = self.files.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    async fn senza(&self, words: &[&str]) -> Outcome {
        senza_on(Terminal::captured(""), &self.session(), words).await
    }

    async fn change_sets(&self, stack: &str) -> Vec<String> {
        let answer = self
            .session()
            .cloudformation()
            .list_change_sets()
            .stack_name(stack)
            .send()
            .await;
        let summaries = answer.unwrap().summaries.unwrap_or_default();
        summaries
            .into_iter()
            .filter_map(|summary| summary.change_set_name)
            .collect()
    }
}

#[track_caller]
fn assert_contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

#[tokio::test]
async fn a_difference_is_shown_by_resource_and_property() {
    let stage = Stage::new().await;
    let definition = stage.write("d.yaml", DEFINITION);
    let new = stage.senza(&["diff", &definition, "v1"]).await;
    assert_eq!(new.exit_code, 0, "{}", new.stderr);
    assert_contains(
        &new.stdout,
        &[
            "Stack hello-v1 does not exist yet",
            "+ Topic  AWS::SNS::Topic\n    DisplayName: \"old\"\n",
        ],
    );

    assert_eq!(
        stage
            .senza(&["create", &definition, "v1", "1", "Password=first-word"])
            .await
            .exit_code,
        0
    );
    let same = stage
        .senza(&["diff", &definition, "v1", "1", "Password=first-word", "--exit-code"])
        .await;
    assert_eq!(
        (same.exit_code, same.stdout.as_str()),
        (0, "Stack hello-v1: no changes.\n"),
        "{}",
        same.stderr
    );

    let changed = DEFINITION
        .replace("t3.micro", "t3.small")
        .replace("DisplayName: old", "DisplayName: new");
    let changed = stage.write("d.yaml", &(changed + "  Queue: {Type: 'AWS::SQS::Queue'}\n"));
    let words = ["diff", &changed, "v1", "2", "Password=other-word"];
    let shown = stage.senza(&words).await;
    assert_eq!(shown.exit_code, 0, "{}", shown.stderr);
    assert_contains(
        &shown.stdout,
        &[
            "Stack hello-v1: 1 to add, ",
            "+ Queue  AWS::SQS::Queue\n",
            "~ ServerConfig  AWS::EC2::LaunchTemplate\n",
            "    LaunchTemplateData/InstanceType: \"t3.micro\" -> \"t3.small\"\n",
            "    LaunchTemplateData/UserData:\n",
            "      -source: stups/hello-world:1\n",
            "      +source: stups/hello-world:2\n",
            "      +  PASSWORD: ****\n",
            "~ Topic  AWS::SNS::Topic\n    DisplayName: \"old\" -> \"new\"\n",
        ],
    );
    assert!(!shown.stdout.contains("-word"), "{}", shown.stdout);
    assert_eq!(stage.change_sets("hello-v1").await, Vec::<String>::new());

    let with_code = stage
        .senza(&[&words[..], &["--exit-code", "-o", "json"]].concat())
        .await;
    assert_eq!(with_code.exit_code, 3);
    let rows: Vec<Json> = serde_json::from_str(&with_code.stdout).unwrap();
    let topic = rows.iter().find(|row| row["LogicalResourceId"] == "Topic").unwrap();
    let expected = serde_json::json!({
        "stack_name": "hello", "version": "v1", "section": "Resources", "LogicalResourceId": "Topic",
        "resource_type": "AWS::SNS::Topic", "action": "modify", "replacement": null, "property": "DisplayName",
        "before": "old", "after": "new",
    });
    assert_eq!(*topic, expected);
    let user_data = rows
        .iter()
        .find(|row| row["property"] == "LaunchTemplateData/UserData")
        .unwrap();
    assert_contains(user_data["after"].as_str().unwrap(), &["source: stups/hello-world:2"]);
    let table = stage.senza(&[&words[..], &["-o", "tsv"]].concat()).await;
    assert_eq!(table.stdout.lines().count(), rows.len() + 1);
}

#[tokio::test]
async fn versions_are_compared_without_their_names() {
    let stage = Stage::new().await;
    let definition = stage.write("d.yaml", DEFINITION);
    assert_eq!(stage.senza(&["create", &definition, "v1"]).await.exit_code, 0);
    for reference in ["v1", "hello-v1"] {
        let shown = stage
            .senza(&["diff", &definition, "v2", "2", "--against", reference])
            .await;
        assert_eq!(shown.exit_code, 0, "{}", shown.stderr);
        assert_contains(
            &shown.stdout,
            &[
                "Stack hello-v2 compared with hello-v1: ",
                "      +source: stups/hello-world:2\n",
                "      -application_version: v1\n",
            ],
        );
        assert!(
            !shown.stdout.contains("hello-v1-") && !shown.stdout.contains("Topic"),
            "{}",
            shown.stdout
        );
    }
    let none = stage.senza(&["diff", &definition, "v2", "--against", "v9"]).await;
    assert_eq!(none.exit_code, 1);
    assert_contains(&none.stderr, &["Stack hello-v9 not found!"]);
}

#[tokio::test]
async fn an_interactive_update_shows_the_difference_and_asks() {
    let stage = Stage::new().await;
    let definition = stage.write("d.yaml", DEFINITION);
    assert_eq!(stage.senza(&["create", &definition, "v1"]).await.exit_code, 0);
    let changed = stage.write("d.yaml", &DEFINITION.replace("DisplayName: old", "DisplayName: new"));
    let update = ["update", &changed, "v1", "--interactive"];
    let declined = senza_on(Terminal::captured_tty("n\n"), &stage.session(), &update).await;
    assert_eq!(declined.exit_code, 1);
    assert_contains(
        &declined.stdout,
        &[
            "DisplayName: \"old\" -> \"new\"",
            "Do you want to update the stack? [y/N]: ",
        ],
    );
    assert!(!declined.stdout.contains("Updating"), "{}", declined.stdout);
    let ended = stage.senza(&update).await;
    assert_eq!(ended.exit_code, 1, "{}", ended.stderr);
    let agreed = senza_on(Terminal::captured_tty("y\n"), &stage.session(), &update).await;
    assert_eq!(agreed.exit_code, 0, "{}", agreed.stderr);
    assert_contains(&agreed.stdout, &["Updating Cloud Formation stack hello-v1.."]);
    let nothing = stage.senza(&["diff", &changed, "v1", "--exit-code"]).await;
    assert_eq!(nothing.exit_code, 0, "{}", nothing.stdout);
}

#[tokio::test]
async fn a_named_change_set_stays() {
    let stage = Stage::new().await;
    let definition = stage.write("d.yaml", DEFINITION);
    let made = stage
        .senza(&["create", &definition, "v1", "--change-set", "first", "-o", "json"])
        .await;
    assert_eq!(made.exit_code, 0, "{}", made.stderr);
    let rows: Vec<Json> = serde_json::from_str(&made.stdout).unwrap();
    assert_eq!(rows[0]["result"], "change set");
    assert_eq!(stage.change_sets("hello-v1").await, ["first"]);
    // A stack that only has a change set is not there yet.
    let shown = stage.senza(&["diff", &definition, "v1"]).await;
    assert_contains(&shown.stdout, &["does not exist yet"]);

    assert_eq!(stage.senza(&["create", &definition, "v2"]).await.exit_code, 0);
    let made = stage
        .senza(&["update", &definition, "v2", "2", "--change-set", "second"])
        .await;
    assert_eq!(made.exit_code, 0, "{}", made.stderr);
    assert!(stage.change_sets("hello-v2").await.contains(&"second".to_owned()));
}

const SCRIPTED: &str =
    "SenzaInfo: {StackName: hello}\nResources: {A: {Type: 'AWS::SNS::Topic', Properties: {DisplayName: new}}}\n";

fn change(id: &str, replacement: &str, details: &str) -> String {
    format!(
        "<member><Type>Resource</Type><ResourceChange><Action>Modify</Action><LogicalResourceId>{id}</LogicalResourceId>\
         <ResourceType>AWS::X::Y</ResourceType><Replacement>{replacement}</Replacement><Details>{details}</Details></ResourceChange></member>"
    )
}

fn change_set(status: &str, inner: &str) -> String {
    format!("<Status>{status}</Status>{inner}")
}

fn answers<'a>(described: &[String]) -> Vec<(&'a str, String)> {
    let template = r#"{"Resources": {"A": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": "old"}}}}"#;
    let mut answers = vec![
        (
            "GetTemplate",
            format!("<TemplateBody>{}</TemplateBody>", template.replace('"', "&quot;")),
        ),
        (
            "DescribeStacks",
            scripted::described(&[("hello-v1", "CREATE_COMPLETE")]),
        ),
        (
            "CreateChangeSet",
            "<Id>arn:aws:cloudformation:us-east-1:1:changeSet/x/1</Id>".to_owned(),
        ),
        ("DeleteChangeSet", String::new()),
    ];
    answers.extend(described.iter().map(|answer| ("DescribeChangeSet", answer.clone())));
    answers
}

#[tokio::test]
async fn cloudformation_says_what_is_replaced_and_what_follows_from_it() {
    let files = TempDir::new().unwrap();
    let definition = files.path().join("d.yaml");
    std::fs::write(&definition, SCRIPTED).unwrap();
    let definition = definition.to_str().unwrap();
    let caused = "<member><Target><Attribute>Properties</Attribute><Name>TopicArn</Name><RequiresRecreation>Always</RequiresRecreation></Target>\
                  <Evaluation>Dynamic</Evaluation><ChangeSource>ResourceReference</ChangeSource><CausingEntity>A</CausingEntity></member>";
    let known = "<member><Target><Attribute>Properties</Attribute><Name>DisplayName</Name></Target><Evaluation>Static</Evaluation>\
                 <ChangeSource>DirectModification</ChangeSource></member>";
    let first = format!(
        "<Changes>{}</Changes><NextToken>more</NextToken>",
        change("A", "True", known)
    );
    let second = format!("<Changes>{}</Changes>", change("B", "Conditional", caused));
    let (session, script) = scripted::recorded(&answers(&[
        change_set("CREATE_IN_PROGRESS", ""),
        change_set("CREATE_COMPLETE", &first),
        change_set("CREATE_COMPLETE", &second),
    ]));
    let shown = senza_on(Terminal::captured(""), &session, &["diff", definition, "v1"]).await;
    assert_eq!(shown.exit_code, 0, "{}", shown.stderr);
    assert_contains(
        &shown.stdout,
        &[
            "0 to remove; 1 will be replaced.\n",
            "~ A  AWS::SNS::Topic  (replacement)\n    DisplayName: \"old\" -> \"new\"\n",
            "~ B  AWS::X::Y  (replacement possible)\n    TopicArn: changes with A (replaces the resource)\n",
        ],
    );
    assert_eq!(script.asked("DeleteChangeSet").len(), 1);
}

#[tokio::test]
async fn a_change_set_is_deleted_also_when_cloudformation_refuses_it() {
    let files = TempDir::new().unwrap();
    let definition = files.path().join("d.yaml");
    std::fs::write(&definition, SCRIPTED).unwrap();
    let definition = definition.to_str().unwrap();
    for (described, exit_code, message) in [
        (
            change_set("FAILED", "<StatusReason>Property X is not allowed</StatusReason>"),
            1,
            "CloudFormation refuses this change: Property X is not allowed\n\
             A: Unsupported property Y (/Resources/A/Properties/Y)\n",
        ),
        (
            scripted::error("AccessDenied", "not yours"),
            0,
            "Only the templates are compared",
        ),
        (scripted::error("InternalFailureOfSomeKind", "no"), 1, "no"),
        (
            change_set(
                "FAILED",
                "<StatusReason>The submitted information didn't contain changes. Submit different</StatusReason>",
            ),
            0,
            "",
        ),
    ] {
        let validation = "<OperationEvents><member><LogicalResourceId>A</LogicalResourceId>\
                          <ValidationStatusReason>Unsupported property Y</ValidationStatusReason>\
                          <ValidationPath>/Resources/A/Properties/Y</ValidationPath></member><member></member></OperationEvents>";
        let mut answers = answers(&[described]);
        answers.push(("DescribeEvents", validation.to_owned()));
        let (session, script) = scripted::recorded(&answers);
        let shown = senza_on(Terminal::captured(""), &session, &["diff", definition, "v1"]).await;
        assert_eq!(shown.exit_code, exit_code, "{}", shown.stderr);
        assert_contains(&shown.stderr, &[message]);
        assert_eq!(script.asked("DeleteChangeSet").len(), 1, "{message}");
    }
}
