//! Deployments that die: at every change that they make, once before AWS hears of it and once before they hear of AWS.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use stups_aws::{Credentials, Session};
use stups_terminal::Terminal;
use tokio::sync::watch;

use super::Definition;
use super::alarms::Alarms;
use crate::application::{Application, Outcome};

/// When it dies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum When {
    /// AWS never gets the request
    Before,
    /// AWS does as it is told, and nobody hears of it
    After,
}

/// What stands between a command and the AWS API.
pub(crate) struct Between {
    endpoint: String,
    reached: watch::Receiver<bool>,
}

impl Between {
    /// Lets everything pass up to the change with this number, counted from 0.
    pub(crate) fn start(application: &Application, number: usize, when: When) -> Self {
        Self::start_with(application, number, when, Alarms::default())
    }

    /// Lets everything pass, and answers for CloudWatch.
    pub(crate) fn with_alarms(application: &Application, alarms: Alarms) -> Self {
        Self::start_with(application, usize::MAX, When::Before, alarms)
    }

    fn start_with(application: &Application, number: usize, when: When, alarms: Alarms) -> Self {
        let environment = application.account.environment();
        let (_, upstream) = environment.iter().find(|(name, _)| name == "AWS_ENDPOINT_URL").unwrap();
        let upstream = upstream.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (sender, reached) = watch::channel(false);
        let (sender, changes) = (Arc::new(sender), Arc::new(AtomicUsize::new(0)));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (upstream, sender, changes) = (upstream.clone(), Arc::clone(&sender), Arc::clone(&changes));
                let alarms = alarms.clone();
                // An answer is as long as its connection: the next request comes on a new one.
                std::thread::spawn(move || {
                    let Some(request) = Request::read(&stream) else { return };
                    if request.head.contains("/operation/DescribeAlarms ") {
                        let _ = (&stream).write_all(&alarms.answer());
                        return;
                    }
                    let is_it = request.is_change() && changes.fetch_add(1, Ordering::SeqCst) == number;
                    if is_it && when == When::Before {
                        let _ = sender.send(true);
                        return;
                    }
                    let answer = request.forward(&upstream);
                    if is_it {
                        let _ = sender.send(true);
                        return;
                    }
                    let _ = (&stream).write_all(&answer);
                });
            }
        });
        Self { endpoint, reached }
    }

    /// Runs `senza` until it ends, or dies: then there is nothing.
    pub(crate) async fn run(&mut self, application: &Application, words: &[&str]) -> Option<Outcome> {
        let value = |wanted: &str| {
            let mut environment = application.account.environment().into_iter();
            environment.find(|(name, _)| name == wanted).unwrap().1
        };
        let credentials = Credentials::new(
            value("AWS_ACCESS_KEY_ID"),
            value("AWS_SECRET_ACCESS_KEY"),
            Some(value("AWS_SESSION_TOKEN")),
            None,
            "test",
        );
        let session = Session::with_credentials(credentials, "us-east-1", Some(&self.endpoint));
        let (terminal, captured) = Terminal::captured("");
        let arguments = std::iter::once("senza")
            .chain(words.iter().copied())
            .map(OsString::from);
        tokio::select! {
            result = senza::run_in(&terminal, &session, arguments.collect()) => {
                Some(Outcome { result, stdout: captured.stdout(), stderr: captured.stderr() })
            }
            _ = self.reached.wait_for(|reached| *reached) => None,
        }
    }

    /// Runs `senza` until it ends well, which is true, or dies.
    pub(crate) async fn senza(&mut self, application: &Application, words: &[&str]) -> bool {
        self.run(application, words).await.map(Outcome::succeeded).is_some()
    }
}

struct Request {
    head: String,
    body: Vec<u8>,
}

impl Request {
    fn read(stream: &TcpStream) -> Option<Self> {
        let mut reader = BufReader::new(stream);
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().ok()?;
            }
            if line.trim().is_empty() {
                break;
            }
            head.push_str(&line);
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        Some(Self { head, body })
    }

    fn is_change(&self) -> bool {
        let body = String::from_utf8_lossy(&self.body);
        let action = body.split('&').find_map(|pair| pair.strip_prefix("Action="));
        match action {
            Some(action) => matches!(
                action,
                "CreateStack" | "UpdateStack" | "DeleteStack" | "CreateRule" | "ModifyRule" | "DeleteRule" | "AddTags"
            ),
            None => self.head.starts_with("POST") && self.head.contains("/rrset"),
        }
    }

    fn forward(&self, upstream: &str) -> Vec<u8> {
        let mut stream = TcpStream::connect(upstream).unwrap();
        let head: String = self
            .head
            .split_inclusive("\r\n")
            .filter(|line| !line.to_lowercase().starts_with("connection:"))
            .collect();
        stream
            .write_all(format!("{head}Connection: close\r\n\r\n").as_bytes())
            .unwrap();
        stream.write_all(&self.body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        answer
    }
}

#[tokio::test]
async fn a_deployment_that_died_is_continued_by_the_same_command() {
    let definition = Definition::of_records();
    let path = definition.path();
    let words = ["deploy", &path, "v2", "--steps", "10,100", "--pause", "0"];
    for when in [When::Before, When::After] {
        for number in 0.. {
            let application = Application::with_weights(&[200]).await;
            let ended = Between::start(&application, number, when)
                .senza(&application, &words)
                .await;
            assert!(number < 20, "it makes more changes than it should");
            if ended {
                assert!(number >= 5, "a stack and twice two weights: {number}");
                break;
            }
            let place = format!("died {when:?} change {number}");
            let weights = application.hello_weights().await;
            assert!(weights[0] > 0 || weights[1] > 0, "{place}: nobody serves");
            application.senza(&words).await.succeeded();
            assert_eq!(application.hello_weights().await, [0, 200], "{place}");
            application.senza(&["rollback", "hello", "-y"]).await.succeeded();
            assert_eq!(application.hello_weights().await, [200, 0], "{place}");
        }
    }
}

#[tokio::test]
async fn after_a_deployment_that_died_there_is_a_way_back() {
    let definition = Definition::of_records();
    let path = definition.path();
    let words = ["deploy", &path, "v2", "--steps", "10,100", "--pause", "0"];
    for number in 2.. {
        let application = Application::with_weights(&[200]).await;
        if Between::start(&application, number, When::Before)
            .senza(&application, &words)
            .await
        {
            break;
        }
        application.senza(&["rollback", "hello", "-y"]).await.succeeded();
        assert_eq!(
            application.hello_weights().await,
            [200, 0],
            "died before change {number}"
        );
    }
}
