//! `berry --once`: what is written, said and returned.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::support::{APPLICATION, BOTH_ROTATED, CLIENT, Outcome, Place, USER, berry, identity, names, run, user};

fn silently(exit_code: i32) -> Outcome {
    Outcome {
        exit_code,
        stdout: String::new(),
        stderr: String::new(),
    }
}

#[tokio::test]
async fn both_files_are_written_and_then_left_alone() {
    let place = Place::with_credentials().await;
    assert_eq!(
        run(&mut place.copy(&["--once"])),
        Outcome {
            stderr: BOTH_ROTATED.to_owned(),
            ..silently(0)
        }
    );
    assert_eq!(place.read("user.json").as_deref(), Some(USER));
    assert_eq!(place.read("client.json").as_deref(), Some(CLIENT));
    assert_eq!(names(&place.directory()), ["client.json", "user.json"]);
    let path = place.directory().join("user.json");
    let written = identity(&path);
    assert_eq!(written.0, 0o600);

    assert_eq!(run(&mut place.copy(&["--once"])), silently(0));
    // Other text that means the same is no rotation.
    place.put("pets/user.json", &USER.replace(',', ",\n  ")).await;
    assert_eq!(run(&mut place.copy(&["--once"])), silently(0));
    assert_eq!(identity(&path), written);

    place.put("pets/user.json", &user("second-password")).await;
    let rotated = run(&mut place.copy(&["--once"]));
    assert_eq!(rotated.stderr, "INFO: Rotated user credentials for pets\n");
    assert_eq!(place.read("user.json"), Some(user("second-password")));
}

#[tokio::test]
async fn a_link_named_berry_is_berry() {
    let place = Place::with_credentials().await;
    let link = place.scratch("berry");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_stups-host"), &link).unwrap();
    let mut command = std::process::Command::new(link);
    command.envs(place.account.environment()).arg(place.directory());
    command.args(["--once", "-a", APPLICATION, "-m", &place.bucket, "-f", "/dev/null"]);
    assert_eq!(run(&mut command).stderr, BOTH_ROTATED);
}

