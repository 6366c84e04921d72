//! A loopback server that answers CloudFormation and Route 53 calls as a test says, for what moto's never are: in progress,
//! failed, on several pages.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use stups_aws::{Credentials, Session};
use tokio::sync::watch;

/// What is answered, and what was asked.
#[derive(Clone)]
pub(crate) struct Script {
    /// where it listens
    pub(crate) endpoint: String,
    /// for each action or path its answers in turn, the last one for good
    answers: Arc<Mutex<HashMap<String, VecDeque<String>>>>,
    /// the first line of each request
    requests: Arc<watch::Sender<Vec<String>>>,
    /// the action or path of each request, and its body
    bodies: Arc<Mutex<Vec<(String, String)>>>,
    /// the `Authorization` headers with bearer tokens
    tokens: Arc<Mutex<Vec<String>>>,
}

impl Script {
    /// The targets of the `GET` requests so far for a path, or the calls of an action.
    pub(crate) fn asked(&self, path: &str) -> Vec<String> {
        asked_in(&self.requests.borrow(), path).map(str::to_owned).collect()
    }

    /// The bodies of the requests so far for an action or path.
    pub(crate) fn bodies(&self, action: &str) -> Vec<String> {
        let bodies = self.bodies.lock().unwrap();
        let wanted = bodies.iter().filter(|(asked, _)| asked == action);
        wanted.map(|(_, body)| body.clone()).collect()
    }

    /// One more answer for an action or path.
    pub(crate) fn answer(&self, action: &str, answer: String) {
        let mut answers = self.answers.lock().unwrap();
        answers.entry(action.to_owned()).or_default().push_back(answer);
    }

    /// What callers with a token of their own said in `Authorization`.
    pub(crate) fn tokens(&self) -> Vec<String> {
        self.tokens.lock().unwrap().clone()
    }

    /// Waits until a path was asked for this often.
    pub(crate) async fn until_asked(&self, path: &str, times: usize) {
        let mut requests = self.requests.subscribe();
        let often_enough = |requests: &Vec<String>| asked_in(requests, path).count() >= times;
        requests.wait_for(often_enough).await.unwrap();
    }
}

fn asked_in<'r>(requests: &'r [String], path: &str) -> impl Iterator<Item = &'r str> {
    let targets = requests.iter().filter_map(|line| line.split(' ').nth(1));
    targets.filter(move |target| path_of(target) == path)
}

/// A session whose CloudFormation gives these answers, pairs of action and the inside of the result. What begins with a slash
/// is the path of a `GET` request and its whole answer.
pub(crate) fn session(answers: &[(&str, String)]) -> Session {
    recorded(answers).0
}

/// As [`session`], and what is asked in it.
pub(crate) fn recorded(answers: &[(&str, String)]) -> (Session, Script) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let mut script: HashMap<String, VecDeque<String>> = HashMap::new();
    for (action, answer) in answers {
        script
            .entry((*action).to_owned())
            .or_default()
            .push_back(answer.clone());
    }
    let script = Script {
        endpoint: endpoint.clone(),
        answers: Arc::new(Mutex::new(script)),
        requests: Arc::new(watch::Sender::default()),
        bodies: Arc::default(),
        tokens: Arc::default(),
    };
    let served = script.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let script = served.clone();
            std::thread::spawn(move || serve(&stream, &script));
        }
    });
    let anybody = Credentials::new("anybody", "anybody", None, None, "test");
    (Session::with_credentials(anybody, "us-east-1", Some(&endpoint)), script)
}

/// Service Quotas does not know the limit.
const NO_QUOTA: &str = "HTTP/1.1 400 Bad Request\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: 37\r\n\r\n\
                        {\"__type\": \"NoSuchResourceException\"}";

fn path_of(target: &str) -> &str {
    target.split('?').next().unwrap()
}

