//! A running registry, a token for everybody, teams that tests steer, and HTTP without a client's help.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ring::digest::{SHA256, SHA512, digest};
use serde_json::{Value, json};
use stups_auth::Verifier;
use stups_aws::Session;
use stups_pierone::{Config, Registry};
use stups_server::{Built, Environment, Limits};
use stups_store::objects::object_store::aws::AmazonS3Builder;
use stups_store::objects::object_store::path::Path;
use stups_store::objects::object_store::{ObjectStore, ObjectStoreExt as _};
use stups_store::objects::{FileWrites, Presigner, open, s3};
use stups_store::{DatabaseUrl, Store};
use stups_testkit::{Account, AwsApi, Everybody, PostgreSql, Teams};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

/// An employee of the team `stups`.
pub(crate) const JDOE: &str = "/employees/jdoe+uid";
/// Another one.
pub(crate) const COLLEAGUE: &str = "/employees/colleague+uid";
/// An employee of the team `other`.
pub(crate) const ASMITH: &str = "/employees/asmith+uid";
/// A service of the team `stups` that may write.
pub(crate) const ROBOT: &str = "/services/robot+uid+application.write";
/// Who pushes everywhere, and whose word about sources is taken.
pub(crate) const TRUSTED: &str = "/services/ci+uid+application.write_all_trusted";
/// Two who administer the registry.
pub(crate) const ADMIN: &str = "/employees/admin+uid+application.registry_admin";
pub(crate) const ADMIN2: &str = "/employees/admin2+uid+application.registry_admin";

pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// What a registry stands on; more than one may.
#[derive(Clone)]
pub(crate) struct Ground {
    database: DatabaseUrl,
    pub(crate) objects: Arc<dyn ObjectStore>,
    directory: bool,
    presigner: Option<Presigner>,
    remover: Option<Arc<dyn ObjectStore>>,
    session: Option<Session>,
    /// For what goes wrong: which combination it was.
    pub(crate) name: &'static str,
    _files: Arc<tempfile::TempDir>,
}

impl Ground {
    /// A file and a directory.
    pub(crate) fn small() -> Self {
        let files = tempfile::tempdir().unwrap();
        let place = Url::from_directory_path(files.path().join("objects")).unwrap();
        Self {
            database: DatabaseUrl::sqlite_file(&files.path().join("pierone.db")),
            objects: open(&place, FileWrites::Direct).unwrap(),
            directory: true,
            presigner: None,
            remover: None,
            session: None,
            name: "SQLite and a directory",
            _files: Arc::new(files),
        }
    }

    /// PostgreSQL and S3.
    pub(crate) async fn large() -> Self {
        static BUCKETS: AtomicU32 = AtomicU32::new(0);
        let bucket = format!("pierone-{}", BUCKETS.fetch_add(1, Ordering::Relaxed));
        let account = Account::builder(AwsApi::shared().await).bucket(&bucket).build().await;
        Self::in_bucket(&account, &bucket).await
    }

    /// PostgreSQL and this bucket.
    pub(crate) async fn in_bucket(account: &Account, bucket: &str) -> Self {
        let environment = account.environment();
        let from = |name: &str| {
            let found = environment.iter().find(|(key, _)| key == name);
            found.unwrap().1.clone()
        };
        let settings = || {
            AmazonS3Builder::new()
                .with_endpoint(from("AWS_ENDPOINT_URL"))
                .with_access_key_id(from("AWS_ACCESS_KEY_ID"))
                .with_secret_access_key(from("AWS_SECRET_ACCESS_KEY"))
                .with_token(from("AWS_SESSION_TOKEN"))
                .with_region("us-east-1")
        };
        let place: Url = format!("s3://{bucket}/images").parse().unwrap();
        Self {
            database: PostgreSql::shared().await.database().await.parse().unwrap(),
            objects: s3(&place, settings()).unwrap(),
            directory: false,
            presigner: Some(Presigner::s3(&place, settings()).unwrap()),
            remover: None,
            session: Some(account.session()),
            name: "PostgreSQL and S3",
            _files: Arc::new(tempfile::tempdir().unwrap()),
        }
    }

    /// PostgreSQL and a directory, as on a file system that machines share.
    pub(crate) async fn shared_directory() -> Self {
        Self {
            database: PostgreSql::shared().await.database().await.parse().unwrap(),
            name: "PostgreSQL and a directory",
            ..Self::small()
        }
    }

    pub(crate) async fn both() -> [Self; 2] {
        [Self::small(), Self::large().await]
    }

    /// Ends all connections to the database, which is PostgreSQL.
    pub(crate) async fn end_connections(&self) {
        let statement = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                         WHERE datname = current_database() AND pid <> pg_backend_pid()";
        let cluster = PostgreSql::shared().await;
        cluster.sql(&self.database.to_string(), statement).await.unwrap();
    }

