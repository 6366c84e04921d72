//! What was pushed before its provenance was read.

use serde_json::{Value, json};
use stups_pierone::Config;
use stups_store::objects::object_store::ObjectStoreExt as _;
use stups_store::objects::object_store::path::Path;

use crate::support::{Ground, JDOE, OCI_INDEX, PierOne, Pushed, sha256};
use crate::traceability::{attest, source_of, statement};

async fn status(pierone: &PierOne) -> Value {
    assert!(pierone.built.jobs.run_once("read-provenance").await);
    let status = pierone.send("GET", "/status", "", &[], b"").await.is(200).json();
    status["jobs"]["read-provenance"].clone()
}

/// The database as it was before provenance was read, but for the table of it.
async fn forget(pierone: &PierOne) {
    for statement in [
        "DELETE FROM provenance",
        "DROP TABLE provenance_backlog",
        "DELETE FROM seaql_migrations WHERE version = 'm0005_provenance_backlog'",
    ] {
        pierone.sql(statement).await;
    }
}

#[tokio::test]
async fn attestations_of_old_are_read_once() {
    for ground in Ground::both().await {
        let old = ground.start(Config::default()).await;
        // Nothing was there: nothing is looked through.
        assert_eq!(
            status(&old).await["status"],
            json!({"manifests": 0, "attestations": 0, "unreadable": 0, "done": true})
        );
        // More than a batch.
        for number in 0..101 {
            let annotations = json!({"number": number.to_string()});
            let index =
                json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [], "annotations": annotations});
            let index = Pushed::new(index);
            old.put("stups/indexes", &index.digest, JDOE, &index).await.is(201);
        }
        let image = old.image("stups/kio", "1.0", &[b"one"]).await;
        let other = old.image("stups/kio", "2.0", &[b"two"]).await;
        attest(&old, &statement(&[&image], "git:one"), None).await;
        let lost = statement(&[&other], "git:two");
        attest(&old, &lost, Some(&other)).await;
        assert_eq!(source_of(&old, "1.0").await["url"], "git:one");
        forget(&old).await;
        old.sql("UPDATE manifests SET pushed_at = 1000000000000").await;

        // The bytes of one have gone, which keeps nobody from reading the others.
        let digest = sha256(lost.to_string().as_bytes());
        let hex = digest.strip_prefix("sha256:").unwrap();
        let place = Path::from(format!("blobs/sha256/{}/{hex}", &hex[..2]));
        ground.objects.delete(&place).await.unwrap();

        let pierone = ground.start(Config::default()).await;
        assert_eq!(source_of(&pierone, "1.0").await, Value::Null);
        let job = status(&pierone).await;
        assert_eq!(
            job["status"],
            json!({"manifests": 105, "attestations": 1, "unreadable": 1, "done": true}),
            "{}",
            ground.name
        );
        let source = source_of(&pierone, "1.0").await;
        assert_eq!(
            (&source["url"], &source["origin"]),
            (&json!("git:one"), &json!("provenance"))
        );
        assert_eq!(
            source["created"], "2001-09-09T01:46:40.000Z",
            "as old as the attestation"
        );
        assert_eq!(source_of(&pierone, "2.0").await, Value::Null);
        // Once.
        assert_eq!(status(&pierone).await["status"]["manifests"], 0);
    }
}

#[tokio::test]
async fn a_run_that_was_cut_off_goes_on_where_it_was() {
    for ground in Ground::both().await {
        let old = ground.start(Config::default()).await;
        let image = old.image("stups/kio", "1.0", &[b"one"]).await;
        attest(&old, &statement(&[&image], "git:one"), None).await;
        let elsewhere = Pushed::new(json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}));
        old.put("other/app", &elsewhere.digest, crate::support::ASMITH, &elsewhere)
            .await
            .is(201);
        forget(&old).await;
        let pierone = ground.start(Config::default()).await;
        // Another instance has come so far: what is behind it is not looked through again.
        pierone
            .sql("UPDATE provenance_backlog SET repository = 'stups/', digest = ''")
            .await;
        let second = ground.start(Config::default()).await;
        let (one, two) = tokio::join!(status(&pierone), status(&second));
        for job in [&one, &two] {
            assert_eq!(
                (&job["failures"], &job["status"]["done"]),
                (&json!(0), &json!(true)),
                "{job}"
            );
            assert!(job["status"]["manifests"].as_u64().unwrap() <= 2, "{job}");
        }
        assert_eq!(source_of(&pierone, "1.0").await["url"], "git:one");
    }
}
