//! CloudWatch's alarms. Its SDK speaks CBOR (RFC 8949), which moto does not.

use std::sync::{Arc, Mutex};

/// Alarms by name, with their states.
#[derive(Clone, Default)]
pub(crate) struct Alarms(Arc<Mutex<Vec<(String, &'static str)>>>);

impl Alarms {
    /// Makes an alarm, or changes its state.
    pub(crate) fn set(&self, name: &str, state: &'static str) {
        let mut alarms = self.0.lock().unwrap();
        alarms.retain(|(other, _)| other != name);
        alarms.push((name.to_owned(), state));
    }

    /// The whole answer to DescribeAlarms.
    pub(crate) fn answer(&self) -> Vec<u8> {
        let mut body = map(2);
        body.extend(text("CompositeAlarms"));
        body.extend(array(0));
        let alarms = self.0.lock().unwrap();
        body.extend(text("MetricAlarms"));
        body.extend(array(alarms.len()));
        for (name, state) in alarms.iter() {
            body.extend(map(3));
            for (key, value) in [
                ("AlarmName", name.as_str()),
                ("StateValue", state),
                ("StateReason", "5 errors"),
            ] {
                body.extend(text(key));
                body.extend(text(value));
            }
        }
        let head = format!(
            "HTTP/1.1 200 OK\r\nsmithy-protocol: rpc-v2-cbor\r\nContent-Type: application/cbor\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n",
            body.len()
        );
        [head.into_bytes(), body].concat()
    }
}

fn map(entries: u8) -> Vec<u8> {
    vec![0xa0 + entries]
}

fn array(items: usize) -> Vec<u8> {
    vec![0x80 + u8::try_from(items).unwrap()]
}

fn text(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).unwrap();
    assert!(length < 24, "longer texts are written otherwise");
    [vec![0x60 + length], text.as_bytes().to_vec()].concat()
}
