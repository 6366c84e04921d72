//! Where schemas of resource types come from: files, or CloudFormation, whose answers are kept on disk.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use futures::{StreamExt, stream};
use serde_json::Value as Json;
use stups_aws::Session;
use stups_aws::cloudformation::types::RegistryType;
use stups_terminal::write_private;

use super::Found;

/// How long an answer counts.
const LIFETIME: Duration = Duration::from_hours(7 * 24);
/// The largest schema, in bytes, that is read; the largest of AWS's has less than one.
const LARGEST: u64 = 4 << 20;
/// So many answers are kept at most.
const MOST: usize = 300;
/// How many types are asked about at the same time.
const AT_THE_SAME_TIME: usize = 4;

/// Where schemas come from.
pub(crate) enum SchemaSource {
    /// a directory with a file per type, named as in AWS's archive: `aws-ec2-instance.json`
    Directory(PathBuf),
    /// `DescribeType`, and the directory in which its answers are kept
    CloudFormation(Box<Session>, PathBuf),
}

/// The schemas that were found, or why not, by type.
#[derive(Debug, Default)]
pub(crate) struct Schemas(Found);

impl Schemas {
    /// The schema of a type, if it was asked for.
    pub(crate) fn get(&self, resource_type: &str) -> Option<Result<&Json, &String>> {
        self.0.get(resource_type).map(Result::as_ref)
    }

    /// Finds those of these types.
    pub(crate) async fn find(source: &SchemaSource, types: BTreeSet<String>) -> Self {
        let answers = types.into_iter().map(|name| async {
            let answer = source.schema(&name).await;
            (name, answer)
        });
        // Collected first: a stream of the closure's own futures would not be `Send` for every lifetime.
        let answers: Vec<_> = answers.collect();
        Self(stream::iter(answers).buffer_unordered(AT_THE_SAME_TIME).collect().await)
    }
}

impl SchemaSource {
    async fn schema(&self, resource_type: &str) -> Result<Json, String> {
        match self {
            Self::Directory(directory) => {
                let path = directory.join(file_name(resource_type));
                match read(&path) {
                    Ok(Some(schema)) => Ok(schema),
                    Ok(None) => Err(format!(
                        "there is no schema of {resource_type}: {} is missing",
                        path.display()
                    )),
                    Err(reason) => Err(format!("{}: {reason}", path.display())),
                }
            }
            Self::CloudFormation(session, cache) => {
                let kept = cache.join(file_name(resource_type));
                let known = read(&kept).ok().flatten();
                if let Some(schema) = known.as_ref().filter(|_| is_young(&kept)) {
                    return Ok(schema.clone());
                }
                match described(session, resource_type).await {
                    Ok(schema) => {
                        keep(cache, &kept, &schema);
                        Ok(schema)
                    }
                    Err(error) if error.has_code("TypeNotFoundException") => {
                        Err(format!("CloudFormation knows no type {resource_type}"))
                    }
                    // An old answer is better than none.
                    Err(error) => known.ok_or_else(|| format!("there is no schema of {resource_type}: {error}")),
                }
            }
        }
    }
}

/// Whether types of this name have a schema: their names have three parts, and `Custom::` and such have two or none.
pub(super) fn has_schema(resource_type: &str) -> bool {
    let parts: Vec<&str> = resource_type.split("::").collect();
    let is_word = |part: &&str| (1..=64).contains(&part.len()) && part.chars().all(|it| it.is_ascii_alphanumeric());
    parts.len() == 3
        && parts.iter().all(is_word)
        // It hands on whatever properties there are.
        && resource_type != "AWS::CloudFormation::CustomResource"
}

fn file_name(resource_type: &str) -> String {
    format!("{}.json", resource_type.to_lowercase().replace("::", "-"))
}

/// The schema in a file; nothing when there is no file.
fn read(path: &Path) -> Result<Option<Json>, String> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let mut text = String::new();
    let length = file
        .take(LARGEST + 1)
        .read_to_string(&mut text)
        .map_err(|error| error.to_string())?;
    if length as u64 > LARGEST {
        return Err(format!("it has more than {LARGEST} bytes"));
    }
    parsed(&text).map(Some)
}

fn parsed(text: &str) -> Result<Json, String> {
    match serde_json::from_str(text) {
        Ok(schema @ Json::Object(_)) => Ok(schema),
        Ok(_) => Err("it is no schema".to_owned()),
        Err(error) => Err(format!("it is no schema: {error}")),
    }
}

async fn described(session: &Session, resource_type: &str) -> Result<Json, stups_aws::Error> {
    let call = session
        .cloudformation()
        .describe_type()
        .r#type(RegistryType::Resource)
        .type_name(resource_type);
    let answer = call.send().await?;
    let schema = answer.schema.unwrap_or_default();
    let is_small = schema.len() as u64 <= LARGEST;
    let schema = if is_small {
        parsed(&schema)
    } else {
        Err("it is too large".to_owned())
    };
    schema.map_err(|message| stups_aws::Error {
        kind: stups_aws::ErrorKind::Other,
        service: "cloudformation".to_owned(),
        operation: "DescribeType".to_owned(),
        code: None,
        message,
    })
}

fn is_young(path: &Path) -> bool {
    let written = std::fs::metadata(path).and_then(|metadata| metadata.modified());
    let age = written.map(|written| SystemTime::now().duration_since(written));
    matches!(age, Ok(Ok(age)) if age < LIFETIME)
}