#[tokio::test]
async fn an_application_without_credentials_is_a_failure() {
    let place = Place::empty().await;
    let outcome = run(&mut place.copy(&["--once"]));
    assert_eq!(outcome.exit_code, 1);
    let lines: Vec<&str> = outcome.stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    for (line, name) in lines.iter().zip(["user", "client"]) {
        let expected = format!(
            "ERROR: Credentials file \"pets/{name}.json\" not found in mint S3 bucket \"{}\".",
            place.bucket
        );
        assert!(line.starts_with(&expected), "{line}");
        assert!(line.ends_with("(The specified key does not exist.)"), "{line}");
    }
    assert_eq!(names(&place.directory()), [""; 0]);

    let mut elsewhere = place.copy(&["--once", "-m", "there-is-no-such-bucket"]);
    let outcome = run(&mut elsewhere);
    assert_eq!(outcome.exit_code, 1);
    assert!(
        outcome.stderr.contains("(The specified bucket does not exist"),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn one_missing_object_does_not_keep_the_other_away() {
    let place = Place::empty().await;
    place.put("pets/client.json", CLIENT).await;
    let outcome = run(&mut place.copy(&["--once"]));
    assert_eq!(outcome.exit_code, 1);
    assert!(outcome.stderr.contains("\"pets/user.json\" not found"), "{outcome:?}");
    assert!(
        outcome.stderr.ends_with("INFO: Rotated client credentials for pets\n"),
        "{outcome:?}"
    );
    assert_eq!(names(&place.directory()), ["client.json"]);
}

#[tokio::test]
async fn what_is_no_object_of_json_is_not_written() {
    let place = Place::with_credentials().await;
    run(&mut place.copy(&["--once"]));
    let long = format!("{{\"hunter2\": \"{}\"}}", "x".repeat(64 * 1024));
    for (content, reason) in [
        ("hunter2", "it is not JSON"),
        ("[\"hunter2\"]", "it is JSON, but not an object"),
        ("", "it is not JSON"),
        (long.as_str(), "longer than 65536 bytes"),
    ] {
        place.put("pets/user.json", content).await;
        let outcome = run(&mut place.copy(&["--once"]));
        assert_eq!(outcome.exit_code, 1);
        assert!(outcome.stderr.contains(reason), "{outcome:?}");
        assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:?}");
        assert_eq!(place.read("user.json").as_deref(), Some(USER));
    }
    assert_eq!(names(&place.directory()), ["client.json", "user.json"]);
}

#[tokio::test]
async fn a_local_file_without_credentials_is_replaced() {
    let place = Place::with_credentials().await;
    fs::write(place.directory().join("user.json"), "{\"half").unwrap();
    fs::write(place.directory().join("client.json.tmp"), "left behind").unwrap();
    assert_eq!(run(&mut place.copy(&["--once"])).stderr, BOTH_ROTATED);
    assert_eq!(names(&place.directory()), ["client.json", "user.json"]);
}

#[tokio::test]
async fn new_files_are_put_in_place_only_when_both_are_there() {
    let place = Place::with_credentials().await;
    // Nothing can be written over a directory that is not empty, whoever tries.
    fs::create_dir_all(place.directory().join("client.json.tmp/full")).unwrap();
    let outcome = run(&mut place.copy(&["--once"]));
    assert_eq!(outcome.exit_code, 1);
    assert!(
        outcome
            .stderr
            .starts_with("ERROR: Failed to download client credentials: "),
        "{outcome:?}"
    );
    assert_eq!(names(&place.directory()), ["client.json.tmp"]);
}

#[tokio::test]
async fn a_group_may_read_when_it_is_named() {
    let place = Place::with_credentials().await;
    run(&mut place.copy(&["--once"]));
    let (_, owner, own_group, ..) = identity(&place.directory());
    // Only root may give a file to a group that it is not in.
    let group = if owner == 0 { 12345 } else { own_group };
    let path = place.directory().join("user.json");

    let owner_option = owner.to_string();
    let options = ["--once", "--group", &group.to_string(), "--owner", &owner_option];
    let outcome = run(&mut place.copy(&options));
    assert_eq!(outcome.exit_code, 0);
    assert!(
        outcome
            .stderr
            .starts_with("INFO: Set mode and owner of user.json of pets\n"),
        "{outcome:?}"
    );
    let (mode, user, of_group, ..) = identity(&path);
    assert_eq!((mode, user, of_group), (0o640, owner, group));
    assert_eq!(run(&mut place.copy(&options)), silently(0));

    place.put("pets/user.json", &user_json()).await;
    run(&mut place.copy(&options));
    let (mode, user, of_group, ..) = identity(&path);
    assert_eq!((mode, user, of_group), (0o640, owner, group));

    let outcome = run(&mut place.copy(&["--once", "--group", "no such group"]));
    assert_eq!(
        outcome.stderr,
        "ERROR: Usage Error: There is no group \"no such group\" on this machine\n"
    );
    assert_eq!(outcome.exit_code, 1);
}

fn user_json() -> String {
    user("second-password")
}

#[tokio::test]
async fn files_that_everybody_may_read_are_taken_over() {
    let place = Place::with_credentials().await;
    let path = place.directory().join("client.json");
    fs::write(&path, CLIENT).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let outcome = run(&mut place.copy(&["--once"]));
    assert!(
        outcome.stderr.contains("Set mode and owner of client.json"),
        "{outcome:?}"
    );
    assert_eq!(identity(&path).0, 0o600);
}

#[tokio::test]
async fn silence_leaves_the_errors() {
    let place = Place::with_credentials().await;
    assert_eq!(
        run(&mut place.copy(&["--once", "-s", "-f", "/nonexistent"])),
        silently(0)
    );
    let outcome = run(&mut place.copy(&["--once", "--silent", "-a", "cats"]));
    assert_eq!((outcome.exit_code, outcome.stderr.lines().count()), (1, 2));
}

#[tokio::test]
async fn wrong_usage() {
    let place = Place::with_credentials().await;
    for (words, exit_code) in [(&[][..], 2), (&["-x"], 2), (&["a", "b"], 2), (&["a", "-i", "soon"], 2)] {
        let outcome = run(&mut place.berry(words));
        assert_eq!(outcome.exit_code, exit_code, "{words:?}: {outcome:?}");
        assert!(outcome.stderr.contains("Usage: berry"), "{outcome:?}");
    }
    let help = run(&mut place.berry(&["-h"]));
    assert_eq!(help.exit_code, 0);
    assert!(help.stdout.contains("--aws-credentials-file"), "{help:?}");

    let version = run(&mut place.berry(&["--version"]));
    assert_eq!(version.stdout, format!("Berry {}\n", env!("CARGO_PKG_VERSION")));
    let mut host = std::process::Command::new(env!("CARGO_BIN_EXE_stups-host"));
    assert_eq!(run(host.arg("nonsense")).exit_code, 2);

    let missing = place.scratch("missing");
    let missing = missing.to_str().unwrap();
    let mut command = place.berry(&[missing, "--once", "-a", "pets", "-m", &place.bucket, "-f", "/dev/null"]);
    let outcome = run(&mut command);
    assert_eq!(outcome.exit_code, 1);
    assert!(
        outcome.stderr.starts_with("ERROR: Usage Error: The local directory "),
        "{outcome:?}"
    );
    assert!(!fs::exists(missing).unwrap(), "it is not made");
}

#[tokio::test]
async fn a_configuration_file_says_the_rest() {
    let place = Place::with_credentials().await;
    let bucket = &place.bucket;
    let directory = place.directory();
    let directory = directory.to_str().unwrap();
    let once = |config: &str| {
        let file = place.file("taupage.yaml", config);
        run(&mut place.berry(&[directory, "--once", "-f", &file]))
    };
    for (config, expected) in [
        (String::new(), "ERROR: Usage Error: Application ID missing"),
        (
            format!("mint_bucket: {bucket}"),
            "ERROR: Usage Error: Application ID missing",
        ),
        (
            "application_id: pets".to_owned(),
            "ERROR: Usage Error: Mint Bucket is not configured",
        ),
        (
            "application_id: [".to_owned(),
            "WARNING: Could not load configuration from ",
        ),
        (
            "application_id: ../pets\nmint_bucket: mint".to_owned(),
            "ERROR: Usage Error: '../pets' is not",
        ),
    ] {
        let outcome = once(&config);
        assert_eq!(outcome.exit_code, 1, "{config}");
        assert!(outcome.stderr.starts_with(expected), "{outcome:?}");
    }
    let outcome = once(&format!(
        "#taupage-ami-config\napplication_id: pets\nmint_bucket: {bucket}\nregion: us-east-1\nruntime: Docker\n"
    ));
    assert_eq!(
        outcome,
        Outcome {
            stderr: BOTH_ROTATED.to_owned(),
            ..silently(0)
        }
    );
    let outcome = run(&mut place.copy(&["--once", "-f", "/nonexistent/taupage.yaml"]));
    assert_eq!(outcome.exit_code, 0);
    assert!(
        outcome
            .stderr
            .starts_with("WARNING: Could not load configuration from /nonexistent/taupage.yaml: "),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn several_applications_in_one_process() {
    let place = Place::with_credentials().await;
    place.put("cats/user.json", &user("cats-password")).await;
    place.put("cats/client.json", CLIENT).await;
    let directory = place.directory();
    fs::create_dir(directory.join("pets")).unwrap();
    let cats = place.scratch("cats");
    fs::create_dir(&cats).unwrap();
    let bucket = &place.bucket;
    let config = format!(
        "mint_bucket: {bucket}\napplications:\n- application_id: pets\n- application_id: cats\n  mint_bucket: s3://{bucket}?region=us-east-1\n  directory: {}\n- application_id: dogs\n  directory: pets/..\n",
        cats.display()
    );
    let file = place.file("berry.yaml", &config);
    let outcome = run(&mut place.berry(&[directory.to_str().unwrap(), "--once", "-f", &file]));
    assert_eq!(outcome.exit_code, 1, "dogs have none");
    assert!(outcome.stderr.contains("\"dogs/user.json\" not found"), "{outcome:?}");
    assert_eq!(names(&cats), ["client.json", "user.json"]);
    assert_eq!(
        fs::read_to_string(cats.join("user.json")).unwrap(),
        user("cats-password")
    );
    assert_eq!(names(&directory.join("pets")), ["client.json", "user.json"]);
}

#[tokio::test]
async fn aws_credentials_are_looked_up_by_application() {
    let place = Place::with_credentials().await;
    let environment = place.account.environment();
    let value = |name: &str| &environment.iter().find(|(key, _)| key == name).unwrap().1;
    let (id, secret) = (value("AWS_ACCESS_KEY_ID"), value("AWS_SECRET_ACCESS_KEY"));
    let once = |file: &str| {
        let mut command = berry();
        let others = environment
            .iter()
            .filter(|(name, _)| !name.contains("_KEY") && !name.contains("_TOKEN"));
        command.envs(others.map(|(name, value)| (name, value)));
        command
            .arg(place.directory())
            .args(["-a", APPLICATION, "-m", &place.bucket, "-f", "/dev/null"]);
        run(command.args(["--once", "-c", file]))
    };
    let missing = "ERROR: Usage Error: No AWS credentials found for application \"pets\"";
    for (content, expected) in [
        ("", ""),
        ("# pets:AKIA:x\npetshop:AKIA:x\n", ""),
        (
            "pets:AKIA\npets:AKIA:x\n",
            ": line 1 needs an access key and a secret key",
        ),
        ("\npets\n", ": line 2 needs an access key and a secret key"),
    ] {
        let file = place.file("keys", content);
        let outcome = once(&file);
        assert_eq!(outcome.exit_code, 1);
        assert_eq!(outcome.stderr, format!("{missing} in {file}{expected}\n"));
    }
    let outcome = once("/nonexistent/keys");
    assert_eq!(outcome.exit_code, 1);
    assert!(outcome.stderr.starts_with(missing), "{outcome:?}");
    assert_eq!(names(&place.directory()), [""; 0]);

    let before = place.account.requests().len();
    let file = place.file(
        "keys",
        &format!("# a comment\npetshop:AKIA:x\n pets:{id}:{secret}\npets:AKIAOTHER:x\n"),
    );
    assert_eq!(once(&file).stderr, BOTH_ROTATED);
    let calls = place.account.requests().split_off(before);
    assert_eq!(
        calls,
        [
            format!("s3:GET /{}/pets/user.json", place.bucket),
            format!("s3:GET /{}/pets/client.json", place.bucket)
        ],
        "with the account's own key"
    );
}
