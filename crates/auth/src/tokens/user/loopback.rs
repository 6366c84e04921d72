//! The address on this machine that a browser is sent back to (RFC 8252 7.3).

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, oneshot};

/// The ports that servers of the old kind know (contract zign 2.5.1).
const LEGACY_PORTS: std::ops::RangeInclusive<u16> = 8081..=8182;

/// No browser's request is longer, in bytes: tokens come as a query.
const LONGEST_REQUEST: usize = 64 << 10;

/// How long a browser may take for its request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the browser may take to fetch its last page once everything else is done. A busy machine's takes more than a second.
pub(crate) const LAST_PAGE: Duration = Duration::from_secs(5);

/// A listener for browsers of this machine.
#[derive(Debug)]
pub(crate) struct Loopback {
    port: u16,
    requests: mpsc::Receiver<Visit>,
    accepting: tokio::task::JoinHandle<()>,
}

/// A browser's `GET`, waiting for its page.
#[derive(Debug)]
pub(crate) struct Visit {
    /// `/callback`
    pub(crate) path: String,
    /// decoded, in order
    pub(crate) query: Vec<(String, String)>,
    answer: oneshot::Sender<Page>,
    /// Ends when the browser has the page, or will never have it.
    sent: oneshot::Receiver<()>,
}

/// What a browser gets.
#[derive(Debug)]
pub(crate) enum Page {
    /// a page
    Html(u16, String),
    /// another path of the same listener: the address with the secret is left
    SeeOther(&'static str),
}

impl Loopback {
    /// On a port that nobody uses.
    pub(crate) fn on_any_port() -> io::Result<Self> {
        Self::listen(0)
    }

