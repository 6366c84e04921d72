//! A proxy for clients whose servers have names that they do not let anybody choose.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// Tunnels connections to hosts by name (`CONNECT host:443`) to servers of the test, whatever the port; refuses all other hosts. Clients
/// find it by `HTTPS_PROXY`: this answers its URL. TLS is between the client and the server.
///
/// Panics when there is no free port.
pub async fn tunnel(hosts: BTreeMap<&'static str, SocketAddr>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let hosts = Arc::new(hosts);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let hosts = Arc::clone(&hosts);
            // A client that goes away is the test's own affair.
            tokio::spawn(async move { drop(connected(stream, &hosts).await) });
        }
    });
    url
}

async fn connected(stream: TcpStream, hosts: &BTreeMap<&'static str, SocketAddr>) -> std::io::Result<()> {
    let mut client = BufReader::new(stream);
    let mut first = String::new();
    client.read_line(&mut first).await?;
    let mut line = String::new();
    while client.read_line(&mut line).await? > 0 && !line.trim().is_empty() {
        line.clear();
    }
    let host = first
        .strip_prefix("CONNECT ")
        .and_then(|rest| rest.split_once(':'))
        .map(|(host, _)| host);
    let Some(address) = host.and_then(|host| hosts.get(host)) else {
        return client.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n").await;
    };
    let mut server = TcpStream::connect(address).await?;
    client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await?;
    copy_bidirectional(&mut client, &mut server).await.map(|_| ())
}
