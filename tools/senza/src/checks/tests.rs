//! The checks against services on the loopback interface, with answers as Kio, identity, Pier One and registries give them.

use secrecy::SecretString;
use serde_json::{Value as Json, json};
use stups_api::client::Client;
use stups_api::kio::KioClient;
use stups_auth::HttpPolicy;
use stups_terminal::Terminal;

use super::*;
use crate::digest::sha256;
use crate::http::test_server::{answer, serve};

/// What the services say.
#[derive(Clone, Debug)]
struct World {
    application: Option<Json>,
    is_member: bool,
    scm_source: Option<Json>,
    labels: Json,
}

impl Default for World {
    fn default() -> Self {
        Self {
            application: Some(application(true)),
            is_member: true,
            scm_source: Some(
                json!({"url": "git:git@git.example.org:pets.git", "revision": "abc123", "author": "jdoe",
                "status": "", "created": "2026-01-01T00:00:00.000Z"}),
            ),
            labels: json!({}),
        }
    }
}

fn application(active: bool) -> Json {
    let time = "2026-01-01T00:00:00.000Z";
    json!({"id": "pets", "team_id": "zoo", "active": active, "name": "Pets", "created": time, "created_by": "jdoe",
        "last_modified": time, "last_modified_by": "jdoe"})
}

const MANIFEST: &str = r#"{"schemaVersion": 2, "config": {"digest": "sha256:c0"}, "layers": []}"#;

impl World {
    /// Starts the services; the host of all of them.
    fn start(self) -> String {
        let (host, _) = serve(move |request, authorization| {
            let json = |value: &Json| answer("200 OK", "Content-Type: application/json\r\n", &value.to_string());
            let missing = || answer("404 Not Found", "", "null");
            let path = request.split(' ').nth(1).unwrap_or_default();
            if authorization != Some("Bearer token") && !path.starts_with("/v2/other/") {
                return answer("401 Unauthorized", "", "");
            }
            match path {
                "/apps/pets" => self.application.as_ref().map_or_else(missing, json),
                "/auth" if self.is_member => json(&json!({})),
                "/auth" => answer("403 Forbidden", "", "{}"),
                "/teams/zoo/artifacts/pets/tags/1.0/scm-source" => self.scm_source.as_ref().map_or_else(missing, json),
                "/v2/zoo/pets/manifests/1.0"
                | "/v2/zoo/pets/manifests/1.1-SNAPSHOT"
                | "/v2/other/pets/manifests/1.0" => answer("200 OK", "", MANIFEST),
                path if path.ends_with("/blobs/sha256:c0") => json(&json!({"config": {"Labels": self.labels}})),
                path if path.contains("/manifests/sha256:") => answer("200 OK", "", MANIFEST),
                _ => missing(),
            }
        });
        host
    }
}

fn services(host: &str) -> Services {
    let url = || format!("http://{host}").parse().unwrap();
    Services {
        kio: Some(KioClient::new(Client::new(url()).unwrap())),
        identity: Some(HttpPolicy::new(url()).unwrap()),
        token: Box::new(SecretString::from("token")),
        pierone: Some(url()),
        pierone_token: Some(SecretString::from("token")),
    }
}

struct Checked {
    result: Result<Facts, String>,
    shown: String,
}

async fn checked(services: &Services, arguments: &CheckArguments, source: &str, force: bool) -> Checked {
    let (terminal, captured) = Terminal::captured("");
    let subject = Subject {
        application_id: Some("pets".to_owned()),
        application_version: Some("1.0".to_owned()),
        source: Some(source.to_owned()),
    };
    let result = check_all(services, &[subject], Report::new(&terminal, arguments, force)).await;
    Checked {
        result: result.map_err(|error| error.into_failure().message),
        shown: captured.stderr(),
    }
}

async fn in_world(world: World, tag: &str) -> Checked {
    let host = world.start();
    checked(
        &services(&host),
        &CheckArguments::default(),
        &format!("{host}/zoo/pets:{tag}"),
        false,
    )
    .await
}

