//! What the original's clients and tests take for granted, and no other file is about (contract pierone 2.2 to 2.8, 3, 5.1, 5.4).

use serde_json::{Value, json};

use crate::support::{
    ADMIN, ADMIN2, ASMITH, COLLEAGUE, JDOE, OCI_MANIFEST, PierOne, Pushed, ROBOT, TRUSTED, descriptor, sha256,
};

#[tokio::test]
async fn teams_are_counted_one_by_one() {
    for pierone in PierOne::both().await {
        assert_eq!(pierone.get("/stats/teams").await.is(200).json(), json!([]));
        pierone.image("stups/kio", "1.0", &[b"one"]).await;
        pierone.image("stups/kio", "2.0", &[b"one"]).await;
        pierone.image("stups/mint", "1.0", &[b"one"]).await;
        pierone.image("other/app", "1.0", &[b"one"]).await;
        let mut teams = pierone.get("/stats/teams").await.is(200).json();
        teams
            .as_array_mut()
            .unwrap()
            .sort_by_key(|entry| entry["team"].to_string());
        let expected = json!([
            {"team": "other", "stats": {"artifacts": 1, "tags": 1}},
            {"team": "stups", "stats": {"artifacts": 2, "tags": 3}},
        ]);
        assert_eq!(teams, expected);
    }
}

#[tokio::test]
async fn what_is_not_there_has_the_answer_that_old_clients_read() {
    for pierone in PierOne::both().await {
        pierone.image("stups/kio", "1.0", &[b"one"]).await;
        for (path, status) in [
            ("/teams/stups/artifacts/none/tags", 404),
            ("/tags/sha256:ffffffffffffffff", 404),
            ("/tags/sha256:", 412),
        ] {
            assert!(pierone.get(path).await.is(status).body.is_empty(), "{path}");
        }
        let missing = pierone.get("/teams/stups/artifacts/kio/tags/none/scm-source").await;
        assert_eq!(missing.is(404).text(), "null");
        let unknown = pierone.get("/no/such/path").await.is(404).json();
        assert_eq!(unknown["message"], "GET /no/such/path not found.");
        assert!(unknown["details"].is_null());
    }
}

#[tokio::test]
async fn refusals_say_what_they_are_about() {
    for pierone in PierOne::both().await {
        let image = pierone.image("stups/kio", "1.0", &[b"one"]).await;
        let detail = async |path: &str| pierone.get(path).await.is(404).json()["errors"][0]["detail"].clone();
        let digest = sha256(b"another");
        assert_eq!(
            detail(&format!("/v2/stups/kio/blobs/{digest}")).await,
            json!({"Digest": digest})
        );
        assert_eq!(
            detail("/v2/stups/kio/manifests/2.0").await,
            json!({"Parameters": {"team": "stups", "artifact": "kio", "name": "2.0"}})
        );

        // Who may push, but is not trusted, is told which scope is missing.
        let headers = [("content-type", OCI_MANIFEST), ("x-scm-source", "%7B%7D")];
        for who in [JDOE, ROBOT] {
            let path = "/v2/stups/kio/manifests/3.0";
            let refused = pierone.send("PUT", path, who, &headers, &image.bytes).await;
            let refused = refused.refused(403, "DENIED").json();
            let message = refused["errors"][0]["message"].as_str().unwrap();
            let uid = who.split(['/', '+']).nth(2).unwrap();
            assert_eq!(
                message,
                format!("User {uid} does not have required scope: application.write_all_trusted")
            );
        }

        // An upload does not end without saying what it was.
        let begun = pierone
            .send("POST", "/v2/stups/kio/blobs/uploads/", JDOE, &[], b"")
            .await;
        let location = begun.is(202).header("location").unwrap().to_owned();
        pierone.send("PUT", &location, JDOE, &[], b"").await.is(400);

        // Who is unknown is asked first, and what is not there cannot be refused.
        for path in ["manifests/1.0", "manifests/2.0", &format!("blobs/{digest}")] {
            let path = format!("/v2/stups/kio/{path}");
            let nobody = pierone.send("DELETE", &path, "", &[], b"").await;
            nobody.refused(401, "UNAUTHORIZED");
            let status = if path.ends_with("1.0") { 405 } else { 404 };
            pierone.send("DELETE", &path, JDOE, &[], b"").await.is(status);
        }
    }
}