/// Keeps an answer, and no more than so many: the oldest go. What can't be kept is asked again.
fn keep(cache: &Path, path: &Path, schema: &Json) {
    if write_private(path, schema.to_string().as_bytes()).is_err() {
        return;
    }
    let files = std::fs::read_dir(cache).into_iter().flatten().flatten();
    let mut kept: Vec<(SystemTime, PathBuf)> = files
        .filter_map(|file| Some((file.metadata().ok()?.modified().ok()?, file.path())))
        .collect();
    kept.sort();
    let surplus = kept.len().saturating_sub(MOST);
    for (_, path) in kept.into_iter().take(surplus) {
        let _ = std::fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use std::fs::FileTimes;
    use std::sync::Mutex;

    use stups_aws::Credentials;

    use super::*;
    use crate::http::test_server::{answer, serve};

    const TYPE: &str = "Acme::Pet::Cage";
    const FOUND: &str = "<DescribeTypeResponse><DescribeTypeResult><Schema>{\"typeName\": \"Acme::Pet::Cage\"}</Schema>\
                         </DescribeTypeResult></DescribeTypeResponse>";

    fn refused(code: &str) -> String {
        format!("<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>")
    }

    async fn find(source: &SchemaSource) -> Result<Json, String> {
        let schemas = Schemas::find(source, BTreeSet::from([TYPE.to_owned()])).await;
        schemas.get(TYPE).unwrap().cloned().map_err(Clone::clone)
    }

    /// CloudFormation that gives these answers in turn, and a directory to keep them in.
    fn cloudformation(
        answers: Vec<(&'static str, String)>,
        cache: &Path,
    ) -> (SchemaSource, std::sync::mpsc::Receiver<(String, Option<String>)>) {
        let answers = Mutex::new(answers.into_iter());
        let (address, seen) = serve(move |_, _| {
            let (status, body) = answers.lock().unwrap().next().expect("one question more");
            answer(status, "Content-Type: text/xml\r\n", &body)
        });
        let anybody = Credentials::new("anybody", "anybody", None, None, "test");
        let session =
            Session::with_credentials(anybody, "us-east-1", Some(&format!("http://{address}"))).with_attempts(1);
        (SchemaSource::CloudFormation(Box::new(session), cache.to_owned()), seen)
    }

    fn grow_old(file: &Path) {
        let old = SystemTime::now() - LIFETIME - Duration::from_mins(1);
        let file = std::fs::File::options().write(true).open(file).unwrap();
        file.set_times(FileTimes::new().set_modified(old)).unwrap();
    }

    #[tokio::test]
    async fn an_answer_is_kept_until_it_is_old() {
        let directory = tempfile::tempdir().unwrap();
        let cache = directory.path().join("schemas");
        let ok = || ("200 OK", FOUND.to_owned());
        let answers = vec![ok(), ok(), ("400 Bad Request", refused("AccessDenied"))];
        let (source, seen) = cloudformation(answers, &cache);
        for _ in 0..2 {
            assert_eq!(find(&source).await.unwrap()["typeName"], TYPE);
        }
        assert_eq!(seen.try_iter().count(), 1);
        let kept = cache.join("acme-pet-cage.json");
        grow_old(&kept);
        find(&source).await.unwrap();
        assert_eq!(seen.try_iter().count(), 1);
        // Who may not ask any more has the old answer.
        grow_old(&kept);
        find(&source).await.unwrap();
        assert_eq!(seen.try_iter().count(), 1);
    }

    #[tokio::test]
    async fn why_there_is_no_schema_is_told() {
        let cache = tempfile::tempdir().unwrap();
        let answers = vec![
            ("400 Bad Request", refused("TypeNotFoundException")),
            ("400 Bad Request", refused("AccessDenied")),
            ("200 OK", FOUND.replace("{\"typeName\"", "[")),
        ];
        let (source, _) = cloudformation(answers, cache.path());
        for expected in [
            "CloudFormation knows no type Acme::Pet::Cage",
            "there is no schema of Acme::Pet::Cage: AWS missing access rights.",
            "it is no schema",
        ] {
            let reason = find(&source).await.unwrap_err();
            assert!(reason.contains(expected), "{reason}");
        }
        assert_eq!(std::fs::read_dir(cache.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn files_that_are_none_are_told() {
        let directory = tempfile::tempdir().unwrap();
        let source = SchemaSource::Directory(directory.path().to_owned());
        let file = directory.path().join("acme-pet-cage.json");
        assert!(
            find(&source)
                .await
                .unwrap_err()
                .ends_with("acme-pet-cage.json is missing")
        );
        for (content, expected) in [("{", "it is no schema: EOF"), ("[]", "it is no schema")] {
            std::fs::write(&file, content).unwrap();
            let reason = find(&source).await.unwrap_err();
            assert!(reason.contains(expected), "{reason}");
        }
        let large = std::fs::File::create(&file).unwrap();
        large.set_len(LARGEST + 1).unwrap();
        assert!(find(&source).await.unwrap_err().contains("more than 4194304 bytes"));
    }

    #[test]
    fn only_so_many_answers_are_kept() {
        let cache = tempfile::tempdir().unwrap();
        for number in 0..MOST {
            std::fs::write(cache.path().join(format!("{number}.json")), "{}").unwrap();
        }
        grow_old(&cache.path().join("7.json"));
        let newest = cache.path().join("newest.json");
        keep(cache.path(), &newest, &Json::Null);
        assert_eq!(std::fs::read_dir(cache.path()).unwrap().count(), MOST);
        assert!(newest.exists() && !cache.path().join("7.json").exists());
    }

    #[test]
    fn names_of_files_stay_in_their_directory() {
        assert_eq!(file_name("AWS::EC2::Instance"), "aws-ec2-instance.json");
        assert!(has_schema("AWS::EC2::Instance"));
        for other in [
            "Custom::Thing",
            "AWS::CloudFormation::CustomResource",
            "A::../..::B",
            "A::B",
            "A::::B",
            "A::B::C::MODULE",
        ] {
            assert!(!has_schema(other), "{other}");
        }
    }
}
