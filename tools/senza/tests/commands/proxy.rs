//! Stands between a command and the AWS API: counts calls, and refuses, delays or rewrites them as a test says.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};

use stups_aws::{Credentials, Session};
use stups_testkit::Account;

/// What happens to a call.
pub(crate) enum Verdict {
    /// nothing special
    Pass,
    /// AWS is never asked; the code and message of an error are the answer
    Refuse(&'static str, &'static str),
    /// the same from a service that speaks JSON; what [`Verdict::Refuse`] becomes there
    RefuseInJson(&'static str, &'static str),
    /// AWS is never asked; this is the answer
    Answer(String),
    /// that, once this says so, or its other end is gone; never, if that is never
    After(Receiver<()>, Box<Verdict>),
    /// AWS is asked, and its answer is kept until this says so, or its other end is gone
    Keep(Receiver<()>),
    /// the answer with every occurrence of what pairs' first texts say replaced
    Rewrite(Vec<(String, String)>),
}

/// A running one; it ends with the test's process.
pub(crate) struct Proxy {
    pub(crate) endpoint: String,
    environment: Vec<(String, String)>,
    bodies: Arc<Mutex<Vec<(String, String)>>>,
}

impl Proxy {
    /// Asks `judge` about each call by its action (`DescribeStacks`; the path where a service has none).
    pub(crate) fn start(account: &Account, judge: impl Fn(&str) -> Verdict + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let environment = account.environment();
        let upstream = value(&environment, "AWS_ENDPOINT_URL").replace("http://", "");
        let judge = Arc::new(judge);
        let bodies = Arc::default();
        let written = Arc::clone(&bodies);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (judge, upstream, bodies) = (Arc::clone(&judge), upstream.clone(), Arc::clone(&written));
                std::thread::spawn(move || serve(&stream, &upstream, &*judge, &bodies));
            }
        });
        Self {
            endpoint,
            environment,
            bodies,
        }
    }

    /// The bodies of the calls so far of an action, or of a path.
    pub(crate) fn bodies(&self, action: &str) -> Vec<String> {
        let bodies = self.bodies.lock().unwrap();
        let wanted = bodies.iter().filter(|(called, _)| called == action);
        wanted.map(|(_, body)| body.clone()).collect()
    }

    /// The account, seen through it.
    pub(crate) fn session(&self) -> Session {
        let key = |name: &str| value(&self.environment, name);
        let token = Some(key("AWS_SESSION_TOKEN"));
        let keys = Credentials::new(
            key("AWS_ACCESS_KEY_ID"),
            key("AWS_SECRET_ACCESS_KEY"),
            token,
            None,
            "test",
        );
        Session::with_credentials(keys, "us-east-1", Some(&self.endpoint))
    }

    /// The environment of a process that sees the account through it.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let mut environment = self.environment.clone();
        environment.retain(|(name, _)| name != "AWS_ENDPOINT_URL");
        environment.push(("AWS_ENDPOINT_URL".to_owned(), self.endpoint.clone()));
        environment
    }
}

fn value(environment: &[(String, String)], name: &str) -> String {
    let found = environment.iter().find(|(key, _)| key == name);
    found.unwrap().1.clone()
}

/// One message: its head as it is, and its body.
fn read_message(reader: &mut impl BufRead) -> Option<(String, Vec<u8>)> {
    let mut head = String::new();
    let mut length = 0;
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
        head.push_str(&line);
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((head, body))
}

fn serve(
    stream: &TcpStream,
    upstream: &str,
    judge: &(dyn Fn(&str) -> Verdict + Send + Sync),
    bodies: &Mutex<Vec<(String, String)>>,
) -> Option<()> {
    let mut client = BufReader::new(stream);
    loop {
        let (head, body) = read_message(&mut client)?;
        let text = String::from_utf8_lossy(&body).into_owned();
        let called = text.split('&').find_map(|pair| pair.strip_prefix("Action="));
        let json_action = json_action(&head);
        let target = called.or(json_action).or_else(|| head.split(' ').nth(1))?;
        bodies.lock().unwrap().push((target.to_owned(), text.clone()));
        let verdict = match judge(target) {
            Verdict::Refuse(code, message) if json_action.is_some() => Verdict::RefuseInJson(code, message),
            verdict => verdict,
        };
        let (head, body) = answer(verdict, || ask(upstream, &head, &body))?;
        (&mut &*stream).write_all(head.as_bytes()).ok()?;
        (&mut &*stream).write_all(&body).ok()?;
    }
}

/// What a service that speaks JSON is called for: `X-Amz-Target: Service.Action`.
fn json_action(head: &str) -> Option<&str> {
    let headers = head.lines().filter_map(|line| line.split_once(':'));
    let mut targets = headers.filter(|(name, _)| name.eq_ignore_ascii_case("x-amz-target"));
    targets.next()?.1.trim().rsplit('.').next()
}

fn answer(verdict: Verdict, ask: impl Fn() -> Option<(String, Vec<u8>)>) -> Option<(String, Vec<u8>)> {
    match verdict {
        Verdict::Pass => ask(),
        Verdict::Refuse(code, message) => Some(with_body("400 Bad Request", crate::scripted::error(code, message))),
        Verdict::RefuseInJson(code, message) => {
            let error = serde_json::json!({"__type": code, "message": message});
            Some(with_body("400 Bad Request", error.to_string()))
        }
        Verdict::Answer(body) => Some(with_body("200 OK", body)),
        Verdict::After(signal, then) => {
            let _ = signal.recv();
            answer(*then, ask)
        }
        Verdict::Keep(signal) => {
            let answer = ask();
            let _ = signal.recv();
            answer
        }
        Verdict::Rewrite(pairs) => Some(rewritten(ask()?, &pairs)),
    }
}

/// The API's answer, over a connection of its own.
fn ask(upstream: &str, head: &str, body: &[u8]) -> Option<(String, Vec<u8>)> {
    let mut stream = TcpStream::connect(upstream).ok()?;
    let is_kept = |line: &&str| !line.to_lowercase().starts_with("connection:") && !line.trim().is_empty();
    let lines: Vec<&str> = head.split_inclusive("\r\n").filter(is_kept).collect();
    let head = format!("{}Connection: close\r\n\r\n", lines.concat());
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body).ok()?;
    let (head, body) = read_message(&mut BufReader::new(stream))?;
    // The connection to the command stays open.
    let lines: Vec<&str> = head.split_inclusive("\r\n").filter(is_kept).collect();
    Some((format!("{}\r\n", lines.concat()), body))
}

fn with_body(status: &str, body: String) -> (String, Vec<u8>) {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    (head, body.into_bytes())
}

fn rewritten((_, body): (String, Vec<u8>), pairs: &[(String, String)]) -> (String, Vec<u8>) {
    let text = String::from_utf8(body).unwrap();
    let text = pairs.iter().fold(text, |text, (old, new)| text.replace(old, new));
    with_body("200 OK", text)
}
