//! The protocol's endpoints by their numbers in the specification (OCI distribution 1.1): what each has to answer, one test for
//! each. Other files go into single matters; the guide's table names both.

use serde_json::json;

use crate::support::{Answer, JDOE, OCI_INDEX, PierOne, Pushed, noise, sha256};

const REPOSITORY: &str = "stups/app";

fn at(rest: &str) -> String {
    format!("/v2/{REPOSITORY}/{rest}")
}

/// Begins an upload; where it goes on.
async fn begun(pierone: &PierOne) -> String {
    let answer = pierone
        .send("POST", &at("blobs/uploads/"), JDOE, &[], b"")
        .await
        .is(202);
    answer.header("location").unwrap().to_owned()
}

#[track_caller]
fn has(answer: &Answer, headers: &[(&str, &str)]) {
    for (name, value) in headers {
        assert_eq!(answer.header(name), Some(*value), "{name}");
    }
}

#[tokio::test]
async fn end_1() {
    for pierone in PierOne::both().await {
        let version = [("docker-distribution-api-version", "registry/2.0")];
        let answer = pierone.get("/v2/").await.is(200);
        assert_eq!(answer.json(), json!({}));
        has(&answer, &version);
        has(&pierone.head("/v2/").await.is(200), &version);
        let refused = pierone
            .send("GET", "/v2/", "", &[], b"")
            .await
            .refused(401, "UNAUTHORIZED");
        has(&refused, &version);
        assert!(refused.header("www-authenticate").is_some());
    }
}

#[tokio::test]
async fn end_2() {
    for pierone in PierOne::both().await {
        let bytes = noise(2, 5_000);
        let digest = pierone.blob(REPOSITORY, &bytes).await;
        let path = at(&format!("blobs/{digest}"));
        let headers = [
            ("docker-content-digest", digest.as_str()),
            ("content-length", "5000"),
            ("accept-ranges", "bytes"),
            ("content-type", "application/octet-stream"),
        ];
        let answer = pierone.get(&path).await.is(200);
        has(&answer, &headers);
        assert!(answer.body == bytes);
        let answer = pierone.head(&path).await.is(200);
        has(&answer, &headers);
        assert!(answer.body.is_empty());
        let other = at(&format!("blobs/{}", sha256(b"another")));
        pierone.get(&other).await.refused(404, "BLOB_UNKNOWN");
        pierone.head(&other).await.is(404);
    }
}

#[tokio::test]
async fn end_3() {
    for pierone in PierOne::both().await {
        let image = pierone.image(REPOSITORY, "1.0", &[b"layer"]).await;
        for reference in [image.digest.as_str(), "1.0"] {
            let path = at(&format!("manifests/{reference}"));
            let length = image.bytes.len().to_string();
            let headers = [
                ("docker-content-digest", image.digest.as_str()),
                ("content-type", image.media_type.as_str()),
                ("content-length", length.as_str()),
            ];
            let answer = pierone.get(&path).await.is(200);
            has(&answer, &headers);
            assert!(answer.body == image.bytes);
            has(&pierone.head(&path).await.is(200), &headers);
        }
        for reference in ["2.0", &sha256(b"another")] {
            let path = at(&format!("manifests/{reference}"));
            pierone.get(&path).await.refused(404, "MANIFEST_UNKNOWN");
            pierone.head(&path).await.is(404);
        }
    }
}

