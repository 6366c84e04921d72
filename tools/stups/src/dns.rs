//! The DNS records of an organisation.

use hickory_resolver::TokioResolver;
use hickory_resolver::net::NetError;
use hickory_resolver::proto::rr::RData;
use stups_yaml::{Map, Value};

use crate::domain::Domain;

/// The machine's resolver.
pub(crate) struct Dns(TokioResolver);

impl Dns {
    pub(crate) fn new() -> Result<Self, String> {
        let resolver = TokioResolver::builder_tokio().and_then(hickory_resolver::ResolverBuilder::build);
        resolver
            .map(Self)
            .map_err(|error| format!("the machine's DNS configuration cannot be used: {error}"))
    }

    /// Whether there is such a domain. One without an address is there.
    pub(crate) async fn exists(&self, domain: &Domain) -> bool {
        match self.0.lookup_ip(absolute(domain.as_str())).await {
            Ok(_) => true,
            Err(error) => error.is_no_records_found() && !error.is_nx_domain(),
        }
    }

    /// The mapping in the TXT record `_<component>._autoconfig.<domain>`; the error is a word or two, as the originals show it.
    pub(crate) async fn autoconfig(&self, component: &str, domain: &Domain) -> Result<Map, String> {
        let name = absolute(&format!("_{component}._autoconfig.{domain}"));
        let lookup = self.0.txt_lookup(name).await.map_err(|error| describe(&error))?;
        let mut found = Err("NoAnswer".to_owned());
        for record in lookup.answers() {
            if let RData::TXT(txt) = &record.data {
                found = mapping(&txt.txt_data);
            }
        }
        found
    }
}

/// The resolver's search list is not for names that are complete.
fn absolute(name: &str) -> String {
    format!("{name}.")
}

fn describe(error: &NetError) -> String {
    if error.is_nx_domain() {
        "NXDOMAIN".to_owned()
    } else if error.is_no_records_found() {
        "NoAnswer".to_owned()
    } else {
        format!("ERROR: {error}")
    }
}

/// The YAML in a record. DNS cuts a long text into strings of 255 bytes; they are one text.
fn mapping(strings: &[Box<[u8]>]) -> Result<Map, String> {
    let text = String::from_utf8(strings.concat()).map_err(|_| "ERROR: the record is not UTF-8".to_owned())?;
    match stups_yaml::load(&text) {
        Ok(Value::Map(map)) => Ok(map),
        Ok(_) => Err("ERROR: the record is no mapping".to_owned()),
        Err(error) => Err(format!("ERROR: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn strings(parts: &[&str]) -> Vec<Box<[u8]>> {
        parts.iter().map(|part| part.as_bytes().into()).collect()
    }

    #[test]
    fn the_strings_of_a_record_are_one_text() {
        let map = mapping(&strings(&[
            "{authorize_url: 'https://id.exam",
            "ple.org/a', client_id: z}",
        ]))
        .unwrap();
        assert_eq!(map["authorize_url"].as_str(), Some("https://id.example.org/a"));
        assert_eq!(map["client_id"].as_str(), Some("z"));
    }

    #[test]
    fn what_is_no_mapping_is_an_error() {
        for text in ["", "v=spf1 -all", "{a: ", "[1]"] {
            assert!(mapping(&strings(&[text])).is_err(), "{text}");
        }
        assert!(mapping(&[vec![0xff].into()]).is_err());
    }

    proptest! {
        #[test]
        fn no_record_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = mapping(&[bytes.into()]);
        }
    }
}
