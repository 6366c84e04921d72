//! end-4, 5, 6, 11, 13, 14: every way to push a blob, with both hashes.

use stups_pierone::Config;
use stups_store::objects::object_store::ObjectStore as _;
use stups_store::objects::object_store::path::Path;

use crate::support::{ASMITH, Answer, Ground, JDOE, PierOne, noise, sha256, sha512};

const REPOSITORY: &str = "stups/kio";

async fn started(pierone: &PierOne) -> String {
    let answer = pierone
        .send("POST", "/v2/stups/kio/blobs/uploads/", JDOE, &[], b"")
        .await
        .is(202);
    assert_eq!(answer.header("range"), Some("0-0"));
    let location = answer.header("location").unwrap().to_owned();
    assert!(location.ends_with(answer.header("docker-upload-uuid").unwrap()));
    location
}

async fn verified(pierone: &PierOne, answer: Answer, digest: &str, bytes: &[u8]) {
    let answer = answer.is(201);
    let location = answer.header("location").unwrap();
    assert_eq!(answer.header("docker-content-digest"), Some(digest));
    let got = pierone.get(location).await.is(200);
    assert!(got.body == bytes, "{}", pierone.ground.name);
    assert_eq!(got.header("docker-content-digest"), Some(digest));
    assert_eq!(got.header("content-length"), Some(bytes.len().to_string().as_str()));
    assert_eq!(got.header("content-type"), Some("application/octet-stream"));
    assert_eq!(got.header("docker-distribution-api-version"), Some("registry/2.0"));
    let head = pierone.head(location).await.is(200);
    assert!(head.body.is_empty());
    assert_eq!(head.header("content-length"), Some(bytes.len().to_string().as_str()));
}

#[tokio::test]
async fn a_blob_is_pushed_in_every_way() {
    for pierone in PierOne::both().await {
        for hash in [sha256 as fn(&[u8]) -> String, sha512] {
            let seed = u64::from(hash(b"").len() as u32);
            // In one request.
            for bytes in [noise(seed, 3000), Vec::new(), b"{}".to_vec()] {
                let digest = hash(&bytes);
                let path = format!("/v2/{REPOSITORY}/blobs/uploads/?digest={}", digest.replace(':', "%3A"));
                let answer = pierone.send("POST", &path, JDOE, &[], &bytes).await;
                verified(&pierone, answer, &digest, &bytes).await;
            }
            // In two: the second has everything.
            let bytes = noise(seed + 1, 3000);
            let (location, digest) = (started(&pierone).await, hash(&bytes));
            let answer = pierone
                .send("PUT", &format!("{location}?digest={digest}"), JDOE, &[], &bytes)
                .await;
            verified(&pierone, answer, &digest, &bytes).await;
            // As a stream, as docker does.
            let bytes = noise(seed + 2, 70_000);
            let (location, digest) = (started(&pierone).await, hash(&bytes));
            let chunked = [("transfer-encoding", "chunked")];
            let patched = pierone.send("PATCH", &location, JDOE, &chunked, &bytes).await.is(202);
            assert_eq!(patched.header("range"), Some("0-69999"));
            let location = patched.header("location").unwrap();
            let answer = pierone
                .send("PUT", &format!("{location}?digest={digest}"), JDOE, &[], b"")
                .await;
            verified(&pierone, answer, &digest, &bytes).await;
            // In three pieces, the last of them with the end.
            let bytes = noise(seed + 3, 3000);
            let (location, digest) = (started(&pierone).await, hash(&bytes));
            for range in [0..1000, 1000..2000] {
                let place = format!("{}-{}", range.start, range.end - 1);
                let headers = [("content-range", place.as_str())];
                let patched = pierone.send("PATCH", &location, JDOE, &headers, &bytes[range]).await;
                assert_eq!(patched.is(202).header("range").unwrap().split('-').next(), Some("0"));
            }
            let headers = [("content-range", "2000-2999")];
            let path = format!("{location}?digest={digest}");
            let answer = pierone.send("PUT", &path, JDOE, &headers, &bytes[2000..]).await;
            verified(&pierone, answer, &digest, &bytes).await;
            // The same end again: the answer was lost.
            pierone.send("PUT", &path, JDOE, &[], b"").await.is(201);
        }
    }
}

