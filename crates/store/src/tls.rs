/// Clients made from here on use rustls on ring. The first provider of a process stays; a second one is refused, which is fine.
pub(crate) fn use_ring() {
    drop(rustls::crypto::ring::default_provider().install_default());
}
