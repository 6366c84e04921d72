//! `senza print --save-account` and, where nobody can be asked, `--account`.

use serde_json::{Value as Json, json};
use stups_aws::{Credentials, Session};
use stups_terminal::Terminal;
use stups_testkit::Account;
use tempfile::TempDir;

use crate::account::{Outcome, account, create_stack, senza, senza_on};
use crate::process::{finish, spawn};

/// Asks the account about networks, images, groups, zones, certificates, roles, topics, other stacks, and who it is.
const DEFINITION: &str = "
SenzaInfo:
  StackName: pets
  OperatorTopicId: ops
  Owner: '{{AccountInfo.TeamID}} in {{AccountInfo.AccountID}}'
  Bucket: '{{AccountInfo.MintBucket}}'
SenzaComponents:
- Configuration: {Type: Senza::StupsAutoConfiguration}
- AppServer:
    Type: Senza::TaupageAutoScalingGroup
    InstanceType: t3.micro
    SecurityGroups: [app-pets, {Stack: base, LogicalId: Group}]
    IamRoles: [one, two]
    ElasticLoadBalancerV2: AppLoadBalancer
    TaupageConfig:
      runtime: Docker
      source: pierone.example.org/zoo/pets:1.0
      environment: {QUEUE: {Stack: base, Output: Queue}}
- AppLoadBalancer:
    Type: Senza::WeightedDnsElasticLoadBalancerV2
    HTTPPort: 8080
    SecurityGroups: [app-pets]
    MainDomain: pets.stups.example.org
";

/// Nobody can be asked there.
fn nowhere() -> Session {
    let nobody = Credentials::new("nobody", "nobody", None, None, "test");
    Session::with_credentials(nobody, "eu-central-1", Some("http://127.0.0.1:1"))
}

/// What the definition names.
async fn fill(account: &Account) {
    let session = account.session();
    session.sns().create_topic().name("ops").send().await.unwrap();
    let vpcs = session.ec2().describe_vpcs().send().await.unwrap();
    let group = session
        .ec2()
        .create_security_group()
        .group_name("app-pets")
        .description("app");
    group.vpc_id(vpcs.vpcs()[0].vpc_id().unwrap()).send().await.unwrap();
    for role in ["one", "two"] {
        let created = session
            .iam()
            .create_role()
            .role_name(role)
            .assume_role_policy_document("{}");
        created.send().await.unwrap();
        let policy = session.iam().put_role_policy().role_name(role).policy_name(role);
        policy
            .policy_document(r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}}"#)
            .send()
            .await
            .unwrap();
    }
    let base = json!({"Resources": {
        "Group": {"Type": "AWS::EC2::SecurityGroup", "Properties": {"GroupDescription": "base"}},
        "Queue": {"Type": "AWS::SQS::Queue"},
    }, "Outputs": {"Queue": {"Value": "queue"}}});
    create_stack(account, "base", &base.to_string()).await;
}

struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, content: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

async fn offline(words: &str) -> Outcome {
    let words: Vec<&str> = words.split_whitespace().collect();
    senza_on(Terminal::captured(""), &nowhere(), &words).await
}

