//! What the original Pier One read from its environment, as settings of ours: an operator moves with the variables that he has
//! (contract pierone 2.14). All of them yield to everything else.

use anyhow::anyhow;
use toml::{Table, Value};
use url::Url;

/// Variables that are settings as they stand.
const SAME: [(&str, &str); 6] = [
    ("API_REPOSITORY", "registry"),
    ("API_CALLBACK_URL", "clair_callback_url"),
    ("API_CLAIR_LAYER_PUSH_QUEUE_URL", "clair_push_queue"),
    ("API_CLAIR_CHECK_RESULT_QUEUE_URL", "clair_result_queue"),
    ("API_SNS_TOPIC_ARN", "sns_topic"),
    ("HTTPLOGGER_API_URL", "audit_url"),
];

/// Variables that are read in another manner.
const OTHERS: [&str; 12] = [
    "HTTP_ALLOW_PUBLIC_READ",
    "STORAGE_S3_EXTERNAL_STORE",
    "STORAGE_S3_BUCKET",
    "STORAGE_DIRECTORY",
    "DB_SUBNAME",
    "DB_USER",
    "DB_PASSWORD",
    "AUDIT_LOG_BUCKET",
    "AUDIT_LOG_FLUSH_MILLIS",
    "APPLICATION_ID",
    "APPLICATION_VERSION",
    "INSTANCE_ID",
];

/// Whether a variable is one of them.
pub(crate) fn knows(name: &str) -> bool {
    OTHERS.contains(&name) || SAME.iter().any(|(variable, _)| *variable == name)
}

/// Puts them into Pier One's settings. `alone`: whether no other service runs in this process; only then the names of the database
/// are its own.
pub(crate) fn apply(settings: &mut Table, variables: &[(String, String)], alone: bool) -> anyhow::Result<()> {
    let variables = Variables(variables);
    for (variable, key) in SAME {
        if let Some(value) = variables.get(variable) {
            add(settings, key, value);
        }
    }
    if variables.is_true("HTTP_ALLOW_PUBLIC_READ") {
        add(settings, "public_read", Value::Array(vec!["*".into()]));
        add(settings, "write_host", "write");
    }
    if variables.is_true("STORAGE_S3_EXTERNAL_STORE") {
        add(settings, "redirect_downloads", true);
    }
    if let Some(storage) = storage(&variables)? {
        add(settings, "storage", storage);
    }
    if let Some(bucket) = variables.get("AUDIT_LOG_BUCKET") {
        add(settings, "audit_bucket", format!("s3://{bucket}"));
        add_names_of_logs(settings, &variables)?;
    }
    if alone && let Some(database) = database(&variables)? {
        add(settings, "database", database);
    }
    Ok(())
}

fn add(settings: &mut Table, key: &str, value: impl Into<Value>) {
    settings.entry(key).or_insert_with(|| value.into());
}

/// What objects with logs are called by, and how often one is written.
fn add_names_of_logs(settings: &mut Table, variables: &Variables<'_>) -> anyhow::Result<()> {
    let application = variables.get("APPLICATION_ID").unwrap_or("unknown-app");
    let version = variables.get("APPLICATION_VERSION").unwrap_or("unknown-version");
    add(settings, "audit_bucket_application", format!("{application}/{version}"));
    if let Some(instance) = variables.get("INSTANCE_ID") {
        add(settings, "audit_bucket_instance", instance);
    }
    if let Some(pause) = variables.get("AUDIT_LOG_FLUSH_MILLIS") {
        let millis: u32 = pause
            .parse()
            .map_err(|_| anyhow!("AUDIT_LOG_FLUSH_MILLIS is no number of milliseconds: {pause}"))?;
        add(
            settings,
            "audit_bucket_seconds",
            i64::from(millis.div_ceil(1000).max(1)),
        );
    }
    Ok(())
}

struct Variables<'a>(&'a [(String, String)]);

impl<'a> Variables<'a> {
    /// A variable that is set, and not empty.
    fn get(&self, name: &str) -> Option<&'a str> {
        let found = self.0.iter().find(|(known, value)| known == name && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }

    fn is_true(&self, name: &str) -> bool {
        self.get(name) == Some("true")
    }
}

/// The bucket, or without one the directory.
fn storage(variables: &Variables<'_>) -> anyhow::Result<Option<String>> {
    if let Some(bucket) = variables.get("STORAGE_S3_BUCKET") {
        return Ok(Some(format!("s3://{bucket}")));
    }
    let Some(directory) = variables.get("STORAGE_DIRECTORY") else {
        return Ok(None);
    };
    let absolute = std::path::absolute(directory)?;
    let url = Url::from_directory_path(absolute);
    let url = url.map_err(|()| anyhow!("STORAGE_DIRECTORY is no path: {directory}"))?;
    Ok(Some(url.to_string()))
}