fn serve(mut stream: &TcpStream, script: &Script) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut request = String::new();
        reader.read_line(&mut request).ok()?;
        let mut length = 0;
        let mut is_about_quotas = false;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let (name, value) = line.split_once(':').unwrap_or_default();
            is_about_quotas |= name.eq_ignore_ascii_case("x-amz-target") && value.trim().ends_with(".GetServiceQuota");
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().ok()?;
            } else if name.eq_ignore_ascii_case("authorization") && value.trim().starts_with("Bearer ") {
                script.tokens.lock().unwrap().push(value.trim().to_owned());
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let body = String::from_utf8(body).ok()?;
        if is_about_quotas {
            // Whoever makes a stack asks; here nothing is limited.
            stream.write_all(NO_QUOTA.as_bytes()).ok()?;
            continue;
        }
        let called = body.split('&').find_map(|pair| pair.strip_prefix("Action="));
        let action = called.or_else(|| request.split(' ').nth(1).map(path_of))?;
        let answer = next_answer(script, action);
        let seen = if called.is_some() {
            format!("POST {action}")
        } else {
            request.clone()
        };
        script.bodies.lock().unwrap().push((action.to_owned(), body.clone()));
        script.requests.send_modify(|requests| requests.push(seen));
        let (status, answer) = if answer.starts_with("<ErrorResponse>") {
            ("400 Bad Request", answer)
        } else if called.is_none() {
            ("200 OK", answer)
        } else if body.contains("Version=2016-11-15") {
            // EC2's answers have one element less.
            ("200 OK", format!("<{action}Response>{answer}</{action}Response>"))
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
    let mut script = script.answers.lock().unwrap();
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

/// The inside of a DescribeStacks result.
pub(crate) fn described(stacks: &[(&str, &str)]) -> String {
    let mut members = String::new();
    for (name, status) in stacks {
        write!(
            members,
            "<member><StackName>{name}</StackName><StackId>arn:aws:cloudformation:us-east-1:1:stack/{name}/1</StackId>\
             <StackStatus>{status}</StackStatus><CreationTime>2026-01-01T00:00:00Z</CreationTime></member>"
        )
        .unwrap();
    }
    format!("<Stacks>{members}</Stacks>")
}

/// The inside of a ListStackResources result: DNS records, pairs of logical id and name.
pub(crate) fn records(records: &[(&str, &str)]) -> String {
    let mut members = String::new();
    for (id, name) in records {
        write!(
            members,
            "<member><LogicalResourceId>{id}</LogicalResourceId><PhysicalResourceId>{name}</PhysicalResourceId>\
             <ResourceType>AWS::Route53::RecordSet</ResourceType><ResourceStatus>CREATE_COMPLETE</ResourceStatus>\
             <LastUpdatedTimestamp>2026-01-01T00:00:00Z</LastUpdatedTimestamp></member>"
        )
        .unwrap();
    }
    format!("<StackResourceSummaries>{members}</StackResourceSummaries>")
}

/// The path of [`hosted_zones`].
pub(crate) const HOSTED_ZONES: &str = "/2013-04-01/hostedzone";
/// The path of [`record_sets`].
pub(crate) const RECORD_SETS: &str = "/2013-04-01/hostedzone/Z1/rrset";

/// The answer of ListHostedZones: one zone `Z1`, `example.org`.
pub(crate) fn hosted_zones() -> String {
    "<ListHostedZonesResponse><HostedZones><HostedZone><Id>/hostedzone/Z1</Id><Name>example.org.</Name>\
     <CallerReference>1</CallerReference></HostedZone></HostedZones><IsTruncated>false</IsTruncated>\
     <MaxItems>100</MaxItems></ListHostedZonesResponse>"
        .to_owned()
}

/// An answer of ListResourceRecordSets: weighted records of one name, pairs of set identifier and weight, and the identifier
/// with which the next page begins.
pub(crate) fn record_sets(name: &str, sets: &[(String, i64)], next: Option<&str>) -> String {
    let mut members = String::new();
    for (identifier, weight) in sets {
        write!(
            members,
            "<ResourceRecordSet><Name>{name}.</Name><Type>CNAME</Type><SetIdentifier>{identifier}</SetIdentifier>\
             <Weight>{weight}</Weight><TTL>20</TTL><ResourceRecords><ResourceRecord><Value>{identifier}.example.com</Value>\
             </ResourceRecord></ResourceRecords></ResourceRecordSet>"
        )
        .unwrap();
    }
    let next_page = next.map_or_else(
        || "<IsTruncated>false</IsTruncated>".to_owned(),
        |identifier| {
            format!(
                "<IsTruncated>true</IsTruncated><NextRecordName>{name}.</NextRecordName>\
                 <NextRecordType>CNAME</NextRecordType><NextRecordIdentifier>{identifier}</NextRecordIdentifier>"
            )
        },
    );
    format!(
        "<ListResourceRecordSetsResponse><ResourceRecordSets>{members}</ResourceRecordSets>{next_page}\
         <MaxItems>300</MaxItems></ListResourceRecordSetsResponse>"
    )
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