#[tokio::test]
async fn a_saved_account_answers_what_aws_answered() {
    let account = account().await;
    fill(&account).await;
    let files = Files::new();
    let (definition, saved) = (files.write("pets.yaml", DEFINITION), files.path("account.json"));
    let first = senza(
        &account.session(),
        &format!("print {definition} 1 --force --save-account {saved}"),
    )
    .await;
    assert_eq!(first.exit_code, 0, "{}", first.stderr);
    let template: Json = serde_json::from_str(&first.stdout).unwrap();
    let owner = format!("demo in {}", account.id());
    assert_eq!(template["Mappings"]["Senza"]["Info"]["Owner"], owner);

    // Not even the registry is asked: there is no --force.
    for compat in ["3", "2.1"] {
        let online = senza(
            &account.session(),
            &format!("print {definition} 2 --force --compat {compat} --save-account {saved}"),
        )
        .await;
        let again = offline(&format!("print {definition} 2 --compat {compat} --account {saved}")).await;
        assert_eq!(again.exit_code, 0, "{compat}: {}", again.stderr);
        assert_eq!(again.stdout, online.stdout, "{compat}");
    }
    // Nothing of AWS has to be configured, not even a region.
    let home = files.path("home");
    let nothing = [
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
    ];
    let mut environment: Vec<(String, String)> = nothing.map(|name| (name.to_owned(), String::new())).to_vec();
    environment.extend(
        [
            ("AWS_CONFIG_FILE", "/dev/null"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
            ("HOME", &home),
            ("XDG_CONFIG_HOME", &home),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    let process = finish(spawn(&format!("print {definition} 1 --account {saved}"), environment)).await;
    let shown = String::from_utf8(process.stdout).unwrap();
    assert!(
        shown.contains(&first.stdout),
        "{shown}\n{}",
        String::from_utf8_lossy(&process.stderr)
    );
}

#[tokio::test]
async fn what_a_saved_account_does_not_know_is_said() {
    let account = account().await;
    let files = Files::new();
    let saved = files.path("account.json");
    let small = files.write(
        "small.yaml",
        "SenzaInfo: {StackName: small}\nDescription: '{{AccountInfo.AccountID}}'\n",
    );
    let save = format!("print {small} 1 --save-account {saved}");
    assert_eq!(senza(&account.session(), &save).await.exit_code, 0);
    let definition = files.write("pets.yaml", DEFINITION);
    let unknown = offline(&format!("print {definition} 1 --account {saved}")).await;
    assert_eq!(unknown.exit_code, 1);
    let advice = format!(
        "The definition needs to know more about the account than {saved} has. Save it again where AWS can be asked: senza print \
         DEFINITION VERSION --save-account {saved}"
    );
    assert!(unknown.stderr.contains(&advice), "{}", unknown.stderr);

    for (words, exit_code, message) in [
        (
            format!("print {small} 1 --account {saved} --region eu-west-1"),
            2,
            "is a saved account of us-east-1: leave --region out.",
        ),
        (
            format!("print {small} 1 --account {small}"),
            1,
            "small.yaml is not a saved account: ",
        ),
        (
            format!("print {small} 1 --account {}", files.path("none")),
            1,
            "Could not open file ",
        ),
        (
            format!("print {small} 1 --account {saved} --save-account x"),
            2,
            "cannot be used with",
        ),
        (
            format!("lint {small} --account {small}"),
            1,
            "small.yaml is not a saved account: ",
        ),
    ] {
        let refused = offline(&words).await;
        assert_eq!(refused.exit_code, exit_code, "{words}: {}", refused.stderr);
        assert!(refused.stderr.contains(message), "{words}: {}", refused.stderr);
    }
    assert_eq!(
        offline(&format!("print {small} 1 --account {saved}")).await.exit_code,
        0
    );
}

#[tokio::test]
async fn secrets_are_not_saved() {
    let account = account().await;
    let session = account.session();
    let key = session
        .kms()
        .create_key()
        .send()
        .await
        .unwrap()
        .key_metadata
        .unwrap()
        .key_id;
    let blob = stups_aws::kms::primitives::Blob::new("open sesame");
    let encrypted = session
        .kms()
        .encrypt()
        .key_id(key)
        .plaintext(blob)
        .send()
        .await
        .unwrap();
    let ciphertext = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        encrypted.ciphertext_blob.unwrap().into_inner(),
    );
    let files = Files::new();
    let saved = files.path("account.json");
    let definition = files.write(
        "app.yaml",
        &format!("SenzaInfo: {{StackName: app, Secret: 'senza:kms:{ciphertext}'}}\nDescription: '{{{{AccountInfo.AccountID}}}}'\n"),
    );
    let online = senza(
        &session,
        &format!("print {definition} 1 --compat 2.1 --save-account {saved}"),
    )
    .await;
    assert!(online.stdout.contains("open sesame"), "{}", online.stderr);
    assert!(!std::fs::read_to_string(&saved).unwrap().contains("open sesame"));
    let again = offline(&format!("print {definition} 1 --compat 2.1 --account {saved}")).await;
    assert_eq!(again.exit_code, 0, "{}", again.stderr);
    assert_eq!(again.stdout, online.stdout.replace("open sesame", "****"));
}

#[tokio::test]
async fn lint_looks_names_up() {
    let account = account().await;
    fill(&account).await;
    let files = Files::new();
    let (definition, saved) = (files.write("pets.yaml", DEFINITION), files.path("account.json"));
    let print = format!("print {definition} 1 --force --save-account {saved}");
    assert_eq!(senza(&account.session(), &print).await.exit_code, 0);
    let fine = offline(&format!("lint {definition} --account {saved}")).await;
    assert!(!fine.stdout.contains("[account]"), "{}", fine.stdout);

    let wrong = DEFINITION
        .replace("[app-pets, {", "[app-pet, 'app-{{Arguments.region}}', sg-1, {")
        .replace("LogicalId: Group", "LogicalId: Grupp")
        .replace("Output: Queue", "Output: Quality")
        .replace("pets.stups.example.org", "pets.example.net");
    let wrong = files.write("wrong.yaml", &wrong);
    let found = offline(&format!("lint {wrong} --account {saved}")).await;
    let lines: Vec<String> = found
        .stdout
        .lines()
        .filter(|line| line.contains("[account]") || line.contains("fix: app-pets"))
        .map(|line| line.replace(&wrong, ""))
        .collect();
    assert_eq!(
        lines,
        [
            ":12:22: warning: the saved account has no security group \"app-pet\" [account]",
            "    fix: app-pets",
            ":12:65: warning: the saved account has no resource Grupp of stack \"base\" [account]",
            ":18:28: warning: the saved account has no output Quality of stack \"base\" [account]",
            ":23:17: warning: the saved account has no hosted zone for \"pets.example.net\" [account]",
        ]
    );
    let quiet = offline(&format!("lint {wrong}")).await;
    assert!(!quiet.stdout.contains("[account]"), "{}", quiet.stdout);
}