    /// On the first free port of those that servers of the old kind know.
    pub(crate) fn on_legacy_port() -> io::Result<Self> {
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for port in LEGACY_PORTS {
            match Self::listen(port) {
                Ok(loopback) => return Ok(loopback),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn listen(port: u16) -> io::Result<Self> {
        // Without address reuse: nobody else can have been listening there.
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
        let listener = socket.listen(16)?;
        let port = listener.local_addr()?.port();
        let (sender, requests) = mpsc::channel(16);
        let accepting = tokio::spawn(accept(listener, port, sender));
        Ok(Self {
            port,
            requests,
            accepting,
        })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The next request. Waits for as long as it takes.
    pub(crate) async fn visit(&mut self) -> Option<Visit> {
        self.requests.recv().await
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Visit {
    /// The first value of the parameter.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Sends the page, and returns when it is out: a command that ends right after this has not kept it back.
    pub(crate) async fn answer(self, page: Page) {
        // A browser that has gone away needs none.
        if self.answer.send(page).is_ok() {
            let _ = self.sent.await;
        }
    }
}

/// Browsers open connections ahead that they may never use: each is waited for on its own.
async fn accept(listener: TcpListener, port: u16, sender: mpsc::Sender<Visit>) {
    while let Ok((stream, _)) = listener.accept().await {
        let sender = sender.clone();
        tokio::spawn(async move {
            let served = tokio::time::timeout(REQUEST_TIMEOUT, read(stream, port)).await;
            let Ok(Some((mut stream, request))) = served else {
                return;
            };
            let mut is_sent = None;
            let page = match request {
                Err(status) => Page::Html(status, page("Not here", "There is nothing here.")),
                Ok((path, query)) => {
                    let (answer, page) = oneshot::channel();
                    let (end, sent) = oneshot::channel::<()>();
                    is_sent = Some(end);
                    let visit = Visit {
                        path,
                        query,
                        answer,
                        sent,
                    };
                    if sender.send(visit).await.is_err() {
                        return;
                    }
                    let Ok(page) = page.await else { return };
                    page
                }
            };
            let _ = tokio::time::timeout(REQUEST_TIMEOUT, stream.write_all(render(&page).as_bytes())).await;
            let _ = stream.shutdown().await;
            drop(is_sent);
        });
    }
}

type Target = (String, Vec<(String, String)>);

/// Reads a request's head; the error is the status for one that is not answered.
async fn read(mut stream: TcpStream, port: u16) -> Option<(TcpStream, Result<Target, u16>)> {
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        let length = stream.read(&mut buffer).await.ok()?;
        if length == 0 || head.len() + length > LONGEST_REQUEST {
            return None;
        }
        head.extend_from_slice(&buffer[..length]);
    }
    Some((stream, target(&String::from_utf8_lossy(&head), port)))
}

/// Path and query of a request for this listener. A page on the network whose name was made to lead to this machine has
/// another `Host`.
fn target(head: &str, port: u16) -> Result<Target, u16> {
    let mut lines = head.lines();
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let host = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("host"))
        .map(|(_, value)| value.trim().to_ascii_lowercase());
    let ours = [format!("127.0.0.1:{port}"), format!("localhost:{port}")];
    if !host.is_some_and(|host| ours.contains(&host)) {
        return Err(421);
    }
    if method != "GET" {
        return Err(405);
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    Ok((path.to_owned(), query))
}

fn render(page: &Page) -> String {
    let (status, body, more) = match page {
        Page::Html(status, body) => (*status, body.as_str(), String::new()),
        Page::SeeOther(path) => (303, "", format!("location: {path}\r\n")),
    };
    format!(
        "HTTP/1.1 {status} {reason}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {length}\r\n{more}\
         cache-control: no-store\r\nreferrer-policy: no-referrer\r\nx-content-type-options: nosniff\r\n\
         content-security-policy: default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; frame-ancestors 'none'\r\n\
         connection: close\r\n\r\n{body}",
        reason = if status < 400 { "OK" } else { "Error" },
        length = body.len(),
    )
}

/// A plain page. The texts are ours, so nothing is escaped.
pub(crate) fn page(title: &str, text: &str) -> String {
    format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title} - Zign</title>\
         <style>body {{ font-family: sans-serif; margin: 3em }}</style></head>\
         <body><h1>{title}</h1><p id=\"text\">{text}</p></body></html>"
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_requests_for_this_address_are_answered() {
        let get = |host: &str| {
            target(
                &format!("GET /callback?code=a%20b&state=x HTTP/1.1\r\nHost: {host}\r\n\r\n"),
                7,
            )
        };
        let (path, query) = get("127.0.0.1:7").unwrap();
        assert_eq!(path, "/callback");
        assert_eq!(query, [("code".into(), "a b".into()), ("state".into(), "x".into())]);
        assert!(get("LocalHost:7").is_ok());
        for host in ["evil.example.org:7", "127.0.0.1", "127.0.0.1:8", ""] {
            assert_eq!(get(host), Err(421), "{host}");
        }
        assert_eq!(target("POST / HTTP/1.1\r\nhost: localhost:7\r\n\r\n", 7), Err(405));
    }

    proptest! {
        #[test]
        fn no_request_makes_it_panic(head in "\\PC{0,200}") {
            let _ = target(&head, 7);
            let _ = target(&format!("GET {head} HTTP/1.1\r\nHost: localhost:7\r\n\r\n"), 7);
        }
    }

    #[tokio::test]
    async fn a_second_listener_on_a_port_is_refused() {
        let one = Loopback::on_any_port().unwrap();
        assert!(Loopback::listen(one.port()).is_err());
    }

    #[tokio::test]
    async fn a_connection_that_says_nothing_is_in_nobodys_way() {
        let mut loopback = Loopback::on_any_port().unwrap();
        let address = ("127.0.0.1", loopback.port());
        let _silent = TcpStream::connect(address).await.unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET /x HTTP/1.1\r\nHost: localhost:{}\r\n\r\n", loopback.port());
        stream.write_all(request.as_bytes()).await.unwrap();
        let visit = loopback.visit().await.unwrap();
        assert_eq!(visit.path, "/x");
        visit.answer(Page::SeeOther("/done")).await;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 303 "), "{answer}");
        assert!(answer.contains("location: /done\r\n") && answer.contains("referrer-policy: no-referrer"));
    }

    #[test]
    fn a_page_is_out_before_the_command_ends() {
        use std::io::{Read as _, Write as _};
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let mut stream = runtime.block_on(async {
            let mut loopback = Loopback::on_any_port().unwrap();
            let mut stream = std::net::TcpStream::connect(("127.0.0.1", loopback.port())).unwrap();
            write!(
                stream,
                "GET /done HTTP/1.1\r\nHost: localhost:{}\r\n\r\n",
                loopback.port()
            )
            .unwrap();
            let visit = loopback.visit().await.unwrap();
            visit.answer(Page::Html(200, page("Logged in", "Close it."))).await;
            stream
        });
        drop(runtime);
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("</html>"),
            "{answer}"
        );
    }
}