#[tokio::test]
async fn only_the_suffix_in_capitals_makes_a_snapshot() {
    for pierone in PierOne::both().await {
        let other = pierone.prepare("stups/kio", &[b"two"]).await;
        for (tag, status) in [
            ("1-SNAPSHOT", 201),
            ("1-snapshot", 409),
            ("1-SNAPSHOT-2", 409),
            ("SNAPSHOT", 409),
        ] {
            pierone.image("stups/kio", tag, &[b"one"]).await;
            let moved = pierone.put("stups/kio", tag, JDOE, &other).await;
            assert_eq!(moved.status, status, "{tag}");
        }
    }
}

#[tokio::test]
async fn artifacts_with_slashes_are_written_encoded() {
    for pierone in PierOne::both().await {
        let image = pierone.image("stups/group/kio", "1.0", &[b"one"]).await;
        let artifacts = pierone.get("/teams/stups/artifacts").await.is(200).json();
        assert_eq!(artifacts, json!(["group/kio"]));
        for slash in ["%2F", "%2f"] {
            let tags = pierone
                .get(&format!("/teams/stups/artifacts/group{slash}kio/tags"))
                .await;
            assert_eq!(tags.is(200).json()[0]["name"], "1.0");
            let map = pierone
                .get(&format!("/v1/repositories/stups/group{slash}kio/tags"))
                .await;
            assert_eq!(map.is(200).json()["1.0"], image.json()["config"]["digest"]);
        }
        let found = pierone.get(&format!("/tags/{}", image.digest)).await.is(200).json();
        assert_eq!(
            found,
            json!([{"name": "1.0", "team": "stups", "artifact": "group/kio"}])
        );
    }
}

#[tokio::test]
async fn of_the_first_protocol_only_look_ups_are_left() {
    let pierone = PierOne::small().await;
    pierone.image("stups/kio", "1.0", &[b"one"]).await;
    let host = pierone.address.to_string();
    for (path, who, status) in [
        ("/v1/_ping", "", 200),
        ("/v1/search?q=kio", JDOE, 200),
        ("/v1/users", JDOE, 200),
        ("/v1/repositories/stups/kio/tags", JDOE, 200),
        ("/v1/repositories/stups/none/tags", JDOE, 404),
        ("/v1/repositories/stups/kio/tags/latest", JDOE, 404),
    ] {
        let answer = pierone.send("GET", path, who, &[], b"").await.is(status);
        assert_eq!(answer.header("x-docker-registry-version"), Some("0.6.3"), "{path}");
        // Whoever reads it in a log has no token.
        assert_eq!(answer.header("x-docker-token"), Some("AnonFakeToken"), "{path}");
        assert_eq!(answer.header("x-docker-endpoints"), Some(host.as_str()), "{path}");
    }
    // Images of the second protocol have no id of the first.
    let tag = pierone.get("/v1/repositories/stups/kio/tags/latest").await;
    assert_eq!(tag.text(), "not found");
    for (method, path) in [
        ("PUT", "/v1/repositories/stups/kio/images"),
        ("GET", "/v1/repositories/stups/kio/images"),
        ("PUT", "/v1/images/0123abcd/json"),
        ("GET", "/v1/images/0123abcd/json"),
        ("PUT", "/v1/images/0123abcd/layer"),
        ("GET", "/v1/images/0123abcd/layer"),
        ("PUT", "/v1/images/0123abcd/checksum"),
        ("GET", "/v1/images/0123abcd/ancestry"),
    ] {
        let answer = pierone.send(method, path, TRUSTED, &[], b"").await;
        assert_eq!(answer.status, 404, "{method} {path}");
    }
}

