//! A loopback server that answers CloudFormation calls as a test says, for what moto's stacks never are: in progress, failed,
//! listed on several pages.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use stups_aws::{Credentials, Session};

/// What is answered: for each action its answers in turn, the last one for good.
type Script = Arc<Mutex<HashMap<String, VecDeque<String>>>>;

/// A session whose CloudFormation gives these answers, pairs of action and the inside of the result.
pub(crate) fn session(answers: &[(&str, String)]) -> Session {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let script = Script::default();
    for (action, answer) in answers {
        script
            .lock()
            .unwrap()
            .entry((*action).to_owned())
            .or_default()
            .push_back(answer.clone());
    }
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let script = Arc::clone(&script);
            std::thread::spawn(move || serve(&stream, &script));
        }
    });
    let anybody = Credentials::new("anybody", "anybody", None, None, "test");
    Session::with_credentials(anybody, "us-east-1", Some(&endpoint))
}

fn serve(mut stream: &TcpStream, script: &Script) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
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
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let body = String::from_utf8(body).ok()?;
        let action = body.split('&').find_map(|pair| pair.strip_prefix("Action="))?;
        let answer = next_answer(script, action);
        let (status, answer) = if answer.starts_with("<ErrorResponse>") {
            ("400 Bad Request", answer)
        } else {
            let whole = format!("<{action}Response><{action}Result>{answer}</{action}Result></{action}Response>");
            ("200 OK", whole)
        };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n",
            answer.len()
        );
        stream.write_all((head + &answer).as_bytes()).ok()?;
    }
}

fn next_answer(script: &Script, action: &str) -> String {
    let mut script = script.lock().unwrap();
    let answers = script
        .get_mut(action)
        .unwrap_or_else(|| panic!("nobody expected {action}"));
    if answers.len() > 1 {
        answers.pop_front().unwrap()
    } else {
        answers[0].clone()
    }
}

/// An answer that refuses.
pub(crate) fn error(code: &str, message: &str) -> String {
    format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
         <RequestId>1</RequestId></ErrorResponse>"
    )
}

/// The inside of a ListStacks result.
pub(crate) fn stacks(stacks: &[(&str, &str)], next_token: Option<&str>) -> String {
    let mut members = String::new();
    for (name, status) in stacks {
        write!(
            members,
            "<member><StackName>{name}</StackName><StackId>arn:aws:cloudformation:us-east-1:1:stack/{name}/1</StackId>\
             <StackStatus>{status}</StackStatus><CreationTime>2026-01-01T00:00:00Z</CreationTime></member>"
        )
        .unwrap();
    }
    let token = next_token
        .map(|token| format!("<NextToken>{token}</NextToken>"))
        .unwrap_or_default();
    format!("<StackSummaries>{members}</StackSummaries>{token}")
}

/// The inside of a DescribeStackEvents result, newest first; an event is logical id, status and reason.
pub(crate) fn events(events: &[(&str, &str, &str)], next_token: Option<&str>) -> String {
    let mut members = String::new();
    for (id, status, reason) in events {
        write!(
            members,
            "<member><StackId>arn</StackId><EventId>{id}</EventId><StackName>a-1</StackName>\
             <LogicalResourceId>{id}</LogicalResourceId><ResourceStatus>{status}</ResourceStatus>\
             <ResourceStatusReason>{reason}</ResourceStatusReason><Timestamp>2026-01-01T00:00:00Z</Timestamp></member>"
        )
        .unwrap();
    }
    let token = next_token
        .map(|token| format!("<NextToken>{token}</NextToken>"))
        .unwrap_or_default();
    format!("<StackEvents>{members}</StackEvents>{token}")
}