    /// Both, in an account of AWS.
    pub(crate) async fn both_in_aws() -> [Self; 2] {
        let [mut small, large] = Self::both().await;
        small.session.clone_from(&large.session);
        [small, large]
    }

    pub(crate) fn session(&self) -> &Session {
        self.session.as_ref().unwrap()
    }

    /// The same with somebody else who removes objects.
    pub(crate) fn with_remover(&self, remover: Arc<dyn ObjectStore>) -> Self {
        Self {
            remover: Some(remover),
            ..self.clone()
        }
    }

    /// The same with another storage.
    pub(crate) fn with_objects(&self, objects: Arc<dyn ObjectStore>) -> Self {
        Self {
            objects,
            ..self.clone()
        }
    }

    pub(crate) async fn store(&self) -> Store {
        Store::open(&self.database, stups_pierone::NAME, stups_pierone::migrations())
            .await
            .unwrap()
    }

    /// A registry with these settings.
    pub(crate) async fn start(&self, config: Config) -> PierOne {
        self.start_within(config, Limits::default()).await
    }

    /// The same within limits of its own.
    pub(crate) async fn start_within(&self, config: Config, limits: Limits) -> PierOne {
        let store = self.store().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let teams = Teams::default();
        let registry = Registry {
            store: store.clone(),
            objects: self.objects.clone(),
            directory: self.directory,
            presigner: self.presigner.clone().filter(|_| config.redirect_downloads),
            remover: self.remover.clone(),
            session: self.session.clone(),
            verifier: Verifier::new(Everybody),
            policy: Arc::new(teams.clone()),
            config,
        };
        let url = format!("http://{address}").parse().unwrap();
        let files = tempfile::tempdir().unwrap();
        let mut environment = Environment::new(files.path(), url);
        environment.limits = limits;
        let built = registry.build(&environment).await.unwrap();
        let router = built.router.clone().into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, router).await });
        PierOne {
            address,
            store,
            ground: self.clone(),
            teams,
            built,
        }
    }
}

/// A running registry.
pub(crate) struct PierOne {
    pub(crate) address: SocketAddr,
    pub(crate) store: Store,
    pub(crate) ground: Ground,
    pub(crate) teams: Teams,
    pub(crate) built: Built,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The code of the first error.
    pub(crate) fn code(&self) -> String {
        self.json()["errors"][0]["code"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{:?} {}", self.headers, self.text());
        self
    }

    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> Self {
        let answer = self.is(status);
        assert_eq!(answer.code(), code, "{}", answer.text());
        answer
    }
}

impl PierOne {
    /// Whether the storage has the content, linked or not.
    pub(crate) async fn holds(&self, bytes: &[u8]) -> bool {
        let digest = sha256(bytes);
        let hex = digest.strip_prefix("sha256:").unwrap();
        let place = Path::from(format!("blobs/sha256/{}/{hex}", &hex[..2]));
        self.ground.objects.head(&place).await.is_ok()
    }

    pub(crate) async fn small() -> Self {
        Ground::small().start(Config::default()).await
    }

    pub(crate) async fn both() -> [Self; 2] {
        let [small, large] = Ground::both().await;
        [
            small.start(Config::default()).await,
            large.start(Config::default()).await,
        ]
    }

