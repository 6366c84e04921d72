//! `senza logs --journal`, with a program in the place of `ssh` that writes down what it is told.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value as Json;
use stups_testkit::Account;
use tempfile::TempDir;

use crate::account::{account, create_stack, topic_template};
use crate::instances::run_instances;
use crate::process::{finish, spawn};

/// Says three lines for each host; is refused where `refused` has the host's address.
const SSH: &str = "#!/bin/sh
echo \"$*\" >> \"$HOME/told\"
host=$(echo \"$*\" | sed 's/.*-J [^ ]* [^@]*@\\([^ ]*\\) .*/\\1/')
if grep -qx \"$host\" \"$HOME/refused\" 2>/dev/null; then
    echo \"jdoe@$host: Permission denied (publickey).\" >&2
    exit 255
fi
if [ -e \"$HOME/broken\" ]; then
    echo 'Failed to parse timestamp' >&2
    exit 1
fi
printf 'one from %s\\n\\033[31mtwo ERROR: x\\nthree\\n' \"$host\"
";

/// A home where `ssh` is found, with Zign's user and Più's bastion.
fn home() -> TempDir {
    let home = tempfile::tempdir().unwrap();
    for (file, content) in [
        ("bin/ssh", SSH),
        ("zign/zign.yaml", "user: jdoe\n"),
        ("piu/piu.yaml", "odd_host: odd.example.org\n"),
    ] {
        let file = home.path().join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
    }
    fs::set_permissions(home.path().join("bin/ssh"), fs::Permissions::from_mode(0o755)).unwrap();
    home
}

async fn senza(account: &Account, home: &Path, words: &str) -> (bool, String, String) {
    let text = |path: &Path| path.display().to_string();
    let path = format!("{}:{}", text(&home.join("bin")), std::env::var("PATH").unwrap());
    let mut environment = account.environment();
    environment.extend([
        ("HOME".to_owned(), text(home)),
        ("XDG_CONFIG_HOME".to_owned(), text(home)),
        ("PATH".to_owned(), path),
        ("ODD_HOST".to_owned(), String::new()),
        ("ZIGN_USER".to_owned(), String::new()),
        ("AWS_DEFAULT_REGION".to_owned(), "us-east-1".to_owned()),
    ]);
    let output = finish(spawn(words, environment)).await;
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stdout = stdout.replace("running 1 test\n", "").trim_start().to_owned();
    (
        output.status.success(),
        stdout,
        String::from_utf8(output.stderr).unwrap(),
    )
}

/// A stack with two instances; the instances' ids and addresses, in the order of ids.
async fn stack(account: &Account) -> Vec<(String, String)> {
    create_stack(account, "app-v1", &topic_template("x")).await;
    run_instances(account, "app", "v1", 2).await;
    let described = account.session().ec2().describe_instances().send().await.unwrap();
    let instances = described
        .reservations()
        .iter()
        .flat_map(stups_aws::ec2::types::Reservation::instances);
    let mut found: Vec<(String, String)> = instances
        .map(|it| {
            (
                it.instance_id().unwrap().to_owned(),
                it.private_ip_address().unwrap().to_owned(),
            )
        })
        .collect();
    found.sort();
    found
}

#[tokio::test]
async fn journals_are_read_over_the_bastion() {
    let (account, home) = (account().await, home());
    let instances = stack(&account).await;
    let (is_success, stdout, stderr) = senza(
        &account,
        home.path(),
        "logs app v1 --journal --since 1970-01-02 --unit docker.service -n 3 --tail",
    )
    .await;
    assert!(is_success, "{stderr}");
    for (id, address) in &instances {
        let lines: Vec<&str> = stdout.lines().filter(|line| line.starts_with(id)).collect();
        let expected = [
            format!("{id} one from {address}"),
            format!("{id} [31mtwo ERROR: x"),
            format!("{id} three"),
        ];
        assert_eq!(lines, expected, "{stdout}");
    }
    let mut told: Vec<String> = fs::read_to_string(home.path().join("told"))
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    told.sort();
    let mut expected: Vec<String> = instances
        .iter()
        .map(|(_, address)| {
            format!(
                "-o BatchMode=yes -o ConnectTimeout=15 -o ServerAliveInterval=15 -o StrictHostKeyChecking=accept-new -J \
                 jdoe@odd.example.org jdoe@{address} journalctl --no-pager --quiet --utc --output=short-iso --since=@86400 --lines=3 \
                 --follow --unit='docker.service'"
            )
        })
        .collect();
    expected.sort();
    assert_eq!(told, expected);

    let (is_success, stdout, stderr) = senza(
        &account,
        home.path(),
        "logs app --journal -O odd@other.example.org --user ubuntu -o json",
    )
    .await;
    assert!(is_success, "{stderr}");
    let rows: Vec<Json> = serde_json::from_str(&stdout).unwrap();
    assert_eq!(rows.len(), 6);
    assert!(
        rows.iter()
            .all(|row| row["stack_name"] == "app" && row["version"] == "v1"),
        "{stdout}"
    );
    let told = fs::read_to_string(home.path().join("told")).unwrap();
    assert!(told.contains("-J odd@other.example.org ubuntu@"), "{told}");
}

#[tokio::test]
async fn who_has_no_access_is_told_how_to_ask_for_it() {
    let (account, home) = (account().await, home());
    let instances = stack(&account).await;
    let (refused, address) = &instances[0];
    fs::write(home.path().join("refused"), format!("{address}\n")).unwrap();
    let (is_success, stdout, stderr) = senza(&account, home.path(), "logs app --journal").await;
    assert!(!is_success);
    // The other one's journal is shown all the same.
    assert_eq!(stdout.lines().count(), 3, "{stdout}");
    let expected = format!(
        "{refused}: jdoe@{address}: Permission denied (publickey). (ask for access: piu request-access {address} REASON -O odd.example.org)"
    );
    assert!(stderr.contains(&expected), "{stderr}");
    assert!(
        stderr.contains("Error: The journal of an instance could not be read."),
        "{stderr}"
    );
    fs::write(home.path().join("refused"), "").unwrap();
    fs::write(home.path().join("broken"), "").unwrap();
    let (is_success, _, stderr) = senza(&account, home.path(), "logs app --journal").await;
    assert!(!is_success);
    assert!(
        stderr.contains(": journalctl failed (exit status: 1): Failed to parse timestamp"),
        "{stderr}"
    );
    assert!(
        stderr.contains("Error: The journals of 2 instances could not be read."),
        "{stderr}"
    );
}

#[tokio::test]
async fn what_keeps_a_journal_from_being_read_is_told() {
    let (account, home) = (account().await, home());
    create_stack(&account, "empty-v1", &topic_template("x")).await;
    stack(&account).await;
    for (words, expected) in [
        ("logs nobody --journal", "Error: Stack nobody not found!"),
        ("logs empty --journal", "Error: No running instances of empty-v1."),
        (
            "logs app --journal --tail -o json",
            "--tail with --journal shows text or jsonl",
        ),
        ("logs app --journal --group g", "cannot be used with"),
        ("logs app -n 5", "--journal"),
        ("logs app --journal -O -oProxyCommand=x", "is no name of a user or host"),
        ("logs --journal", "STACK_REF"),
    ] {
        let (is_success, stdout, stderr) = senza(&account, home.path(), words).await;
        assert!(!is_success && stderr.contains(expected), "{words}: {stdout}{stderr}");
    }
    fs::remove_file(home.path().join("piu/piu.yaml")).unwrap();
    let (is_success, _, stderr) = senza(&account, home.path(), "logs app --journal").await;
    assert!(
        !is_success && stderr.contains("there is no SSH bastion odd-us-east-1.*"),
        "{stderr}"
    );
    // Nobody was called.
    assert!(!home.path().join("told").exists());
}