#[tokio::test]
async fn chunks_come_in_order_or_not_at_all() {
    for pierone in PierOne::both().await {
        let bytes = noise(5, 3000);
        let location = started(&pierone).await;
        let patch = async |place: &str, range: std::ops::Range<usize>| {
            let headers = [("content-range", place)];
            pierone.send("PATCH", &location, JDOE, &headers, &bytes[range]).await
        };
        patch("0-999", 0..1000).await.is(202);
        // Forwards, back to the beginning, and into what is there.
        for (place, range) in [
            ("2000-2999", 2000..3000),
            ("0-999", 0..1000),
            ("500-1499", 500..1500),
            ("5-4", 0..0),
        ] {
            let refused = patch(place, range).await.refused(416, "BLOB_UPLOAD_INVALID");
            assert_eq!(refused.header("range"), Some("0-999"));
            assert_eq!(refused.header("location"), Some(location.as_str()));
            let progress = pierone.get(&location).await.is(204);
            assert_eq!(progress.header("range"), Some("0-999"));
        }
        patch("1000-2999", 1000..3000).await.is(202);
        let digest = sha256(&bytes);
        let end = pierone
            .send("PUT", &format!("{location}?digest={digest}"), JDOE, &[], b"")
            .await;
        verified(&pierone, end, &digest, &bytes).await;
    }
}

#[tokio::test]
async fn wrong_digests_are_refused_and_leave_nothing() {
    for pierone in PierOne::both().await {
        let bytes = noise(6, 100);
        for wrong in [sha256(b"other"), sha512(b"other")] {
            let path = format!("/v2/{REPOSITORY}/blobs/uploads/?digest={wrong}");
            pierone
                .send("POST", &path, JDOE, &[], &bytes)
                .await
                .refused(400, "DIGEST_INVALID");
            for in_patch in [true, false] {
                let location = started(&pierone).await;
                let mut last = &bytes[..];
                if in_patch {
                    pierone.send("PATCH", &location, JDOE, &[], &bytes).await.is(202);
                    last = b"";
                }
                let path = format!("{location}?digest={wrong}");
                pierone
                    .send("PUT", &path, JDOE, &[], last)
                    .await
                    .refused(400, "DIGEST_INVALID");
                // The session is gone with it.
                pierone.get(&location).await.refused(404, "BLOB_UPLOAD_UNKNOWN");
            }
            pierone.head(&format!("/v2/{REPOSITORY}/blobs/{wrong}")).await.is(404);
        }
        pierone
            .head(&format!("/v2/{REPOSITORY}/blobs/{}", sha256(&bytes)))
            .await
            .is(404);
        let left = parts(&pierone).await;
        assert_eq!(left, 0, "{}", pierone.ground.name);
    }
}

/// How many objects lie under `uploads/`.
async fn parts(pierone: &PierOne) -> usize {
    use futures::StreamExt as _;
    let prefix = stups_store::objects::object_store::path::Path::from("uploads");
    pierone.ground.objects.list(Some(&prefix)).count().await
}

#[tokio::test]
async fn an_upload_can_be_cancelled_and_belongs_to_its_repository() {
    for pierone in PierOne::both().await {
        let location = started(&pierone).await;
        pierone.send("PATCH", &location, JDOE, &[], b"some").await.is(202);
        let elsewhere = location.replace("stups/kio", "stups/other");
        pierone.get(&elsewhere).await.refused(404, "BLOB_UPLOAD_UNKNOWN");
        pierone
            .send("PATCH", &location, ASMITH, &[], b"some")
            .await
            .refused(403, "DENIED");
        pierone.send("DELETE", &location, JDOE, &[], b"").await.is(204);
        for method in ["GET", "PATCH", "DELETE"] {
            pierone
                .send(method, &location, JDOE, &[], b"")
                .await
                .refused(404, "BLOB_UPLOAD_UNKNOWN");
        }
        assert_eq!(parts(&pierone).await, 0);
    }
}

