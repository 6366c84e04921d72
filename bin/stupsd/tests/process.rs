//! The real executable: it starts with nothing, answers, and ends as told.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// How long anything here may take: far more than it does.
const PATIENCE: Duration = Duration::from_mins(1);

fn command(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stupsd"));
    command
        .current_dir(directory)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A running process. Killed when dropped.
struct Process {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Process {
    fn start(directory: &Path, arguments: &[&str]) -> Self {
        Self::start_with(directory, arguments, &[])
    }

    /// What it logs goes to the file `log`.
    fn start_with(directory: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let log = std::fs::File::create(directory.join("log")).unwrap();
        let mut command = command(directory);
        let mut child = command
            .args(arguments)
            .envs(variables.iter().copied())
            .stderr(log)
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            stdout
                .lines()
                .map_while(Result::ok)
                .all(|line| sender.send(line).is_ok())
        });
        Self {
            child,
            lines,
            seen: Vec::new(),
        }
    }

    /// Reads lines until one satisfies the condition.
    fn line(&mut self, wanted: impl Fn(&str) -> bool) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let line = self
                .lines
                .recv_timeout(left)
                .unwrap_or_else(|_| panic!("it said only {:#?}", self.seen));
            self.seen.push(line.clone());
            if wanted(&line) {
                return line;
            }
        }
    }

    /// The host and port that the service says it listens on.
    fn address(&mut self, service: &str) -> String {
        let line = self.line(|line| line.starts_with(service));
        line.rsplit("//").next().unwrap().to_owned()
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    fn exit_code(&mut self) -> Option<i32> {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < until, "it does not end");
            std::thread::yield_now();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn ended(directory: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    command(directory)
        .args(arguments)
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(path).unwrap().permissions()) & 0o777
}

#[test]
fn it_starts_with_nothing_answers_and_ends_on_sigterm() {
    let directory = tempfile::tempdir().unwrap();
    let mut process = Process::start(directory.path(), &["--listen", "127.0.0.1:0"]);
    let identity = process.address("identity ");
    let kio = process.address("kio ");
    let login = process.line(|line| line.starts_with("Administrator: "));
    assert!(login.contains("user admin, password "), "{login}");
    process.line(|line| line == "Try:");
    for _ in 0..3 {
        process.line(|line| line.starts_with("  "));
    }
    for address in [&identity, &kio] {
        assert!(get(address, "/.well-known/health").ends_with("{\"health\":true}"));
        assert!(get(address, "/.well-known/ready").starts_with("HTTP/1.1 200"));
    }
    assert!(get(&kio, "/apps").starts_with("HTTP/1.1 401"));
    assert!(get(&identity, "/oauth2/connect/keys").contains("\"kty\""));
    #[cfg(unix)]
    {
        let data = directory.path().join("stups-data");
        assert_eq!(mode(&data), 0o700);
        let mut files = 0;
        for entry in std::fs::read_dir(&data).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                // Content of images.
                assert_eq!(mode(&path), 0o700, "{}", path.display());
                continue;
            }
            assert_eq!(mode(&path), 0o600, "{}", path.display());
            files += 1;
        }
        assert!(files >= 3, "two databases and a key");
    }
    process.signal("-TERM");
    assert_eq!(process.exit_code(), Some(0));
    // The databases were closed: each is one file.
    let names: Vec<String> = std::fs::read_dir(directory.path().join("stups-data"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(
        !names
            .iter()
            .any(|name| name.ends_with("-wal") || name.ends_with("-shm")),
        "{names:?}"
    );

    // The second start knows the administrator already.
    let mut process = Process::start(directory.path(), &["--listen", "127.0.0.1:0"]);
    process.line(|line| line == "Try:");
    assert!(
        !process.seen.iter().any(|line| line.contains("password")),
        "{:#?}",
        process.seen
    );
    process.signal("-INT");
    assert_eq!(process.exit_code(), Some(0));
}

#[test]
fn a_request_in_flight_is_finished_before_it_ends() {
    let directory = tempfile::tempdir().unwrap();
    let mut process = Process::start(
        directory.path(),
        &["kio", "--insecure-no-auth", "--listen", "127.0.0.1:0"],
    );
    let kio = process.address("kio ");
    let body = r#"{"team_id":"stups","active":true,"name":"Kio"}"#;
    let mut stream = TcpStream::connect(&kio).unwrap();
    let head = format!(
        "PUT /apps/kio HTTP/1.1\r\nhost: {kio}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nexpect: \
         100-continue\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // The handler asks for the body: from here on the request is in flight.
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    process.signal("-TERM");
    // It takes no new connections from now on.
    while TcpStream::connect(&kio).is_ok() {
        std::thread::yield_now();
    }
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(process.exit_code(), Some(0));

    // What was answered with 200 is there.
    let mut process = Process::start(
        directory.path(),
        &["kio", "--insecure-no-auth", "--listen", "127.0.0.1:0"],
    );
    let kio = process.address("kio ");
    assert!(get(&kio, "/apps/kio").contains("\"name\":\"Kio\""));
    process.signal("-TERM");
    assert_eq!(process.exit_code(), Some(0));
}

/// Takes one export of traces and returns what was in it.
fn collector() -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let taken = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut buffer = [0; 8192];
        while !String::from_utf8_lossy(&request).contains("GET /apps/{application_id}") {
            let read = stream.read(&mut buffer).unwrap();
            assert!(read > 0, "{}", String::from_utf8_lossy(&request));
            request.extend_from_slice(&buffer[..read]);
        }
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            .unwrap();
        String::from_utf8_lossy(&request).into_owned()
    });
    (url, taken)
}

