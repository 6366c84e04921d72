//! An HTTPS server on loopback, with a certificate that nobody trusts unless told to.

use std::io::{BufRead, BufReader, Error, Result, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A running server; it ends with the test's process.
#[derive(Clone, Debug)]
pub struct HttpsServer {
    address: SocketAddr,
    authority: String,
}

impl HttpsServer {
    /// Gives every request the same answer. The certificate is for these `names`, issued by an authority of its own.
    ///
    /// # Errors
    /// When there is no loopback, or no certificate for these names.
    pub fn start(names: &[&str], status: u16, content_type: &str, body: &str) -> Result<Self> {
        let (config, authority) = certified(names).map_err(Error::other)?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let answer = format!(
            "HTTP/1.1 {status} -\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that refuses the certificate or goes away is the test's own affair.
                let _ = exchange(&config, stream, &answer);
            }
        });
        Ok(Self { address, authority })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate of its authority, in PEM.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }
}

/// A certificate for `names`, and that of the authority which issued it.
fn certified(
    names: &[&str],
) -> std::result::Result<(Arc<ServerConfig>, String), Box<dyn std::error::Error + Send + Sync>> {
    let mut authority = CertificateParams::new(Vec::new())?;
    // A name of its own: with that of the certificate OpenSSL takes the certificate for its own issuer's.
    authority
        .distinguished_name
        .push(DnType::CommonName, "Authority of a test");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages.push(KeyUsagePurpose::KeyCertSign);
    let authority_key = KeyPair::generate()?;
    let authority_certificate = authority.self_signed(&authority_key)?.pem();
    let issuer = Issuer::new(authority, authority_key);

    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(names)?.signed_by(&key, &issuer)?;
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )?;
    Ok((Arc::new(config), authority_certificate))
}

/// Reads one request, answers, and closes the connection.
fn exchange(config: &Arc<ServerConfig>, stream: TcpStream, answer: &str) -> Result<()> {
    let connection = ServerConnection::new(Arc::clone(config)).map_err(Error::other)?;
    let mut reader = BufReader::new(StreamOwned::new(connection, stream));
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().map_err(Error::other)?;
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    std::io::Read::read_exact(&mut reader, &mut body)?;
    let stream = reader.get_mut();
    stream.write_all(answer.as_bytes())?;
    stream.conn.send_close_notify();
    stream.flush()
}
