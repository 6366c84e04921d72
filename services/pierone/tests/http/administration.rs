//! Withdrawal, purge, garbage and quotas.

use sea_orm::ConnectionTrait as _;
use serde_json::json;
use stups_pierone::Config;

use crate::support::{ADMIN, ADMIN2, ASMITH, Ground, JDOE, PierOne, Pushed, noise, sha256};

const AUDITOR: &str = "/employees/auditor+uid+application.registry_audit";

#[tokio::test]
async fn a_tag_is_withdrawn_and_comes_back() {
    for pierone in PierOne::both().await {
        let image = pierone.image("stups/kio", "1.0", &[b"one"]).await;
        let newer = pierone.image("stups/kio", "2.0", &[b"two"]).await;
        let path = "/teams/stups/artifacts/kio/tags/2.0/active";
        let body = |active: bool| json!({"active": active, "reason": "leaks \"memory\""});
        pierone.json("PUT", path, ASMITH, &body(false)).await.is(403);
        pierone
            .json("PUT", path, JDOE, &json!({"active": false, "reason": " "}))
            .await
            .is(400);
        for _ in 0..2 {
            pierone.json("PUT", path, JDOE, &body(false)).await.is(204);
        }
        let by_tag = "/v2/stups/kio/manifests/2.0";
        let refused = pierone.get(by_tag).await.refused(403, "DENIED");
        assert!(refused.text().contains("leaks"));
        assert_eq!(refused.header("x-production-ready-reason"), Some("leaks \"memory\""));
        pierone.head(by_tag).await.is(403);
        pierone.send("GET", by_tag, AUDITOR, &[], b"").await.is(200);
        // What runs somewhere can still be pulled there.
        let by_digest = pierone
            .get(&format!("/v2/stups/kio/manifests/{}", newer.digest))
            .await
            .is(200);
        assert_eq!(by_digest.header("warning"), Some("299 - \"leaks 'memory'\""));
        assert!(pierone.get("/v2/stups/kio/manifests/latest").await.is(200).body == image.bytes);
        let list = pierone.get("/teams/stups/artifacts/kio/tags").await.json();
        assert_eq!(list[1]["status"], "inactive");
        assert_eq!(
            pierone.get("/v1/repositories/stups/kio/tags").await.json()["2.0"],
            json!(null)
        );
        // The name stays taken.
        pierone
            .put("stups/kio", "2.0", JDOE, &image)
            .await
            .refused(409, "DENIED");

        pierone.json("PUT", path, ADMIN, &body(true)).await.is(204);
        assert!(pierone.get(by_tag).await.is(200).body == newer.bytes);
        let history = pierone.get("/teams/stups/artifacts/kio/tags/2.0/history").await.json();
        let actions: Vec<_> = history
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| &entry["action"])
            .collect();
        assert_eq!(actions, ["created", "deactivated", "activated"]);
        assert_eq!(history[1]["changed_by"], "/employees/jdoe");
        let trail = pierone.trail().await;
        for action in ["tag.deactivated", "tag.activated"] {
            assert_eq!(
                trail.iter().filter(|(known, _)| known == action).count(),
                1 + usize::from(action == "tag.deactivated")
            );
        }
    }
}

