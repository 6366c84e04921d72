//! Reading a manifest without changing a byte of it: what it refers to, within bounds.

use serde_json::{Map, Value};
use stups_server::Error;

use crate::errors::manifest_invalid;
use crate::names::Digest;

/// How many bytes a manifest may have: 4 MiB, and a little for what clients add.
pub(crate) const LARGEST: usize = (4 << 20) + (64 << 10);

/// How many things it may refer to.
const MOST_REFERENCES: usize = 4_096;

/// How deep its JSON may be.
const DEEPEST_JSON: usize = 64;

pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// What the first version of docker's schema was called, with and without a signature. It is read, never written.
const SCHEMA_1: [&str; 2] = [
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
];

/// Configurations of images that run.
const IMAGES: [&str; 3] = [
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
    // As the first clients of docker's second schema had it.
    "application/json",
];

/// What a manifest refers to, and what it says about itself.
#[derive(Debug)]
pub(crate) struct Manifest {
    pub(crate) media_type: String,
    /// Configuration first, then layers from the bottom up, or the manifests of an index.
    pub(crate) references: Vec<Descriptor>,
    pub(crate) subject: Option<Digest>,
    /// Its own, else its configuration's media type; an index may have none.
    pub(crate) artifact_type: Option<String>,
    pub(crate) annotations: Map<String, Value>,
}

/// A reference.
#[derive(Clone, Debug)]
pub(crate) struct Descriptor {
    pub(crate) kind: Kind,
    pub(crate) digest: Digest,
    pub(crate) media_type: String,
    pub(crate) size: Option<u64>,
    /// Content that is kept elsewhere, and need not be here.
    pub(crate) elsewhere: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Config,
    Layer,
    Manifest,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Layer => "layer",
            Self::Manifest => "manifest",
        }
    }
}

impl Manifest {
    /// The configuration's descriptor, of an image.
    pub(crate) fn config(&self) -> Option<&Descriptor> {
        self.references.iter().find(|reference| reference.kind == Kind::Config)
    }

    /// Whether its layers are archives of an image's files, as scanners read them: those of charts and signatures are not.
    pub(crate) fn is_of_files(&self) -> bool {
        if SCHEMA_1.contains(&self.media_type.as_str()) {
            return true;
        }
        let image = self.artifact_type.as_deref().is_some_and(|kind| IMAGES.contains(&kind));
        let mut layers = self.references.iter().filter(|reference| reference.kind == Kind::Layer);
        image && layers.all(|layer| layer.media_type.contains(".tar"))
    }

    /// From the bottom up.
    pub(crate) fn layers(&self) -> impl DoubleEndedIterator<Item = &Digest> {
        self.references
            .iter()
            .filter(|reference| reference.kind == Kind::Layer)
            .map(|reference| &reference.digest)
    }

    /// Those of its layers that are of one of these types.
    pub(crate) fn layers_of_type(&self, types: &[&str]) -> impl Iterator<Item = &Digest> {
        self.references
            .iter()
            .filter(move |reference| reference.kind == Kind::Layer && types.contains(&reference.media_type.as_str()))
            .map(|reference| &reference.digest)
    }

    /// Reads a manifest that was sent with this content type.
    pub(crate) fn parse(content_type: Option<&str>, bytes: &[u8]) -> Result<Self, Error> {
        let members = members(bytes)?;
        let media_type = media_type(content_type, &members)?;
        if SCHEMA_1.contains(&media_type.as_str()) {
            return Err(manifest_invalid(
                "manifests of docker's schema 1 are no longer taken: push with a client of docker 1.10 or later",
            ));
        }
        Self::read(media_type, &members)
    }

    /// Reads a manifest of another registry's, which may have taken what is not taken any more.
    pub(crate) fn parse_old(bytes: &[u8]) -> Result<Self, Error> {
        let members = members(bytes)?;
        let media_type = media_type(None, &members)?;
        if !SCHEMA_1.contains(&media_type.as_str()) {
            return Self::read(media_type, &members);
        }
        let layers = members.get("fsLayers").and_then(Value::as_array);
        let layers = layers.filter(|layers| layers.len() <= MOST_REFERENCES);
        let layers = layers.ok_or_else(|| manifest_invalid("fsLayers is no list of layers"))?;
        let digest = |layer: &Value| {
            let digest = layer.get("blobSum").and_then(Value::as_str).and_then(Digest::read);
            digest.ok_or_else(|| manifest_invalid("fsLayers has a blobSum that is not a digest"))
        };
        // The topmost comes first.
        let references = layers.iter().rev().map(|layer| {
            Ok(Descriptor {
                kind: Kind::Layer,
                digest: digest(layer)?,
                media_type: String::new(),
                size: None,
                elsewhere: false,
            })
        });
        Ok(Self {
            media_type,
            references: references.collect::<Result<_, Error>>()?,
            subject: None,
            artifact_type: None,
            annotations: Map::new(),
        })
    }

