//! Which answers will do. Each check returns the value, or what is wrong with the text.

use std::net::Ipv4Addr;

/// An application's id: the names of groups and roles are made of it.
pub(super) fn application_id(text: &str) -> Result<String, String> {
    application_id_within(60, text)
}

/// An application's id where other names that are made of it are short.
pub(super) fn short_application_id(text: &str) -> Result<String, String> {
    application_id_within(18, text)
}

fn application_id_within(longest: usize, text: &str) -> Result<String, String> {
    let length = text.chars().count();
    if length > longest {
        return Err(format!("Value is too long! {length} > {longest} chars"));
    }
    let follows_rule = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    follows_rule
        .then(|| text.to_owned())
        .ok_or_else(|| "did not match regex ^[a-zA-Z][-a-zA-Z0-9]*$.".to_owned())
}

/// A Docker image without tag.
pub(super) fn docker_image(text: &str) -> Result<String, String> {
    if !is_image_reference(text) {
        return Err("not the name of a Docker image, such as registry.example.org/team/app".to_owned());
    }
    if text.rsplit('/').next().is_some_and(|last| last.contains([':', '@'])) {
        return Err("give the image without tag; the version is a parameter of the definition".to_owned());
    }
    Ok(text.to_owned())
}

/// A Docker image with its tag or digest, or nothing.
pub(super) fn tagged_docker_image(text: &str) -> Result<Option<String>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let has_version = text.rsplit('/').next().is_some_and(|last| last.contains([':', '@']));
    if !is_image_reference(text) || !has_version {
        return Err("not a Docker image with its tag, such as registry.example.org/team/app:1.0".to_owned());
    }
    Ok(Some(text.to_owned()))
}

fn is_image_reference(text: &str) -> bool {
    let is_edge = |c: char| c.is_ascii_alphanumeric();
    text.starts_with(is_edge)
        && text.ends_with(is_edge)
        && text.len() <= 255
        && text.chars().all(|c| is_edge(c) || "._-/:@".contains(c))
}

pub(super) fn port(text: &str) -> Result<u16, String> {
    text.parse()
        .ok()
        .filter(|port| *port > 0)
        .ok_or_else(|| format!("\"{text}\" is not a port (1 to 65535)"))
}

pub(super) fn url_path(text: &str) -> Result<String, String> {
    if !text.starts_with('/') || text.len() > 1024 || !text.chars().all(|c| c.is_ascii_graphic()) {
        return Err("not a path, which starts with / and has no blanks".to_owned());
    }
    literal(text)
}

/// `t3.small`
pub(super) fn instance_type(text: &str) -> Result<String, String> {
    let is_word = |word: &str| {
        !word.is_empty()
            && word
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    match text.split_once('.') {
        Some((family, size)) if is_word(family) && is_word(size) => Ok(text.to_owned()),
        _ => Err(format!("\"{text}\" is not an instance type, such as t3.small")),
    }
}

/// `cache.t4g.small`
pub(super) fn cache_node_type(text: &str) -> Result<String, String> {
    of_service("cache", text)
}

/// `db.t4g.small`
pub(super) fn database_instance_type(text: &str) -> Result<String, String> {
    of_service("db", text)
}

fn of_service(service: &str, text: &str) -> Result<String, String> {
    let rest = text.strip_prefix(service).and_then(|rest| rest.strip_prefix('.'));
    match rest.map(instance_type) {
        Some(Ok(_)) => Ok(text.to_owned()),
        _ => Err(format!(
            "\"{text}\" is not an instance type, such as {service}.t4g.small"
        )),
    }
}

pub(super) fn bucket_name(text: &str) -> Result<String, String> {
    let is_edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_name = (3..=63).contains(&text.len())
        && text.starts_with(is_edge)
        && text.ends_with(is_edge)
        && text.chars().all(|c| is_edge(c) || c == '.' || c == '-');
    is_name
        .then(|| text.to_owned())
        .ok_or_else(|| format!("\"{text}\" is not the name of an S3 bucket"))
}

/// How many nodes a Redis cluster has.
pub(super) fn number_of_nodes(text: &str) -> Result<u8, String> {
    text.parse()
        .ok()
        .filter(|nodes| text.len() == 1 && (2..=5).contains(nodes))
        .ok_or_else(|| "did not match regex ^[2-5]$.".to_owned())
}

/// A range of IPv4 addresses: `10.0.0.0/16`.
pub(super) fn address_range(text: &str) -> Result<String, String> {
    let is_range = text.split_once('/').is_some_and(|(address, length)| {
        address.parse::<Ipv4Addr>().is_ok() && length.parse::<u8>().is_ok_and(|length| length <= 32)
    });
    is_range
        .then(|| text.to_owned())
        .ok_or_else(|| format!("\"{text}\" is not a range of addresses, such as 10.0.0.0/16"))
}

/// A name in the DNS.
pub(super) fn host_name(text: &str) -> Result<String, String> {
    let is_label = |label: &str| {
        !label.is_empty() && label.len() <= 63 && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    (text.len() <= 253 && text.split('.').all(is_label))
        .then(|| text.to_owned())
        .ok_or_else(|| format!("\"{text}\" is not a domain, such as postgres.example.org"))
}

/// The id of a security group, or nothing.
pub(super) fn security_group_id(text: &str) -> Result<Option<String>, String> {
    optional_id("sg-", text)
}

/// The id of a snapshot, or nothing.
pub(super) fn snapshot_id(text: &str) -> Result<Option<String>, String> {
    optional_id("snap-", text)
}

fn optional_id(prefix: &str, text: &str) -> Result<Option<String>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let is_id = text
        .strip_prefix(prefix)
        .is_some_and(|id| !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric()));
    is_id
        .then(|| Some(text.to_owned()))
        .ok_or_else(|| format!("\"{text}\" is not an id, such as {prefix}0123456789abcdef0"))
}

