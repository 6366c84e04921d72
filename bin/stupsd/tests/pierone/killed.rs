//! The registry is killed at every step of a push: what it has acknowledged is there and is what was pushed, what it has not
//! acknowledged is not there.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use sea_orm::{ConnectionTrait as _, Statement};
use stups_store::{DatabaseUrl, Store};

use crate::registry::{Registry, sha256};

/// How many times it is killed.
const KILLS: usize = 60;

/// How many bytes the layer has: several pieces of the storage.
const LAYER: usize = 1_200_000;

fn noise(seed: usize) -> Vec<u8> {
    let mut state = (seed as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .flatten()
    .take(LAYER)
    .collect()
}

/// What a push was told before it ended.
#[derive(Default)]
struct Acknowledged {
    /// Bytes of the upload.
    chunk: bool,
    blob: bool,
    tag: bool,
    location: Option<String>,
}

/// Pushes a layer in two pieces, and an image with it. `step` is called at every step.
fn push(registry: &Registry, round: usize, layer: &[u8], manifest: &[u8], step: &mut dyn FnMut()) -> Acknowledged {
    let mut told = Acknowledged::default();
    let name = "stups/app";
    let Some(start) = registry.send("POST", &format!("/v2/{name}/blobs/uploads/"), "", b"", &mut *step) else {
        return told;
    };
    assert_eq!(start.status, 202);
    let location = start.location();
    told.location = Some(location.clone());
    let Some(patched) = registry.send("PATCH", &location, "", &layer[..LAYER / 2], &mut *step) else {
        return told;
    };
    assert_eq!(patched.status, 202);
    told.chunk = true;
    let end = format!("{location}?digest={}", sha256(layer));
    let Some(ended) = registry.send("PUT", &end, "", &layer[LAYER / 2..], &mut *step) else {
        return told;
    };
    assert_eq!(ended.status, 201);
    told.blob = true;
    let headers = "content-type: application/vnd.oci.image.manifest.v1+json\r\n";
    let path = format!("/v2/{name}/manifests/1.{round}");
    let Some(put) = registry.send("PUT", &path, headers, manifest, &mut *step) else {
        return told;
    };
    assert_eq!(put.status, 201);
    told.tag = true;
    told
}

fn manifest(layer: &[u8]) -> Vec<u8> {
    format!(
        "{{\"schemaVersion\":2,\"config\":{{\"mediaType\":\"c\",\"digest\":\"{}\",\"size\":2}},\"layers\":[{{\"mediaType\":\"l\",\
         \"digest\":\"{}\",\"size\":{}}}]}}",
        sha256(b"{}"),
        sha256(layer),
        layer.len()
    )
    .into_bytes()
}

/// Whoever pushed was told the truth.
fn check(registry: &Registry, round: usize, layer: &[u8], manifest: &[u8], told: &Acknowledged) {
    let blob = registry.get(&format!("/v2/stups/app/blobs/{}", sha256(layer)));
    match blob.status {
        200 => assert!(blob.body == layer, "round {round}: other bytes"),
        404 => assert!(!told.blob, "round {round}: an acknowledged layer is gone"),
        status => panic!("round {round}: {status}"),
    }
    let tag = registry.get(&format!("/v2/stups/app/manifests/1.{round}"));
    match tag.status {
        // Nobody was told, but everything had happened.
        200 => {
            assert!(tag.body == manifest, "round {round}: another manifest");
            assert_eq!(blob.status, 200, "round {round}: a tag without its layer");
        }
        404 => assert!(!told.tag, "round {round}: an acknowledged tag is gone"),
        status => panic!("round {round}: {status}"),
    }
    if told.chunk && blob.status == 404 {
        let location = told.location.as_ref().unwrap();
        let progress = registry.get(location);
        assert_eq!(progress.status, 204, "round {round}: an acknowledged chunk is gone");
        let range = progress
            .head
            .lines()
            .find(|line| line.starts_with("range: 0-"))
            .unwrap();
        let last: usize = range["range: 0-".len()..].parse().unwrap();
        assert!(last + 1 >= LAYER / 2, "round {round}: {last}");
    }
}

#[test]
fn what_was_acknowledged_survives_a_kill_at_every_step() {
    let directory = tempfile::tempdir().unwrap();
    let mut registry = Registry::start(directory.path());
    let path = format!("/v2/stups/app/blobs/uploads/?digest={}", sha256(b"{}"));
    assert_eq!(registry.send("POST", &path, "", b"{}", || {}).unwrap().status, 201);

    // How many steps a push has.
    let (layer, mut steps) = (noise(1), 0);
    let told = push(&registry, 0, &layer, &manifest(&layer), &mut || steps += 1);
    assert!(told.tag);
    assert!(steps > 15, "{steps}");

    for round in 1..=KILLS {
        let layer = noise(round + 1);
        let manifest = manifest(&layer);
        let (mut step, last) = (0, (round * 7) % steps);
        let pid = registry.child.id().to_string();
        let told = push(&registry, round, &layer, &manifest, &mut || {
            if step == last {
                // Sometimes at once, sometimes in the middle of what follows.
                for _ in 0..(round * 13) % 40 {
                    std::thread::yield_now();
                }
                assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
            }
            step += 1;
        });
        registry.kill();
        registry = Registry::start(directory.path());
        check(&registry, round, &layer, &manifest, &told);
        // Whoever was not told pushes again, and succeeds.
        if !told.tag {
            let again = push(&registry, round, &layer, &manifest, &mut || {});
            assert!(again.tag, "round {round}");
            check(&registry, round, &layer, &manifest, &again);
        }
    }
    registry.kill();
    every_object_is_known(directory.path());
}

/// What lies in the storage the database knows, so that the garbage collection finds what was left behind.
fn every_object_is_known(directory: &Path) {
    let data = directory.join("stups-data");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let url = DatabaseUrl::sqlite_file(&data.join("pierone.db"));
    let known: BTreeSet<String> = runtime.block_on(async {
        let store = Store::open(&url, stups_pierone::NAME, stups_pierone::migrations())
            .await
            .unwrap();
        let connection = store.connection();
        let question = Statement::from_string(connection.get_database_backend(), "SELECT digest FROM blobs");
        let rows = connection.query_all_raw(question).await.unwrap();
        rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    });
    let prefixes = std::fs::read_dir(data.join("pierone/blobs/sha256")).unwrap();
    let objects = prefixes.flat_map(|prefix| std::fs::read_dir(prefix.unwrap().path()).unwrap());
    let objects: Vec<String> = objects
        .map(|object| object.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(objects.len() > KILLS);
    for object in objects {
        assert!(known.contains(&format!("sha256:{object}")), "{object}");
    }
}
