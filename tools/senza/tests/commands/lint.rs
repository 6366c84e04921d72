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
