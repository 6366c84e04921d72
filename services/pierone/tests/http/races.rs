//! Two at once.

use std::sync::Arc;

use crate::support::{JDOE, PierOne, noise, sha256};

#[tokio::test(flavor = "multi_thread")]
async fn of_two_pushes_of_one_new_tag_one_wins() {
    for pierone in PierOne::both().await {
        let pierone = Arc::new(pierone);
        for round in 0..10 {
            let mut images = Vec::new();
            for number in 0..4_u8 {
                images.push(pierone.prepare("stups/kio", &[&[round, number]]).await);
            }
            let tag = format!("1.{round}");
            let pushes = images.iter().cloned().map(|image| {
                let (pierone, tag) = (pierone.clone(), tag.clone());
                tokio::spawn(async move { pierone.put("stups/kio", &tag, JDOE, &image).await })
            });
            let pushes: Vec<_> = pushes.collect();
            let mut winners = Vec::new();
            for (push, image) in pushes.into_iter().zip(&images) {
                let answer = push.await.unwrap();
                match answer.status {
                    201 => winners.push(image),
                    409 => assert_eq!(answer.code(), "DENIED"),
                    _ => panic!("{}: {}", pierone.ground.name, answer.text()),
                }
            }
            assert_eq!(winners.len(), 1, "{}", pierone.ground.name);
            let path = format!("/v2/stups/kio/manifests/{tag}");
            assert!(pierone.get(&path).await.is(200).body == winners[0].bytes);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_tag_at_once_succeeds_for_all() {
    for pierone in PierOne::both().await {
        let pierone = Arc::new(pierone);
        let image = pierone.prepare("stups/kio", &[b"layer"]).await;
        let pushes: Vec<_> = (0..6)
            .map(|_| {
                let (pierone, image) = (pierone.clone(), image.clone());
                tokio::spawn(async move { pierone.put("stups/kio", "1.0", JDOE, &image).await })
            })
            .collect();
        for push in pushes {
            push.await.unwrap().is(201);
        }
        let told = pierone.trail().await;
        assert_eq!(told.iter().filter(|(action, _)| action == "tag.uploaded").count(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_at_once_never_interleave() {
    for pierone in PierOne::both().await {
        let pierone = Arc::new(pierone);
        let start = pierone
            .send("POST", "/v2/stups/kio/blobs/uploads/", JDOE, &[], b"")
            .await
            .is(202);
        let location = start.header("location").unwrap().to_owned();
        let chunks: Vec<Vec<u8>> = (1..5).map(|seed| noise(seed, 50_000)).collect();
        let sent: Vec<_> = chunks
            .iter()
            .cloned()
            .map(|chunk| {
                let (pierone, location) = (pierone.clone(), location.clone());
                tokio::spawn(async move {
                    let place = [("content-range", "0-49999")];
                    pierone.send("PATCH", &location, JDOE, &place, &chunk).await.status
                })
            })
            .collect();
        let mut won = Vec::new();
        for (chunk, sent) in chunks.iter().zip(sent) {
            match sent.await.unwrap() {
                202 => won.push(chunk),
                status => assert_eq!(status, 416),
            }
        }
        assert_eq!(won.len(), 1);
        let path = format!("{location}?digest={}", sha256(won[0]));
        pierone.send("PUT", &path, JDOE, &[], b"").await.is(201);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_blob_at_once_succeeds_for_all() {
    for pierone in PierOne::both().await {
        let pierone = Arc::new(pierone);
        let bytes = Arc::new(noise(3, 100_000));
        let digest = sha256(&bytes);
        let pushes: Vec<_> = (0..6)
            .map(|number| {
                let (pierone, bytes, digest) = (pierone.clone(), bytes.clone(), digest.clone());
                tokio::spawn(async move {
                    let path = format!("/v2/stups/app{}/blobs/uploads/?digest={digest}", number % 2);
                    pierone.send("POST", &path, JDOE, &[], &bytes).await
                })
            })
            .collect();
        for push in pushes {
            push.await.unwrap().is(201);
        }
        for number in 0..2 {
            let got = pierone
                .get(&format!("/v2/stups/app{number}/blobs/{digest}"))
                .await
                .is(200);
            assert!(got.body == *bytes);
        }
    }
}