#[test]
fn requests_are_logged_without_secrets_and_traced_where_that_is_configured() {
    let directory = tempfile::tempdir().unwrap();
    let (url, taken) = collector();
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str())];
    let arguments = ["kio", "--insecure-no-auth", "--listen", "127.0.0.1:0"];
    let mut process = Process::start_with(directory.path(), &arguments, &variables);
    let kio = process.address("kio ");
    assert!(get(&kio, "/apps/none?access_token=s3cret&x=1").starts_with("HTTP/1.1 404"));
    process.signal("-TERM");
    assert_eq!(process.exit_code(), Some(0));
    let exported = taken.join().unwrap();
    assert!(exported.starts_with("POST /v1/traces HTTP/1.1"), "{exported}");
    assert!(!exported.contains("s3cret"));

    let log = std::fs::read_to_string(directory.path().join("log")).unwrap();
    let line = log
        .lines()
        .find(|line| line.contains("/apps/none"))
        .unwrap_or_else(|| panic!("{log}"));
    for part in [
        "\"service\":\"kio\"",
        "\"method\":\"GET\"",
        "\"status\":404",
        "access_token=REDACTED&x=1",
        "\"request_id\":\"",
    ] {
        assert!(line.contains(part), "{line}");
    }
    assert!(!log.contains("s3cret"));
}

#[test]
fn what_cannot_be_run_is_told_in_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    write("unknown.toml", "[kio]\nlisen = \"127.0.0.1:0\"\n");
    write("broken.toml", "[kio\n");
    write(
        "database.toml",
        "[kio]\nlisten = \"127.0.0.1:0\"\ndatabase = \"mysql://x\"\n",
    );
    write(
        "tls.toml",
        "[kio]\nlisten = \"127.0.0.1:0\"\ntls_certificate = \"no.pem\"\ntls_key = \"no.key\"\n",
    );
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (arguments, part) in [
        (vec!["kio", "--listen", "127.0.0.1:0"], "--insecure-no-auth"),
        (
            vec!["--config", "unknown.toml"],
            "there is no setting kio.lisen, did you mean listen?",
        ),
        (vec!["--config", "broken.toml"], "broken.toml"),
        (vec!["--config", "missing.toml"], "missing.toml cannot be read"),
        (vec!["--check-config", "--config", "unknown.toml"], "kio.lisen"),
        (
            vec!["kio", "--insecure-no-auth", "--config", "database.toml"],
            "postgres",
        ),
        (vec!["kio", "--insecure-no-auth", "--config", "tls.toml"], "no.pem"),
        (vec!["kio", "--insecure-no-auth", "--listen", &taken], "cannot listen"),
        (
            vec!["kio", "--insecure-no-auth", "--listen", "0.0.0.0:0"],
            "--insecure-plain-http",
        ),
        (vec!["--listen", "127.0.0.1:1"], "--listen is for one service"),
    ] {
        let output = ended(directory.path(), &arguments, &[]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {stderr}");
        let errors: Vec<_> = stderr.lines().filter(|line| line.starts_with("Error: ")).collect();
        assert_eq!(errors.len(), 1, "{arguments:?}: {stderr}");
        assert!(errors[0].contains(part), "{arguments:?}: {stderr}");
        assert!(stderr.ends_with(&format!("{}\n", errors[0])), "{arguments:?}: {stderr}");
    }
    // What is encrypted, and cannot be decrypted, is not shown.
    let variables = [("AWS_REGION_ID", "eu-west-1"), ("DB_PASSWORD", "aws:kms:~secret~")];
    let output = ended(directory.path(), &["pierone", "--check-config"], &variables);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    let reason = "Error: DB_PASSWORD cannot be decrypted: what follows aws:kms: is not base64\n";
    assert_eq!(stderr, reason);
    let usage = ended(directory.path(), &["koi"], &[]);
    assert_eq!(usage.status.code(), Some(2));
}

