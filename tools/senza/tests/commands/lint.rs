//! `senza lint` as a command.

use serde_json::Value as Json;
use stups_aws::{Credentials, Session};
use stups_terminal::Terminal;
use tempfile::TempDir;

use crate::account::{Outcome, senza_on};

/// Nobody is asked anything: there is nobody at this address.
async fn lint(words: &[&str]) -> Outcome {
    let nobody = Credentials::new("nobody", "nobody", None, None, "test");
    let session = Session::with_credentials(nobody, "us-east-1", Some("http://127.0.0.1:1"));
    senza_on(Terminal::captured(""), &session, &[&["lint"], words].concat()).await
}

fn write(files: &TempDir, name: &str, content: &str) -> String {
    let path = files.path().join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn findings_have_places_in_every_format() {
    let files = TempDir::new().unwrap();
    let good = write(&files, "good.yaml", "SenzaInfo: {StackName: x}\n");
    let bad = write(
        &files,
        "bad.yaml",
        "SenzaInfo: {StackName: x}\nSenzaComponents: [{A: {Type: 'Senza::IamRol'}}]\n",
    );
    let fine = lint(&[&good]).await;
    assert_eq!(
        (fine.exit_code, fine.stdout.as_str(), fine.stderr.as_str()),
        (0, "", "")
    );

    let found = lint(&[&good, &bad]).await;
    assert_eq!(found.exit_code, 1);
    assert_eq!(
        found.stdout,
        format!(
            "{bad}:2:30: error: there is no component \"Senza::IamRol\" [component-type]\n    fix: Senza::IamRole\n"
        )
    );
    assert!(
        found.stderr.ends_with("Error: 1 error, 0 warnings\n"),
        "{}",
        found.stderr
    );

    let json: Vec<Json> = serde_json::from_str(&lint(&[&bad, "-o", "json"]).await.stdout).unwrap();
    assert_eq!(
        (&json[0]["line"], &json[0]["fix"]),
        (&Json::from(2), &Json::from("Senza::IamRole"))
    );
    let sarif: Json = serde_json::from_str(&lint(&[&bad, "-o", "sarif"]).await.stdout).unwrap();
    assert_eq!(sarif["runs"][0]["results"][0]["ruleId"], "component-type");
    let table = lint(&[&bad, "-o", "tsv"]).await.stdout;
    assert!(
        table.starts_with("file\tline\tcolumn\tseverity\trule\tmessage\tfix\n"),
        "{table}"
    );
}

#[tokio::test]
async fn warnings_are_errors_only_to_the_strict() {
    let files = TempDir::new().unwrap();
    let warned = write(&files, "w.yaml", "SenzaInfo: {StackName: x, Compatibility: 2.1}\n");
    let lenient = lint(&[&warned]).await;
    assert_eq!(lenient.exit_code, 0);
    assert!(
        lenient.stdout.contains(": warning: ") && lenient.stderr.contains("1 warning"),
        "{lenient:?}"
    );
    let strict = lint(&[&warned, "--strict"]).await;
    assert_eq!(strict.exit_code, 1);
    assert!(strict.stdout.contains(": error: "), "{}", strict.stdout);
    assert_eq!(lint(&["nowhere.yaml"]).await.exit_code, 2);
    assert_eq!(lint(&[]).await.exit_code, 2);
}

#[tokio::test]
async fn definitions_that_work_have_no_errors() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/definitions");
    let mut count = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        // It names load balancers that are not there, which only senza 2.1 allows.
        let is_dated = path.ends_with("group.yaml");
        if path.extension().is_some_and(|extension| extension == "yaml") && !is_dated {
            let outcome = lint(&[path.to_str().unwrap(), "-o", "json"]).await;
            let findings: Vec<serde_json::Value> = serde_json::from_str(&outcome.stdout).unwrap();
            // Some are only printed, and have maps in SenzaInfo, which CloudFormation would refuse.
            let is_error =
                |finding: &&serde_json::Value| finding["severity"] == "error" && finding["rule"] != "senza-info-value";
            assert_eq!(findings.iter().find(is_error), None, "{}", outcome.stdout);
            count += 1;
        }
    }
    assert!(count > 0);
}

