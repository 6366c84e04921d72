//! The processes that the testkit starts, and those that tests start against it.

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use stups_testkit::{Account, AwsApi, PythonEnvironment, Requirements};

const CHILD: &str = "STUPS_TEST_CHILD";

/// Starts the test `name` of this file again, as a child that knows that it is one.
fn again(name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", name, "--nocapture"])
        .env(CHILD, "1")
        .stdin(Stdio::null());
    command
}

fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

fn listens(endpoint: &str) -> bool {
    TcpStream::connect(endpoint.trim_start_matches("http://")).is_ok()
}

fn wait_until_nobody_listens(endpoint: &str) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while listens(endpoint) {
        assert!(Instant::now() < deadline, "somebody still listens at {endpoint}");
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn a_dropped_api_ends() {
    let api = AwsApi::start().await.unwrap();
    let endpoint = api.endpoint();
    assert!(listens(&endpoint));
    // What an account holds does not keep it running.
    let _account = Account::builder(&api).build().await;
    drop(api);
    assert!(!listens(&endpoint));
}

#[tokio::test]
async fn an_api_ends_when_its_parent_is_killed() {
    if is_child() {
        println!("FOUND {}", AwsApi::shared().await.endpoint());
        std::future::pending::<()>().await;
    }
    let mut child = again("an_api_ends_when_its_parent_is_killed")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let endpoint = lines
        .map_while(Result::ok)
        .find_map(|line| Some(line.split_once("FOUND ")?.1.to_owned()))
        .unwrap();
    assert!(listens(&endpoint));
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until_nobody_listens(&endpoint);
}

#[tokio::test]
async fn an_api_that_is_kept_outlives_its_parent() {
    if is_child() {
        let api = AwsApi::start().await.unwrap();
        let endpoint = api.endpoint();
        println!("FOUND {endpoint} {}", api.keep_running().unwrap());
        return;
    }
    let output = again("an_api_that_is_kept_outlives_its_parent").output().unwrap();
    assert!(output.status.success());
    let printed = String::from_utf8(output.stdout).unwrap();
    let (_, found) = printed.split_once("FOUND ").unwrap();
    let mut words = found.split_whitespace();
    let (endpoint, process) = (words.next().unwrap(), words.next().unwrap());
    assert!(listens(endpoint));
    assert!(Command::new("kill").arg(process).status().unwrap().success());
    wait_until_nobody_listens(endpoint);
}

#[tokio::test]
async fn an_environment_is_found_silently() {
    let get = || PythonEnvironment::get(Requirements::AwsApi).unwrap();
    if is_child() {
        get();
        return;
    }
    assert!(get().executable("moto_server").exists());
    assert!(get().executable("cfn-lint").exists());
    let child = again("an_environment_is_found_silently").output().unwrap();
    assert!(child.status.success());
    assert_eq!(String::from_utf8(child.stderr).unwrap(), "");
}

#[tokio::test]
async fn child_processes_work_in_the_account() {
    let account = Account::standard(AwsApi::shared().await).await;
    let python = PythonEnvironment::get(Requirements::AwsApi).unwrap();
    let program = "import boto3; print(boto3.client('sts').get_caller_identity()['Account'])";
    let output = Command::new(python.executable("python"))
        .args(["-c", program])
        .env_remove("AWS_PROFILE")
        .envs(account.environment())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), account.id());
}

#[tokio::test]
async fn the_original_senza_works_in_the_account() {
    let account = Account::standard(AwsApi::shared().await).await;
    let senza = PythonEnvironment::get(Requirements::Senza).unwrap().executable("senza");
    let run = |arguments: &[&str]| {
        let output = Command::new(&senza)
            .args(arguments)
            .env_remove("AWS_PROFILE")
            .envs(account.environment())
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(run(&["--version"]), (true, "Senza 2.1.143\n".to_owned()));

    let template = r#"{"Description": "Hello World", "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}"#;
    let stack = account.session().cloudformation().create_stack();
    let tag = |key: &str, value: &str| {
        stups_aws::cloudformation::types::Tag::builder()
            .key(key)
            .value(value)
            .build()
    };
    stack
        .stack_name("hello-1")
        .template_body(template)
        .tags(tag("Name", "hello-1"))
        .tags(tag("StackName", "hello"))
        .tags(tag("StackVersion", "1"))
        .send()
        .await
        .unwrap();
    let (success, listed) = run(&["list", "-o", "json"]);
    assert!(success);
    assert!(listed.contains("\"stack_name\": \"hello\""), "{listed}");
}
