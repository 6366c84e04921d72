//! Who is at the other end of a connection.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, Request};
use axum::http::HeaderMap;

/// The caller's address: that of the connection, or, when a trusted proxy forwards, the last in `X-Forwarded-For` that is not
/// such a proxy itself. Everything to its left could have been written by anybody.
pub(crate) fn of(request: &Request, trusted: &[IpAddr]) -> Option<IpAddr> {
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()?
        .0
        .ip()
        .to_canonical();
    Some(if trusted.contains(&peer) {
        forwarded(request.headers(), trusted).unwrap_or(peer)
    } else {
        peer
    })
}

fn forwarded(headers: &HeaderMap, trusted: &[IpAddr]) -> Option<IpAddr> {
    let mut last = None;
    for value in headers.get_all("x-forwarded-for").iter().rev() {
        for hop in value.to_str().ok()?.rsplit(',') {
            let address = hop.trim().parse::<IpAddr>().ok()?.to_canonical();
            last = Some(address);
            if !trusted.contains(&address) {
                return last;
            }
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn only_trusted_proxies_are_believed() {
        let trusted: Vec<IpAddr> = vec!["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()];
        for (peer, forwarded, expected) in [
            ("192.0.2.7:1", None, "192.0.2.7"),
            ("192.0.2.7:1", Some("203.0.113.9"), "192.0.2.7"),
            ("10.0.0.1:1", Some("203.0.113.9"), "203.0.113.9"),
            ("10.0.0.1:1", Some("6.6.6.6, 203.0.113.9, 10.0.0.2"), "203.0.113.9"),
            ("10.0.0.1:1", Some("nonsense"), "10.0.0.1"),
            ("10.0.0.1:1", None, "10.0.0.1"),
            ("[::ffff:10.0.0.1]:1", Some("2001:db8::1"), "2001:db8::1"),
        ] {
            let mut request = Request::new(Body::empty());
            request
                .extensions_mut()
                .insert(ConnectInfo(peer.parse::<SocketAddr>().unwrap()));
            if let Some(forwarded) = forwarded {
                request
                    .headers_mut()
                    .insert("x-forwarded-for", forwarded.parse().unwrap());
            }
            assert_eq!(
                of(&request, &trusted),
                Some(expected.parse().unwrap()),
                "{peer} {forwarded:?}"
            );
        }
    }
}
