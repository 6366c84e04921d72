//! `stups configure`, ours and the unmodified original, in an organisation's domain, and with running services.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use stups_testkit::{PythonEnvironment, Requirements};
use stups_tests::{Behaviour, Ended, Provider, User, executable};

const ORGANISATION: &str = include_str!("../../src/organisation.py");
const CERTIFICATE: &str = include_str!("../../src/certificate.py");
const DOMAIN: &str = "stups.example.org";

/// Where Kio is when it is ours.
const KIO: &str = "127.0.0.2";

/// A domain with Kio and the TXT records that the originals read.
fn records() -> Value {
    let txt = |text: &str| json!({"TXT": [format!("\"{text}\"")]});
    let here = json!({"A": ["127.0.0.1"]});
    json!({
        DOMAIN: here,
        format!("kio.{DOMAIN}"): here,
        format!("_zalando-token-cli._autoconfig.{DOMAIN}"): txt("{authorize_url: 'https://id.example.org/a', token_url: 'https://id.example.org/t', client_id: ztoken, business_partner_id: '42'}"),
        format!("_zalando-aws-cli._autoconfig.{DOMAIN}"): txt("{service_url: 'https://aws.example.org'}"),
        format!("_zalando-kubectl._autoconfig.{DOMAIN}"): txt("{cluster_registry: 'https://clusters.example.org'}"),
    })
}

/// Runs a command in a network where the domain is.
async fn in_organisation(user: &User, records: &Value, documents: &Value, program: &Path, words: &[&str]) -> Ended {
    in_organisation_with(user, records, documents, &[], program, words).await
}

/// The certificate of the domain and its key.
fn certificate(user: &User) -> [String; 2] {
    ["server.pem", "server.key"].map(|file| user.path("tls").join(file).display().to_string())
}

/// The same with a `stupsd`, if there are words for it: with Kio on an address of its own.
async fn in_organisation_with(
    user: &User,
    records: &Value,
    documents: &Value,
    services: &[&str],
    program: &Path,
    words: &[&str],
) -> Ended {
    let python = PythonEnvironment::get(Requirements::ZignOld)
        .unwrap()
        .executable("python");
    let directory = user.path("tls");
    std::fs::create_dir_all(&directory).unwrap();
    let directory = directory.display().to_string();
    let names = [DOMAIN, &format!("kio.{DOMAIN}"), &format!("pierone.{DOMAIN}")];
    let words_of_certificate: Vec<&str> = ["-c", CERTIFICATE, directory.as_str()]
        .into_iter()
        .chain(names)
        .collect();
    user.run(&python, &words_of_certificate).await.succeeded();
    let [certificate, key] = certificate(user);
    let listening = if services.is_empty() { &[][..] } else { &[KIO] };
    let organisation = json!({
        "records": records,
        "documents": documents,
        "certificate": certificate,
        "key": key,
        "resolv": format!("{directory}/resolv.conf"),
        "services": services,
        "listening": listening,
    });
    let file = user.path("tls/organisation.json");
    user.write(&file, &organisation.to_string());
    let script = user.path("tls/organisation.py");
    user.write(&script, ORGANISATION);
    let python = PythonEnvironment::get(Requirements::StupsCli)
        .unwrap()
        .executable("python");
    let [python, script, file, program] =
        [&python, &script, &file, &program.to_owned()].map(|path| path.display().to_string());
    let ca = format!("{directory}/ca.pem");
    let (requests, native) = (format!("REQUESTS_CA_BUNDLE={ca}"), format!("SSL_CERT_FILE={ca}"));
    let mut all = vec!["--map-root-user", "--mount", "--net", "env", &requests, &native];
    // The original starts over for ever when something fails.
    all.extend([&python, &script, &file, "timeout", "60", &program]);
    all.extend(words);
    user.run(&PathBuf::from("unshare"), &all).await
}

fn yaml(user: &User, section: &str) -> String {
    user.read(&user.config(&format!("{section}/{section}.yaml")))
}

