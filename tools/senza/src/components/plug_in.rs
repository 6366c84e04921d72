//! Component types of other makers: programs that take a component as JSON and answer with the template.
//!
//! `Acme::Foo` is made by the program `senza-component-acme` in one of the directories of `PATH`. It reads one JSON object from
//! its standard input (protocol, type, name, properties, template, info, arguments, compatibility, force) and writes one to its
//! standard output: `{"template": {...}}`, or `{"error": "what is wrong"}`. What it writes to its standard error are warnings.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Map as JsonMap, Value as Json, json};
use stups_yaml::Value;

use super::component_type::{ComponentType, snake_case};
use super::{Component, Generation};
use crate::{Compatibility, Error};

/// The version of what is written and read.
const PROTOCOL: u32 = 1;
/// How long a program may take.
const TIMEOUT: Duration = Duration::from_mins(1);
/// How much it may answer, in bytes: CloudFormation takes templates of up to 1 MB.
const MAXIMUM_SIZE: u64 = 4 * 1024 * 1024;

/// Lets the program that makes the component's type edit the template. Without such a program the type is unknown.
pub(super) async fn apply(component: &Component, generation: &mut Generation<'_>) -> Result<(), Error> {
    let Err(unknown) = ComponentType::of(component) else {
        return Ok(());
    };
    let Some(name) = program_name(&component.component_type) else {
        return Err(unknown);
    };
    let Some(program) = find(&name, &generation.account.endpoints().programs) else {
        return Err(Error::Usage(format!(
            "{unknown}, and there is no plug-in {name} in PATH"
        )));
    };
    let request = request(component, generation).to_string();
    let answered = tokio::task::spawn_blocking(move || run(&program, &request, TIMEOUT)).await;
    let path = format!("SenzaComponents/{}", component.name);
    let failed = |reason: String| Error::Fatal(format!("{path}: {name}: {reason}"));
    let answer = answered.map_err(|error| failed(error.to_string()))?;
    let answer = answer.map_err(failed)?;
    for line in answer.warnings.lines().filter(|line| !line.is_empty()) {
        generation.terminal.warning(&format!("{path}: {line}"));
    }
    match answer.json {
        Json::Object(mut members) => match (members.remove("template"), members.remove("error")) {
            (_, Some(Json::String(error))) => Err(Error::Usage(format!("{path}: {error}"))),
            (Some(Json::Object(template)), None) => {
                *generation.template = template;
                Ok(())
            }
            _ => Err(failed("its answer has neither a template nor an error".to_owned())),
        },
        _ => Err(failed("its answer is not a JSON object".to_owned())),
    }
}

/// `senza-component-acme` for `Acme::Foo`; nothing for what can't be a program's name, and for Senza's own prefix.
fn program_name(component_type: &str) -> Option<String> {
    let (prefix, name) = component_type.split_once("::")?;
    let prefix = snake_case(prefix).replace('_', "-");
    let is_name = !prefix.is_empty()
        && !name.is_empty()
        && prefix
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || character == '-');
    (is_name && prefix != "senza").then(|| format!("senza-component-{prefix}"))
}

/// The first file of that name. Directories that depend on where somebody stands are left out.
fn find(name: &str, directories: &[PathBuf]) -> Option<PathBuf> {
    directories
        .iter()
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join(name))
        .find(|program| program.is_file())
}

fn request(component: &Component, generation: &Generation<'_>) -> Json {
    let mut arguments: JsonMap<String, Json> = generation
        .arguments
        .parameters
        .iter()
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    arguments.insert("region".to_owned(), json!(generation.arguments.region));
    arguments.insert("version".to_owned(), json!(generation.arguments.version));
    json!({
        "protocol": PROTOCOL,
        "type": component.component_type,
        "name": component.name,
        "properties": Value::Map(component.properties.clone()).to_json(),
        "template": generation.template,
        "info": generation.info,
        "arguments": arguments,
        "compatibility": match generation.compatibility {
            Compatibility::Senza2 => "2.1",
            Compatibility::Senza3 => "3",
        },
        "force": generation.force,
    })
}

/// What a program said.
#[derive(Debug)]
struct Answer {
    json: Json,
    warnings: String,
}

