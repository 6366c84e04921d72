//! TLS by certificate files.

use super::*;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use stups_server::Tls;

const ONE: (&str, &str) = (include_str!("testdata/one.pem"), include_str!("testdata/one.key"));
const TWO: (&str, &str) = (include_str!("testdata/two.pem"), include_str!("testdata/two.key"));

fn client(certificate: &str) -> Client {
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap())
        .unwrap();
    Client::builder()
        .tls_backend_preconfigured(trusting(roots))
        .pool_max_idle_per_host(0)
        .build()
        .unwrap()
}

#[tokio::test]
async fn a_changed_certificate_is_used_and_a_broken_one_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let (certificate, key) = (directory.path().join("tls.pem"), directory.path().join("tls.key"));
    let write = |pair: (&str, &str)| {
        std::fs::write(&certificate, pair.0).unwrap();
        std::fs::write(&key, pair.1).unwrap();
    };
    write(ONE);
    let mut tls = Tls::load(&certificate, &key).unwrap();
    let service = friboo().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "https://localhost:{}/.well-known/health",
        listener.local_addr().unwrap().port()
    );
    tokio::spawn(stups_server::serve(
        listener,
        service.built.router.clone(),
        Some(tls.clone()),
        std::future::pending(),
    ));

    let asked = |certificate: &str| client(certificate).get(&url).send();
    assert_eq!(asked(ONE.0).await.unwrap().status(), 200);
    assert!(asked(TWO.0).await.is_err());

    assert!(!tls.reload().unwrap(), "nothing changed");
    write((TWO.0, ONE.1));
    assert!(tls.reload().is_err(), "the key is not that of the certificate");
    assert_eq!(asked(ONE.0).await.unwrap().status(), 200);

    write(TWO);
    assert!(tls.reload().unwrap());
    assert_eq!(asked(TWO.0).await.unwrap().status(), 200);
    assert!(asked(ONE.0).await.is_err());
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing.pem");
    let error = Tls::load(&missing, &missing).unwrap_err().to_string();
    assert!(error.contains("missing.pem"), "{error}");
    let nonsense = directory.path().join("nonsense.pem");
    std::fs::write(&nonsense, "nonsense").unwrap();
    assert!(Tls::load(&nonsense, &nonsense).is_err());
}
