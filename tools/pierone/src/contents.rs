//! `pierone inspect-contents`

use std::fs::File;
use std::io::{self, BufReader, Seek as _};

use serde_json::Value;
use stups_api::client::Answer;
use stups_terminal::{Column, Failure, Row, Table, TableArguments};

use crate::context::{Context, failed};
use crate::image_name::team;
use crate::listings::row;
use crate::platform::{Platform, platform};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct InspectContentsArguments {
    #[command(flatten)]
    pub(crate) table: TableArguments,
    /// How many layers that have files, from the top
    #[arg(short, long, value_name = "INTEGER", default_value_t = 1)]
    limit: usize,
    /// Which one of an image that is for several platforms
    #[arg(long, value_name = "OS/ARCHITECTURE", value_parser = platform, default_value = "linux/amd64")]
    platform: Platform,
    #[arg(value_parser = team)]
    team: String,
    artifact: String,
    /// All by default
    tag: Vec<String>,
}

pub(crate) async fn run(context: &Context, arguments: &InspectContentsArguments) -> Result<(), Failure> {
    let InspectContentsArguments { team, artifact, .. } = arguments;
    let tags = if arguments.tag.is_empty() {
        let tags = context.tags(team, artifact).await?;
        tags.into_iter().map(|tag| tag.name).collect()
    } else {
        arguments.tag.clone()
    };
    let mut files = Vec::new();
    for tag in &tags {
        let mut with_files = 0;
        for (index, digest) in layers(context, arguments, tag).await?.iter().enumerate() {
            if with_files >= arguments.limit {
                break;
            }
            // Layers may be larger than the memory.
            let mut layer = tempfile::tempfile().map_err(|error| unreadable(digest, &error))?;
            let download = context.pierone.blob(team, artifact, digest, &mut layer);
            download.await.map_err(|error| failed(&error))?;
            let found = files_of(layer, index, digest).map_err(|error| unreadable(digest, &error))?;
            with_files += usize::from(!found.is_empty());
            files.extend(found);
        }
    }
    files.sort_by(|one, other| (one.layer_index, &one.name).cmp(&(other.layer_index, &other.name)));
    context.terminal.print_table(&Table {
        columns: vec![
            Column::new("layer_index").title("Idx"),
            Column::new("layer_id").max_width(16),
            Column::new("mode"),
            Column::new("name"),
            Column::new("size"),
            Column::new("created_time").title("Created"),
        ],
        rows: files.into_iter().map(FileInLayer::row).collect(),
        ..Table::default()
    });
    Ok(())
}

fn unreadable(digest: &str, error: &io::Error) -> Failure {
    Failure::application(format!("Layer {digest} can't be read: {error}"))
}

/// The digests of an image's layers, the topmost first.
async fn layers(context: &Context, arguments: &InspectContentsArguments, tag: &str) -> Result<Vec<String>, Failure> {
    let manifest = manifest(context, arguments, tag).await?;
    if !manifest["manifests"].is_array() {
        return Ok(layers_of(&manifest));
    }
    let digest = arguments.platform.of_index(&manifest).ok_or_else(|| {
        Failure::application(format!(
            "{tag} is for several platforms, none of which is the one that --platform names"
        ))
    })?;
    Ok(layers_of(&self::manifest(context, arguments, digest).await?))
}

async fn manifest(context: &Context, arguments: &InspectContentsArguments, reference: &str) -> Result<Value, Failure> {
    let InspectContentsArguments { team, artifact, .. } = arguments;
    let manifest = context.pierone.manifest(team, artifact, reference).await;
    let manifest = manifest.as_ref().map_err(failed)?.as_ref();
    let manifest = manifest.map(Answer::json).transpose().map_err(|error| failed(&error))?;
    let nothing = || Failure::application(format!("{team}/{artifact}:{reference} does not exist"));
    manifest.ok_or_else(nothing)
}

/// Of a manifest of either schema.
fn layers_of(manifest: &Value) -> Vec<String> {
    let digests = |key: &str, digest: &str| -> Vec<String> {
        let layers = manifest[key].as_array().map(Vec::as_slice).unwrap_or_default();
        layers
            .iter()
            .filter_map(|layer| layer[digest].as_str().map(str::to_owned))
            .collect()
    };
    let mut layers = digests("layers", "digest");
    layers.reverse();
    layers.extend(digests("fsLayers", "blobSum"));
    layers
}

/// A file, directory or link.
struct FileInLayer {
    layer_index: usize,
    layer_id: String,
    mode: u32,
    name: String,
    size: u64,
    modified: u64,
}

impl FileInLayer {
    fn row(self) -> Row {
        row([
            ("layer_index", self.layer_index.into()),
            ("layer_id", self.layer_id.into()),
            ("mode", format!("{:04o}", self.mode & 0o7777).into()),
            ("name", self.name.into()),
            ("size", self.size.into()),
            ("created_time", self.modified.into()),
        ])
    }
}

/// What is in a layer, plain or packed with gzip or zstd.
fn files_of(mut layer: File, index: usize, digest: &str) -> io::Result<Vec<FileInLayer>> {
    layer.rewind()?;
    let unpacked = stups_layer::unpacked(BufReader::new(layer))?;
    let mut archive = tar::Archive::new(unpacked);
    let mut files = Vec::new();
    for entry in archive.entries()? {
        let entry = entry?;
        let header = entry.header();
        files.push(FileInLayer {
            layer_index: index,
            layer_id: digest.to_owned(),
            mode: header.mode()?,
            name: String::from_utf8_lossy(&entry.path_bytes()).into_owned(),
            size: entry.size(),
            modified: header.mtime()?,
        });
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use serde_json::json;

    use super::*;

    #[test]
    fn the_topmost_layer_is_first_in_both_schemas() {
        let two = json!({"layers": [{"digest": "sha256:base"}, {"digest": "sha256:top"}]});
        assert_eq!(layers_of(&two), ["sha256:top", "sha256:base"]);
        let one = json!({"fsLayers": [{"blobSum": "sha256:top"}, {"blobSum": "sha256:base"}]});
        assert_eq!(layers_of(&one), ["sha256:top", "sha256:base"]);
        assert!(layers_of(&json!({})).is_empty());
    }

    #[test]
    fn files_are_listed_however_the_layer_is_packed() {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(2);
        header.set_mode(0o10_4755);
        header.set_mtime(1_700_000_000);
        builder.append_data(&mut header, "bin/sh", &b"#!"[..]).unwrap();
        let plain = builder.into_inner().unwrap();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&plain).unwrap();
        let zstd = ruzstd::encoding::compress_to_vec(&plain[..], ruzstd::encoding::CompressionLevel::Fastest);
        for packed in [plain, gzip.finish().unwrap(), zstd] {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&packed).unwrap();
            let rows: Vec<Row> = files_of(file, 1, "sha256:1")
                .unwrap()
                .into_iter()
                .map(FileInLayer::row)
                .collect();
            let expected = json!([{"layer_index": 1, "layer_id": "sha256:1", "mode": "4755", "name": "bin/sh", "size": 2,
                "created_time": 1_700_000_000}]);
            assert_eq!(serde_json::to_value(rows).unwrap(), expected);
        }
    }

    #[test]
    fn what_is_no_archive_is_an_error() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[7; 2000]).unwrap();
        assert!(files_of(file, 0, "sha256:1").is_err());
    }
}