#[tokio::test]
async fn end_4() {
    for pierone in PierOne::both().await {
        for path in ["blobs/uploads/", "blobs/uploads"] {
            let answer = pierone.send("POST", &at(path), JDOE, &[], b"").await.is(202);
            let id = answer.header("docker-upload-uuid").unwrap();
            has(
                &answer,
                &[("location", &at(&format!("blobs/uploads/{id}"))), ("range", "0-0")],
            );
        }
        // All at once.
        let digest = sha256(b"all");
        let path = at(&format!("blobs/uploads/?digest={digest}"));
        let answer = pierone.send("POST", &path, JDOE, &[], b"all").await.is(201);
        has(
            &answer,
            &[
                ("location", &at(&format!("blobs/{digest}"))),
                ("docker-content-digest", &digest),
            ],
        );
        pierone
            .send("POST", &path, JDOE, &[], b"other")
            .await
            .refused(400, "DIGEST_INVALID");
        let algorithm = |name: &str| at(&format!("blobs/uploads/?digest-algorithm={name}"));
        pierone.send("POST", &algorithm("sha512"), JDOE, &[], b"").await.is(202);
        pierone.send("POST", &algorithm("md5"), JDOE, &[], b"").await.is(400);
    }
}

#[tokio::test]
async fn end_5() {
    for pierone in PierOne::both().await {
        let location = begun(&pierone).await;
        let chunk = async |range: &str, bytes: &[u8]| {
            let headers = [("content-range", range)];
            pierone.send("PATCH", &location, JDOE, &headers, bytes).await
        };
        let answer = chunk("0-4", b"first").await.is(202);
        has(&answer, &[("range", "0-4"), ("location", &location)]);
        assert!(answer.header("docker-upload-uuid").is_some());
        for range in ["4-8", "6-10", "0-4"] {
            let refused = chunk(range, b"wrong").await.is(416);
            has(&refused, &[("range", "0-4"), ("location", &location)]);
        }
        has(&chunk("5-10", b"second").await.is(202), &[("range", "0-10")]);
    }
}

#[tokio::test]
async fn end_6() {
    for pierone in PierOne::both().await {
        let finish = |location: &str, digest: &str| format!("{location}?digest={digest}");
        // With the last chunk, and without.
        for (first, last) in [(b"one".as_slice(), b"two".as_slice()), (b"three", b"")] {
            let location = begun(&pierone).await;
            pierone.send("PATCH", &location, JDOE, &[], first).await.is(202);
            let digest = sha256(&[first, last].concat());
            let path = finish(&location, &digest);
            let answer = pierone.send("PUT", &path, JDOE, &[], last).await.is(201);
            let blob = at(&format!("blobs/{digest}"));
            has(&answer, &[("location", &blob), ("docker-content-digest", &digest)]);
            assert!(pierone.get(&blob).await.is(200).body == [first, last].concat());
            // The answer was lost.
            pierone.send("PUT", &path, JDOE, &[], b"").await.is(201);
        }
        let location = begun(&pierone).await;
        let path = finish(&location, &sha256(b"promised"));
        pierone
            .send("PUT", &path, JDOE, &[], b"sent")
            .await
            .refused(400, "DIGEST_INVALID");
        pierone.get(&location).await.refused(404, "BLOB_UPLOAD_UNKNOWN");
    }
}

#[tokio::test]
async fn end_7() {
    for pierone in PierOne::both().await {
        let image = pierone.prepare(REPOSITORY, &[b"layer"]).await;
        let answer = pierone.put(REPOSITORY, "1.0", JDOE, &image).await.is(201);
        let location = at(&format!("manifests/{}", image.digest));
        has(
            &answer,
            &[("location", &location), ("docker-content-digest", &image.digest)],
        );
        let mut about = image.json();
        about["subject"] = image.descriptor();
        about["artifactType"] = "application/spdx+json".into();
        let about = Pushed::new(about);
        let answer = pierone.put(REPOSITORY, &about.digest, JDOE, &about).await.is(201);
        has(&answer, &[("oci-subject", &image.digest)]);
        let tags = format!("{}?tag=2.0&tag=2.1", image.digest);
        let answer = pierone.put(REPOSITORY, &tags, JDOE, &image).await.is(201);
        has(&answer, &[("oci-tag", "2.0, 2.1")]);
        // Names do not change their meaning.
        let other = pierone.prepare(REPOSITORY, &[b"other"]).await;
        pierone
            .put(REPOSITORY, "1.0", JDOE, &other)
            .await
            .refused(409, "DENIED");
        pierone.put(REPOSITORY, "1.0", JDOE, &image).await.is(201);
        let broken =
            Pushed::new(json!({"schemaVersion": 2, "config": {"mediaType": "a/b", "digest": sha256(b"?"), "size": 1}}));
        let refused = pierone.put(REPOSITORY, "3.0", JDOE, &broken).await;
        assert!((400..500).contains(&refused.status), "{}", refused.status);
        pierone.get(&at("manifests/3.0")).await.is(404);
    }
}