#[tokio::test]
async fn everything_in_order_is_said_and_remembered() {
    let checked = in_world(World::default(), "1.0").await;
    let facts = Facts {
        application: Some("pets".to_owned()),
        version: Some("1.0".to_owned()),
        team: Some("zoo".to_owned()),
        revision: Some("abc123".to_owned()),
    };
    assert_eq!(checked.result, Ok(facts), "{}", checked.shown);
    assert_eq!(
        checked.shown.lines().filter(|line| line.ends_with(".. OK")).count(),
        5,
        "{}",
        checked.shown
    );
    assert!(
        checked
            .shown
            .contains("Checking application pets in Kio.. OK\nChecking team zoo.. OK\n"),
        "{}",
        checked.shown
    );
}

#[tokio::test]
async fn each_check_fails_for_its_reason() {
    let source = |change: &dyn Fn(&mut Json)| {
        let mut world = World::default();
        change(world.scm_source.as_mut().unwrap());
        world
    };
    for (world, tag, reasons) in [
        (
            World {
                application: None,
                ..World::default()
            },
            "1.0",
            &["it is not registered (--skip-check application)"][..],
        ),
        (
            World {
                application: Some(application(false)),
                ..World::default()
            },
            "1.0",
            &["it is not active (--skip-check application)"],
        ),
        (
            World {
                is_member: false,
                ..World::default()
            },
            "1.0",
            &["you are not in it (--skip-check team)"],
        ),
        (
            World::default(),
            "2.0",
            &[
                "it does not exist (--skip-check image)",
                "has no scm-source.json (--skip-check source)",
            ],
        ),
        (
            World::default(),
            "1.1-SNAPSHOT",
            &["the tag 1.1-SNAPSHOT moves", "has no scm-source.json"],
        ),
        (
            World {
                scm_source: None,
                ..World::default()
            },
            "1.0",
            &["the image has no scm-source.json (--skip-check source)"],
        ),
        (
            source(&|source| source["revision"] = json!("abc123 (locally modified)")),
            "1.0",
            &["built from abc123 with changes that are not committed"],
        ),
        (
            source(&|source| source["status"] = json!(" M a.rs")),
            "1.0",
            &["changes that are not committed"],
        ),
    ] {
        let checked = in_world(world, tag).await;
        let expected = match reasons.len() {
            1 => "A check failed, nothing was created.".to_owned(),
            count => format!("{count} checks failed, nothing was created."),
        };
        assert_eq!(checked.result, Err(expected), "{}", checked.shown);
        for reason in reasons {
            assert!(checked.shown.contains(reason), "{reason}: {}", checked.shown);
        }
    }
}

#[tokio::test]
async fn checks_can_be_switched_off_one_by_one() {
    let world = World {
        application: None,
        is_member: false,
        scm_source: None,
        ..World::default()
    };
    let host = world.start();
    let image = format!("{host}/zoo/pets:2.0-SNAPSHOT");
    let skip = |skip: &[Check]| CheckArguments {
        skip: skip.to_vec(),
        require_checks: true,
    };
    let all = [Check::Application, Check::Team, Check::Image, Check::Tag, Check::Source];
    let none = checked(&services(&host), &skip(&all), &image, false).await;
    assert!(none.result.is_ok());
    assert_eq!(
        none.shown,
        "Skipped checks application, team, image, tag, source: --skip-check\n"
    );
    for check in all {
        let others: Vec<Check> = all.into_iter().filter(|other| *other != check).collect();
        let checked = checked(&services(&host), &skip(&others), &image, false).await;
        assert!(checked.result.is_err(), "{check:?}: {}", checked.shown);
    }
    let others = skip(&[Check::Application, Check::Team, Check::Tag, Check::Source]);
    let forced = checked(&services(&host), &others, &image, true).await;
    assert!(
        forced.result.is_ok() && forced.shown.contains("Skipped check image: --force"),
        "{}",
        forced.shown
    );
}

