//! A server on the loopback interface, for tests.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

/// A request as the server saw it: the first line and the `Authorization` header.
pub(crate) type Seen = (String, Option<String>);

/// Answers each request with what `answer` makes of it. Connections that don't speak HTTP are closed.
pub(crate) fn serve(answer: impl Fn(&str, Option<&str>) -> String + Send + 'static) -> (String, Receiver<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, seen) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let Ok(reading) = stream.try_clone() else { continue };
            let mut lines = BufReader::new(reading).lines();
            let Some(Ok(first)) = lines.next() else { continue };
            let mut authorization = None;
            for line in lines.map_while(Result::ok).take_while(|line| !line.is_empty()) {
                if let Some(value) = line.to_lowercase().strip_prefix("authorization: ") {
                    authorization = line.get(line.len() - value.len()..).map(str::to_owned);
                }
            }
            let text = answer(&first, authorization.as_deref());
            drop(sender.send((first, authorization)));
            drop(stream.write_all(text.as_bytes()));
        }
    });
    (address, seen)
}

pub(crate) fn answer(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
}
