//! Ctrl-C on a terminal.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use stups_testkit::{Account, AwsApi};

/// Nothing here takes long; this only keeps a test that fails from hanging.
const PATIENCE: Duration = Duration::from_mins(1);

/// A shell on a pseudo terminal, and what came out of it so far.
struct Shell {
    child: Child,
    output: Receiver<Vec<u8>>,
    seen: String,
}

impl Shell {
    /// Runs `senza <words>` between two looks at the terminal's settings.
    fn senza(account: &Account, words: &str) -> Self {
        let senza = env!("CARGO_BIN_EXE_stups");
        // The shell outlives Ctrl-C, which goes to everybody on the terminal.
        let line = format!("trap : INT; stty -g; {senza} senza {words}; echo exit=$?; stty -g");
        let mut child = Command::new("script")
            .args(["--quiet", "--flush", "--command", &line, "/dev/null"])
            .env("SHELL", "/bin/sh")
            .env("TERM", "xterm")
            .env_remove("AWS_PROFILE")
            .env_remove("NO_COLOR")
            .envs(account.environment())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = stdout.read(&mut buffer) {
                if sender.send(buffer[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self {
            child,
            output,
            seen: String::new(),
        }
    }

    /// Reads until `text` was written.
    fn wait_for(&mut self, text: &str) {
        while !self.seen.contains(text) {
            let bytes = self
                .output
                .recv_timeout(PATIENCE)
                .unwrap_or_else(|error| panic!("{text:?} never came ({error}); this did:\n{}", self.seen));
            self.seen.push_str(&String::from_utf8_lossy(&bytes));
        }
    }

    fn press_ctrl_c(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"\x03").unwrap();
    }

    /// Everything that was written, after the end.
    fn finish(mut self) -> String {
        while let Ok(bytes) = self.output.recv_timeout(PATIENCE) {
            self.seen.push_str(&String::from_utf8_lossy(&bytes));
        }
        self.child.wait().unwrap();
        self.seen
    }
}

/// The command was ended as it should be, and the terminal's settings are what they were.
fn assert_sane(output: &str) {
    assert!(output.contains("Aborted!"), "{output}");
    assert!(output.contains("exit=1"), "{output}");
    let lines: Vec<&str> = output.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(lines.first(), lines.last(), "{output}");
    assert_eq!(
        output.matches("\x1b[?25l").count(),
        output.matches("\x1b[?25h").count(),
        "the cursor is back: {output:?}"
    );
}

#[tokio::test]
async fn a_watch_ends_with_ctrl_c() {
    let account = Account::standard(AwsApi::shared().await).await;
    let mut shell = Shell::senza(&account, "list -W");
    shell.wait_for("Description");
    shell.press_ctrl_c();
    assert_sane(&shell.finish());
}

#[tokio::test]
async fn waiting_ends_with_ctrl_c() {
    let account = Account::standard(AwsApi::shared().await).await;
    // A stack that is only under review stays so until its change set is executed.
    let change_set = account.session().cloudformation().create_change_set();
    change_set
        .stack_name("hello-v1")
        .change_set_name("first")
        .change_set_type("CREATE".into())
        .template_body(r#"{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}"#)
        .send()
        .await
        .unwrap();
    let mut shell = Shell::senza(&account, "wait hello v1");
    shell.wait_for("for stack hello-v1 (REVIEW_IN_PROGRESS)..");
    shell.press_ctrl_c();
    assert_sane(&shell.finish());
}

#[tokio::test]
async fn a_question_ends_with_ctrl_c() {
    let account = Account::standard(AwsApi::shared().await).await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("hello.yaml");
    let mut shell = Shell::senza(&account, &format!("init {}", file.display()));
    shell.wait_for("Please select (1-9) [8]:");
    shell.press_ctrl_c();
    assert_sane(&shell.finish());
    assert!(!file.exists());
}
