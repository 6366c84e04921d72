//! The registry as it is shipped, with docker, skopeo, podman and buildah as Debian ships them, and tokens of identity.
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use stups_testkit::{Docker, container_tool};
use stups_tests::{Platform, User, executable, until};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Somebody of the team `stups`, with a token.
pub(crate) struct Somebody {
    pub(crate) platform: Platform,
    pub(crate) user: User,
    pub(crate) token: String,
}

impl Somebody {
    pub(crate) async fn new(configuration: &str) -> Self {
        Self::new_in(configuration, &[]).await
    }

    /// The same, and the platform has these environment variables.
    pub(crate) async fn new_in(configuration: &str, environment: &[(&str, &str)]) -> Self {
        let platform = Platform::start_in(configuration, environment).await;
        let mut user = User::new();
        user.set("BROWSER_USER", &platform.administrator().user);
        user.set("BROWSER_PASSWORD", &platform.administrator().password);
        let stups = executable("stups");
        let (identity, kio) = (platform.identity_url().as_str(), platform.kio_url().as_str());
        let words = ["configure", "--non-interactive", identity, kio];
        user.run(&stups, &words).await.succeeded();
        let words = ["identity", "team", "add", "stups", "--member", "admin"];
        user.run(&stups, &words).await.succeeded();
        let token = user.run(&stups, &["zign", "token", "uid"]).await.succeeded();
        Self {
            platform,
            user,
            token: token.trim().to_owned(),
        }
    }

    /// `127.0.0.1:<port>`
    pub(crate) fn registry(&self) -> String {
        let url = self.platform.pierone_url();
        format!("127.0.0.1:{}", url.port().unwrap())
    }

    pub(crate) fn credentials(&self) -> String {
        format!("oauth2:{}", self.token)
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let url = self.platform.pierone_url().join(path).unwrap();
        let answer = stups_tests::client()
            .get(url)
            .bearer_auth(&self.token)
            .send()
            .await
            .unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json().await.unwrap()
    }
}

fn ended(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

#[track_caller]
pub(crate) fn succeeds(command: &mut Command) -> String {
    let output = ended(command);
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{command:?}\n{stdout}\n{stderr}");
    stdout.into_owned()
}

#[track_caller]
pub(crate) fn fails(command: &mut Command) -> String {
    let output = ended(command);
    assert!(!output.status.success(), "{command:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// An OCI layout: images as files.
pub(crate) struct Layout {
    directory: PathBuf,
    tags: Vec<Value>,
}

impl Layout {
    pub(crate) fn new(directory: &Path) -> Self {
        std::fs::create_dir_all(directory.join("blobs/sha256")).unwrap();
        std::fs::write(directory.join("oci-layout"), "{\"imageLayoutVersion\":\"1.0.0\"}").unwrap();
        Self {
            directory: directory.to_owned(),
            tags: Vec::new(),
        }
    }

    pub(crate) fn blob(&self, media_type: &str, bytes: &[u8]) -> Value {
        let hex = Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        std::fs::write(self.directory.join("blobs/sha256").join(&hex), bytes).unwrap();
        json!({"mediaType": media_type, "digest": format!("sha256:{hex}"), "size": bytes.len()})
    }

    pub(crate) fn image(&self, architecture: &str, layers: &[(&str, Vec<u8>)]) -> Value {
        let ids: Vec<Value> = layers
            .iter()
            .map(|(_, bytes)| self.blob("x", bytes)["digest"].clone())
            .collect();
        let config = json!({
            "architecture": architecture, "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": ids},
        });
        let layers: Vec<Value> = layers
            .iter()
            .map(|(media_type, bytes)| self.blob(media_type, bytes))
            .collect();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "layers": layers,
            "config": self.blob("application/vnd.oci.image.config.v1+json", config.to_string().as_bytes()),
        });
        let mut descriptor = self.blob(MANIFEST, manifest.to_string().as_bytes());
        descriptor["platform"] = json!({"architecture": architecture, "os": "linux"});
        descriptor
    }

    pub(crate) fn tag(&mut self, name: &str, mut descriptor: Value) {
        descriptor["annotations"] = json!({"org.opencontainers.image.ref.name": name});
        self.tags.push(descriptor);
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": self.tags});
        std::fs::write(self.directory.join("index.json"), index.to_string()).unwrap();
    }
}