#[tokio::test]
async fn browsers_may_ask_from_everywhere() {
    let pierone = PierOne::small().await;
    for path in ["/v2/stups/kio/tags/list", "/v1/search", "/teams"] {
        let headers = [
            ("origin", "https://yourturn.example.org"),
            ("access-control-request-method", "GET"),
            ("access-control-request-headers", "authorization"),
        ];
        let asked = pierone.send("OPTIONS", path, "", &headers, b"").await.is(200);
        assert_eq!(asked.header("access-control-allow-headers"), Some("authorization"));
        let answer = pierone.send("GET", path, ASMITH, &headers[..1], b"").await;
        assert!(answer.header("access-control-allow-origin").is_some(), "{path}");
        assert!(answer.header("strict-transport-security").is_some(), "{path}");
    }
}

#[tokio::test]
async fn an_audit_service_is_told_what_happened_and_what_was_not_allowed() {
    for pierone in PierOne::both().await {
        let config = json!({"config": {"Labels": {
            "org.opencontainers.image.source": "git:x",
            "org.opencontainers.image.revision": "0123456789012345678901234567890123456789",
            "org.opencontainers.image.authors": "jdoe",
        }}});
        let config = config.to_string();
        pierone.blob("stups/kio", config.as_bytes()).await;
        let image = Pushed::new(json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor("c", config.as_bytes()),
        }));
        let other = pierone.prepare("stups/kio", &[b"two"]).await;
        for (tag, image, status) in [
            ("1.0", &image, 201),
            ("1.0", &image, 201),
            ("1.0", &other, 409),
            ("1-SNAPSHOT", &image, 201),
            ("1-SNAPSHOT", &other, 201),
        ] {
            pierone.put("stups/kio", tag, JDOE, image).await.is(status);
        }
        let tag = "/teams/stups/artifacts/kio/tags/1.0";
        let said = [
            ("POST", "production-ready", JDOE, json!({"incident_id": "INC-1"})),
            ("POST", "approval", COLLEAGUE, json!(null)),
            ("PUT", "active", JDOE, json!({"active": false, "reason": "CVE"})),
            ("PUT", "active", JDOE, json!({"active": true, "reason": "mended"})),
        ];
        for (method, what, who, body) in said {
            let path = format!("{tag}/{what}");
            // Somebody of another team first.
            pierone.json(method, &path, ASMITH, &body).await.is(403);
            pierone.json(method, &path, who, &body).await.is(204);
        }
        let purge = json!({"repository": "stups/kio", "digest": image.digest, "reason": "a secret", "ticket": "1"});
        for admin in [ADMIN, ADMIN2] {
            assert!(pierone.json("POST", "/purges", admin, &purge).await.status < 300);
        }

        let filter = stups_store::audit::Filter::default();
        let records = stups_store::audit::page(pierone.store.connection(), 0, 1000, &filter).await;
        let told: Vec<Value> = records
            .unwrap()
            .iter()
            .filter_map(|record| stups_pierone::envelope(Some("pierone.example.org"), record))
            .collect();
        let names: Vec<_> = told
            .iter()
            .map(|event| event["event_type"]["name"].as_str().unwrap())
            .collect();
        let expected = [
            "docker-tag-uploaded",
            "docker-tag-denied",
            "docker-tag-uploaded",
            "docker-tag-updated",
            "docker-image-production-ready-denied",
            "docker-image-production-ready",
            "docker-image-approved-denied",
            "docker-image-approved",
            "docker-tag-deactivated-denied",
            "docker-tag-deactivated",
            "docker-tag-activated-denied",
            "docker-tag-activated",
            "docker-image-purged",
        ];
        assert_eq!(names, expected);
        assert_eq!(told[0]["payload"]["tag"]["digest"], image.digest);
        assert_eq!(told[0]["payload"]["scm_source"]["url"], "git:x");
        assert_eq!(told[3]["payload"]["tag"]["previous_digest"], image.digest);
        assert_eq!(told[5]["payload"]["details"]["incident"], "INC-1");
    }
}