#[tokio::test]
async fn what_is_not_configured_is_skipped_unless_it_is_required() {
    let host = World::default().start();
    let nothing = || Services {
        kio: None,
        identity: None,
        pierone: None,
        pierone_token: None,
        ..services(&host)
    };
    let lenient = checked(&nothing(), &CheckArguments::default(), "stups/pets:1.0", false).await;
    assert!(lenient.result.is_ok());
    assert_eq!(
        lenient.shown,
        "Skipped checks application, team: Kio is not configured (\"url\" in kio/kio.yaml, or KIO_URL)\n\
         Skipped checks image, tag, source: images without a registry, which means Docker Hub, are not asked for\n"
    );
    let required = CheckArguments {
        require_checks: true,
        ..CheckArguments::default()
    };
    let strict = checked(&nothing(), &required, "stups/pets:1.0", false).await;
    assert_eq!(strict.result, Err("5 checks failed, nothing was created.".to_owned()));
    assert!(
        strict.shown.contains("FAILED: Kio is not configured"),
        "{}",
        strict.shown
    );

    let without_identity = Services {
        identity: None,
        ..services(&host)
    };
    let checked = checked(
        &without_identity,
        &CheckArguments::default(),
        &format!("{host}/zoo/pets:1.0"),
        false,
    )
    .await;
    assert!(
        checked.shown.contains("Skipped check team: identity is not configured"),
        "{}",
        checked.shown
    );
    assert_eq!(checked.result.unwrap().team.as_deref(), Some("zoo"));
}

#[tokio::test]
async fn other_registries_are_read_as_the_standards_say() {
    let labels = json!({"org.opencontainers.image.source": "https://git.example.org/pets", "org.opencontainers.image.revision": "def456"});
    let host = World {
        labels,
        ..World::default()
    }
    .start();
    let elsewhere = || Services {
        pierone: None,
        ..services(&host)
    };
    let no_checks = CheckArguments::default();
    let by_tag = checked(&elsewhere(), &no_checks, &format!("{host}/other/pets:1.0"), false).await;
    assert_eq!(by_tag.result.unwrap().revision.as_deref(), Some("def456"));
    assert!(
        by_tag
            .shown
            .contains("UNKNOWN: the registry does not say whether its tags can move"),
        "{}",
        by_tag.shown
    );

    let digest = sha256(MANIFEST.as_bytes());
    let by_digest = checked(
        &elsewhere(),
        &no_checks,
        &format!("{host}/other/pets@sha256:{digest}"),
        false,
    )
    .await;
    assert!(
        by_digest.result.is_ok() && !by_digest.shown.contains("UNKNOWN"),
        "{}",
        by_digest.shown
    );
    let forged = checked(
        &elsewhere(),
        &no_checks,
        &format!("{host}/other/pets@sha256:00ff"),
        false,
    )
    .await;
    assert!(forged.result.is_err());
    assert!(
        forged.shown.contains("the registry answered another image, sha256:"),
        "{}",
        forged.shown
    );

    let host = World::default().start();
    let unlabelled = Services {
        pierone: None,
        ..services(&host)
    };
    let unlabelled = checked(&unlabelled, &no_checks, &format!("{host}/other/pets:1.0"), false).await;
    assert!(unlabelled.result.is_ok());
    assert!(
        unlabelled.shown.contains("UNKNOWN: the image has no labels"),
        "{}",
        unlabelled.shown
    );
}

#[tokio::test]
async fn services_that_cannot_answer_are_failures() {
    let nowhere = services("127.0.0.1:1");
    let checked = checked(&nowhere, &CheckArguments::default(), "127.0.0.1:1/zoo/pets:1.0", false).await;
    assert!(checked.result.is_err());
    assert!(checked.shown.contains("cannot be reached"), "{}", checked.shown);
    assert!(
        checked.shown.contains("the registry can't be reached"),
        "{}",
        checked.shown
    );
}
