//! Two at once.

use std::sync::Arc;

use stups_pierone::Config;

use crate::support::{ADMIN, ADMIN2, Ground, JDOE, OCI_INDEX, PierOne, Pushed, TRUSTED, noise, sha256};

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

#[tokio::test(flavor = "multi_thread")]
async fn of_pushes_that_want_the_last_bytes_of_a_quota_as_many_win_as_fit() {
    for ground in Ground::both().await {
        let config = || Config {
            team_quota_bytes: Some(10_000),
            ..Config::default()
        };
        let instances = [
            Arc::new(ground.start(config()).await),
            Arc::new(ground.start(config()).await),
        ];
        for round in 0..5 {
            let team = format!("team{round}");
            let pushes: Vec<_> = (0..6)
                .map(|number| {
                    let (pierone, team) = (instances[number % 2].clone(), team.clone());
                    tokio::spawn(async move {
                        let bytes = noise(1_000 * round + number as u64, 3_000);
                        let path = format!("/v2/{team}/app{number}/blobs/uploads/?digest={}", sha256(&bytes));
                        let answer = pierone.send("POST", &path, TRUSTED, &[], &bytes).await;
                        let seen = format!("/v2/{team}/app{number}/blobs/{}", sha256(&bytes));
                        let seen = pierone.send("GET", &seen, TRUSTED, &[], b"").await.status;
                        (answer, seen)
                    })
                })
                .collect();
            let mut won = 0;
            for push in pushes {
                match push.await.unwrap() {
                    (answer, 200) if answer.status == 201 => won += 1,
                    (answer, 404) => drop(answer.refused(403, "DENIED")),
                    (answer, seen) => panic!("{} {seen}: {}", answer.status, answer.text()),
                }
            }
            assert_eq!(won, 3, "{}", ground.name);
        }
    }
}

/// Every manifest that is there has all of its content.
async fn whole(pierone: &PierOne, repository: &str, image: &Pushed, layers: &[&[u8]]) {
    let path = format!("/v2/{repository}/manifests/{}", image.digest);
    assert!(pierone.get(&path).await.is(200).body == image.bytes);
    for layer in layers {
        let path = format!("/v2/{repository}/blobs/{}", sha256(layer));
        assert!(
            pierone.get(&path).await.is(200).body == *layer,
            "{}",
            pierone.ground.name
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_push_relies_on_is_not_collected_under_it() {
    for ground in Ground::both().await {
        let pierone = ground.start(Config::default()).await;
        let other = ground.start(Config::default()).await;
        let collect = async |pierone: &PierOne| {
            let body = serde_json::json!({});
            pierone.json("POST", "/garbage-collections", ADMIN, &body).await.is(200);
        };
        let (mut pushed, mut refused) = (0, 0);
        for round in 0..40 {
            let layer = noise(500 + round, 2_000);
            let image = pierone.prepare("stups/kio", &[&layer]).await;
            pierone.sql("UPDATE blobs SET confirmed_at = 0").await;
            let tag = format!("1.{round}");
            let ((), answer) = tokio::join!(collect(&other), async {
                // Sometimes the one is first, sometimes the other.
                for _ in 0..round % 8 {
                    pierone.get("/v2/").await;
                }
                pierone.put("stups/kio", &tag, JDOE, &image).await
            });
            pierone
                .sql("UPDATE blobs SET collecting = 0 WHERE collecting IS NOT NULL")
                .await;
            collect(&pierone).await;
            if answer.status == 201 {
                pushed += 1;
                whole(&pierone, "stups/kio", &image, &[&layer]).await;
            } else {
                refused += 1;
                answer.refused(400, "MANIFEST_BLOB_UNKNOWN");
                let path = format!("/v2/stups/kio/manifests/{tag}");
                pierone.get(&path).await.is(404);
            }
        }
        assert_eq!(pushed + refused, 40);
        println!(
            "{}: {pushed} pushes came first, {refused} were told to push content again",
            ground.name
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_push_relies_on_is_not_purged_under_it() {
    for ground in Ground::both().await {
        let pierone = ground.start(Config::default()).await;
        let other = ground.start(Config::default()).await;
        for round in 0..40_u8 {
            let (shared, own) = (noise(900 + u64::from(round), 2_000), [round]);
            let repository = format!("stups/app{round}");
            let purged = pierone.image(&repository, "1.0", &[&shared]).await;
            let beside = pierone.prepare(&repository, &[&shared, &own]).await;
            let elsewhere = pierone.prepare("stups/elsewhere", &[&shared, &own]).await;
            let purge =
                serde_json::json!({"repository": repository, "digest": purged.digest, "reason": "r", "ticket": "t"});
            pierone.json("POST", "/purges", ADMIN, &purge).await.is(200);
            let index = Pushed::new(serde_json::json!({
                "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [purged.descriptor()],
            }));
            let reference = format!("1.{round}");
            let (done, beside_answer, elsewhere_answer, again, listing) = tokio::join!(
                other.json("POST", "/purges", ADMIN2, &purge),
                pierone.put(&repository, "2.0", JDOE, &beside),
                pierone.put("stups/elsewhere", &reference, JDOE, &elsewhere),
                pierone.put(&repository, "3.0", JDOE, &purged),
                pierone.put(&repository, "4.0", JDOE, &index),
            );
            let state = format!(
                "{} {round}: {} {} {} {} {}",
                ground.name, done.status, beside_answer.status, elsewhere_answer.status, again.status, listing.status
            );
            // Either it is gone, or an index has come first that lists it.
            match listing.status {
                201 => drop(done.is(409)),
                400 => drop(done.is(200)),
                _ => panic!("{state}"),
            }
            let gone = listing.status == 400;
            let digest = format!("/v2/{repository}/manifests/{}", purged.digest);
            assert_eq!(
                pierone.get(&digest).await.status,
                if gone { 404 } else { 200 },
                "{state}"
            );
            for (answer, repository, image) in [
                (beside_answer, repository.as_str(), &beside),
                (elsewhere_answer, "stups/elsewhere", &elsewhere),
            ] {
                match answer.status {
                    201 => whole(&pierone, repository, image, &[&shared, &own]).await,
                    400 => drop(answer.refused(400, "MANIFEST_BLOB_UNKNOWN")),
                    _ => panic!("{state}"),
                }
            }
            // Its name went with it, or was never given.
            assert!([201, 400, 403].contains(&again.status), "{state}");
            let tag = pierone.get(&format!("/v2/{repository}/manifests/3.0")).await.status;
            let given = !gone && again.status == 201;
            assert_eq!(tag, if given { 200 } else { 404 }, "{state}");
        }
    }
}