#[tokio::test]
async fn a_purge_takes_two_and_leaves_a_tombstone() {
    for pierone in PierOne::both().await {
        let kept = pierone.image("stups/kio", "1.0", &[b"shared"]).await;
        let secret = pierone.image("stups/kio", "2.0", &[b"shared", b"secret"]).await;
        let purge = |ticket: &str| json!({"repository": "stups/kio", "digest": secret.digest, "reason": "a key", "ticket": ticket});
        pierone.json("POST", "/purges", JDOE, &purge("T-1")).await.is(403);
        pierone.json("POST", "/purges", ADMIN, &purge("")).await.is(400);
        let asked = pierone
            .json("POST", "/purges", ADMIN, &purge("T-1"))
            .await
            .is(200)
            .json();
        assert_eq!(asked["approved_by"], json!(null));
        // The same person twice are not two, and both mean the same.
        pierone.json("POST", "/purges", ADMIN, &purge("T-1")).await.is(409);
        pierone.json("POST", "/purges", ADMIN2, &purge("T-2")).await.is(409);
        pierone.get("/v2/stups/kio/manifests/2.0").await.is(200);

        let done = pierone
            .json("POST", "/purges", ADMIN2, &purge("T-1"))
            .await
            .is(200)
            .json();
        assert_eq!(done["requested_by"], "/employees/admin");
        assert_eq!(done["approved_by"], "/employees/admin2");
        assert_eq!(done["tags"], json!(["2.0"]));
        assert_eq!(done["blobs"], json!([sha256(b"secret")]));
        pierone
            .get("/v2/stups/kio/manifests/2.0")
            .await
            .refused(404, "MANIFEST_UNKNOWN");
        let gone = pierone.get(&format!("/v2/stups/kio/manifests/{}", secret.digest)).await;
        let gone = gone.refused(404, "MANIFEST_UNKNOWN").json();
        assert_eq!(gone["errors"][0]["detail"]["tombstone"]["ticket"], "T-1");
        let gone = pierone.get(&format!("/v2/stups/kio/blobs/{}", sha256(b"secret"))).await;
        let gone = gone.refused(404, "BLOB_UNKNOWN").json();
        assert_eq!(gone["errors"][0]["detail"]["tombstone"]["reason"], "a key");
        // What others have stays.
        assert!(pierone.get("/v2/stups/kio/manifests/1.0").await.is(200).body == kept.bytes);
        pierone
            .get(&format!("/v2/stups/kio/blobs/{}", sha256(b"shared")))
            .await
            .is(200);
        // The name is burnt, and the image does not come back.
        pierone
            .put("stups/kio", "2.0", JDOE, &kept)
            .await
            .refused(409, "DENIED");
        pierone.blob("stups/kio", b"secret").await;
        pierone
            .put("stups/kio", "3.0", JDOE, &secret)
            .await
            .refused(403, "DENIED");
        assert_eq!(
            pierone
                .json("POST", "/purges", ADMIN2, &purge("T-1"))
                .await
                .is(200)
                .json(),
            done
        );
        assert_eq!(
            pierone.send("GET", "/purges", ADMIN, &[], b"").await.is(200).json(),
            json!([done])
        );
        assert!(pierone.trail().await.iter().any(|(action, _)| action == "image.purged"));
        // Nobody rewrites history.
        let statements = [
            "UPDATE tag_history SET tag = 'x'",
            "DELETE FROM tag_history",
            "DELETE FROM tag_history WHERE tag = '2.0'",
            "INSERT INTO tag_history SELECT * FROM tag_history WHERE id = 1",
            "TRUNCATE TABLE tag_history",
        ];
        for statement in statements {
            let write = pierone.store.write().await.unwrap();
            assert!(write.transaction().execute_unprepared(statement).await.is_err());
        }
    }
}

#[tokio::test]
async fn an_image_in_an_index_is_not_purged_alone() {
    let pierone = PierOne::small().await;
    let child = pierone.image("stups/kio", "1.0", &[b"one"]).await;
    let index = Pushed::new(json!({
        "schemaVersion": 2, "mediaType": crate::support::OCI_INDEX, "manifests": [child.descriptor()],
    }));
    pierone.put("stups/kio", "2.0", JDOE, &index).await.is(201);
    let purge = json!({"repository": "stups/kio", "digest": child.digest, "reason": "r", "ticket": "t"});
    pierone.json("POST", "/purges", ADMIN, &purge).await.is(200);
    let refused = pierone.json("POST", "/purges", ADMIN2, &purge).await.is(409);
    assert!(refused.text().contains(&index.digest));
}

/// Makes everything look so many days older.
async fn age(pierone: &PierOne, days: i64) {
    let milliseconds = days * 24 * 3_600_000;
    for (table, column) in [
        ("blobs", "confirmed_at"),
        ("uploads", "touched_at"),
        ("blobs", "collecting"),
    ] {
        pierone
            .sql(&format!("UPDATE {table} SET {column} = {column} - {milliseconds}"))
            .await;
    }
}

