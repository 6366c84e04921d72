//! Two instances on one PostgreSQL, with one bucket and with one directory: to a client they are one registry.

use stups_pierone::Config;

use crate::support::{ADMIN, Ground, JDOE, PierOne, noise, sha256, sha512};

async fn two() -> [[PierOne; 2]; 2] {
    let start = async |ground: Ground| {
        [
            ground.start(Config::default()).await,
            ground.start(Config::default()).await,
        ]
    };
    [
        start(Ground::large().await).await,
        start(Ground::shared_directory().await).await,
    ]
}

#[tokio::test]
async fn an_upload_goes_on_wherever_the_next_piece_comes() {
    for instances in two().await {
        for hash in [sha256 as fn(&[u8]) -> String, sha512] {
            let bytes = noise(u64::from(hash(b"").len() as u32), 50_000);
            let start = instances[0]
                .send("POST", "/v2/stups/kio/blobs/uploads/", JDOE, &[], b"")
                .await
                .is(202);
            let location = start.header("location").unwrap();
            let mut sent = 0;
            for (number, piece) in bytes.chunks(7_000).enumerate() {
                let (here, there) = (&instances[number % 2], &instances[(number + 1) % 2]);
                let place = format!("{sent}-{}", sent + piece.len() - 1);
                let headers = [("content-range", place.as_str())];
                here.send("PATCH", location, JDOE, &headers, piece).await.is(202);
                // The same piece at the other one: it knows that it is there.
                there.send("PATCH", location, JDOE, &headers, piece).await.is(416);
                sent += piece.len();
                let range = format!("0-{}", sent - 1);
                assert_eq!(there.get(location).await.is(204).header("range"), Some(range.as_str()));
            }
            let digest = hash(&bytes);
            let end = format!("{location}?digest={digest}");
            instances[0].send("PUT", &end, JDOE, &[], b"").await.is(201);
            // The answer was lost, and the client asks elsewhere.
            instances[1].send("PUT", &end, JDOE, &[], b"").await.is(201);
            for instance in &instances {
                let got = instance.get(&format!("/v2/stups/kio/blobs/{digest}")).await.is(200);
                assert!(got.body == bytes, "{}", instance.ground.name);
            }
        }
    }
}

#[tokio::test]
async fn an_upload_is_cancelled_and_content_collected_anywhere() {
    for [first, second] in two().await {
        let start = first
            .send("POST", "/v2/stups/kio/blobs/uploads/", JDOE, &[], b"")
            .await
            .is(202);
        let location = start.header("location").unwrap();
        first.send("PATCH", location, JDOE, &[], b"some").await.is(202);
        second.send("DELETE", location, JDOE, &[], b"").await.is(204);
        first.get(location).await.is(404);

        let digest = first.blob("stups/kio", b"garbage").await;
        first.sql("UPDATE blobs SET confirmed_at = 0").await;
        let collect = async |instance: &PierOne| {
            let answer = instance.send(
                "POST",
                "/garbage-collections",
                ADMIN,
                &[("content-type", "application/json")],
                b"{}",
            );
            answer.await.is(200).json()
        };
        assert_eq!(collect(&second).await["blobs"], serde_json::json!([digest]));
        first.get(&format!("/v2/stups/kio/blobs/{digest}")).await.is(404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_pushes_of_one_new_tag_to_two_instances_one_wins() {
    for instances in two().await {
        for round in 0..10 {
            let tag = format!("1.{round}");
            let one = instances[0].prepare("stups/kio", &[&[round, 0]]).await;
            let other = instances[0].prepare("stups/kio", &[&[round, 1]]).await;
            let (first, second) = tokio::join!(
                instances[0].put("stups/kio", &tag, JDOE, &one),
                instances[1].put("stups/kio", &tag, JDOE, &other),
            );
            let winner = match (first.status, second.status) {
                (201, 409) => one,
                (409, 201) => other,
                statuses => panic!("{statuses:?}"),
            };
            for instance in &instances {
                let path = format!("/v2/stups/kio/manifests/{tag}");
                assert!(instance.get(&path).await.is(200).body == winner.bytes);
            }
        }
    }
}