/// `//host:port/database` as JDBC has it, with the user and the password. Without the first there is none to be found.
fn database(variables: &Variables<'_>) -> anyhow::Result<Option<String>> {
    let Some(place) = variables.get("DB_SUBNAME") else {
        return Ok(None);
    };
    let wrong = || anyhow!("DB_SUBNAME is no database such as //db.example.org:5432/pierone: {place}");
    if !place.starts_with("//") {
        return Err(wrong());
    }
    let mut url: Url = format!("postgres:{place}").parse().map_err(|_| wrong())?;
    // Of what the driver of Java took, this has the same meaning here.
    let encrypted = url
        .query_pairs()
        .any(|(name, value)| (name == "ssl" && value == "true") || (name == "sslmode" && value == "require"));
    url.set_query(encrypted.then_some("sslmode=require"));
    let user = variables.get("DB_USER").unwrap_or("postgres");
    let password = variables.get("DB_PASSWORD").unwrap_or("postgres");
    let named = url.set_username(user).and_then(|()| url.set_password(Some(password)));
    named.map_err(|()| wrong())?;
    Ok(Some(url.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(file: &str, variables: &[(&str, &str)], alone: bool) -> anyhow::Result<Table> {
        let mut settings: Table = file.parse().unwrap();
        let variables: Vec<_> = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        apply(&mut settings, &variables, alone)?;
        Ok(settings)
    }

    const ALL: [(&str, &str); 19] = [
        ("API_REPOSITORY", "pierone.example.org"),
        ("API_CALLBACK_URL", "https://pierone.example.org"),
        (
            "API_CLAIR_LAYER_PUSH_QUEUE_URL",
            "https://sqs.eu-west-1.amazonaws.com/1/push",
        ),
        (
            "API_CLAIR_CHECK_RESULT_QUEUE_URL",
            "https://sqs.eu-west-1.amazonaws.com/1/result",
        ),
        ("API_SNS_TOPIC_ARN", "arn:aws:sns:eu-west-1:1:tags"),
        ("HTTPLOGGER_API_URL", "https://audit.example.org"),
        ("HTTP_ALLOW_PUBLIC_READ", "true"),
        ("STORAGE_S3_EXTERNAL_STORE", "true"),
        ("STORAGE_S3_BUCKET", "acme-pierone"),
        ("STORAGE_DIRECTORY", "/data"),
        ("DB_SUBNAME", "//db.example.org:5432/pierone?ssl=true&loginTimeout=5"),
        ("DB_USER", "pierone"),
        ("DB_PASSWORD", "a/b@c"),
        ("AUDIT_LOG_BUCKET", "acme-audit"),
        ("AUDIT_LOG_FLUSH_MILLIS", "2500"),
        ("APPLICATION_ID", "pierone"),
        ("APPLICATION_VERSION", "1.8"),
        ("INSTANCE_ID", "i-0123"),
        ("NREPL_ENABLED", "true"),
    ];

    #[test]
    fn an_operator_moves_with_his_environment() {
        let expected = r#"
            registry = "pierone.example.org"
            clair_callback_url = "https://pierone.example.org"
            clair_push_queue = "https://sqs.eu-west-1.amazonaws.com/1/push"
            clair_result_queue = "https://sqs.eu-west-1.amazonaws.com/1/result"
            sns_topic = "arn:aws:sns:eu-west-1:1:tags"
            audit_url = "https://audit.example.org"
            public_read = ["*"]
            write_host = "write"
            redirect_downloads = true
            storage = "s3://acme-pierone"
            audit_bucket = "s3://acme-audit"
            audit_bucket_application = "pierone/1.8"
            audit_bucket_instance = "i-0123"
            audit_bucket_seconds = 3
            database = "postgres://pierone:a%2Fb%40c@db.example.org:5432/pierone?sslmode=require"
        "#;
        let expected: Table = expected.parse().unwrap();
        assert_eq!(applied("", &ALL, true).unwrap(), expected);
        // The database may be another service's.
        assert!(!applied("", &ALL, false).unwrap().contains_key("database"));
        assert!(ALL.iter().all(|(name, _)| knows(name) != name.starts_with("NREPL")));
        // Each of these is a setting that there is.
        Value::Table(expected).try_into::<stups_pierone::Config>().unwrap();
    }

    #[test]
    fn every_other_source_wins() {
        let file = "storage = \"s3://other\"\npublic_read = []\n";
        let settings = applied(file, &ALL, true).unwrap();
        assert_eq!(settings["storage"].as_str(), Some("s3://other"));
        assert_eq!(settings["public_read"].as_array().map(Vec::len), Some(0));
    }

    #[test]
    fn a_directory_is_one_when_there_is_no_bucket() {
        let settings = applied("", &[("STORAGE_DIRECTORY", "/data")], true).unwrap();
        assert_eq!(settings["storage"].as_str(), Some("file:///data/"));
        let settings = applied("", &[("HTTP_ALLOW_PUBLIC_READ", "false"), ("DB_USER", "x")], true).unwrap();
        assert!(settings.is_empty());
        let settings = applied("", &[("DB_SUBNAME", "//localhost/pierone")], true).unwrap();
        let database = settings["database"].as_str();
        assert_eq!(database, Some("postgres://postgres:postgres@localhost/pierone"));
    }

    #[test]
    fn logs_are_called_as_the_original_called_them() {
        let settings = applied("", &[("AUDIT_LOG_BUCKET", "acme-audit")], true).unwrap();
        assert_eq!(
            settings,
            "audit_bucket = \"s3://acme-audit\"\naudit_bucket_application = \"unknown-app/unknown-version\""
                .parse()
                .unwrap()
        );
        let settings = applied("", &[("APPLICATION_ID", "pierone"), ("INSTANCE_ID", "i-0123")], true).unwrap();
        assert!(settings.is_empty());
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        for (name, value) in [("DB_SUBNAME", "db.example.org/pierone"), ("DB_SUBNAME", "///")] {
            let error = applied("", &[(name, value)], true).unwrap_err().to_string();
            assert!(error.starts_with("DB_SUBNAME is no database"), "{error}");
        }
        let pause = [("AUDIT_LOG_BUCKET", "x"), ("AUDIT_LOG_FLUSH_MILLIS", "often")];
        let error = applied("", &pause, true).unwrap_err().to_string();
        assert!(error.starts_with("AUDIT_LOG_FLUSH_MILLIS is no number"), "{error}");
    }
}