/// Runs `program` with `request` as its standard input; an error in words.
fn run(program: &Path, request: &str, timeout: Duration) -> Result<Answer, String> {
    let end = Instant::now() + timeout;
    let mut child = Command::new(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let finished = exchange(&mut child, request, end);
    let is_gone = finished.is_ok() && is_gone(&mut child, end);
    if !is_gone {
        // It may be gone meanwhile.
        drop(child.kill());
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    let (output, warnings) = finished?;
    if !is_gone {
        return Err("it took too long".to_owned());
    }
    if !status.success() {
        let last = warnings
            .lines()
            .rfind(|line| !line.is_empty())
            .unwrap_or("it said nothing");
        return Err(format!("it failed ({status}): {last}"));
    }
    let json = serde_json::from_slice(&output).map_err(|error| format!("its answer is not JSON: {error}"))?;
    Ok(Answer { json, warnings })
}

/// Writes and reads at the same time, so that nobody waits for the other for ever.
fn exchange(child: &mut Child, request: &str, end: Instant) -> Result<(Vec<u8>, String), String> {
    if let Some(mut input) = child.stdin.take() {
        let request = request.to_owned();
        // A program need not read what it does not want to know.
        thread::spawn(move || drop(input.write_all(request.as_bytes())));
    }
    let output = child.stdout.take().map(read_in_background);
    let warnings = child.stderr.take().map(read_in_background);
    let output = received(output.as_ref(), end)?;
    let warnings = received(warnings.as_ref(), end)?;
    Ok((output, String::from_utf8_lossy(&warnings).into_owned()))
}

/// Whether the program has ended until `end`. It has nothing to say any more, so it is about to.
fn is_gone(child: &mut Child, end: Instant) -> bool {
    loop {
        match child.try_wait() {
            Ok(None) if Instant::now() < end => thread::sleep(Duration::from_millis(5)),
            Ok(None) => return false,
            Ok(Some(_)) | Err(_) => return true,
        }
    }
}

fn read_in_background(stream: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before a failure is not JSON, which will be said.
        drop(stream.take(MAXIMUM_SIZE + 1).read_to_end(&mut bytes));
        drop(sender.send(bytes));
    });
    receiver
}

fn received(stream: Option<&Receiver<Vec<u8>>>, end: Instant) -> Result<Vec<u8>, String> {
    let left = end.saturating_duration_since(Instant::now());
    let bytes = match stream {
        Some(stream) => stream.recv_timeout(left).map_err(|_| "it took too long".to_owned())?,
        None => Vec::new(),
    };
    if bytes.len() as u64 > MAXIMUM_SIZE {
        return Err(format!("it writes more than {MAXIMUM_SIZE} bytes"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_named_after_the_prefix() {
        for (component_type, expected) in [
            ("Acme::Foo", Some("senza-component-acme")),
            ("AcmeTools::Foo", Some("senza-component-acme-tools")),
            ("Senza::Foo", None),
            ("senza::Foo", None),
            ("../x::Foo", None),
            ("Acme::", None),
            ("::Foo", None),
            ("Foo", None),
        ] {
            assert_eq!(program_name(component_type).as_deref(), expected, "{component_type}");
        }
    }

    #[test]
    fn programs_that_misbehave_are_stopped_and_named() {
        let request = format!("{{\"a\": \"{}\"}}", "x".repeat(1_000_000));
        let outcome =
            |program: &str, timeout: Duration| run(Path::new(program), &request, timeout).map(|answer| answer.json);
        assert_eq!(
            outcome("/bin/cat", TIMEOUT).unwrap().to_string().len(),
            request.len() - 1
        );
        for (program, timeout, expected) in [
            ("/bin/true", TIMEOUT, "its answer is not JSON: "),
            ("/bin/false", TIMEOUT, "it failed (exit status: 1): it said nothing"),
            ("/bin/cat", Duration::ZERO, "it took too long"),
            ("/usr/bin/yes", TIMEOUT, "it writes more than 4194304 bytes"),
            ("/nowhere", TIMEOUT, "No such file or directory"),
        ] {
            let error = outcome(program, timeout).unwrap_err();
            assert!(error.starts_with(expected), "{program}: {error}");
        }
    }

    #[test]
    fn only_absolute_directories_are_searched() {
        let directories = |names: &[&str]| -> Vec<PathBuf> { names.iter().map(PathBuf::from).collect() };
        assert_eq!(
            find("cat", &directories(&[".", "", "/bin"])),
            Some(PathBuf::from("/bin/cat"))
        );
        assert_eq!(find("Cargo.toml", &directories(&[".", ""])), None);
        assert_eq!(find("senza-component-other", &directories(&["/bin"])), None);
    }
}
