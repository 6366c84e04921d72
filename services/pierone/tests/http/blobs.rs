//! end-2: reading blobs, whole and in ranges.

use stups_pierone::Config;

use crate::support::{Ground, JDOE, PierOne, noise, sha256};

#[tokio::test]
async fn ranges_are_read() {
    for pierone in PierOne::both().await {
        let bytes = noise(1, 3000);
        let path = format!("/v2/stups/kio/blobs/{}", pierone.blob("stups/kio", &bytes).await);
        for (range, expected) in [
            ("bytes=500-1499", Some(500..1500)),
            ("bytes=500-", Some(500..3000)),
            ("bytes=-500", Some(2500..3000)),
            ("bytes=2000-5000", Some(2000..3000)),
            ("bytes=500-0", None),
            ("bytes=5000-10000", None),
        ] {
            let answer = pierone.send("GET", &path, JDOE, &[("range", range)], b"").await;
            match expected {
                Some(expected) => {
                    let answer = answer.is(206);
                    assert!(answer.body == bytes[expected.clone()], "{range}");
                    let place = format!("bytes {}-{}/3000", expected.start, expected.end - 1);
                    assert_eq!(answer.header("content-range"), Some(place.as_str()));
                    assert_eq!(
                        answer.header("content-length"),
                        Some(expected.len().to_string().as_str())
                    );
                }
                None => assert_eq!(answer.is(416).header("content-range"), Some("bytes */3000")),
            }
        }
        let whole = pierone.get(&path).await.is(200);
        assert_eq!(whole.header("accept-ranges"), Some("bytes"));
        let etag = whole.header("etag").unwrap();
        let again = pierone.send("GET", &path, JDOE, &[("if-none-match", etag)], b"").await;
        assert!(again.is(304).body.is_empty());
        // A client that has a part of something else gets all of this.
        for (has, status, length) in [(etag, 206, 10), ("\"sha256:other\"", 200, 3000)] {
            let headers = [("range", "bytes=0-9"), ("if-range", has)];
            let answer = pierone.send("GET", &path, JDOE, &headers, b"").await.is(status);
            assert_eq!(answer.body.len(), length, "{has}");
        }
        // Never packed on the way.
        let packed = [("accept-encoding", "gzip")];
        assert!(pierone.send("GET", &path, JDOE, &packed, b"").await.is(200).body == bytes);
    }
}

#[tokio::test]
async fn what_is_not_linked_is_not_there() {
    for pierone in PierOne::both().await {
        let digest = pierone.blob("other/base", b"secret").await;
        for method in ["GET", "HEAD", "DELETE"] {
            let path = format!("/v2/stups/kio/blobs/{digest}");
            let answer = pierone.send(method, &path, JDOE, &[], b"").await.is(404);
            if method != "HEAD" {
                assert_eq!(answer.code(), "BLOB_UNKNOWN");
            }
        }
        let path = format!("/v2/other/base/blobs/{digest}");
        let refused = pierone
            .send("DELETE", &path, JDOE, &[], b"")
            .await
            .refused(405, "UNSUPPORTED");
        assert!(refused.header("allow").unwrap().contains("GET"));
        pierone.get(&path).await.is(200);
    }
}

#[tokio::test]
async fn downloads_are_redirected_where_that_is_wanted() {
    let ground = Ground::large().await;
    let config = Config {
        redirect_downloads: true,
        ..Config::default()
    };
    let pierone = ground.start(config).await;
    let bytes = noise(2, 1000);
    let digest = pierone.blob("stups/kio", &bytes).await;
    let path = format!("/v2/stups/kio/blobs/{digest}");
    let answer = pierone.get(&path).await.is(307);
    let location = answer.header("location").unwrap();
    assert!(location.contains("X-Amz-Signature"), "{location}");
    let fetched = stups_api::client::Client::new(location.parse().unwrap()).unwrap();
    let url = location.parse().unwrap();
    let got = fetched.follow(reqwest::Method::GET, &url).any_answer().await.unwrap();
    assert_eq!(got.status, 200);
    assert_eq!(sha256(&got.body), digest);
    // What is asked about is told here.
    let head = pierone.head(&path).await.is(200);
    assert_eq!(head.header("content-length"), Some("1000"));
}
