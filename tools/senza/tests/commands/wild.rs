//! Definitions with the combinations of features that are found in the field print valid templates, at both compatibilities.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;
use stups_terminal::Terminal;
use stups_testkit::{Account, AwsApi, PythonEnvironment, Requirements};

use crate::account::{create_stack, senza_on};

/// What the definitions refer to in another stack.
const BASE: &str = r#"{
    "Resources": {
        "ServerGroup": {"Type": "AWS::EC2::SecurityGroup", "Properties": {"GroupDescription": "servers"}},
        "BalancerGroup": {"Type": "AWS::EC2::SecurityGroup", "Properties": {"GroupDescription": "balancers"}},
        "ClientGroup": {"Type": "AWS::EC2::SecurityGroup", "Properties": {"GroupDescription": "clients"}},
        "ServerRole": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}}
    },
    "Outputs": {"DatabaseHost": {"Value": "database.example.org"}}
}"#;

/// One definition of tests/data/wild.
struct Definition {
    name: String,
    path: PathBuf,
    text: String,
}

impl Definition {
    fn all() -> Vec<Self> {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/wild");
        let mut definitions: Vec<Self> = std::fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
            .map(|path| Self {
                name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
                text: std::fs::read_to_string(&path).unwrap(),
                path,
            })
            .collect();
        definitions.sort_by(|left, right| left.name.cmp(&right.name));
        definitions
    }

    /// What stands behind its name on the command line.
    fn words(&self) -> Vec<&str> {
        let first = self.text.lines().next().unwrap();
        first.strip_prefix("# words: ").unwrap().split(' ').collect()
    }
}

async fn account_for(definitions: &[Definition]) -> Account {
    let mut builder = Account::builder(AwsApi::shared().await)
        .region("eu-west-1")
        .stups_network()
        .hosted_zone("example.org")
        .certificate("*.example.org")
        .alias("acme-demo")
        .sns_topic("operators")
        .security_group("eu-west-1-peers")
        .role("app-shared");
    for definition in definitions {
        let name = format!("app-{}", definition.name);
        builder = builder
            .security_group(&name)
            .security_group(&format!("{name}-lb"))
            .role(&name);
    }
    let account = builder.build().await;
    create_stack(&account, "wild-base-1", BASE).await;
    account
}

/// Errors, warnings and hints of cfn-lint about templates, by file, all found by one process.
pub(crate) fn findings(templates: &BTreeMap<String, String>) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    for (name, template) in templates {
        std::fs::write(directory.path().join(name), template).unwrap();
    }
    let environment = PythonEnvironment::get(Requirements::AwsApi).unwrap();
    let output = Command::new(environment.executable("cfn-lint"))
        .args(["--regions", "eu-west-1", "--format", "json"])
        // Parameters and mappings are there for people and other tools as well; not every definition uses each.
        .args(["--ignore-checks", "W2001", "--ignore-checks", "W7001"])
        // Launch configurations are what senza 2.1 makes.
        .args(["--ignore-checks", "W3697"])
        .arg("-t")
        .args(templates.keys())
        .current_dir(directory.path())
        .output()
        .unwrap();
    let Ok(Json::Array(found)) = serde_json::from_slice(&output.stdout) else {
        panic!("{}", String::from_utf8_lossy(&output.stderr));
    };
    found
        .iter()
        .map(|finding| {
            let place = finding.pointer("/Location/Path").unwrap();
            let (file, rule) = (&finding["Filename"], &finding["Rule"]["Id"]);
            format!("{file} {rule} {} at {place}", finding["Message"])
        })
        .collect()
}

#[tokio::test]
async fn definitions_of_the_wild_print_valid_templates() {
    let definitions = Definition::all();
    assert!(definitions.len() >= 30);
    let account = account_for(&definitions).await;
    let mut templates = BTreeMap::new();
    let mut failures = Vec::new();
    for definition in &definitions {
        for compatibility in ["2.1", "3"] {
            let mut words = vec!["print", definition.path.to_str().unwrap()];
            words.extend(definition.words());
            words.extend(["--force", "--compat", compatibility]);
            let outcome = senza_on(Terminal::captured(""), &account.session(), &words).await;
            if outcome.exit_code != 0 {
                failures.push(format!("{} at {compatibility}: {}", definition.name, outcome.stderr));
                continue;
            }
            templates.insert(format!("{}-{compatibility}.json", definition.name), outcome.stdout);
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    let found = findings(&templates);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_definition_is_described() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/wild");
    let readme = std::fs::read_to_string(directory.join("README.md")).unwrap();
    let described: Vec<&str> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("| "))
        .filter_map(|line| line.split(" |").next())
        .filter(|name| *name != "definition" && *name != "---")
        .collect();
    let definitions = Definition::all();
    let names: Vec<&str> = definitions.iter().map(|definition| definition.name.as_str()).collect();
    assert_eq!(described, names);
}