    /// Sends a request as somebody (empty: nobody).
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        who: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n",
            self.address
        );
        if !who.is_empty() {
            let _ = write!(head, "authorization: Bearer {who}\r\n");
        }
        let chunked = headers.iter().any(|(name, _)| *name == "transfer-encoding");
        let sized = headers.iter().any(|(name, _)| *name == "content-length");
        if !chunked && !sized && (!body.is_empty() || matches!(method, "POST" | "PUT" | "PATCH")) {
            let _ = write!(head, "content-length: {}\r\n", body.len());
        }
        for (name, value) in headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        // A refusal may come before everything was sent.
        if chunked {
            for piece in body.chunks(10_000) {
                let _ = stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await;
                let _ = stream.write_all(piece).await;
                let _ = stream.write_all(b"\r\n").await;
            }
            let _ = stream.write_all(b"0\r\n\r\n").await;
        } else {
            let _ = stream.write_all(body).await;
        }
        Box::pin(read_answer(stream)).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, JDOE, &[], b"").await
    }

    pub(crate) async fn head(&self, path: &str) -> Answer {
        self.send("HEAD", path, JDOE, &[], b"").await
    }

    /// Sends JSON.
    pub(crate) async fn json(&self, method: &str, path: &str, who: &str, body: &Value) -> Answer {
        let headers = [("content-type", "application/json")];
        self.send(method, path, who, &headers, body.to_string().as_bytes())
            .await
    }

    /// Pushes a blob in one request, and returns its digest.
    pub(crate) async fn blob(&self, repository: &str, bytes: &[u8]) -> String {
        let digest = sha256(bytes);
        let path = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
        self.send("POST", &path, TRUSTED, &[], bytes).await.is(201);
        digest
    }

    /// Pushes an image with these layers by a tag or a digest.
    pub(crate) async fn image(&self, repository: &str, tag: &str, layers: &[&[u8]]) -> Pushed {
        let image = self.prepare(repository, layers).await;
        let who = if repository.starts_with("other/") { ASMITH } else { JDOE };
        self.put(repository, tag, who, &image).await.is(201);
        image
    }

    /// An image whose content is there.
    pub(crate) async fn prepare(&self, repository: &str, layers: &[&[u8]]) -> Pushed {
        let config = b"{}";
        self.blob(repository, config).await;
        let mut descriptors = Vec::new();
        for layer in layers {
            self.blob(repository, layer).await;
            descriptors.push(descriptor("application/vnd.oci.image.layer.v1.tar+gzip", layer));
        }
        Pushed::new(json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": descriptor("application/vnd.oci.image.config.v1+json", config),
            "layers": descriptors,
        }))
    }

    pub(crate) async fn put(&self, repository: &str, reference: &str, who: &str, image: &Pushed) -> Answer {
        let path = format!("/v2/{repository}/manifests/{reference}");
        let headers = [("content-type", image.media_type.as_str())];
        self.send("PUT", &path, who, &headers, &image.bytes).await
    }

    /// Runs SQL against the registry's database, as nobody but a test does.
    pub(crate) async fn sql(&self, statement: &str) {
        use sea_orm::ConnectionTrait as _;
        let write = self.store.write().await.unwrap();
        write.transaction().execute_unprepared(statement).await.unwrap();
        write.commit_unaudited().await.unwrap();
    }

    /// The actions of the audit trail, oldest first, with their subjects.
    pub(crate) async fn trail(&self) -> Vec<(String, String)> {
        let filter = stups_store::audit::Filter::default();
        let records = stups_store::audit::page(self.store.connection(), 0, 10_000, &filter)
            .await
            .unwrap();
        records
            .into_iter()
            .map(|record| (record.event.action, record.event.subject))
            .collect()
    }
}

/// Reads what is answered until the other side closes.
pub(crate) async fn read_answer(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    // A connection that is reset after the answer has answered.
    let mut buffer = vec![0; 65536];
    while let Ok(read) = stream.read(&mut buffer).await {
        if read == 0 {
            break;
        }
        bytes.extend_from_slice(&buffer[..read]);
    }
    parse_answer(&bytes)
}

fn parse_answer(bytes: &[u8]) -> Answer {
    let end = bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap_or_else(|| panic!("no answer: {}", String::from_utf8_lossy(bytes)));
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    if status == 100 {
        return parse_answer(&bytes[end + 4..]);
    }
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let mut body = bytes[end + 4..].to_vec();
    let chunked = |(name, value): &(String, String)| name == "transfer-encoding" && value == "chunked";
    if headers.iter().any(chunked) {
        body = unchunked(&body);
    }
    Answer { status, headers, body }
}

fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(end) = bytes.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            break;
        }
        all.extend_from_slice(&bytes[end + 2..end + 2 + size]);
        bytes = &bytes[end + 4 + size..];
    }
    all
}

/// A manifest that is to be pushed.
#[derive(Clone, Debug)]
pub(crate) struct Pushed {
    pub(crate) bytes: Vec<u8>,
    pub(crate) digest: String,
    pub(crate) media_type: String,
}

impl Pushed {
    #[expect(clippy::needless_pass_by_value, reason = "made in place")]
    pub(crate) fn new(manifest: Value) -> Self {
        let bytes = manifest.to_string().into_bytes();
        Self {
            digest: sha256(&bytes),
            media_type: manifest["mediaType"].as_str().unwrap_or(OCI_MANIFEST).to_owned(),
            bytes,
        }
    }

    /// How an index or a subject refers to it.
    pub(crate) fn descriptor(&self) -> Value {
        json!({"mediaType": self.media_type, "digest": self.digest, "size": self.bytes.len()})
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap()
    }
}

pub(crate) fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": sha256(bytes), "size": bytes.len()})
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(digest(&SHA256, bytes).as_ref()))
}

pub(crate) fn sha512(bytes: &[u8]) -> String {
    format!("sha512:{}", hex(digest(&SHA512, bytes).as_ref()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// So many bytes that do not repeat themselves.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
