//! Clair by its first API, behind queues: which images it gets, under which names, and what it found (contract pierone 2.10).

mod results;
mod submit;

pub(crate) use results::ReadResults;

use ring::digest::{SHA256, digest};

use crate::names::{Algorithm, Digest};

/// The empty layer that old builders put between others.
const EMPTY_LAYER: &str = "sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4";

/// A name for the topmost of these layers, from the bottom up, that says what it stands on too.
pub(crate) fn clair_id(layers: &[String]) -> Option<String> {
    let joined: String = layers
        .iter()
        .rev()
        .filter(|layer| *layer != EMPTY_LAYER)
        .map(String::as_str)
        .collect();
    let hash = digest(&SHA256, joined.as_bytes());
    (!joined.is_empty()).then(|| Digest::new(Algorithm::Sha256, hash.as_ref()).as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scanned_name_covers_all_layers_but_empty_ones() {
        let layer = |digit: &str| format!("sha256:{}", digit.repeat(64));
        let one = clair_id(&[layer("1")]).unwrap();
        assert_eq!(one, Algorithm::Sha256.digest(layer("1").as_bytes()).as_str());
        let two = clair_id(&[layer("1"), EMPTY_LAYER.to_owned(), layer("2")]).unwrap();
        assert_eq!(
            two,
            Algorithm::Sha256.digest((layer("2") + &layer("1")).as_bytes()).as_str()
        );
        assert_eq!(clair_id(&[]), None);
    }
}