/// A layer with one file of so many bytes, plain.
pub(crate) fn layer(name: &str, size: usize) -> Vec<u8> {
    let bytes: Vec<u8> = (0..size).map(|place| (place * 31 + place / 257) as u8).collect();
    archive(name, &bytes)
}

/// A layer with one file, plain.
pub(crate) fn archive(name: &str, content: &[u8]) -> Vec<u8> {
    let size = content.len();
    let mut header = [0_u8; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..107].copy_from_slice(b"0000644");
    header[108..115].copy_from_slice(b"0000000");
    header[116..123].copy_from_slice(b"0000000");
    header[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    header[136..147].copy_from_slice(b"00000000000");
    header[156] = b'0';
    header[257..265].copy_from_slice(b"ustar\x0000");
    header[148..156].copy_from_slice(b"        ");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut bytes = header.to_vec();
    bytes.extend(content);
    bytes.resize(bytes.len().next_multiple_of(512) + 1024, 0);
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn skopeo_pushes_and_pulls_images_indexes_and_many_layers() {
    let somebody = Somebody::new("").await;
    let skopeo = container_tool("skopeo").unwrap();
    let plain = "application/vnd.oci.image.layer.v1.tar";
    let directory = somebody.user.path("layout");
    let mut layout = Layout::new(&directory);
    let first = layout.image("amd64", &[(plain, layer("one", 1)), (plain, layer("two", 3_000_000))]);
    layout.tag("1.0", first.clone());
    let other = layout.image("amd64", &[(plain, layer("other", 5))]);
    layout.tag("other", other);
    let hundred: Vec<_> = (0..100)
        .map(|number| (plain, layer(&format!("file{number}"), number)))
        .collect();
    let hundred = layout.image("amd64", &hundred);
    layout.tag("hundred", hundred);
    let index = json!({
        "schemaVersion": 2, "mediaType": INDEX,
        "manifests": [first, layout.image("arm64", &[(plain, layer("three", 10))])],
    });
    let index = layout.blob(INDEX, index.to_string().as_bytes());
    layout.tag("index", index.clone());

    let copy = |from: &str, to: &str| {
        let mut command = Command::new(&skopeo);
        let credentials = somebody.credentials();
        command.args(["--insecure-policy", "copy", "--all", "--preserve-digests", "--quiet"]);
        command.args(["--dest-tls-verify=false", "--src-tls-verify=false"]);
        for (side, place) in [("src", from), ("dest", to)] {
            if place.starts_with("docker://") {
                command.arg(format!("--{side}-creds={credentials}"));
            }
        }
        command.args([from, to]);
        command
    };
    let local = |tag: &str| format!("oci:{}:{tag}", directory.display());
    let remote = |name: &str| format!("docker://{}/stups/{name}", somebody.registry());
    for (tag, name) in [("1.0", "app:1.0"), ("hundred", "app:hundred"), ("index", "app:multi")] {
        succeeds(&mut copy(&local(tag), &remote(name)));
        // Again: a pipeline that runs twice is no error.
        succeeds(&mut copy(&local(tag), &remote(name)));
        let back = somebody.user.path(&format!("back-{tag}"));
        succeeds(&mut copy(&remote(name), &format!("oci:{}:x", back.display())));
        let list: Value = serde_json::from_str(&std::fs::read_to_string(back.join("index.json")).unwrap()).unwrap();
        let pushed = layout
            .tags
            .iter()
            .find(|known| known["annotations"]["org.opencontainers.image.ref.name"] == tag);
        assert_eq!(list["manifests"][0]["digest"], pushed.unwrap()["digest"], "{tag}");
    }
    // Another image under the same tag is one clear line.
    let refused = fails(&mut copy(&local("other"), &remote("app:1.0")));
    assert!(refused.contains("tag already exists"), "{refused}");
    let refused = fails(&mut copy(&local("1.0"), &remote("app:latest")));
    assert!(refused.contains("latest is not allowed"), "{refused}");
    // A second repository gets its layers from the first.
    succeeds(&mut copy(&remote("app:1.0"), &remote("mounted:1.0")));
    let creds = format!("--creds={}", somebody.credentials());
    let list = succeeds(Command::new(&skopeo).args(["list-tags", "--tls-verify=false", &creds, &remote("app")]));
    assert!(list.contains("\"multi\""), "{list}");
    let deleted = fails(Command::new(&skopeo).args(["delete", "--tls-verify=false", &creds, &remote("app:1.0")]));
    assert!(!deleted.is_empty());
    let tags = somebody.get("teams/stups/artifacts/app/tags").await;
    assert_eq!(tags.as_array().unwrap().len(), 3);
    assert_eq!(tags[0]["created_by"], "admin");
}

#[tokio::test(flavor = "multi_thread")]
async fn docker_pushes_and_pulls() {
    let somebody = Somebody::new("[pierone]\nchallenge = \"bearer\"\n").await;
    let docker = Docker::start().unwrap();
    let registry = somebody.registry();
    let image = format!("{registry}/stups/docker:1.0");
    let tar = somebody.user.path("layer.tar");
    std::fs::write(&tar, layer("file", 100_000)).unwrap();
    let tar = tar.display().to_string();
    let login = ["login", "-u", "oauth2", "-p", &somebody.token, &registry];
    succeeds(&mut docker.command(&login));
    succeeds(&mut docker.command(&["import", &tar, &image]));
    succeeds(&mut docker.command(&["push", &image]));
    succeeds(&mut docker.command(&["rmi", &image]));
    succeeds(&mut docker.command(&["pull", &image]));
    // The newest, which nobody has pushed.
    succeeds(&mut docker.command(&["pull", &format!("{registry}/stups/docker:latest")]));
    // Into a second repository, with the layers of the first.
    let second = format!("{registry}/stups/second:1.0");
    succeeds(&mut docker.command(&["tag", &image, &second]));
    let said = succeeds(&mut docker.command(&["push", &second]));
    assert!(said.contains("Mounted from"), "{said}");
    // Another image does not take the name.
    std::fs::write(&tar, layer("file", 5)).unwrap();
    succeeds(&mut docker.command(&["import", &tar, &image]));
    let refused = fails(&mut docker.command(&["push", &image]));
    assert!(refused.contains("tag already exists"), "{refused}");
    // Somebody else's team.
    let foreign = format!("{registry}/other/docker:1.0");
    succeeds(&mut docker.command(&["tag", &image, &foreign]));
    fails(&mut docker.command(&["push", &foreign]));
}

#[tokio::test(flavor = "multi_thread")]
async fn buildah_builds_and_podman_pulls() {
    let somebody = Somebody::new("").await;
    let (buildah, podman) = (container_tool("buildah").unwrap(), container_tool("podman").unwrap());
    let registry = somebody.registry();
    let storage = somebody.user.path("storage").display().to_string();
    let run = |program: &Path, words: &[&str]| {
        let mut command = Command::new(program);
        command.args([
            "--root",
            &storage,
            "--runroot",
            &format!("{storage}-run"),
            "--storage-driver",
            "vfs",
        ]);
        command
            .args(words)
            .env("HOME", somebody.user.path(""))
            .env("XDG_RUNTIME_DIR", somebody.user.path(""));
        command
    };
    let file = somebody.user.path("scm-source.json");
    let revision = "0123456789012345678901234567890123456789";
    let source =
        json!({"url": "git:git@github.com:stups/app.git", "revision": revision, "author": "admin", "status": ""});
    std::fs::write(&file, source.to_string()).unwrap();
    let file = file.display().to_string();
    let container = succeeds(&mut run(&buildah, &["from", "scratch"]));
    let container = container.trim();
    succeeds(&mut run(&buildah, &["copy", container, &file, "/scm-source.json"]));
    succeeds(&mut run(&buildah, &["commit", container, "app"]));
    let creds = format!("--creds={}", somebody.credentials());
    // zstd first: podman pushes no second time what it knows to be there in another packing.
    for compression in ["zstd", "gzip"] {
        let remote = format!("docker://{registry}/stups/built:{compression}");
        let format = [
            "push",
            "--tls-verify=false",
            &creds,
            "--compression-format",
            compression,
            "app",
            &remote,
        ];
        succeeds(&mut run(&podman, &format));
        let path = format!("teams/stups/artifacts/built/tags/{compression}/scm-source");
        let source = somebody.get(&path).await;
        assert_eq!(source["revision"], revision, "{compression}");
        assert_eq!(source["valid"], true);
    }
    let manifest = somebody.get("v2/stups/built/manifests/zstd").await;
    assert_eq!(
        manifest["layers"][0]["mediaType"],
        "application/vnd.oci.image.layer.v1.tar+zstd"
    );
    let remote = format!("docker://{registry}/stups/built:buildah");
    succeeds(&mut run(
        &buildah,
        &["push", "--tls-verify=false", &creds, "app", &remote],
    ));
    let pulled = format!("{registry}/stups/built:zstd");
    succeeds(&mut run(&podman, &["pull", "--tls-verify=false", &creds, &pulled]));
    let words = [
        "login",
        "--tls-verify=false",
        "-u",
        "oauth2",
        "-p",
        &somebody.token,
        &registry,
    ];
    succeeds(&mut run(&podman, &words));
    let found = succeeds(&mut run(
        &podman,
        &["search", "--tls-verify=false", &format!("{registry}/stups")],
    ));
    assert!(found.contains("stups/built"), "{found}");
}

/// Debian's registry with a directory of its own. Dropping it ends it.
struct OtherRegistry {
    process: std::process::Child,
    address: String,
    _directory: tempfile::TempDir,
}

impl OtherRegistry {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let address = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let settings = format!(
            "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: {address}\n",
            directory.path().join("data").display()
        );
        let file = directory.path().join("config.yml");
        std::fs::write(&file, settings).unwrap();
        let process = Command::new(container_tool("docker-registry").unwrap())
            .arg("serve")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let registry = Self {
            process,
            address: address.to_string(),
            _directory: directory,
        };
        until("the other registry answers", async || {
            tokio::net::TcpStream::connect(&registry.address).await.is_ok()
        })
        .await;
        registry
    }
}

impl Drop for OtherRegistry {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// As the guide says it: digests and tags stay, and a second run changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn images_move_here_from_another_registry() {
    let (somebody, other) = (Somebody::new("").await, OtherRegistry::start().await);
    let skopeo = container_tool("skopeo").unwrap();
    let plain = "application/vnd.oci.image.layer.v1.tar";
    let directory = somebody.user.path("layout");
    let mut layout = Layout::new(&directory);
    let first = layout.image("amd64", &[(plain, layer("one", 1_000))]);
    layout.tag("1.0", first.clone());
    let arm = layout.image("arm64", &[(plain, layer("two", 1_000))]);
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [first, arm]});
    let index = layout.blob(INDEX, index.to_string().as_bytes());
    layout.tag("2.0", index.clone());
    for tag in ["1.0", "2.0"] {
        let from = format!("oci:{}:{tag}", directory.display());
        let to = format!("docker://{}/stups/app:{tag}", other.address);
        let words = [
            "--insecure-policy",
            "copy",
            "--all",
            "--preserve-digests",
            "--quiet",
            "--dest-tls-verify=false",
            &from,
            &to,
        ];
        succeeds(Command::new(&skopeo).args(words));
    }
    let credentials = format!("--dest-creds={}", somebody.credentials());
    let (from, to) = (
        format!("{}/stups/app", other.address),
        format!("{}/stups", somebody.registry()),
    );
    for _ in 0..2 {
        let mut sync = Command::new(&skopeo);
        sync.args([
            "--insecure-policy",
            "sync",
            "--all",
            "--preserve-digests",
            "--src=docker",
            "--dest=docker",
        ]);
        sync.args([
            "--src-tls-verify=false",
            "--dest-tls-verify=false",
            &credentials,
            &from,
            &to,
        ]);
        succeeds(&mut sync);
        let tags = somebody.get("teams/stups/artifacts/app/tags").await;
        let names: BTreeSet<&str> = tags
            .as_array()
            .unwrap()
            .iter()
            .map(|tag| tag["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, BTreeSet::from(["1.0", "2.0"]));
    }
    let url = somebody
        .platform
        .pierone_url()
        .join("v2/stups/app/manifests/2.0")
        .unwrap();
    let head = stups_tests::client()
        .head(url)
        .bearer_auth(&somebody.token)
        .send()
        .await
        .unwrap();
    assert_eq!(
        head.headers()["docker-content-digest"],
        index["digest"].as_str().unwrap()
    );
}