#[tokio::test]
async fn an_upload_goes_on_at_another_instance_after_a_restart() {
    for ground in Ground::both().await {
        let first = ground.start(Config::default()).await;
        let bytes = noise(7, 20_000);
        let location = started(&first).await;
        first.send("PATCH", &location, JDOE, &[], &bytes[..9000]).await.is(202);
        drop(first);
        let second = ground.start(Config::default()).await;
        let progress = second.get(&location).await.is(204);
        assert_eq!(progress.header("range"), Some("0-8999"));
        let digest = sha512(&bytes);
        let end = second
            .send("PUT", &format!("{location}?digest={digest}"), JDOE, &[], &bytes[9000..])
            .await;
        verified(&second, end, &digest, &bytes).await;
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_kept_as_far_as_it_came() {
    use tokio::io::AsyncWriteExt as _;
    for pierone in PierOne::both().await {
        let bytes = noise(8, 300_000);
        let location = started(&pierone).await;
        let mut stream = tokio::net::TcpStream::connect(pierone.address).await.unwrap();
        let head = format!(
            "PATCH {location} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {JDOE}\r\ncontent-length: 300000\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&bytes[..200_000]).await.unwrap();
        drop(stream);
        // What arrived is written after the connection has ended.
        let range = loop {
            let progress = pierone.get(&location).await.is(204);
            let last: usize = progress.header("range").unwrap()[2..].parse().unwrap();
            if last > 0 {
                break last + 1;
            }
            tokio::task::yield_now().await;
        };
        assert!(range <= 200_000);
        let digest = sha256(&bytes);
        let end = pierone
            .send(
                "PUT",
                &format!("{location}?digest={digest}"),
                JDOE,
                &[],
                &bytes[range..],
            )
            .await;
        verified(&pierone, end, &digest, &bytes).await;
    }
}

#[tokio::test]
async fn blobs_are_mounted_where_they_may_be_pulled() {
    for pierone in PierOne::both().await {
        let bytes = noise(9, 500);
        let digest = pierone.blob("other/base", &bytes).await;
        let post = async |query: &str| {
            let path = format!("/v2/{REPOSITORY}/blobs/uploads/?{query}");
            pierone.send("POST", &path, JDOE, &[], b"").await
        };
        let mounted = post(&format!("mount={digest}&from=other/base")).await;
        verified(&pierone, mounted, &digest, &bytes).await;
        // Without a source it is looked for.
        let other = pierone.blob("other/base", b"another").await;
        verified(&pierone, post(&format!("mount={other}")).await, &other, b"another").await;
        // What is not there falls back to an upload.
        for query in [
            format!("mount={}&from=other/base", sha256(b"missing")),
            format!("mount={digest}&from=other/nothing"),
            format!("mount={}&from=NO", sha256(b"missing")),
        ] {
            assert!(post(&query).await.is(202).header("location").is_some(), "{query}");
        }
        post("mount=sha256:x&from=other/base")
            .await
            .refused(400, "DIGEST_INVALID");
    }
}

#[tokio::test]
async fn large_blobs_are_written_in_parts() {
    // More than two parts of S3, and a partial one.
    let bytes = noise(10, (17 << 20) + 5);
    for pierone in PierOne::both().await {
        let location = started(&pierone).await;
        let chunked = [("transfer-encoding", "chunked")];
        pierone
            .send("PATCH", &location, JDOE, &chunked, &bytes[..9 << 20])
            .await
            .is(202);
        let digest = sha256(&bytes);
        let end = pierone
            .send(
                "PUT",
                &format!("{location}?digest={digest}"),
                JDOE,
                &[],
                &bytes[9 << 20..],
            )
            .await;
        verified(&pierone, end, &digest, &bytes).await;
    }
}

/// Neither parts nor directories in which they were.
#[tokio::test]
async fn what_was_for_an_upload_goes_with_it() {
    for pierone in PierOne::both().await {
        let bytes = noise(77, 9000);
        let digest = sha256(&bytes);
        let location = started(&pierone).await;
        for (range, piece) in [("0-4999", &bytes[..5000]), ("5000-8999", &bytes[5000..])] {
            let headers = [("content-range", range)];
            pierone.send("PATCH", &location, JDOE, &headers, piece).await.is(202);
        }
        let path = format!("{location}?digest={digest}");
        pierone.send("PUT", &path, JDOE, &[], b"").await.is(201);
        let given_up = started(&pierone).await;
        pierone.send("PATCH", &given_up, JDOE, &[], &bytes).await.is(202);
        let objects = &pierone.ground.objects;
        let uploads = Path::from("uploads");
        let left = async || {
            let listed = objects.list_with_delimiter(Some(&uploads)).await.unwrap();
            (listed.objects.len(), listed.common_prefixes.len())
        };
        assert_eq!(left().await, (1, 0), "{}", pierone.ground.name);
        pierone.send("DELETE", &given_up, JDOE, &[], b"").await.is(204);
        assert_eq!(left().await, (0, 0), "{}", pierone.ground.name);
    }
}
