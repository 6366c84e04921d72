//! From an application in Kio to a token that Kio accepts: essentials, mint and identity in one process, berry and the original berry
//! on one bucket, our tokens and the original library's.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stups_testkit::{AwsApi, PythonEnvironment, Requirements};
use stups_tests::{User, client, executable, until};

use crate::mint_killed::Application;

const BUCKET: &str = "acme-stups-mint-123456789012-eu-west-1";

/// What every AWS client here is told.
async fn aws() -> Vec<(&'static str, String)> {
    vec![
        ("AWS_ENDPOINT_URL", AwsApi::shared().await.endpoint()),
        ("AWS_ACCESS_KEY_ID", "key".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
        ("AWS_DEFAULT_REGION", "eu-west-1".to_owned()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_gets_its_secrets_and_uses_them() {
    let aws = aws().await;
    let environment: Vec<(&str, &str)> = aws.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let configuration = "[mint]\ninterval_seconds = 0.5\n[essentials]\nadmin_users = \"/employees/admin\"\n";
    let application = Application::new(BUCKET, configuration, &environment).await;
    let (platform, person) = (&application.somebody.platform, &application.somebody.user);
    let essentials = platform.essentials_url().clone();
    for (path, body) in [
        ("resource-types/application", json!({"name": "Application"})),
        (
            "resource-types/application/scopes/write",
            json!({"summary": "Write applications", "is_resource_owner_scope": false}),
        ),
    ] {
        let (status, answer) = application.call(Method::PUT, &essentials, path, body).await;
        assert!(status.is_success(), "{path}: {answer}");
    }

    // `stups configure` has told the tools where mint is.
    let stups = executable("stups");
    let words = [
        "mint",
        "configure",
        "shop",
        "--scope",
        "application.write",
        "--bucket",
        BUCKET,
    ];
    person.run(&stups, &words).await.succeeded();
    let refused = person
        .run(&stups, &["mint", "configure", "shop", "--scope", "application.nothing"])
        .await
        .failed(1);
    assert!(
        refused.contains("Scope application.nothing does not exist in essentials"),
        "{refused}"
    );
    let shown = async || {
        let shown = person.run(&stups, &["mint", "list", "-o", "json"]).await.succeeded();
        let shown: Value = serde_json::from_str(&shown).unwrap();
        shown[0].clone()
    };
    until("the first rotation", async || {
        shown().await["last_client_rotation_time"].is_number()
    })
    .await;
    assert_eq!(shown().await["message"], "");

    // Ours and the original copy the same.
    let mut machine = User::new();
    for (name, value) in &environment {
        machine.set(name, value);
    }
    let python = PythonEnvironment::get(Requirements::Berry).unwrap();
    let (ours, originals) = (machine.path("ours"), machine.path("originals"));
    let url = platform
        .identity_url()
        .join("oauth2/access_token?realm=/services")
        .unwrap();
    machine.set("OAUTH2_ACCESS_TOKEN_URL", url.as_str());
    machine.set("CREDENTIALS_DIR", &ours.display().to_string());
    let copied = async |host: bool, directory: &std::path::Path| {
        std::fs::create_dir_all(directory).unwrap();
        let directory = directory.display().to_string();
        let words = ["-a", "shop", "-m", BUCKET, "--once", &directory];
        let ended = if host {
            let words: Vec<&str> = std::iter::once("berry").chain(words).collect();
            machine.run(&executable("stups-host"), &words).await
        } else {
            machine.run(&python.executable("berry"), &words).await
        };
        ended.succeeded();
    };
    copied(true, &ours).await;
    copied(false, &originals).await;
    for file in ["user.json", "client.json"] {
        let [ours, originals] =
            [&ours, &originals].map(|directory| std::fs::read_to_string(directory.join(file)).unwrap());
        assert_eq!(ours, originals, "{file}");
    }

    // A token got with them is one that Kio believes.
    let library =
        "import tokens; tokens.manage('shop', ['uid', 'application.write']); tokens.start(); print(tokens.get('shop'))";
    let original = PythonEnvironment::get(Requirements::Zign).unwrap().executable("python");
    for (program, words) in [
        (
            stups.clone(),
            ["zign", "token", "-n", "shop", "uid", "application.write"].as_slice(),
        ),
        (original, &["-c", library]),
    ] {
        let token = machine.run(&program, words).await.succeeded();
        let request = client()
            .get(platform.kio_url().join("apps/shop").unwrap())
            .bearer_auth(token.trim());
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{program:?}");
    }

    // Whose secret leaked gets other ones.
    let held = application.credentials().await;
    person.run(&stups, &["mint", "renew", "shop"]).await.succeeded();
    until("the renewal", async || {
        let found = application.credentials().await;
        found.0 != held.0 && found.1 != held.1
    })
    .await;
    copied(true, &ours).await;
    assert_eq!(
        application.log_in(&application.credentials().await).await,
        StatusCode::OK
    );

    // An application that is switched off loses its user at once.
    person
        .run(&stups, &["kio", "applications", "update", "shop", "active=false"])
        .await
        .succeeded();
    let credentials = application.credentials().await;
    until("the end of its service user", async || {
        application.log_in(&credentials).await != StatusCode::OK
    })
    .await;
    let list = person.run(&stups, &["mint", "list", "-o", "json"]).await.succeeded();
    assert_eq!(serde_json::from_str::<Value>(&list).unwrap(), json!([]));
}

/// A client that proves itself by a key: no shared secret exists at all.
#[tokio::test(flavor = "multi_thread")]
async fn an_application_with_a_key_needs_no_secret() {
    let aws = aws().await;
    let environment: Vec<(&str, &str)> = aws.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let application = Application::new("keys", "[mint]\ninterval_seconds = 0.5\n", &environment).await;
    let (platform, person) = (&application.somebody.platform, &application.somebody.user);
    let stups = executable("stups");
    let words = ["mint", "configure", "shop", "--client", "key", "--bucket", "keys"];
    person.run(&stups, &words).await.succeeded();
    let mint = platform.mint_url().clone();
    until("the first rotation", async || {
        let (_, found) = application.call(Method::GET, &mint, "apps/shop", Value::Null).await;
        found["last_client_rotation"].is_string()
    })
    .await;
    let file = application.file("client").await;
    assert_eq!(file["client_secret"], Value::Null);
    let mut machine = User::new();
    for name in ["user", "client"] {
        machine.write(
            &machine.path(&format!("meta/{name}.json")),
            &application.file(name).await.to_string(),
        );
    }
    let url = platform
        .identity_url()
        .join("oauth2/access_token?realm=/services")
        .unwrap();
    machine.set("OAUTH2_ACCESS_TOKEN_URL", url.as_str());
    machine.set("CREDENTIALS_DIR", &machine.path("meta").display().to_string());
    let token = machine
        .run(&stups, &["zign", "token", "-n", "shop", "uid"])
        .await
        .succeeded();
    let request = client()
        .get(platform.kio_url().join("apps/shop").unwrap())
        .bearer_auth(token.trim());
    assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
}