#[tokio::test]
async fn only_what_nothing_ever_named_is_garbage() {
    for pierone in PierOne::both().await {
        let image = pierone.image("stups/kio", "1.0", &[b"layer"]).await;
        let untagged = pierone.prepare("stups/kio", &[b"untagged"]).await;
        pierone
            .put("stups/kio", &untagged.digest, JDOE, &untagged)
            .await
            .is(201);
        let garbage = pierone.blob("stups/kio", b"garbage").await;
        let start = pierone
            .send("POST", "/v2/stups/kio/blobs/uploads/", JDOE, &[], b"")
            .await
            .is(202);
        let location = start.header("location").unwrap().to_owned();
        pierone.send("PATCH", &location, JDOE, &[], b"some").await.is(202);

        let collect = async |dry: bool, who: &str| {
            pierone
                .json("POST", "/garbage-collections", who, &json!({"dry_run": dry}))
                .await
        };
        collect(true, JDOE).await.is(403);
        // Too young.
        assert_eq!(collect(false, ADMIN).await.is(200).json()["blobs"], json!([]));
        age(&pierone, 8).await;
        for _ in 0..2 {
            let said = collect(true, ADMIN).await.is(200).json();
            assert_eq!(
                (&said["blobs"], &said["expired_uploads"]),
                (&json!([garbage]), &json!(1))
            );
        }
        let path = format!("/v2/stups/kio/blobs/{garbage}");
        // A client that was told that it is there may rely on it.
        pierone.head(&path).await.is(200);
        assert_eq!(collect(true, ADMIN).await.is(200).json()["blobs"], json!([]));
        age(&pierone, 8).await;
        assert_eq!(collect(false, ADMIN).await.is(200).json()["blobs"], json!([garbage]));
        pierone.get(&path).await.is(404);
        pierone.get(&location).await.is(404);
        // While its bytes are being removed it cannot be pushed.
        let push = format!("/v2/stups/kio/blobs/uploads/?digest={garbage}");
        let busy = pierone.send("POST", &push, JDOE, &[], b"garbage").await.is(503);
        assert!(busy.header("retry-after").is_some());
        age(&pierone, 1).await;
        collect(false, ADMIN).await.is(200);
        pierone.send("POST", &push, JDOE, &[], b"garbage").await.is(201);
        assert!(pierone.get(&path).await.is(200).body == b"garbage");
        for digest in [&image.digest, &untagged.digest] {
            pierone.get(&format!("/v2/stups/kio/manifests/{digest}")).await.is(200);
        }
        pierone
            .get(&format!("/v2/stups/kio/blobs/{}", sha256(b"untagged")))
            .await
            .is(200);
        assert!(pierone.built.jobs.run_once("collect-garbage").await);
    }
}

#[tokio::test]
async fn a_team_has_no_more_than_its_quota() {
    for ground in Ground::both().await {
        let config = Config {
            team_quota_bytes: Some(10_000),
            team_quotas: [("other".to_owned(), 100)].into(),
            ..Config::default()
        };
        let pierone = ground.start(config).await;
        pierone.blob("stups/kio", &noise(1, 9_000)).await;
        // What is there already costs nothing more.
        pierone.blob("stups/app", &noise(1, 9_000)).await;
        let push = async |repository: &str, bytes: &[u8]| {
            let path = format!("/v2/{repository}/blobs/uploads/?digest={}", sha256(bytes));
            pierone.send("POST", &path, crate::support::TRUSTED, &[], bytes).await
        };
        let refused = push("stups/app", &noise(2, 2_000)).await.refused(403, "DENIED");
        assert_eq!(refused.json()["errors"][0]["detail"]["quota"], 10_000);
        let path = format!("/v2/stups/app/blobs/{}", sha256(&noise(2, 2_000)));
        pierone.get(&path).await.is(404);
        push("stups/app", &noise(3, 1_000)).await.is(201);
        push("other/app", &noise(4, 101)).await.refused(403, "DENIED");
        // The bytes had come. Another team may link them; those that nobody links go.
        push("third/app", &noise(2, 2_000)).await.is(201);
        let collected = async |dry: bool| {
            let body = json!({"dry_run": dry});
            let said = pierone.json("POST", "/garbage-collections", ADMIN, &body).await;
            said.is(200).json()["removed"].clone()
        };
        assert_eq!(collected(false).await, 0, "somebody may be about to link them");
        age(&pierone, 2).await;
        assert_eq!(collected(true).await, 1);
        assert!(pierone.holds(&noise(4, 101)).await);
        assert_eq!(collected(false).await, 1);
        assert!(!pierone.holds(&noise(4, 101)).await);
        let path = format!("/v2/third/app/blobs/{}", sha256(&noise(2, 2_000)));
        assert!(pierone.get(&path).await.is(200).body == noise(2, 2_000));
    }
}
