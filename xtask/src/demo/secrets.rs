//! How an application gets its permissions and its secrets: registered in Kio, given a scope and a bucket in mint, its credentials
//! fetched by berry, and a token got with them. All services run in one process.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use stups_testkit::{Account, PythonEnvironment, Requirements};
use tokio::runtime::Runtime;

use super::shell::{Background, Shell};
use super::walkthrough::say;

/// Who logs in where a person would.
const BROWSER: &str = include_str!("../../../tests/src/browser.py");

/// mint's worker comes by every second here; this only keeps a demo that fails from hanging.
const PATIENCE: Duration = Duration::from_mins(1);

/// Walks through it, printing each command and its output. The services run until what is returned is dropped.
pub(crate) fn walk(shell: &mut Shell, account: &Account, runtime: &Runtime) -> Result<Background> {
    say("The platform's services, all in one process. In the account there is a bucket for secrets.");
    let bucket = format!("acme-stups-mint-{}-us-east-1", account.id());
    runtime
        .block_on(account.session().s3().create_bucket().bucket(&bucket).send())
        .context("The bucket cannot be made")?;
    shell.set("STUPS_MINT_INTERVAL_SECONDS", "1");
    let (services, lines) = shell.start("stupsd --listen 127.0.0.1:0", |line| {
        line.contains("kio applications list")
    })?;
    let url = |service: &str| -> Result<String> {
        let line = lines
            .iter()
            .find(|line| line.split_whitespace().next() == Some(service));
        let url = line.and_then(|line| line.split_whitespace().nth(1));
        Ok(url
            .with_context(|| format!("stupsd does not say where {service} is"))?
            .to_owned())
    };
    let password = lines
        .iter()
        .find_map(|line| line.split("password ").nth(1)?.split_whitespace().next());

    say("Logged in as its administrator, in a team, with an application.");
    let python = PythonEnvironment::get(Requirements::AwsApi)?.executable("python");
    shell.write("browser.py", BROWSER)?;
    shell.set("BROWSER", &format!("{} browser.py %s &", python.display()));
    shell.set("BROWSER_USER", "admin");
    shell.set(
        "BROWSER_PASSWORD",
        password.context("stupsd does not say the administrator's password")?,
    );
    shell.set("BROWSER_LOG", "browser.log");
    let (identity, kio, essentials) = (url("identity")?, url("kio")?, url("essentials")?);
    shell
        .run(&format!("stups configure --non-interactive {identity} {kio}"))?
        .succeeds()?;
    shell.run("stups identity team add shops --member admin")?.succeeds()?;
    shell
        .run("kio applications create hello-world team_id=shops name='Hello World' active=true")?
        .succeeds()?;

    say("A resource type of the application's, a scope on it, and both the scope and the bucket for the application.");
    let put = |path: &str, body: &str| {
        format!(
            "curl -sf -X PUT -H \"Authorization: Bearer $(zign token uid)\" -H 'Content-Type: application/json' \
             -d '{body}' {essentials}/resource-types/{path}; echo"
        )
    };
    shell
        .run(&put("hello-world", "{\"name\": \"Hello World\"}"))?
        .succeeds()?
        .says("null")?;
    let scope = "{\"summary\": \"Read greetings\", \"is_resource_owner_scope\": false}";
    shell
        .run(&put("hello-world/scopes/read", scope))?
        .succeeds()?
        .says("null")?;
    shell
        .run(&format!(
            "stups mint configure hello-world --scope hello-world.read --bucket {bucket}"
        ))?
        .succeeds()?
        .says("Configuring hello-world.. OK")?;

    say("Within one cycle it has a service user, and its secrets are in the bucket. berry fetches them.");
    let deadline = Instant::now() + PATIENCE;
    while !shell.query("stups mint list -o json")?[0]["last_client_rotation_time"].is_number() {
        ensure!(
            Instant::now() < deadline,
            "mint did not rotate the secrets of hello-world"
        );
    }
    shell.run("stups mint list")?.succeeds()?.says("hello-world")?;
    shell.run("mkdir credentials")?.succeeds()?;
    shell
        .run(&format!(
            "berry -a hello-world -m {bucket} --region us-east-1 --once credentials"
        ))?
        .succeeds()?
        .says("Rotated user credentials for hello-world")?
        .says("Rotated client credentials for hello-world")?;

    say("With them the application gets a token of its own, which Kio believes.");
    let token = format!(
        "CREDENTIALS_DIR=credentials OAUTH2_ACCESS_TOKEN_URL='{identity}/oauth2/access_token?realm=/services' \
         zign token -n hello uid hello-world.read"
    );
    shell.run(&format!("{token} > token"))?.succeeds()?;
    shell
        .run(&format!(
            "curl -sf -H \"Authorization: Bearer $(cat token)\" {kio}/apps/hello-world; echo"
        ))?
        .succeeds()?
        .says("\"name\":\"Hello World\"")?;
    Ok(services)
}