#[tokio::test(flavor = "multi_thread")]
async fn ours_writes_what_the_original_writes() {
    let original = PythonEnvironment::get(Requirements::StupsCli)
        .unwrap()
        .executable("stups");
    let (theirs, ours) = (User::new(), User::new());
    in_organisation(&theirs, &records(), &json!({}), &original, &["configure", DOMAIN])
        .await
        .succeeded();
    let words = ["configure", DOMAIN, "--non-interactive"];
    let output = in_organisation(&ours, &records(), &json!({}), &executable("stups"), &words).await;
    assert!(
        output.stderr.contains("Checking https://kio.stups.example.org.. OK"),
        "{}",
        output.stderr
    );
    output.succeeded();
    for section in [
        "stups",
        "kio",
        "zalando-token-cli",
        "zalando-aws-cli",
        "zalando-kubectl",
    ] {
        let written = yaml(&ours, section);
        assert!(!written.is_empty(), "{section}");
        assert_eq!(written, yaml(&theirs, section), "{section}");
    }
    assert_eq!(yaml(&ours, "kio"), "url: https://kio.stups.example.org\n");
    assert_eq!(yaml(&ours, "pierone"), "");

    // Once more, without a domain: the stored one is taken, and nothing changes.
    let words = ["configure", "--non-interactive"];
    in_organisation(&ours, &records(), &json!({}), &executable("stups"), &words)
        .await
        .succeeded();
    assert_eq!(yaml(&ours, "stups"), "domain: stups.example.org\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_original_finds_a_kio_of_ours() {
    let user = User::new();
    let [certificate, key] = certificate(&user);
    let settings = format!(
        "[kio]\nlisten = \"{KIO}:443\"\npublic_url = \"https://kio.{DOMAIN}\"\n\
         tls_certificate = \"{certificate}\"\ntls_key = \"{key}\"\n"
    );
    let (file, data) = (user.path("stups.toml"), user.path("data").display().to_string());
    user.write(&file, &settings);
    let (stupsd, file) = (executable("stupsd").display().to_string(), file.display().to_string());
    let services = [&stupsd, "identity", "kio", "--config", &file, "--data", &data];
    let mut records = records();
    records[format!("kio.{DOMAIN}")] = json!({"A": [KIO]});
    let original = PythonEnvironment::get(Requirements::StupsCli)
        .unwrap()
        .executable("stups");
    in_organisation_with(
        &user,
        &records,
        &json!({}),
        &services,
        &original,
        &["configure", DOMAIN],
    )
    .await
    .succeeded();
    assert_eq!(yaml(&user, "kio"), "url: https://kio.stups.example.org\n");
    assert!(yaml(&user, "zalando-token-cli").contains("https://id.example.org/a"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_outranks_the_records_and_may_change_what_is_there() {
    let user = User::new();
    user.write(
        &user.config("zalando-token-cli/zalando-token-cli.yaml"),
        "token_url: https://old.example.org\nmore: kept\n",
    );
    let words = ["configure", DOMAIN, "--non-interactive"];
    let stups = executable("stups");
    // Records are nobody's word: without a person to ask nothing is changed.
    let output = in_organisation(&user, &records(), &json!({}), &stups, &words).await;
    assert!(output.failed(1).contains("Nothing was changed"));
    assert_eq!(yaml(&user, "kio"), "");
    let documents = json!({"/.well-known/stups-autoconfig": {
        "zalando-token-cli": {"issuer": "https://id.example.org", "token_url": "https://id.example.org/t", "client_id": "ztoken"},
        "kio": {"url": "https://kio.stups.example.org"},
        "bashrc": {"x": "y"},
    }});
    let output = in_organisation(&user, &records(), &documents, &stups, &words).await;
    assert!(
        output
            .stderr
            .contains("zalando-token-cli token_url: https://old.example.org becomes https://id.example.org/t"),
        "{}",
        output.stderr
    );
    output.succeeded();
    assert_eq!(
        yaml(&user, "zalando-token-cli"),
        "client_id: ztoken\nissuer: https://id.example.org\nmore: kept\ntoken_url: https://id.example.org/t\n"
    );
    assert!(!user.config("bashrc").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_that_does_not_work_ends_the_command() {
    let user = User::new();
    let mut records = records();
    records.as_object_mut().unwrap().remove(&format!("kio.{DOMAIN}"));
    let stups = executable("stups");
    for domain in [DOMAIN, "nowhere.example.org", "not a domain"] {
        let words = ["configure", domain, "--non-interactive"];
        in_organisation(&user, &records, &json!({}), &stups, &words)
            .await
            .failed(1);
    }
    assert!(!user.config("stups").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn running_services_are_configured_by_their_addresses() {
    let provider = Provider::start(Behaviour {
        modern: true,
        ..Behaviour::default()
    })
    .await;
    let user = User::new();
    let stups = executable("stups");
    user.run(&stups, &["configure", &provider.url("")]).await.succeeded();
    let written = yaml(&user, "zalando-token-cli");
    assert!(
        written.contains(&format!("issuer: {}\n", provider.url(""))),
        "{written}"
    );
    // The original has all it needs.
    let ztoken = PythonEnvironment::get(Requirements::Zign).unwrap().executable("ztoken");
    user.run(&ztoken, &["token", "-n", "t"]).await.succeeded();
    // Somebody who is none of the services.
    let output = user.run(&stups, &["configure", "http://127.0.0.1:1"]).await;
    output.failed(1);
}
