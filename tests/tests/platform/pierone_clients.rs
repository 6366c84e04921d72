//! What the clients of others do beside pushing and pulling one small image: images for several platforms, artifacts about
//! images, large layers, and pushes that are ended in the middle.
#![cfg(target_os = "linux")]

use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use stups_testkit::{Docker, container_tool};
use stups_tests::until;

use crate::pierone::{INDEX, Layout, Somebody, archive, layer, succeeds};

const PLAIN: &str = "application/vnd.oci.image.layer.v1.tar";

fn skopeo_copy(somebody: &Somebody, from: &str, to: &str) -> Command {
    let mut command = Command::new(container_tool("skopeo").unwrap());
    command.args(["--insecure-policy", "copy", "--all", "--preserve-digests", "--quiet"]);
    command.args(["--dest-tls-verify=false", "--src-tls-verify=false"]);
    for (side, place) in [("src", from), ("dest", to)] {
        if place.starts_with("docker://") {
            command.arg(format!("--{side}-creds={}", somebody.credentials()));
        }
    }
    command.args([from, to]);
    command
}

fn tool(somebody: &Somebody, program: &str, words: &[&str]) -> Command {
    let storage = somebody.user.path("storage").display().to_string();
    let mut command = Command::new(container_tool(program).unwrap());
    command.args(["--root", &storage, "--runroot", &format!("{storage}-run")]);
    command
        .args(["--storage-driver", "vfs"])
        .args(words)
        .env("HOME", somebody.user.path(""))
        .env("XDG_RUNTIME_DIR", somebody.user.path(""));
    command
}

/// Buildah makes an index of images for two platforms and pushes all of it; docker and podman take theirs out of it.
#[tokio::test(flavor = "multi_thread")]
async fn of_an_image_for_several_platforms_each_gets_its_own() {
    let somebody = Somebody::new("[pierone]\nchallenge = \"bearer\"\n").await;
    let registry = somebody.registry();
    let creds = format!("--creds={}", somebody.credentials());
    let buildah = |words: &[&str]| succeeds(&mut tool(&somebody, "buildah", words));
    buildah(&["manifest", "create", "several"]);
    for architecture in ["amd64", "arm64"] {
        let container = buildah(&["from", "--arch", architecture, "scratch"]);
        let file = somebody.user.path(architecture);
        std::fs::write(&file, architecture).unwrap();
        buildah(&["copy", container.trim(), &file.display().to_string(), "/which"]);
        buildah(&["config", "--arch", architecture, container.trim()]);
        buildah(&[
            "commit",
            "--manifest",
            "several",
            container.trim(),
            &format!("app-{architecture}"),
        ]);
    }
    let remote = format!("docker://{registry}/stups/several:1.0");
    let push = [
        "manifest",
        "push",
        "--all",
        "--tls-verify=false",
        &creds,
        "several",
        &remote,
    ];
    buildah(&push);
    // A pipeline that runs twice is no error.
    buildah(&push);
    let index = somebody.get("v2/stups/several/manifests/1.0").await;
    assert_eq!(index["manifests"].as_array().unwrap().len(), 2, "{index}");
    let image = format!("{registry}/stups/several:1.0");
    for architecture in ["arm64", "amd64"] {
        succeeds(&mut tool(
            &somebody,
            "podman",
            &[
                "pull",
                "--quiet",
                "--tls-verify=false",
                &creds,
                "--arch",
                architecture,
                &image,
            ],
        ));
        let pulled = ["image", "inspect", "--format", "{{.Architecture}}", &image];
        assert_eq!(succeeds(&mut tool(&somebody, "podman", &pulled)).trim(), architecture);
    }
    let docker = Docker::start().unwrap();
    succeeds(&mut docker.command(&["login", "-u", "oauth2", "-p", &somebody.token, &registry]));
    succeeds(&mut docker.command(&["pull", &image]));
    let pulled = succeeds(&mut docker.command(&["image", "inspect", "--format", "{{.Architecture}}", &image]));
    let own = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "amd64"
    };
    assert_eq!(pulled.trim(), own);
}

/// What skopeo copies with a `subject` is found at the image that it is about, by digest and with its tag.
#[tokio::test(flavor = "multi_thread")]
async fn an_artifact_about_an_image_is_found_there() {
    let somebody = Somebody::new("").await;
    let directory = somebody.user.path("layout");
    let mut layout = Layout::new(&directory);
    let image = layout.image("amd64", &[(PLAIN, layer("one", 100))]);
    layout.tag("image", image.clone());
    let statement = json!({"_type": "https://in-toto.io/Statement/v1", "predicateType": "https://example.org/test"});
    let statement = statement.to_string();
    let mut subject = image.clone();
    subject.as_object_mut().unwrap().remove("platform");
    let artifact = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": "application/vnd.in-toto+json",
        "config": layout.blob("application/vnd.oci.empty.v1+json", b"{}"),
        "layers": [layout.blob("application/vnd.in-toto+json", statement.as_bytes())],
        "subject": subject,
    });
    let artifact = layout.blob(
        "application/vnd.oci.image.manifest.v1+json",
        artifact.to_string().as_bytes(),
    );
    layout.tag("about", artifact.clone());
    let local = |tag: &str| format!("oci:{}:{tag}", directory.display());
    let remote = |tag: &str| format!("docker://{}/stups/app:{tag}", somebody.registry());
    // It may come before what it is about.
    for tag in ["about", "image"] {
        succeeds(&mut skopeo_copy(&somebody, &local(tag), &remote(tag)));
    }
    let digest = image["digest"].as_str().unwrap();
    let referrers = somebody.get(&format!("v2/stups/app/referrers/{digest}")).await;
    assert_eq!(referrers["mediaType"], INDEX);
    assert_eq!(referrers["manifests"][0]["digest"], artifact["digest"], "{referrers}");
    let tag = somebody.get("teams/stups/artifacts/app/tags/image").await;
    assert!(
        tag["referrers"]
            .to_string()
            .contains(artifact["digest"].as_str().unwrap()),
        "{tag}"
    );
    let back = somebody.user.path("back");
    succeeds(&mut skopeo_copy(
        &somebody,
        &remote("about"),
        &format!("oci:{}:x", back.display()),
    ));
    let list: Value = serde_json::from_str(&std::fs::read_to_string(back.join("index.json")).unwrap()).unwrap();
    assert_eq!(list["manifests"][0]["digest"], artifact["digest"]);
}

