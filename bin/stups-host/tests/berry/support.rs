//! Accounts with a bucket of credentials, and running berry on them.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use stups_testkit::{Account, AwsApi, until};
use tempfile::TempDir;

pub(crate) const APPLICATION: &str = "pets";
pub(crate) const USER: &str = r#"{"application_username":"stups_pets","application_password":"first-password"}"#;
pub(crate) const CLIENT: &str = r#"{"client_id":"stups_pets-id","client_secret":"first-secret"}"#;
pub(crate) const BOTH_ROTATED: &str =
    "INFO: Rotated user credentials for pets\nINFO: Rotated client credentials for pets\n";

/// A user's credentials with this password.
pub(crate) fn user(password: &str) -> String {
    USER.replace("first-password", password)
}

/// An account with an empty bucket, and an empty directory for the files.
pub(crate) struct Place {
    pub(crate) account: Account,
    pub(crate) bucket: String,
    scratch: TempDir,
}

impl Place {
    pub(crate) async fn empty() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        // Buckets' names are one space for all accounts.
        let bucket = format!("mint-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let account = Account::builder(AwsApi::shared().await).bucket(&bucket).build().await;
        let scratch = tempfile::tempdir().unwrap();
        fs::create_dir(scratch.path().join("credentials")).unwrap();
        Self {
            account,
            bucket,
            scratch,
        }
    }

    /// With credentials of [`APPLICATION`] in the bucket.
    pub(crate) async fn with_credentials() -> Self {
        let place = Self::empty().await;
        place.put("pets/user.json", USER).await;
        place.put("pets/client.json", CLIENT).await;
        place
    }

    pub(crate) async fn put(&self, key: &str, content: &str) {
        let put = self.account.session().s3().put_object();
        put.bucket(&self.bucket)
            .key(key)
            .body(content.to_owned().into_bytes().into())
            .send()
            .await
            .unwrap();
    }

    /// The directory for the files.
    pub(crate) fn directory(&self) -> PathBuf {
        self.scratch("credentials")
    }

    /// A path for another file.
    pub(crate) fn scratch(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// Writes another file, and returns its path.
    pub(crate) fn file(&self, name: &str, content: &str) -> String {
        let path = self.scratch(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub(crate) fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.directory().join(name)).ok()
    }

    /// Waits until a file has this content.
    pub(crate) async fn has(&self, name: &str, content: &str) {
        until(name, || async { self.read(name).as_deref() == Some(content) }).await;
    }

    /// `berry <words>` with the credentials of the account, and no configuration file but what the words name.
    pub(crate) fn berry(&self, words: &[&str]) -> Command {
        let mut command = berry();
        command.envs(self.account.environment()).args(words);
        command
    }

    /// `berry DIRECTORY -a pets -m BUCKET -f /dev/null <words>`.
    pub(crate) fn copy(&self, words: &[&str]) -> Command {
        let mut command = self.berry(&[self.directory().to_str().unwrap()]);
        command
            .args(["-a", APPLICATION, "-m", &self.bucket, "-f", "/dev/null"])
            .args(words);
        command
    }

    /// `berry exec -a pets -m BUCKET -f /dev/null <words> -- sh -c SCRIPT` in the directory for the files.
    pub(crate) fn exec(&self, words: &[&str], script: &str) -> Command {
        let mut command = self.berry(&["exec", "-a", APPLICATION, "-m", &self.bucket, "-f", "/dev/null"]);
        command
            .args(words)
            .args(["--", "sh", "-c", script])
            .current_dir(self.directory());
        command
    }
}

/// The executable called as `berry`, with an empty environment but for the search path.
pub(crate) fn berry() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stups-host"));
    command.arg("berry");
    bare(&mut command);
    command
}

/// A service manager's end of the conversation.
pub(crate) struct ServiceManager(UnixDatagram);

impl ServiceManager {
    /// The socket, and its path for `NOTIFY_SOCKET`.
    pub(crate) fn listen(place: &Place) -> (Self, PathBuf) {
        let path = place.scratch("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        (Self(socket), path)
    }

    /// Waits for the next message.
    pub(crate) fn is_told(&self) -> String {
        let mut buffer = [0; 256];
        let length = self.0.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }
}

/// Takes away what the environment of the tests has, but for the search path; gives no input.
pub(crate) fn bare(command: &mut Command) {
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .stdin(Stdio::null());
}

/// What a finished command left.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) exit_code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a command to its end. No secret may be in what it says.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let output = command.output().unwrap();
    let outcome = Outcome {
        exit_code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    };
    assert_no_secret(&outcome.stderr);
    outcome
}

pub(crate) fn assert_no_secret(text: &str) {
    for secret in ["-password", "first-secret", "second-secret", "hunter2"] {
        assert!(!text.contains(secret), "{text}");
    }
}

/// A running command, and what it has said on standard error. Killed when dropped.
pub(crate) struct Running {
    child: Child,
    said: Arc<Mutex<String>>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let writer = Arc::clone(&said);
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                writer.lock().unwrap().extend([line.as_str(), "\n"]);
            }
        });
        Self { child, said }
    }

    pub(crate) fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Waits until it has said something.
    pub(crate) async fn says(&self, text: &str) {
        until(text, || async { self.said().contains(text) }).await;
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: &str) {
        let id = self.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &id]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for its end, and returns the exit code and all that it has said.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().unwrap();
        let said = self.said();
        assert_no_secret(&said);
        (status.code(), said)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Who may read a file, and whether it is still the same: mode, owner, group, inode and time of change.
pub(crate) fn identity(path: &Path) -> (u32, u32, u32, u64, i64) {
    let file = fs::metadata(path).unwrap();
    (
        file.mode() & 0o7777,
        file.uid(),
        file.gid(),
        file.ino(),
        file.mtime_nsec(),
    )
}

pub(crate) fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
