//! `pierone` and `docker-credential-pierone`, ours and the original's, with the registry as it is shipped, over HTTPS.
#![cfg(target_os = "linux")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use stups_testkit::{HttpsServer, PythonEnvironment, Requirements, container_tool};
use stups_tests::{Ended, User, executable, tunnel};

use crate::pierone::{INDEX, Layout, Somebody, archive, succeeds};

const CERTIFICATE: &str = include_str!("../../src/certificate.py");
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// Hosts that the original does not let anybody choose.
const DOCKER_META: &str = "docker-meta.stups.zalan.do";
const PROMOTER: &str = "ecr-compliance-promoter.platform-infrastructure.zalan.do";
const REVISION: &str = "0123456789012345678901234567890123456789";

/// Somebody with images in a registry that speaks HTTPS, as the original demands.
struct Pusher {
    somebody: Somebody,
    /// `127.0.0.1:<port>`
    registry: String,
    /// Where the certificate's files are.
    certificate: User,
}

impl Pusher {
    async fn new() -> Self {
        let certificate = User::new();
        let python = PythonEnvironment::get(Requirements::ZignOld).unwrap();
        let directory = certificate.path("tls");
        std::fs::create_dir_all(&directory).unwrap();
        let directory = directory.display().to_string();
        let words = ["-c", CERTIFICATE, &directory, "127.0.0.1", DOCKER_META];
        certificate.run(&python.executable("python"), &words).await.succeeded();
        let configuration = format!(
            "[pierone]\nadmin_users = \"/employees/admin\"\ntls_certificate = \"{directory}/server.pem\"\ntls_key = \"{directory}/server.key\"\n"
        );
        let mut somebody = Somebody::new(&configuration).await;
        let registry = somebody.registry();
        let token = format!("pierone={}", somebody.token);
        let user = &mut somebody.user;
        user.set("PIERONE_URL", &format!("https://{registry}"));
        for name in ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"] {
            user.set(name, &format!("{directory}/ca.pem"));
        }
        user.set("OAUTH2_ACCESS_TOKENS", &token);
        user.set("COLUMNS", "200");
        let pusher = Self {
            somebody,
            registry,
            certificate,
        };
        pusher.push();
        pusher
    }

    /// `app:1.0` with its source, `app:2.0` without, and `group:multi` for two platforms.
    fn push(&self) {
        let source =
            json!({"url": "git:git@github.com:stups/app.git", "revision": REVISION, "author": "admin", "status": ""});
        let directory = self.somebody.user.path("layout");
        let mut layout = Layout::new(&directory);
        let base = (LAYER, archive("bin/sh", b"#!"));
        let source = (LAYER, archive("scm-source.json", source.to_string().as_bytes()));
        let first = layout.image("amd64", &[base.clone(), source]);
        layout.tag("1.0", first);
        let second = layout.image("amd64", &[base.clone(), (LAYER, archive("app", b"2"))]);
        layout.tag("2.0", second);
        let manifests = [
            layout.image("amd64", &[base]),
            layout.image("arm64", &[(LAYER, archive("arm", b"3"))]),
        ];
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
        let index = layout.blob(INDEX, index.to_string().as_bytes());
        layout.tag("multi", index);
        for (tag, name) in [("1.0", "app:1.0"), ("2.0", "app:2.0"), ("multi", "group:multi")] {
            self.copy(tag, name);
        }
    }

    /// Pushes what the layout has under `tag`.
    fn copy(&self, tag: &str, name: &str) {
        let mut copy = Command::new(container_tool("skopeo").unwrap());
        copy.args([
            "--insecure-policy",
            "copy",
            "--all",
            "--quiet",
            "--dest-tls-verify=false",
        ]);
        copy.arg(format!("--dest-creds={}", self.somebody.credentials()));
        copy.arg(format!("oci:{}:{tag}", self.somebody.user.path("layout").display()));
        copy.arg(format!("docker://{}/stups/{name}", self.registry));
        succeeds(&mut copy);
    }

    async fn ours(&self, words: &[&str]) -> Ended {
        let all: Vec<&str> = ["pierone"].iter().chain(words).copied().collect();
        self.somebody.user.run(&executable("stups"), &all).await
    }

    async fn original(&self, words: &[&str]) -> Ended {
        self.somebody.user.run(&original("pierone"), words).await
    }

    async fn json(&self, words: &[&str]) -> Value {
        serde_json::from_str(&self.ours(words).await.succeeded()).unwrap()
    }

    fn docker_config(&self) -> Value {
        let text = self.somebody.user.read(&self.somebody.user.path(".docker/config.json"));
        serde_json::from_str(&text).unwrap()
    }
}