/// A plain layer with one file of so many bytes, most of them holes; its digest.
fn sparse_layer(layout: &Path, size: u64) -> Value {
    let unnamed = layout.join("layer");
    let mut file = std::fs::File::create(&unnamed).unwrap();
    // The header of a file of one byte, which is then of so many.
    let header = archive("large", b"x");
    let mut header: [u8; 512] = header[..512].try_into().unwrap();
    header[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    header[148..156].copy_from_slice(b"        ");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    file.write_all(&header).unwrap();
    // Something at places that only a whole copy has.
    for place in (0..size).step_by(64 << 20) {
        file.seek(std::io::SeekFrom::Start(512 + place)).unwrap();
        file.write_all(&place.to_be_bytes()).unwrap();
    }
    let length = (512 + size).next_multiple_of(512) + 1024;
    file.set_len(length).unwrap();
    let sum = succeeds(Command::new("sha256sum").arg(&unnamed));
    let hex = sum.split_whitespace().next().unwrap();
    std::fs::rename(&unnamed, layout.join("blobs/sha256").join(hex)).unwrap();
    json!({"mediaType": PLAIN, "digest": format!("sha256:{hex}"), "size": length})
}

/// An image whose only layer is there already.
fn image_of(layout: &Layout, layer: &Value) -> Value {
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": {},
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
    });
    let manifest = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": [layer],
        "config": layout.blob("application/vnd.oci.image.config.v1+json", config.to_string().as_bytes()),
    });
    layout.blob(
        "application/vnd.oci.image.manifest.v1+json",
        manifest.to_string().as_bytes(),
    )
}

/// How many bytes lie in a directory.
fn bytes_in(directory: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return 0;
    };
    entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let metadata = entry.metadata().ok()?;
            Some(if metadata.is_dir() {
                bytes_in(&entry.path())
            } else {
                metadata.len()
            })
        })
        .sum()
}

fn same(one: &Path, other: &Path) -> bool {
    let (mut one, mut other) = (std::fs::File::open(one).unwrap(), std::fs::File::open(other).unwrap());
    let (mut here, mut there) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    loop {
        let read = one.read(&mut here).unwrap();
        if read == 0 {
            return other.read(&mut there).unwrap() == 0;
        }
        if other.read_exact(&mut there[..read]).is_err() || here[..read] != there[..read] {
            return false;
        }
    }
}

/// A layer of a gibibyte; the first push of it is killed in the middle, and the next does all of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_layer_comes_whole_also_when_its_first_push_was_killed() {
    let somebody = Somebody::new("").await;
    let directory = somebody.user.path("layout");
    let mut layout = Layout::new(&directory);
    let large = sparse_layer(&directory, 1 << 30);
    let image = image_of(&layout, &large);
    layout.tag("1.0", image);
    let (local, remote) = (
        format!("oci:{}:1.0", directory.display()),
        format!("docker://{}/stups/large:1.0", somebody.registry()),
    );
    let mut killed = skopeo_copy(&somebody, &local, &remote)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let uploads = somebody.platform.data().join("pierone/uploads");
    until("some of it has come", async || bytes_in(&uploads) > 50 << 20).await;
    killed.kill().unwrap();
    killed.wait().unwrap();
    let url = somebody
        .platform
        .pierone_url()
        .join("v2/stups/large/tags/list")
        .unwrap();
    let list = stups_tests::client()
        .get(url)
        .bearer_auth(&somebody.token)
        .send()
        .await
        .unwrap();
    let list: Value = list.json().await.unwrap();
    assert!(list["tags"].as_array().is_none_or(Vec::is_empty), "{list}");

    succeeds(&mut skopeo_copy(&somebody, &local, &remote));
    let back = somebody.user.path("back");
    succeeds(&mut skopeo_copy(
        &somebody,
        &remote,
        &format!("oci:{}:x", back.display()),
    ));
    let hex = large["digest"].as_str().unwrap().trim_start_matches("sha256:");
    let place = Path::new("blobs/sha256").join(hex);
    assert!(same(&directory.join(&place), &back.join(&place)));
}