#[test]
fn settings_can_be_checked_without_running() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(
        directory.path().join("stups.toml"),
        "services = [\"kio\"]\n[kio]\nlisten = \"0.0.0.0:80\"\n",
    )
    .unwrap();
    let output = ended(directory.path(), &["--check-config", "--config", "stups.toml"], &[]);
    assert!(output.status.success());
    assert!(!directory.path().join("stups-data").exists());
    let output = ended(directory.path(), &["--check-config"], &[("STUPS_KIO_LISEN", "x")]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("kio.lisen"));
}

/// `docs/openapi/` holds what the services say of themselves. When this fails: `stupsd --write-openapi docs/openapi`.
#[test]
fn the_checked_in_api_documents_are_current() {
    let directory = tempfile::tempdir().unwrap();
    let output = ended(directory.path(), &["--write-openapi", "."], &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let checked_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi");
    for service in ["identity", "kio", "pierone", "essentials", "mint"] {
        let name = format!("{service}.json");
        let fresh = std::fs::read_to_string(directory.path().join(&name)).unwrap();
        let known = std::fs::read_to_string(checked_in.join(&name)).unwrap();
        assert!(
            fresh == known,
            "docs/openapi/{name} is stale: run stupsd --write-openapi docs/openapi"
        );
    }
    assert_eq!(
        std::fs::read_dir(directory.path()).unwrap().count(),
        5,
        "nothing else is left"
    );
}

#[test]
fn the_log_tells_which_image_a_request_was_about() {
    let directory = tempfile::tempdir().unwrap();
    let arguments = [
        "pierone",
        "--insecure-no-auth",
        "--listen",
        "127.0.0.1:0",
        "--log-format",
        "json",
    ];
    let mut process = Process::start(directory.path(), &arguments);
    let address = process.address("pierone");
    // The digest of `layer`.
    let digest = "sha256:dac1d7cfa95021764849fd102524e141488c5e3a90f861dbb5a12d9ac8584f85";
    let mut stream = TcpStream::connect(&address).unwrap();
    write!(
        stream,
        "POST /v2/stups/kio/blobs/uploads/?digest={digest} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
         content-length: 5\r\n\r\nlayer"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert!(get(&address, &format!("/v2/stups/kio/blobs/{digest}")).ends_with("layer"));
    assert!(get(&address, "/v2/stups/kio/manifests/none").starts_with("HTTP/1.1 404"));
    let metrics = get(&address, "/metrics");
    for counted in [
        "stups_pierone_pulls_total{kind=\"blob\"} 1",
        "stups_pierone_pushes_total{kind=\"blob\"} 1",
    ] {
        assert!(metrics.contains(counted), "{metrics}");
    }
    process.signal("-TERM");
    assert_eq!(process.exit_code(), Some(0));

    let log = std::fs::read_to_string(directory.path().join("log")).unwrap();
    let lines = log
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let lines: Vec<_> = lines.filter(|line| line["repository"] == "stups/kio").collect();
    let told: Vec<_> = lines
        .iter()
        .map(|line| (line["method"].as_str(), line["digest"].as_str(), line["bytes"].as_u64()))
        .collect();
    let digest = Some(digest);
    assert_eq!(
        told,
        [
            (Some("POST"), digest, Some(5)),
            (Some("GET"), digest, Some(5)),
            (Some("GET"), None, None)
        ],
        "{log}"
    );
    // Who it was is told of all of them.
    assert!(lines.iter().all(|line| line["uid"].is_string()), "{log}");
}