fn original(name: &str) -> PathBuf {
    release(Requirements::PierOne, name)
}

fn release(requirements: Requirements, name: &str) -> PathBuf {
    PythonEnvironment::get(requirements).unwrap().executable(name)
}

#[tokio::test(flavor = "multi_thread")]
async fn ours_says_what_the_original_says() {
    let pusher = Pusher::new().await;
    let app = pusher.json(&["tags", "stups", "app", "-o", "json"]).await;
    let latest = pusher.ours(&["latest", "stups", "app"]).await.succeeded();
    assert_eq!(latest, "2.0\n");
    let path = pusher
        .somebody
        .platform
        .pierone_url()
        .join("teams/stups/artifacts/app/tags")
        .unwrap();
    assert_eq!(path.scheme(), "https");
    for words in [
        ["teams"].as_slice(),
        &["teams", "-o", "json"],
        &["teams", "-o", "tsv"],
        &["artifacts", "stups"],
        &["artifacts", "stups", "-o", "json"],
        &["artifacts", "nope", "-o", "tsv"],
        &["latest", "stups", "app"],
        // Not as text: that has ages, and time goes on between the two.
        &["scm-source", "stups", "app", "-o", "json"],
        &["scm-source", "stups", "app", "1.0", "-o", "json"],
        &["image", "sha256:0000000"],
    ] {
        let (ours, original) = (pusher.ours(words).await, pusher.original(words).await);
        assert_eq!(
            (ours.code, &ours.stdout),
            (original.code, &original.stdout),
            "{words:?}\n{}",
            original.stderr
        );
    }
    for (words, code) in [
        (["tags", "stups", "nope"].as_slice(), 2),
        (&["tags", "nope"], 2),
        (&["artifacts", "T1"], 2),
        (&["latest", "stups", "nope"], 1),
        (&["scm-source", "stups", "nope"], 2),
    ] {
        let (ours, original) = (pusher.ours(words).await, pusher.original(words).await);
        assert_eq!(
            (ours.code, original.code),
            (code, code),
            "{words:?}\n{}",
            original.stderr
        );
        assert!(!ours.stderr.is_empty(), "{words:?}");
    }
    // Of tags ours tells more than the original does.
    let original = pusher
        .original(&["tags", "stups", "app", "-o", "json"])
        .await
        .succeeded();
    let original: Value = serde_json::from_str(&original).unwrap();
    for (ours, original) in app.as_array().unwrap().iter().zip(original.as_array().unwrap()) {
        for column in ["team", "artifact", "tag", "created_time", "created_by"] {
            assert_eq!(ours[column], original[column], "{column}");
        }
    }
    assert_eq!(app.as_array().unwrap().len(), 2);
    // All of a team, of which the original tells the last artifact alone.
    let all = pusher.json(&["tags", "stups", "-o", "json", "--limit", "1"]).await;
    let names: Vec<&Value> = all.as_array().unwrap().iter().map(|row| &row["tag"]).collect();
    assert_eq!(names, ["2.0", "multi"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn contents_and_images() {
    let pusher = Pusher::new().await;
    let words = ["inspect-contents", "stups", "app", "1.0", "--limit", "2", "-o", "json"];
    let ours = pusher.json(&words).await;
    let original = pusher.original(&words).await.succeeded();
    let original: Value = serde_json::from_str(&original.replace("o644", "0644")).unwrap();
    assert_eq!(ours, original);
    let names: Vec<&Value> = ours.as_array().unwrap().iter().map(|row| &row["name"]).collect();
    assert_eq!(names, ["scm-source.json", "bin/sh"]);
    let top = pusher
        .json(&["inspect-contents", "stups", "app", "2.0", "-o", "json"])
        .await;
    assert_eq!((top.as_array().unwrap().len(), &top[0]["name"]), (1, &json!("app")));

    let of = |platform: &'static str| {
        [
            "inspect-contents",
            "stups",
            "group",
            "--platform",
            platform,
            "-o",
            "json",
        ]
    };
    assert_eq!(pusher.json(&of("linux/arm64")).await[0]["name"], "arm");
    assert_eq!(pusher.json(&of("linux/amd64")).await[0]["name"], "bin/sh");
    let refused = pusher.ours(&of("linux/s390x")).await.failed(1);
    assert!(refused.contains("--platform"), "{refused}");
    let refused = pusher
        .ours(&["inspect-contents", "stups", "app", "nope"])
        .await
        .failed(1);
    assert!(refused.contains("does not exist"), "{refused}");

    let detail = pusher.ours(&["describe", "stups", "app", "1.0"]).await.succeeded();
    for part in [
        "General Information",
        "Team ",
        REVISION,
        "git:git@github.com:stups/app.git",
        "Effective Status",
    ] {
        assert!(detail.contains(part), "{detail}");
    }
    let refused = pusher.ours(&["describe", "stups", "app", "nope"]).await.failed(1);
    assert!(
        refused.contains(&format!("{}/stups/app:nope doesn't exist.", pusher.registry)),
        "{refused}"
    );
    let refused = pusher.ours(&["cves", "stups", "app", "1.0"]).await.failed(1);
    assert!(refused.contains("not scanned yet"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn approvals() {
    let pusher = Pusher::new().await;
    let said = pusher
        .ours(&["mark-production-ready", "INC-1", "stups", "app", "1.0"])
        .await
        .succeeded();
    let image = format!("{}/stups/app:1.0", pusher.registry);
    assert_eq!(
        said,
        format!("Marked {image} as `production_ready` due to incident INC-1.\n")
    );
    let tags = pusher.json(&["tags", "stups", "app", "-o", "json"]).await;
    assert_eq!(tags[0]["status"], "production_ready");
    let again = pusher
        .ours(&["mark-production-ready", "2026-7", "stups", "app", "1.0"])
        .await
        .failed(1);
    assert!(
        again.contains(&format!("You can't mark {image} as production ready: ")),
        "{again}"
    );
    // Nobody knows what it was made from.
    let refused = pusher
        .ours(&["mark-production-ready", "2026-7", "stups", "app", "2.0"])
        .await
        .failed(1);
    assert!(refused.contains("source"), "{refused}");
    let refused = pusher.ours(&["mark-trusted", "stups", "app", "2.0"]).await.failed(1);
    assert!(refused.contains("no SCM source"), "{refused}");
    // Nobody says yes.
    let asked = pusher.ours(&["mark-trusted", "stups", "app", "1.0"]).await;
    assert_eq!(asked.code, 1);
    assert!(
        asked.stdout.contains("git:git@github.com:stups/app.git"),
        "{}",
        asked.stdout
    );
    assert!(asked.stderr.contains("Aborted!"), "{}", asked.stderr);
    let refused = pusher.ours(&["emergency-promotion", "2026-7", &image]).await.failed(1);
    assert!(refused.contains("PIERONE_PROMOTER_URL"), "{refused}");
}

/// The last release asks hosts of fixed names, on port 443: a proxy leads them here, and the client is as it was published.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_release_finds_here_what_it_asks_fixed_hosts_for() {
    let mut pusher = Pusher::new().await;
    let image = format!("{}/stups/app:1.0", pusher.registry);
    let copy = "production.example.org/stups/app:1.0";
    let promoted = json!({"status": "succeeded", "staging_image": image, "production_image": copy});
    let promoter = HttpsServer::start(&[PROMOTER], 200, "application/json", &promoted.to_string()).unwrap();
    let hosts = [
        (DOCKER_META, pusher.registry.parse().unwrap()),
        (PROMOTER, promoter.address()),
    ];
    let proxy = tunnel(hosts.into()).await;
    let user = &mut pusher.somebody.user;
    let authorities = user.path("authorities.pem");
    let own = user.read(&pusher.certificate.path("tls/ca.pem"));
    user.write(&authorities, &format!("{own}\n{}", promoter.authority()));
    user.set("REQUESTS_CA_BUNDLE", &authorities.display().to_string());
    user.set("HTTPS_PROXY", &proxy);
    user.set("NO_PROXY", "127.0.0.1");

    let refused = pusher.original(&["describe", "stups", "app", "nope"]).await.failed(1);
    // Its own words for it do not come out with today's click.
    assert!(refused.contains("ArtifactNotFound"), "{refused}");
    let described = pusher.original(&["describe", "stups", "app", "1.0"]).await.succeeded();
    for known in [
        "General Information",
        "Commit Information",
        REVISION,
        "git:git@github.com:stups/app.git",
        "Effective Status",
        "Not Processed",
    ] {
        assert!(described.contains(known), "{known}: {described}");
    }
    // Nobody knows what it was made from.
    let words = ["mark-production-ready", "2026-7", "stups", "app", "2.0"];
    assert_eq!(pusher.original(&words).await.code, 1);
    let refused = pusher
        .original(&["emergency-promotion", "2026-7", &image.replace("1.0", "nope")])
        .await;
    assert!(refused.failed(1).contains("ArtifactNotFound"));

    // An emergency declares the image ready, and then its copy of the same name: the same said again is no error.
    let said = pusher
        .original(&["emergency-promotion", "2026-7", &image])
        .await
        .succeeded();
    assert!(said.ends_with(&format!("{image} promoted to {copy}.\n")), "{said}");
    let words = ["mark-production-ready", "2026-7", "stups", "app", "1.0"];
    let marked = pusher.original(&words).await.succeeded();
    assert!(
        marked.contains(&format!("Marked {image} as `production_ready` due to incident 2026-7.")),
        "{marked}"
    );
    let other = ["mark-production-ready", "2026-8", "stups", "app", "1.0"];
    assert_eq!(pusher.original(&other).await.code, 1);
    let described = pusher.original(&["describe", "stups", "app", "1.0"]).await.succeeded();
    for known in ["production_ready", "2026-7", "admin"] {
        assert!(described.contains(known), "{known}: {described}");
    }
    let tags = pusher.json(&["tags", "stups", "app", "-o", "json"]).await;
    assert_eq!(tags[0]["status"], "production_ready");
}

#[tokio::test(flavor = "multi_thread")]
async fn skopeo_gets_its_credentials_from_the_helper() {
    let mut pusher = Pusher::new().await;
    let url = format!("https://{}", pusher.registry);
    let refused = pusher.ours(&["login", "--url", &url]).await.failed(1);
    assert!(refused.contains("stups link"), "{refused}");
    let bin = pusher.somebody.user.path("bin");
    let words = ["link", &bin.display().to_string()];
    pusher.somebody.user.run(&executable("stups"), &words).await.succeeded();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    pusher.somebody.user.set("PATH", &path);
    let skopeo = container_tool("skopeo").unwrap();
    let image = format!("docker://{}/stups/app:1.0", pusher.registry);
    let words = ["inspect", "--tls-verify=false", &image];
    assert_ne!(pusher.somebody.user.run(&skopeo, &words).await.code, 0);

    pusher.ours(&["login", "--url", &url]).await.succeeded();
    let expected = json!({"auths": {}, "credHelpers": {pusher.registry.as_str(): "pierone"}});
    assert_eq!(pusher.docker_config(), expected);
    let inspected = pusher.somebody.user.run(&skopeo, &words).await.succeeded();
    assert!(inspected.contains("\"Architecture\": \"amd64\""), "{inspected}");

    // The helper itself, ours and the original's.
    let user = &pusher.somebody.user;
    let ask = |program: PathBuf, operation: &'static str, server: String| {
        let file = user.path("question");
        user.write(&file, &server);
        let script = format!("{} {operation} < {}", program.display(), file.display());
        async move { user.run(Path::new("sh"), &["-c", &script]).await }
    };
    let helper = bin.join("docker-credential-pierone");
    let registry = pusher.registry.clone();
    let ours: Value = serde_json::from_str(&ask(helper.clone(), "get", registry.clone()).await.succeeded()).unwrap();
    let theirs = ask(original("docker-credential-pierone"), "get", registry.clone()).await;
    let theirs: Value = serde_json::from_str(&theirs.succeeded()).unwrap();
    for member in ["Username", "Secret"] {
        assert_eq!(ours[member], theirs[member], "{member}");
    }
    assert_eq!(ours["ServerURL"], registry);
    let foreign = ask(helper.clone(), "get", "https://registry.example.org/v2/".to_owned()).await;
    assert_eq!(
        (foreign.code, foreign.stdout.as_str()),
        (1, "credentials not found in native keychain\n")
    );
    for operation in ["store", "erase"] {
        assert_eq!(ask(helper.clone(), operation, registry.clone()).await.succeeded(), "");
    }
    assert_eq!(ask(helper.clone(), "list", String::new()).await.succeeded(), "{}\n");
    let version = ask(helper, "version", String::new()).await.succeeded();
    assert!(version.starts_with("docker-credential-pierone "), "{version}");

    // What docker has stored for other registries is not lost.
    user.write(&user.path(".docker/config.json"), "{\"auths\": ");
    let refused = pusher.ours(&["login", "--url", &url]).await.failed(1);
    assert!(refused.contains("config.json"), "{refused}");
}

/// Deployment tools of old ask with the original's package whether an image is there.
#[tokio::test(flavor = "multi_thread")]
async fn the_originals_library_finds_images() {
    let pusher = Pusher::new().await;
    let script = "import os, sys\n\
        from pierone.api import DockerImage, image_exists\n\
        token = os.environ['OAUTH2_ACCESS_TOKENS'].split('=', 1)[1]\n\
        for name in sys.argv[2:]:\n\
        \x20   artifact, tag = name.split(':')\n\
        \x20   print(name, image_exists(DockerImage(sys.argv[1], 'stups', artifact, tag), token))\n";
    let words = [
        "-c",
        script,
        &pusher.registry,
        "app:1.0",
        "app:9.9",
        "none:1.0",
        "group:multi",
    ];
    let found = pusher.somebody.user.run(&original("python"), &words).await.succeeded();
    assert_eq!(found, "app:1.0 True\napp:9.9 False\nnone:1.0 False\ngroup:multi True\n");
}

/// Those before the last, each with what only it can do.
#[tokio::test(flavor = "multi_thread")]
async fn older_releases_are_served() {
    let pusher = Pusher::new().await;
    let user = &pusher.somebody.user;
    let app = pusher.json(&["tags", "stups", "app", "-o", "json"]).await;
    let teams = pusher.json(&["teams", "-o", "json"]).await;
    for requirements in [
        Requirements::PierOne1_0_38,
        Requirements::PierOne1_1_27,
        Requirements::PierOne1_1_41,
        Requirements::PierOne1_1_44,
    ] {
        let pierone = release(requirements, "pierone");
        let json = async |words: &[&str]| -> Value {
            let all: Vec<&str> = words.iter().chain(&["-o", "json"]).copied().collect();
            let ended = user.run(&pierone, &all).await;
            serde_json::from_str(&ended.succeeded())
                .unwrap_or_else(|error| panic!("{requirements:?} {words:?}: {error}"))
        };
        assert_eq!(json(&["teams"]).await, teams, "{requirements:?}");
        assert_eq!(
            json(&["artifacts", "stups"]).await[0]["artifact"],
            "app",
            "{requirements:?}"
        );
        let tags = json(&["tags", "stups", "app"]).await;
        let theirs: Vec<&Value> = tags.as_array().unwrap().iter().map(|row| &row["tag"]).collect();
        let ours: Vec<&Value> = app.as_array().unwrap().iter().map(|row| &row["tag"]).collect();
        assert_eq!(theirs, ours, "{requirements:?}");
        let source = json(&["scm-source", "stups", "app", "1.0"]).await;
        assert_eq!(source[0]["revision"], REVISION, "{requirements:?}");
        let latest = user.run(&pierone, &["latest", "stups", "app"]).await.succeeded();
        assert_eq!(latest, "2.0\n", "{requirements:?}");
    }
    // Nothing was scanned.
    let words = ["tags", "stups", "app", "-o", "json"];
    let tags = user
        .run(&release(Requirements::PierOne1_0_38, "pierone"), &words)
        .await
        .succeeded();
    let tags: Value = serde_json::from_str(&tags).unwrap();
    assert_eq!(tags[0]["severity_fix_available"], app[0]["severity_fix_available"]);
    // Who has pushed it may approve it, which is not enough: ours says so.
    let file = user.path("yes");
    user.write(&file, "y\n");
    pusher.copy("1.0", "second:1.0");
    let trust = |program: PathBuf, words: &'static str| {
        let script = format!("{} {words} 1.0 < {}", program.display(), file.display());
        async move { user.run(Path::new("sh"), &["-c", &script]).await }
    };
    let theirs = trust(
        release(Requirements::PierOne1_1_41, "pierone"),
        "mark-trusted stups second",
    )
    .await
    .succeeded();
    assert!(theirs.contains("Marked image as trusted."), "{theirs}");
    let ours = trust(executable("stups"), "pierone mark-trusted stups app").await;
    let said = format!("{}{}", ours.stdout, ours.stderr);
    assert!(said.contains("somebody else"), "{said}");
    assert_eq!(ours.code, 0);
    let app = pusher.json(&["tags", "stups", "app", "-o", "json"]).await;
    assert_eq!(app[0]["trusted"], false);
    // docker's helper.
    let question = user.path("question");
    user.write(&question, &pusher.registry);
    let helper = release(Requirements::PierOne1_1_44, "docker-credential-pierone");
    let script = format!("{} get < {}", helper.display(), question.display());
    let answer = user.run(Path::new("sh"), &["-c", &script]).await.succeeded();
    assert_eq!(
        serde_json::from_str::<Value>(&answer).unwrap()["Secret"],
        pusher.somebody.token
    );
}

/// What a scanner has found, and what is known of an image: releases of the years in which clients told of it themselves.
#[tokio::test(flavor = "multi_thread")]
async fn older_releases_tell_what_is_known_of_an_image() {
    let pusher = Pusher::new().await;
    let user = &pusher.somebody.user;
    let report = json!({"Layer": {"Name": "x", "Features": [{"Name": "openssl", "Version": "1", "Vulnerabilities": [
        {"Name": "CVE-1", "Severity": "High", "FixedBy": "2", "Link": "https://cve.example.org/1"},
        {"Name": "CVE-2", "Severity": "Low", "Link": "https://cve.example.org/2"},
    ]}]}});
    let path = "teams/stups/artifacts/app/tags/1.0/vulnerabilities";
    let url = pusher.somebody.platform.pierone_url().join(path).unwrap();
    let authority = user.read(&pusher.certificate.path("tls/ca.pem"));
    let authority = reqwest::Certificate::from_pem(authority.as_bytes()).unwrap();
    stups_tests::client();
    let client = reqwest::Client::builder()
        .add_root_certificate(authority)
        .build()
        .unwrap();
    let told = client.put(url).bearer_auth(&pusher.somebody.token).json(&report);
    assert_eq!(told.send().await.unwrap().status(), 204);

    let words = ["cves", "stups", "app", "1.0", "-o", "json"];
    let theirs = user.run(&release(Requirements::PierOne1_0_38, "pierone"), &words).await;
    let theirs: Value = serde_json::from_str(&theirs.succeeded()).unwrap();
    let found = &theirs.as_array().unwrap()[0];
    assert_eq!(
        (
            &found["cve"],
            &found["severity"],
            &found["affected_feature"],
            &found["fixing_feature"]
        ),
        (
            &json!("CVE-1"),
            &json!("HIGH"),
            &json!("openssl:1"),
            &json!("openssl:2")
        )
    );
    assert_eq!(pusher.json(&words).await, theirs);

    let later = release(Requirements::PierOne1_1_44, "pierone");
    let words = ["mark-production-ready", "INC-1", "stups", "app", "1.0"];
    let marked = user.run(&later, &words).await.succeeded();
    assert!(
        marked.contains("as `production_ready` due to incident INC-1"),
        "{marked}"
    );
    let described = user.run(&later, &["describe", "stups", "app", "1.0"]).await.succeeded();
    for known in [
        "General Information",
        "Commit Information",
        "Compliance Information",
        REVISION,
        "INC-1",
    ] {
        assert!(described.contains(known), "{known}: {described}");
    }
}
