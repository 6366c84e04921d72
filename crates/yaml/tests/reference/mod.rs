//! A running PyYAML.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use serde_json::{Value as Json, json};
use stups_testkit::{PythonEnvironment, Requirements};
use stups_yaml::{Key, Value};

/// What PyYAML made of a text.
#[derive(Debug)]
pub(crate) enum Answer {
    Value(Value),
    /// it refused the text, and why
    Refused(String),
    /// an integer beyond the 128 bits that ours have
    TooLarge,
    /// Python cannot tell keys of the map apart that YAML can
    Unequal,
}

/// The process; it ends when this is dropped.
pub(crate) struct Reference {
    child: Child,
    pipes: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
}

impl Reference {
    pub(crate) fn start() -> Self {
        let environment = PythonEnvironment::get(Requirements::AwsApi).unwrap();
        let mut child = Command::new(environment.executable("python"))
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self {
            child,
            pipes: Mutex::new((input, output)),
        }
    }

    /// `yaml.dump` in block style, with unlimited width.
    pub(crate) fn dump(&self, value: &Value, indent: usize) -> String {
        let answer = self.ask(&json!({"operation": "dump", "value": encode(value), "indent": indent}));
        answer["text"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// What a plain scalar of this text is.
    pub(crate) fn resolve(&self, text: &str) -> Answer {
        decode_answer(&self.ask(&json!({"operation": "resolve", "text": text})))
    }

    /// `yaml.safe_load`, with the platform's additions.
    pub(crate) fn load(&self, text: &str) -> Answer {
        decode_answer(&self.ask(&json!({"operation": "load", "text": text})))
    }

    fn ask(&self, request: &Json) -> Json {
        let mut pipes = self.pipes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (input, output) = &mut *pipes;
        writeln!(input, "{request}").unwrap();
        input.flush().unwrap();
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        // A lone surrogate, which Python's text can hold, is no text here.
        serde_json::from_str(&line).unwrap_or_else(|error| json!({"error": error.to_string()}))
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A value with its types, as `reference.py` writes it.
pub(crate) fn encode(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => json!(value),
        Value::Int(value) => json!({"i": value.to_string()}),
        Value::Float(value) if value.is_nan() => json!({"f": "nan"}),
        Value::Float(value) => json!({"f": value.to_bits().to_string()}),
        Value::String(text) => json!({"s": text}),
        Value::List(items) => items.iter().map(encode).collect(),
        Value::Map(map) => {
            let members: Vec<_> = map
                .iter()
                .map(|(key, value)| json!([encode_key(key), encode(value)]))
                .collect();
            json!({"m": members})
        }
    }
}

fn encode_key(key: &Key) -> Json {
    encode(&match key {
        Key::Null => Value::Null,
        Key::Bool(value) => Value::Bool(*value),
        Key::Int(value) => Value::Int(*value),
        Key::Float(bits) => Value::Float(f64::from_bits(*bits)),
        Key::String(text) => Value::from(text.as_str()),
    })
}

fn decode_answer(answer: &Json) -> Answer {
    if let Some(error) = answer["error"].as_str() {
        return Answer::Refused(error.to_owned());
    }
    if answer["unequal"] == true {
        return Answer::Unequal;
    }
    decode(&answer["value"]).map_or(Answer::TooLarge, Answer::Value)
}

/// The value; nothing if it holds an integer of more than 128 bits.
fn decode(json: &Json) -> Option<Value> {
    match json {
        Json::Null => Some(Value::Null),
        Json::Bool(value) => Some(Value::Bool(*value)),
        Json::Array(items) => items.iter().map(decode).collect::<Option<_>>().map(Value::List),
        _ => {
            if let Some(digits) = json["i"].as_str() {
                digits.parse().ok().map(Value::Int)
            } else if let Some(bits) = json["f"].as_str() {
                Some(Value::Float(if bits == "nan" {
                    f64::NAN
                } else {
                    f64::from_bits(bits.parse().unwrap())
                }))
            } else if let Some(text) = json["s"].as_str() {
                Some(Value::from(text))
            } else {
                let members = json["m"].as_array().unwrap().iter();
                members
                    .map(|member| Some((decode_key(&member[0])?, decode(&member[1])?)))
                    .collect::<Option<_>>()
                    .map(Value::Map)
            }
        }
    }
}

fn decode_key(json: &Json) -> Option<Key> {
    Some(match decode(json)? {
        Value::Null => Key::Null,
        Value::Bool(value) => Key::Bool(value),
        Value::Int(value) => Key::Int(value),
        Value::Float(value) => Key::Float(value.to_bits()),
        Value::String(text) => Key::String(text),
        other => panic!("a key that is {}", other.kind()),
    })
}