    fn read(media_type: String, members: &Map<String, Value>) -> Result<Self, Error> {
        if members.get("schemaVersion").and_then(Value::as_u64) != Some(2) {
            return Err(manifest_invalid(format!(
                "manifest schema version not compatible with this API: {}",
                members.get("schemaVersion").unwrap_or(&Value::Null)
            )));
        }
        let is_index = media_type == OCI_INDEX || media_type == DOCKER_LIST;
        let references = if is_index {
            descriptors(members, "manifests", Kind::Manifest)?
        } else {
            let config = members
                .get("config")
                .ok_or_else(|| manifest_invalid("the manifest has no config"))?;
            let mut references = vec![descriptor("config", config, Kind::Config)?];
            references.extend(descriptors(members, "layers", Kind::Layer)?);
            references
        };
        let subject = match members.get("subject") {
            None | Some(Value::Null) => None,
            Some(subject) => Some(descriptor("subject", subject, Kind::Manifest)?.digest),
        };
        let config_type = references
            .iter()
            .find(|reference| reference.kind == Kind::Config)
            .map(|config| config.media_type.clone());
        let artifact_type = match members.get("artifactType") {
            Some(Value::String(kind)) if !kind.is_empty() => Some(kind.clone()),
            _ => config_type,
        };
        let annotations = match members.get("annotations") {
            Some(Value::Object(annotations)) => annotations.clone(),
            None | Some(Value::Null) => Map::new(),
            Some(_) => return Err(manifest_invalid("annotations is not an object")),
        };
        Ok(Self {
            media_type,
            references,
            subject,
            artifact_type,
            annotations,
        })
    }
}

/// A JSON object within bounds.
fn members(bytes: &[u8]) -> Result<Map<String, Value>, Error> {
    if depth(bytes) > DEEPEST_JSON {
        return Err(manifest_invalid(format!(
            "the manifest is nested deeper than {DEEPEST_JSON} levels"
        )));
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(manifest_invalid("the manifest is not a JSON object")),
        Err(error) => Err(manifest_invalid(format!("the manifest is not JSON: {error}"))),
    }
}

/// What kind of manifest it is: what it says itself, which must be what the request says; else what its members show.
fn media_type(content_type: Option<&str>, members: &Map<String, Value>) -> Result<String, Error> {
    let sent = content_type
        .map(|kind| kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
        .filter(|kind| !matches!(kind.as_str(), "" | "application/json" | "application/octet-stream"));
    let own = match members.get("mediaType") {
        None | Some(Value::Null) => None,
        Some(Value::String(own)) => Some(own.clone()),
        Some(_) => return Err(manifest_invalid("mediaType is not a string")),
    };
    let kind = match (sent, own) {
        (Some(sent), Some(own)) if sent != own => {
            return Err(manifest_invalid(format!(
                "the manifest says that it is {own:?}, the request that it is {sent:?}"
            )));
        }
        (Some(kind), _) | (None, Some(kind)) => kind,
        (None, None) if members.contains_key("manifests") => OCI_INDEX.to_owned(),
        (None, None) if members.contains_key("fsLayers") => SCHEMA_1[1].to_owned(),
        (None, None) => OCI_MANIFEST.to_owned(),
    };
    if [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST].contains(&kind.as_str())
        || SCHEMA_1.contains(&kind.as_str())
    {
        return Ok(kind);
    }
    Err(manifest_invalid(format!(
        "{kind:?} is no manifest of an image, an artifact or an index"
    )))
}

fn descriptors(members: &Map<String, Value>, name: &str, kind: Kind) -> Result<Vec<Descriptor>, Error> {
    let list = match members.get(name) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(_) => return Err(manifest_invalid(format!("{name} is not a list"))),
    };
    if list.len() > MOST_REFERENCES {
        return Err(manifest_invalid(format!(
            "{name} has {} entries; at most {MOST_REFERENCES} are taken",
            list.len()
        )));
    }
    list.iter()
        .enumerate()
        .map(|(place, value)| descriptor(&format!("{name}[{place}]"), value, kind))
        .collect()
}

fn descriptor(place: &str, value: &Value, kind: Kind) -> Result<Descriptor, Error> {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let digest = text("digest")
        .and_then(Digest::read)
        .ok_or_else(|| manifest_invalid(format!("{place}.digest is not a digest")))?;
    let size = match value.get("size") {
        None | Some(Value::Null) => None,
        Some(size) => Some(
            size.as_u64()
                .ok_or_else(|| manifest_invalid(format!("{place}.size is not a size")))?,
        ),
    };
    let media_type = text("mediaType").unwrap_or_default().to_owned();
    let urls = value
        .get("urls")
        .and_then(Value::as_array)
        .is_some_and(|urls| !urls.is_empty());
    let foreign = media_type.contains("nondistributable") || media_type.contains("foreign");
    Ok(Descriptor {
        kind,
        digest,
        size,
        elsewhere: kind == Kind::Layer && (urls || foreign),
        media_type,
    })
}

