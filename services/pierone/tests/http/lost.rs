//! Connections to the database that end in the middle of a push.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use stups_pierone::Config;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::support::{Answer, Ground, JDOE, PierOne, descriptor, noise, read_answer, sha256};

/// Sends it again as long as the registry asks to come again, which is all that it may say beside what is expected.
async fn insist(pierone: &PierOne, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    loop {
        let answer = pierone.send(method, path, JDOE, headers, body).await;
        if answer.status != 503 {
            return answer;
        }
        assert_eq!(answer.code(), "UNAVAILABLE");
    }
}

/// How many bytes the upload has, of which the first has come.
async fn progress(pierone: &PierOne, location: &str) -> usize {
    let answer = insist(pierone, "GET", location, &[], b"").await.is(204);
    let last: usize = answer.header("range").unwrap()[2..].parse().unwrap();
    if last == 0 { 0 } else { last + 1 }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_goes_on_after_its_connection_was_lost() {
    for ground in [Ground::large().await, Ground::shared_directory().await] {
        let pierone = ground.start(Config::default()).await;
        let bytes = noise(1, 200_000);
        let start = insist(&pierone, "POST", "/v2/stups/kio/blobs/uploads/", &[], b"")
            .await
            .is(202);
        let location = start.header("location").unwrap();
        pierone
            .send("PATCH", location, JDOE, &[], &bytes[..50_000])
            .await
            .is(202);
        // In the middle of the second piece, and of its end.
        let mut stream = TcpStream::connect(pierone.address).await.unwrap();
        let head = format!(
            "PATCH {location} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {JDOE}\r\ncontent-length: 100000\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&bytes[50_000..100_000]).await.unwrap();
        ground.end_connections().await;
        stream.write_all(&bytes[100_000..150_000]).await.unwrap();
        let answer = Box::pin(read_answer(stream)).await;
        assert!([202, 503].contains(&answer.status), "{}", answer.text());
        let there = progress(&pierone, location).await;
        assert!([50_000, 150_000].contains(&there), "{there}");
        ground.end_connections().await;
        let digest = sha256(&bytes);
        let path = format!("{location}?digest={digest}");
        let mut end = pierone.send("PUT", &path, JDOE, &[], &bytes[there..]).await;
        while end.status == 503 {
            // What of it counts is asked, as a client does.
            let there = match insist(&pierone, "GET", location, &[], b"").await.status {
                404 => bytes.len(),
                _ => progress(&pierone, location).await,
            };
            end = pierone.send("PUT", &path, JDOE, &[], &bytes[there..]).await;
        }
        end.is(201);
        let got = insist(&pierone, "GET", &format!("/v2/stups/kio/blobs/{digest}"), &[], b"").await;
        assert!(got.is(200).body == bytes, "{}", ground.name);
    }
}

/// Connections end again and again, at any moment of a push; clients that come again have everything in the end, once.
#[tokio::test(flavor = "multi_thread")]
async fn pushes_come_to_their_end_whatever_is_lost_on_the_way() {
    let ground = Ground::large().await;
    let pierone = ground.start(Config::default()).await;
    let (asked, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let ending = {
        let (ground, asked, done) = (ground.clone(), asked.clone(), done.clone());
        tokio::spawn(async move {
            let mut seen = 0;
            let mut ended = 0;
            while done.load(Ordering::SeqCst) == 0 {
                // After every third question, while the next is answered.
                let now = asked.load(Ordering::SeqCst);
                if now < seen + 3 {
                    tokio::task::yield_now().await;
                    continue;
                }
                seen = now;
                ground.end_connections().await;
                ended += 1;
            }
            ended
        })
    };
    let send = async |method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]| {
        loop {
            asked.fetch_add(1, Ordering::SeqCst);
            let answer = pierone.send(method, path, JDOE, headers, body).await;
            if answer.status != 503 {
                return answer;
            }
            assert_eq!(answer.code(), "UNAVAILABLE");
        }
    };
    let rounds = 25;
    for round in 0..rounds {
        let layer = noise(100 + round, 30_000);
        let config = format!("{{\"round\":{round}}}").into_bytes();
        for bytes in [&layer, &config] {
            let path = format!("/v2/stups/kio/blobs/uploads/?digest={}", sha256(bytes));
            send("POST", &path, &[], bytes).await.is(201);
        }
        let manifest = serde_json::json!({
            "schemaVersion": 2, "mediaType": crate::support::OCI_MANIFEST,
            "config": descriptor("application/vnd.oci.image.config.v1+json", &config),
            "layers": [descriptor("application/vnd.oci.image.layer.v1.tar", &layer)],
        })
        .to_string();
        let headers = [("content-type", crate::support::OCI_MANIFEST)];
        let path = format!("/v2/stups/kio/manifests/1.{round}");
        send("PUT", &path, &headers, manifest.as_bytes()).await.is(201);
        assert!(send("GET", &path, &[], b"").await.is(200).body == manifest.as_bytes());
        let path = format!("/v2/stups/kio/blobs/{}", sha256(&layer));
        assert!(send("GET", &path, &[], b"").await.is(200).body == layer);
    }
    done.store(1, Ordering::SeqCst);
    let ended = ending.await.unwrap();
    assert!(ended >= rounds as usize, "{ended}");
    insist(&pierone, "GET", "/v2/", &[], b"").await;
    // One record for each, however often a client has tried.
    let second = ground.start(Config::default()).await;
    let trail = second.trail().await;
    let count = |action: &str| trail.iter().filter(|(known, _)| known == action).count();
    assert_eq!(count("tag.uploaded"), rounds as usize);
    assert_eq!(count("manifest.pushed"), rounds as usize);
    assert_eq!(count("blob.pushed"), 2 * rounds as usize);
}