/// Gigabytes of a volume.
pub(super) fn volume_size(text: &str) -> Result<u32, String> {
    text.parse()
        .ok()
        .filter(|size| (10..=65_536).contains(size))
        .ok_or_else(|| format!("\"{text}\" is not a size (10 to 65536)"))
}

/// One lower-case word: a file system, the name of a database.
pub(super) fn word(text: &str) -> Result<String, String> {
    let is_word = text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.len() <= 63
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    is_word
        .then(|| text.to_owned())
        .ok_or_else(|| format!("\"{text}\" is not one word of small letters"))
}

/// Options of a mount.
pub(super) fn mount_options(text: &str) -> Result<String, String> {
    if text.is_empty() || !text.chars().all(|c| c.is_ascii_graphic()) {
        return Err("not options, which are words with commas in between".to_owned());
    }
    literal(text)
}

/// When something recurs, as Auto Scaling takes it: `0 7 * * 1-5`.
pub(super) fn recurrence(text: &str) -> Result<String, String> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let is_field = |field: &&str| {
        field
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "*/,-?L#".contains(c))
    };
    (fields.len() == 5 && fields.iter().all(is_field))
        .then(|| fields.join(" "))
        .ok_or_else(|| "not minute, hour, day, month and weekday, such as 0 7 * * 1-5".to_owned())
}

/// A password. It is never shown.
pub(super) fn password(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > 1024 || text.chars().any(char::is_control) {
        return Err("not a password, which has at least one character and no control characters".to_owned());
    }
    literal(text)
}

/// Any text that the definition's templating leaves alone.
fn literal(text: &str) -> Result<String, String> {
    if text.contains("{{") {
        return Err("{{ would be taken for a variable of the definition".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expect<T>(check: fn(&str) -> Result<T, String>, good: &[&str], wrong: &[&str]) {
        for text in good {
            assert!(check(text).is_ok(), "{text:?}: {:?}", check(text).err());
        }
        for text in wrong {
            assert!(check(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn ids() {
        let (long, short) = ("a".repeat(61), "a".repeat(19));
        let wrong = ["1a", "a_b", "", "a\n", "-a"];
        expect(
            application_id,
            &["hello-world", "a", &long[..60]],
            &[&wrong[..], &[&long]].concat(),
        );
        expect(
            short_application_id,
            &["a1-B", &short[..18]],
            &[&wrong[..], &[&short]].concat(),
        );
        expect(security_group_id, &["", "sg-0a1b"], &["sg-", "0a1b", "sg-a b"]);
        expect(snapshot_id, &["", "snap-0a1b"], &["snap-", "sg-1"]);
    }

    #[test]
    fn images_and_types() {
        expect(
            docker_image,
            &["stups/hello-world", "localhost:5000/team/app"],
            &["app:1.0", "a b", "x\"", "", "a{{b}}"],
        );
        expect(
            tagged_docker_image,
            &["", "team/app:1.0", "r.io/team/app:1", "r.io/a/b@sha256:00ff"],
            &["app", "r.io:5000/app", "a b:1", "a:"],
        );
        expect(
            instance_type,
            &["t2.micro", "u-6tb1.56xlarge"],
            &["t2", "T2.micro", ".micro"],
        );
        expect(
            cache_node_type,
            &["cache.t4g.small"],
            &["t4g.small", "cache.t4g", "db.t4g.small"],
        );
        expect(database_instance_type, &["db.m7g.2xlarge"], &["m7g.2xlarge", "db."]);
    }

    #[test]
    fn places() {
        expect(port, &["8080", "1", "65535"], &["0", "65536", "http", "-1"]);
        expect(url_path, &["/", "/health?x=1"], &["health", "/a b", "/{{x}}", ""]);
        expect(bucket_name, &["mint-example-bucket"], &["ab", "-abc", "Abc", "a\"bc"]);
        expect(
            address_range,
            &["10.0.0.0/16", "0.0.0.0/0"],
            &["10.0.0.0", "10.0.0/8", "10.0.0.0/33", "::/0"],
        );
        expect(
            host_name,
            &["postgres.example.org", "a"],
            &["", "a..b", "a.", "a_b", "a b"],
        );
    }

    #[test]
    fn numbers_and_words() {
        expect(number_of_nodes, &["2", "5"], &["1", "6", "02", "", "two"]);
        expect(volume_size, &["10", "65536"], &["9", "65537", "-1", "ten"]);
        expect(word, &["ext4", "app_db"], &["", "4", "Ext4", "a-b"]);
        expect(mount_options, &["noatime,nodiratime"], &["", "a b", "{{x}}"]);
        expect(
            recurrence,
            &["0 7 * * 1-5", "*/5  * * * MON,TUE"],
            &["0 7 * *", "0 7 * * 1; 2", ""],
        );
        expect(password, &["a", "p4ss w'ord"], &["", "a\nb", "{{x}}"]);
    }
}