/// How deep brackets are nested, without reading what is in them.
fn depth(bytes: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut quoted, mut escaped) = (false, false);
    for byte in bytes {
        match (quoted, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => quoted = !quoted,
            (false, b'{' | b'[') => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            (false, b'}' | b']') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::names::Algorithm;

    fn parse(content_type: Option<&str>, value: &Value) -> Result<Manifest, Error> {
        Manifest::parse(content_type, value.to_string().as_bytes())
    }

    fn refusal(content_type: Option<&str>, value: &Value) -> String {
        parse(content_type, value).unwrap_err().message
    }

    fn blob(size: u64) -> Value {
        json!({"mediaType": "m", "digest": Algorithm::Sha256.digest(b"").as_str(), "size": size})
    }

    #[test]
    fn an_image_refers_to_its_configuration_and_its_layers() {
        let manifest = parse(
            Some("application/vnd.oci.image.manifest.v1+json; charset=utf-8"),
            &json!({"schemaVersion": 2, "config": blob(1), "layers": [blob(2), blob(3)], "subject": blob(4)}),
        )
        .unwrap();
        let sizes: Vec<_> = manifest.references.iter().map(|reference| reference.size).collect();
        assert_eq!(sizes, [Some(1), Some(2), Some(3)]);
        assert_eq!(manifest.artifact_type.as_deref(), Some("m"));
        assert!(manifest.subject.is_some());
    }

    #[test]
    fn what_a_request_does_not_say_is_told_by_the_members() {
        let index = json!({"schemaVersion": 2, "manifests": [blob(1)]});
        let image = json!({"schemaVersion": 2, "config": blob(1)});
        let said = json!({"schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": []});
        for content_type in [None, Some("application/json"), Some("application/octet-stream")] {
            assert_eq!(parse(content_type, &index).unwrap().media_type, OCI_INDEX);
            assert_eq!(parse(content_type, &image).unwrap().media_type, OCI_MANIFEST);
            assert_eq!(parse(content_type, &said).unwrap().media_type, DOCKER_LIST);
        }
    }

    #[test]
    fn what_is_no_manifest_is_refused_with_the_reason() {
        let image = json!({"schemaVersion": 2, "config": blob(1)});
        for (content_type, value, reason) in [
            (None, json!([]), "object"),
            (
                None,
                json!({"schemaVersion": 4, "config": blob(1)}),
                "not compatible with this API: 4",
            ),
            (None, json!({"schemaVersion": 1, "fsLayers": []}), "schema 1"),
            (Some(SCHEMA_1[1]), json!({"schemaVersion": 1}), "schema 1"),
            (Some("text/plain"), image.clone(), "no manifest"),
            (
                Some(OCI_INDEX),
                json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": blob(1)}),
                "says",
            ),
            (None, json!({"schemaVersion": 2}), "config"),
            (
                None,
                json!({"schemaVersion": 2, "config": {"digest": "sha256:x"}}),
                "config.digest",
            ),
            (
                None,
                json!({"schemaVersion": 2, "config": blob(1), "layers": {}}),
                "layers is not a list",
            ),
            (
                None,
                json!({"schemaVersion": 2, "config": blob(1), "layers": [1]}),
                "layers[0].digest",
            ),
            (
                None,
                json!({"schemaVersion": 2, "config": {"digest": blob(1)["digest"], "size": -1}}),
                "config.size",
            ),
            (
                None,
                json!({"schemaVersion": 2, "config": blob(1), "layers": vec![blob(1); 4097]}),
                "at most 4096",
            ),
            (
                None,
                json!({"schemaVersion": 2, "config": blob(1), "annotations": []}),
                "annotations",
            ),
        ] {
            let refusal = refusal(content_type, &value);
            assert!(refusal.contains(reason), "{refusal}");
        }
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        let refusal = Manifest::parse(None, deep.as_bytes()).unwrap_err().message;
        assert!(refusal.contains("deeper"), "{refusal}");
        assert!(Manifest::parse(None, b"{\"a\":").is_err());
    }

    #[test]
    fn what_another_registry_took_is_read() {
        let digest = |text: &str| Algorithm::Sha256.digest(text.as_bytes()).as_str().to_owned();
        let old = json!({"schemaVersion": 1, "fsLayers": [{"blobSum": digest("top")}, {"blobSum": digest("bottom")}]});
        let manifest = Manifest::parse_old(old.to_string().as_bytes()).unwrap();
        assert_eq!(manifest.media_type, SCHEMA_1[1]);
        let layers: Vec<&str> = manifest.layers().map(Digest::as_str).collect();
        assert_eq!(layers, [digest("bottom"), digest("top")]);
        let image = json!({"schemaVersion": 2, "mediaType": DOCKER_MANIFEST, "config": blob(1)});
        assert_eq!(
            Manifest::parse_old(image.to_string().as_bytes()).unwrap().media_type,
            DOCKER_MANIFEST
        );
        for wrong in [
            json!({"schemaVersion": 1, "fsLayers": {}}),
            json!({"schemaVersion": 1, "fsLayers": [{"blobSum": "sha256:x"}]}),
            json!({"schemaVersion": 4, "config": blob(1)}),
            json!([]),
        ] {
            assert!(Manifest::parse_old(wrong.to_string().as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn brackets_in_texts_are_no_depth() {
        assert_eq!(depth(br#"{"a":"[[[\"[[","b":[1]}"#), 2);
    }
}
