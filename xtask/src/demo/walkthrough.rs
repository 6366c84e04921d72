//! Deploying a "Hello World" from nothing, as a person would: each step does what it should, or the walk ends there.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::shell::Shell;
use crate::style;

const DEFINITION: &str = "helloworld.yaml";

/// Walks through it, printing each command and its output.
pub(crate) fn walk(shell: &Shell) -> Result<()> {
    say("The account is reachable, and nothing is deployed yet.");
    shell.run("senza --version")?.succeeds()?.says("Senza ")?;
    shell.run("senza list")?.succeeds()?.has_columns(STACK_COLUMNS)?;
    expect_stacks(shell, &[])?;

    say("A definition for our application: the template \"webapp\", and the default answer to everything else.");
    define(shell)?;

    say("What CloudFormation will get. The first parameter is the stack's version, the second the Docker image's tag.");
    let template = shell.run_json("senza print helloworld.yaml v1 0.1", 8)?;
    check_template(&template).context("`senza print helloworld.yaml v1 0.1`")?;

    say("A new immutable stack.");
    deploy(shell, "v1", "0.1")?;
    expect_stacks(shell, &[("v1", "Hello World (ImageVersion: 0.1)")])?;
    look_around(shell)?;

    say("The first version gets all traffic.");
    switch(shell, "hello-world v1 100", &[("v1", 200)])?;

    say("A second version, which gets half of it, and then all.");
    deploy(shell, "v2", "0.2")?;
    expect_weights(shell, &[("v1", 200), ("v2", 0)])?;
    switch(shell, "hello-world v2 50", &[("v1", 100), ("v2", 100)])?;
    switch(shell, "hello-world v2 100", &[("v1", 0), ("v2", 200)])?;

    say("The old version has no traffic any more and may go.");
    shell
        .run("senza delete hello-world v1")?
        .succeeds()?
        .says("Deleting Cloud Formation stack hello-world-v1..")?;
    shell.run("senza wait --deletion hello-world v1")?.succeeds()?;

    say("A version that has traffic is not deleted by mistake.");
    shell
        .run("senza delete hello-world v2")?
        .exits_with(1)?
        .says("has traffic")?;
    shell.run("senza list")?.succeeds()?.has_columns(STACK_COLUMNS)?;
    expect_stacks(shell, &[("v2", "Hello World (ImageVersion: 0.2)")])?;
    expect_weights(shell, &[("v2", 200)])
}

const STACK_COLUMNS: &[&str] = &["Stack Name", "Ver.", "Status", "Created", "Description"];

pub(crate) fn say(text: &str) {
    println!("\n{}", style::remark(&format!("# {text}")));
}

fn define(shell: &Shell) -> Result<()> {
    let outcome = shell.converse("senza init helloworld.yaml", &[])?;
    outcome.succeeds()?;
    for line in [
        "Application ID",
        "Docker image without tag/version",
        "HTTP port",
        "HTTP health check path",
        "EC2 instance type",
        "Checking security group app-hello-world..",
        "Checking security group app-hello-world-lb..",
        "Checking IAM role app-hello-world..",
        "Generating Senza definition file helloworld.yaml.. OK",
    ] {
        outcome.says(line)?;
    }
    let generated = shell.read(DEFINITION)?;
    ensure!(
        generated.contains("AssociatePublicIpAddress: false"),
        "{DEFINITION}: instances without public addresses expected"
    );

    say("The default VPC has public subnets only.");
    let sed = r"sed -i 's/AssociatePublicIpAddress:\s*false/AssociatePublicIpAddress: true/' helloworld.yaml";
    shell.run(sed)?.succeeds()?;
    let changed = shell.read(DEFINITION)?;
    ensure!(
        changed.contains("AssociatePublicIpAddress: true"),
        "`{sed}` found nothing to change"
    );
    Ok(())
}