#[tokio::test]
async fn end_8() {
    for pierone in PierOne::both().await {
        pierone.get(&at("tags/list")).await.refused(404, "NAME_UNKNOWN");
        let image = pierone.prepare(REPOSITORY, &[]).await;
        for tag in ["b", "a", "B", "c"] {
            pierone.put(REPOSITORY, tag, JDOE, &image).await.is(201);
        }
        let list = async |query: &str| pierone.get(&at(&format!("tags/list{query}"))).await.is(200);
        let all = list("").await;
        assert_eq!(all.json(), json!({"name": REPOSITORY, "tags": ["B", "a", "b", "c"]}));
        let page = list("?n=2").await;
        assert_eq!(page.json()["tags"], json!(["B", "a"]));
        let next = page.header("link").unwrap();
        assert_eq!(next, format!("<{}>; rel=\"next\"", at("tags/list?n=2&last=a")));
        let last = list("?n=2&last=a").await;
        assert_eq!(
            (last.json()["tags"].clone(), last.header("link")),
            (json!(["b", "c"]), None)
        );
        assert_eq!(
            list("?last=aa").await.json()["tags"],
            json!(["b", "c"]),
            "it need not exist"
        );
        let none = list("?n=0").await;
        assert_eq!((none.json()["tags"].clone(), none.header("link")), (json!([]), None));
    }
}

/// Nothing is removed by a request: immutable names are what the registry is for.
#[tokio::test]
async fn end_9_and_10() {
    for pierone in PierOne::both().await {
        let image = pierone.image(REPOSITORY, "1.0", &[b"layer"]).await;
        for rest in [
            format!("manifests/{}", image.digest),
            "manifests/1.0".to_owned(),
            format!("blobs/{}", sha256(b"layer")),
        ] {
            let refused = pierone.send("DELETE", &at(&rest), JDOE, &[], b"").await;
            let refused = refused.refused(405, "UNSUPPORTED");
            assert!(
                refused
                    .header("allow")
                    .is_some_and(|allowed| !allowed.contains("DELETE"))
            );
            pierone.get(&at(&rest)).await.is(200);
        }
    }
}

#[tokio::test]
async fn end_11() {
    for pierone in PierOne::both().await {
        let digest = pierone.blob("other/base", b"shared").await;
        for query in [format!("mount={digest}&from=other/base"), format!("mount={digest}")] {
            let path = at(&format!("blobs/uploads/?{query}"));
            let answer = pierone.send("POST", &path, JDOE, &[], b"").await.is(201);
            has(
                &answer,
                &[
                    ("location", &at(&format!("blobs/{digest}"))),
                    ("docker-content-digest", &digest),
                ],
            );
        }
        assert!(pierone.get(&at(&format!("blobs/{digest}"))).await.is(200).body == b"shared");
        // What cannot be mounted is uploaded.
        for query in [
            format!("mount={}&from=other/base", sha256(b"unknown")),
            format!("mount={digest}&from=no/where"),
        ] {
            let path = format!("/v2/stups/third/blobs/uploads/?{query}");
            let answer = pierone.send("POST", &path, JDOE, &[], b"").await.is(202);
            assert!(answer.header("location").unwrap().contains("/blobs/uploads/"));
        }
    }
}

