//! Settings from environment variables: `STUPS_KIO_DATABASE`, and those that the originals read.

use toml::{Table, Value};

use crate::service::Name;

/// Variables of the originals and the settings that they are (contracts kio 2.12, pierone 2.14, essentials 2.7,
/// mint-berry 2.5). They yield to everything else.
const ORIGINALS: [(&str, Name, &str); 21] = [
    ("TOKENINFO_URL", Name::Kio, "tokeninfo_url"),
    ("HTTP_TOKENINFO_URL", Name::Kio, "tokeninfo_url"),
    ("HTTP_ADMIN_USERS", Name::Kio, "admin_users"),
    ("HTTP_MAGNIFICENT_URL", Name::Kio, "policy_url"),
    ("TOKENINFO_URL", Name::Pierone, "tokeninfo_url"),
    ("HTTP_TOKENINFO_URL", Name::Pierone, "tokeninfo_url"),
    ("HTTP_IIDINFO_URL", Name::Pierone, "iidinfo_url"),
    ("HTTP_MAGNIFICENT_URL", Name::Pierone, "policy_url"),
    ("TOKENINFO_URL", Name::Essentials, "tokeninfo_url"),
    ("GLOBAL_TOKENINFO_URL", Name::Essentials, "tokeninfo_url"),
    ("API_ALLOWED_REALMS", Name::Essentials, "allowed_realms"),
    ("API_VALID_RESOURCE_OWNERS", Name::Essentials, "valid_resource_owners"),
    ("API_KIO_URL", Name::Essentials, "kio_url"),
    ("AUTH_MAGNIFICENT_URL", Name::Essentials, "policy_url"),
    ("TOKENINFO_URL", Name::Mint, "tokeninfo_url"),
    ("HTTP_TOKENINFO_URL", Name::Mint, "tokeninfo_url"),
    ("HTTP_KIO_URL", Name::Mint, "kio_url"),
    ("HTTP_ESSENTIALS_URL", Name::Mint, "essentials_url"),
    ("HTTP_MAGNIFICENT_URL", Name::Mint, "policy_url"),
    ("HTTP_USERNAME_PREFIX", Name::Mint, "username_prefix"),
    ("UPSTREAM_TOKENINFO_URL", Name::Identity, "upstream_tokeninfo_url"),
];

/// Whether a variable is a setting of ours or of an original.
pub(crate) fn knows(name: &str) -> bool {
    name.starts_with("STUPS_") || ORIGINALS.iter().any(|(variable, ..)| *variable == name)
}

/// Puts what the environment says into the settings: `STUPS_` variables win over the file, the originals' do not.
pub(crate) fn apply(settings: &mut Table, variables: impl Iterator<Item = (String, String)>) {
    let variables: Vec<_> = variables.collect();
    for (variable, service, key) in ORIGINALS {
        if let Some((_, value)) = variables
            .iter()
            .find(|(name, value)| name == variable && !value.is_empty())
        {
            let table = settings.get(service.as_str()).and_then(Value::as_table);
            let set_in_file = table.is_some_and(|table| table.contains_key(key) && !is_originals(table, key));
            if !set_in_file {
                service_table(settings, service).insert(key.to_owned(), Value::String(value.clone()));
                service_table(settings, service).insert(marker(key), Value::Boolean(true));
            }
        }
    }
    for service in Name::ALL {
        for (_, _, key) in ORIGINALS {
            if let Some(Value::Table(table)) = settings.get_mut(service.as_str()) {
                table.remove(&marker(key));
            }
        }
    }
    for (name, value) in &variables {
        for service in Name::ALL {
            let prefix = format!("STUPS_{}_", service.as_str().to_uppercase());
            if let Some(key) = name.strip_prefix(&prefix) {
                insert(service_table(settings, service), &key.to_lowercase(), read(value));
            }
        }
    }
}

/// Notes for the time of [`apply`] that a value came from an original's variable, which the next such may overwrite.
fn marker(key: &str) -> String {
    format!("\u{0}{key}")
}

fn is_originals(table: &Table, key: &str) -> bool {
    table.contains_key(&marker(key))
}

fn service_table(settings: &mut Table, service: Name) -> &mut Table {
    let entry = settings
        .entry(service.as_str())
        .or_insert_with(|| Value::Table(Table::new()));
    if !entry.is_table() {
        *entry = Value::Table(Table::new());
    }
    match entry {
        Value::Table(table) => table,
        _ => unreachable!("it has just been made one"),
    }
}

/// `signing__algorithm` is the key `algorithm` of the table `signing`.
fn insert(table: &mut Table, key: &str, value: Value) {
    match key.split_once("__") {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((outer, inner)) => {
            let entry = table.entry(outer).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(table) = entry {
                insert(table, inner, value);
            }
        }
    }
}

/// The value: truth, a number or a list when it is written as one, else text.
fn read(text: &str) -> Value {
    let typed = format!("value = {text}")
        .parse::<Table>()
        .ok()
        .and_then(|mut table| table.remove("value"));
    match typed {
        Some(value @ (Value::Boolean(_) | Value::Integer(_) | Value::Array(_))) => value,
        _ => Value::String(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(file: &str, variables: &[(&str, &str)]) -> Table {
        let mut settings: Table = file.parse().unwrap();
        apply(
            &mut settings,
            variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        settings
    }

    #[test]
    fn variables_win_over_the_file_and_keep_their_type() {
        let settings = applied(
            "[kio]\nlisten = \"127.0.0.1:1\"\n",
            &[
                ("STUPS_KIO_LISTEN", "127.0.0.1:2"),
                ("STUPS_KIO_BODY_BYTES", "1000"),
                ("STUPS_KIO_TRUSTED_PROXIES", "[\"10.0.0.1\"]"),
                ("STUPS_IDENTITY_SIGNING__ALGORITHM", "ES256"),
                ("STUPS_IDENTITY_TOKEN_SERVICE", "true"),
                ("STUPS_LOG", "debug"),
                ("PATH", "/bin"),
            ],
        );
        let expected = "[kio]\nlisten = \"127.0.0.1:2\"\nbody_bytes = 1000\ntrusted_proxies = [\"10.0.0.1\"]\n\
                        [identity]\nsigning = { algorithm = \"ES256\" }\ntoken_service = true\n";
        assert_eq!(settings, expected.parse::<Table>().unwrap());
    }

    #[test]
    fn the_originals_variables_yield_and_the_later_one_wins() {
        let both = [("TOKENINFO_URL", "http://one"), ("HTTP_TOKENINFO_URL", "http://two")];
        let settings = |kio, pierone, essentials, mint| {
            format!(
                "kio.tokeninfo_url = \"{kio}\"\npierone.tokeninfo_url = \"{pierone}\"\n\
                 essentials.tokeninfo_url = \"{essentials}\"\nmint.tokeninfo_url = \"{mint}\"\n"
            )
        };
        // essentials did not know the second.
        let later = settings("http://two", "http://two", "http://one", "http://two");
        assert_eq!(applied("", &both), later.parse::<Table>().unwrap());
        let file = settings("http://file", "http://file", "http://file", "http://file");
        assert_eq!(applied(&file, &both), file.parse::<Table>().unwrap());
    }
}