fn check_template(template: &Value) -> Result<()> {
    for (pointer, expected) in [
        ("/AWSTemplateFormatVersion", "2010-09-09"),
        ("/Description", "Hello World (ImageVersion: 0.1)"),
        ("/Resources/AppServer/Type", "AWS::AutoScaling::AutoScalingGroup"),
        ("/Resources/AppServerConfig/Type", "AWS::EC2::LaunchTemplate"),
        (
            "/Resources/AppLoadBalancer/Type",
            "AWS::ElasticLoadBalancing::LoadBalancer",
        ),
        ("/Resources/AppLoadBalancerMainDomain/Type", "AWS::Route53::RecordSet"),
        (
            "/Resources/AppLoadBalancerVersionDomain/Type",
            "AWS::Route53::RecordSet",
        ),
    ] {
        let actual = template.pointer(pointer).and_then(Value::as_str);
        ensure!(
            actual == Some(expected),
            "{pointer}: {expected} expected, got {actual:?}"
        );
    }
    ensure!(
        template.pointer("/Mappings/Images").is_some(),
        "/Mappings/Images expected"
    );
    let configuration = template["Resources"]["AppServerConfig"].to_string();
    ensure!(
        configuration.contains(r#""AssociatePublicIpAddress":true"#),
        "public addresses expected: {configuration}"
    );
    ensure!(
        configuration.contains("stups/hello-world:0.1"),
        "the image's tag expected in the user data"
    );
    Ok(())
}

fn deploy(shell: &Shell, version: &str, image: &str) -> Result<()> {
    let outcome = shell.run(&format!("senza create helloworld.yaml {version} {image}"))?;
    outcome.succeeds()?.says("Generating Cloud Formation template.. OK")?;
    outcome.says(&format!("Creating Cloud Formation stack hello-world-{version}.. OK"))?;
    let outcome = shell.run(&format!("senza wait hello-world {version}"))?;
    outcome
        .succeeds()?
        .says(&format!("OK: Stack(s) hello-world-{version} created successfully."))?;
    shell
        .run("senza list")?
        .succeeds()?
        .has_columns(STACK_COLUMNS)?
        .says("CREATE_COMPLETE")?;
    Ok(())
}

/// Events, resources, instances and domains of the first version.
fn look_around(shell: &Shell) -> Result<()> {
    let events = [
        "Stack Name",
        "Ver.",
        "Resource Type",
        "Resource ID",
        "Status",
        "Status Reason",
        "Event Time",
    ];
    let outcome = shell.run("senza events hello-world")?;
    outcome
        .succeeds()?
        .has_columns(&events)?
        .says("CloudFormation::Stack")?
        .says("CREATE_COMPLETE")?;

    let resources = [
        "Stack Name",
        "Ver.",
        "Resource ID",
        "Resource Type",
        "Status",
        "Created",
    ];
    let outcome = shell.run("senza resources hello-world v1")?;
    outcome
        .succeeds()?
        .has_columns(&resources)?
        .says("AutoScaling::AutoScalingGroup")?;

    let instances = [
        "Stack Name",
        "Ver.",
        "Resource ID",
        "Instance ID",
        "Public IP",
        "Private IP",
        "State",
        "LB Status",
        "Launched",
    ];
    shell
        .run("senza instances hello-world v1")?
        .succeeds()?
        .has_columns(&instances)?;
    let running = shell.query("senza instances hello-world v1 -o json")?;
    let states: Vec<_> = rows(&running)?.iter().map(|row| row["state"].as_str()).collect();
    ensure!(
        states == [Some("RUNNING")],
        "`senza instances hello-world v1`: one running instance expected, got {states:?}"
    );

    shell.run("senza images")?.succeeds()?.says("Taupage-Public-AMI-")?;

    let domains = [
        "Stack Name",
        "Ver.",
        "Resource ID",
        "Domain",
        "Weight",
        "Type",
        "Value",
        "Create Time",
    ];
    shell
        .run("senza domains hello-world v1")?
        .succeeds()?
        .has_columns(&domains)?;
    expect_weights(shell, &[("v1", 0)])
}

/// `senza traffic <arguments>`, after which the records must have `weights`.
fn switch(shell: &Shell, arguments: &str, weights: &[(&str, u64)]) -> Result<()> {
    let columns = [
        "Stack Name",
        "Version",
        "Identifier",
        "Old Weight%",
        "Delta",
        "Compensation",
        "New Weight%",
        "Current",
    ];
    let outcome = shell.run(&format!("senza traffic {arguments}"))?;
    outcome
        .succeeds()?
        .says("Calculating new weights.. OK")?
        .has_columns(&columns)?
        .says("Setting weights for hello-world.")?;
    expect_weights(shell, weights).with_context(|| format!("after `senza traffic {arguments}`"))
}

/// The account's stacks must be these versions of hello-world, with these descriptions, all complete.
fn expect_stacks(shell: &Shell, versions: &[(&str, &str)]) -> Result<()> {
    let listed = shell.query("senza list -o json")?;
    let actual: Vec<_> = rows(&listed)?
        .iter()
        .map(|row| ["stack_name", "version", "status", "description"].map(|key| row[key].as_str().unwrap_or_default()))
        .collect();
    let complete = |status: &str| matches!(status, "CREATE_COMPLETE" | "UPDATE_COMPLETE");
    let as_expected = actual.len() == versions.len()
        && actual
            .iter()
            .zip(versions)
            .all(|([name, version, status, description], expected)| {
                *name == "hello-world" && (*version, *description) == *expected && complete(status)
            });
    ensure!(as_expected, "`senza list`: {versions:?} expected, got {actual:?}");
    Ok(())
}

/// The weighted records of hello-world must be these, in 200ths.
fn expect_weights(shell: &Shell, versions: &[(&str, u64)]) -> Result<()> {
    let domains = shell.query("senza domains hello-world -o json")?;
    let mut actual = Vec::new();
    for row in rows(&domains)? {
        // A record without weight is a version's own name.
        let weight = match &row["weight"] {
            Value::String(text) if text.is_empty() => continue,
            Value::String(text) => text.clone(),
            Value::Null => continue,
            other => other.to_string(),
        };
        actual.push((row["version"].as_str().unwrap_or_default(), weight));
    }
    actual.sort();
    let expected: Vec<_> = versions
        .iter()
        .map(|(version, weight)| (*version, weight.to_string()))
        .collect();
    ensure!(
        actual == expected,
        "`senza domains`: weights {expected:?} expected, got {actual:?}"
    );
    Ok(())
}

fn rows(table: &Value) -> Result<&Vec<Value>> {
    table.as_array().context("a JSON array of rows expected")
}