#[tokio::test]
async fn end_12() {
    for pierone in PierOne::both().await {
        let referrers = |digest: &str, query: &str| at(&format!("referrers/{digest}{query}"));
        // Also of what is not there, in a repository that is not there.
        let empty = pierone.get(&referrers(&sha256(b"nothing"), "")).await.is(200);
        has(&empty, &[("content-type", OCI_INDEX)]);
        assert_eq!(empty.json()["manifests"], json!([]));
        pierone.get(&referrers("sha256:1", "")).await.is(400);
        let image = pierone.image(REPOSITORY, "1.0", &[b"layer"]).await;
        for kind in ["application/spdx+json", "application/vnd.in-toto+json"] {
            let mut about = image.json();
            about["subject"] = image.descriptor();
            about["artifactType"] = kind.into();
            about["annotations"] = json!({"kind": kind, "number": 1});
            let about = Pushed::new(about);
            pierone.put(REPOSITORY, &about.digest, JDOE, &about).await.is(201);
        }
        let all = pierone.get(&referrers(&image.digest, "")).await.is(200).json();
        assert_eq!(all["manifests"].as_array().unwrap().len(), 2);
        let query = "?artifactType=application/spdx%2Bjson";
        let some = pierone.get(&referrers(&image.digest, query)).await.is(200);
        has(&some, &[("oci-filters-applied", "artifactType")]);
        let manifests = &some.json()["manifests"];
        assert_eq!(manifests.as_array().unwrap().len(), 1);
        assert_eq!(manifests[0]["artifactType"], "application/spdx+json");
        assert_eq!(manifests[0]["annotations"], json!({"kind": "application/spdx+json"}));
    }
}

#[tokio::test]
async fn end_13() {
    for pierone in PierOne::both().await {
        let location = begun(&pierone).await;
        has(
            &pierone.get(&location).await.is(204),
            &[("range", "0-0"), ("location", &location)],
        );
        pierone.send("PATCH", &location, JDOE, &[], b"some").await.is(202);
        has(
            &pierone.get(&location).await.is(204),
            &[("range", "0-3"), ("location", &location)],
        );
        let unknown = at("blobs/uploads/00000000-0000-4000-8000-000000000000");
        pierone.get(&unknown).await.refused(404, "BLOB_UPLOAD_UNKNOWN");
    }
}

#[tokio::test]
async fn end_14() {
    for pierone in PierOne::both().await {
        let location = begun(&pierone).await;
        pierone.send("DELETE", &location, JDOE, &[], b"").await.is(204);
        pierone.get(&location).await.refused(404, "BLOB_UPLOAD_UNKNOWN");
    }
}

/// Not one of the specification itself: what of its extensions is here.
#[tokio::test]
async fn ext_discover() {
    for pierone in PierOne::both().await {
        let of = at("_oci/ext/discover");
        pierone.get(&of).await.refused(404, "NAME_UNKNOWN");
        pierone.image(REPOSITORY, "1.0", &[]).await;
        for path in ["/v2/_oci/ext/discover", &of] {
            let answer = pierone.get(path).await.is(200).json();
            let extensions = answer["extensions"].as_array().unwrap();
            assert_eq!(extensions.len(), 1);
            assert_eq!(extensions[0]["name"], "_oci");
            assert!(extensions[0]["url"].as_str().unwrap().starts_with("https://"));
            // What it names is there.
            for endpoint in extensions[0]["endpoints"].as_array().unwrap() {
                let endpoint = endpoint.as_str().unwrap();
                pierone.get(&format!("/v2/{endpoint}")).await.is(200);
            }
            pierone
                .send("GET", path, "", &[], b"")
                .await
                .refused(401, "UNAUTHORIZED");
            let refused = pierone.send("PUT", path, JDOE, &[], b"").await;
            refused.refused(405, "UNSUPPORTED");
        }
        // Others are unknown, as the specification wants it.
        for path in ["/v2/_oci/nothing", &at("_oci/nothing")] {
            pierone.get(path).await.refused(404, "UNSUPPORTED");
        }
    }
}