/// A directory with schemas of a group, a launch template and a queue.
fn schemas() -> TempDir {
    let directory = TempDir::new().unwrap();
    let schema =
        |properties: Json| serde_json::json!({"additionalProperties": false, "properties": properties}).to_string();
    write(
        &directory,
        "aws-sqs-queue.json",
        &schema(serde_json::json!({"QueueName": {"type": "string"}, "DelaySeconds": {"type": "integer"}})),
    );
    write(
        &directory,
        "aws-iam-role.json",
        &schema(
            serde_json::json!({"RoleName": {"type": "string"}, "Path": {"type": "string"},
            "Policies": {"type": "array"}, "AssumeRolePolicyDocument": {"type": ["object", "string"]}}),
        ),
    );
    directory
}

const RESOURCES: &str = "SenzaInfo: {StackName: x, Parameters: [{Delay: {Description: d}}]}
SenzaComponents:
  - Reader:
      Type: Senza::IamRole
      AssumeRolePolicyDocument: {Version: '2012-10-17', Statement: []}
Resources:
  Good: {Type: 'AWS::SQS::Queue', Properties: {QueueName: !Sub '${AWS::StackName}'}}
  Bad:
    Type: AWS::SQS::Queue
    Properties:
      QueueNam: q
      DelaySeconds: '{{Arguments.Delay}}'
  Other: {Type: 'AWS::SNS::Topic'}
  Own: {Type: 'Custom::Thing', Properties: {ServiceToken: x}}
";

#[tokio::test]
async fn resources_are_checked_against_schemas() {
    let files = TempDir::new().unwrap();
    let schemas = schemas();
    let schema_dir = schemas.path().to_str().unwrap();
    let account = write(&files, "account.json", "{\"region\": \"us-east-1\"}");
    let definition = write(&files, "d.yaml", RESOURCES);
    let words = |delay: &'static str| {
        vec![
            definition.as_str(),
            "--account",
            &account,
            "--schema-dir",
            schema_dir,
            "--parameter",
            delay,
        ]
    };
    let found = lint(&words("Delay=soon")).await;
    assert_eq!(found.exit_code, 1, "{found:?}");
    assert_eq!(
        found.stdout,
        format!(
            "{definition}:11:17: error: Resources/Bad/Properties/QueueNam: there is no such property [schema-property]\n    \
             fix: QueueName\n\
             {definition}:12:21: error: Resources/Bad/Properties/DelaySeconds: it must be a whole number, not text [schema-type]\n\
             {definition}:13:17: warning: Resources/Other/Type: there is no schema of AWS::SNS::Topic: {schema_dir}/aws-sns-topic.json \
             is missing [unknown-schema]\n"
        ),
        "{}",
        found.stderr
    );
    let mended = write(&files, "m.yaml", &RESOURCES.replace("QueueNam:", "QueueName:"));
    let words = [
        &mended,
        "--account",
        &account,
        "--schema-dir",
        schema_dir,
        "--parameter",
        "Delay=5",
    ];
    let fine = lint(&words).await;
    assert_eq!(fine.exit_code, 0, "{fine:?}");
    // What a component makes is told at the component.
    std::fs::write(
        schemas.path().join("aws-iam-role.json"),
        "{\"properties\": {\"AssumeRolePolicyDocument\": {\"type\": \"string\"}}}",
    )
    .unwrap();
    let component = lint(&words).await;
    let line = "m.yaml:5:7: error: Resources/Reader/Properties/AssumeRolePolicyDocument: it must be text, not a map [schema-type]\n";
    assert!(component.stdout.contains(line), "{component:?}");
}

#[tokio::test]
async fn what_can_t_be_generated_is_told() {
    let files = TempDir::new().unwrap();
    let account = write(&files, "account.json", "{\"region\": \"us-east-1\"}");
    let definition = write(&files, "d.yaml", RESOURCES);
    let missing = lint(&[&definition, "--account", &account, "--schema-dir", "."]).await;
    assert_eq!(missing.exit_code, 1, "{missing:?}");
    assert!(
        missing.stdout.contains("d.yaml:1:1: error: ") && missing.stdout.contains("Delay"),
        "{missing:?}"
    );
    assert!(
        missing
            .stdout
            .contains("[generated]\n    fix: senza lint --parameter NAME=VALUE"),
        "{missing:?}"
    );
    let wrong = write(
        &files,
        "w.yaml",
        "SenzaInfo: {StackName: x}\nSenzaComponents: [{A: {Type: 'Senza::IamRol'}}]\n",
    );
    let later = lint(&[&wrong, "--account", &account, "--schema-dir", "."]).await;
    assert!(
        later
            .stderr
            .contains("it is checked against schemas once its errors are mended"),
        "{later:?}"
    );
}
