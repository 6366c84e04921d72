use proptest::prelude::*;

use super::*;

fn location(text: &str) -> SecretLocation {
    text.parse().unwrap()
}

fn reason(text: &str) -> &'static str {
    match text.parse::<SecretLocation>() {
        Err(SecretLocationError::Location { reason, .. }) => reason,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn each_store_has_names_of_its_own() {
    for (text, shown, user, probe) in [
        ("mint", "mint", "pets/user.json", "pets/test-mint-write"),
        (
            "s3://acme-stups-mint-123-eu-west-1",
            "acme-stups-mint-123-eu-west-1",
            "pets/user.json",
            "pets/test-mint-write",
        ),
        (
            "secretsmanager://stups/mint",
            "secretsmanager://stups/mint",
            "stups/mint/pets/user",
            "stups/mint/pets/test-mint-write",
        ),
        (
            "ssm://stups",
            "ssm://stups",
            "/stups/pets/user",
            "/stups/pets/test-mint-write",
        ),
    ] {
        let location = location(text);
        assert_eq!(location.to_string(), shown);
        assert_eq!(location.object_name("pets", SecretObject::User).unwrap(), user);
        assert_eq!(
            location.object_name("pets", SecretObject::Client).unwrap(),
            user.replace("user", "client")
        );
        assert_eq!(location.object_name("pets", SecretObject::WriteProbe).unwrap(), probe);
        assert_eq!((location.region(), location.kms_key()), (None, None));
    }
}

#[test]
fn region_and_key_stand_behind_a_question_mark() {
    let key = "arn:aws:kms:eu-west-1:123456789012:key/0a1b-2c";
    let both = location(&format!("ssm://stups?kms={key}&region=eu-west-1"));
    assert_eq!(both.region(), Some("eu-west-1"));
    assert_eq!(both.kms_key(), Some(key));
    assert_eq!(both.to_string(), format!("ssm://stups?region=eu-west-1&kms={key}"));
    assert_eq!(location("mint?kms=alias/mint").to_string(), "mint?kms=alias/mint");
    assert_eq!(
        location("s3://mint?region=us-gov-west-1").region(),
        Some("us-gov-west-1")
    );
}

#[test]
fn what_is_no_location_says_why() {
    for text in ["", "s3://", "?region=eu-west-1"] {
        assert!(reason(text).contains("bucket's name is missing"), "{text}");
    }
    for text in ["gs://mint", "file:///etc", "S3://mint", "://mint"] {
        assert!(reason(text).contains("known are"), "{text}");
    }
    for text in [
        "m",
        "Mint",
        "mint-",
        ".mint",
        "mi..nt",
        "mint/other",
        "../mint",
        "mi nt",
        "s3://mint/",
    ] {
        assert!(reason(text).contains("3 to 63"), "{text}");
    }
    assert!(reason(&"m".repeat(64)).contains("3 to 63"));
    for text in ["ssm://", "secretsmanager://"] {
        assert!(reason(text).contains("missing"), "{text}");
    }
    for text in [
        "ssm:///stups",
        "ssm://stups/",
        "ssm://a//b",
        "ssm://a/../b",
        "secretsmanager://..",
        "secretsmanager://a/./b",
    ] {
        assert!(reason(text).contains("each level"), "{text}");
    }
    assert!(reason("ssm://a+b").contains("characters"));
    assert!(reason("secretsmanager://a b").contains("characters"));
    assert!(reason("ssm://awsome").contains("AWS's own"));
    assert!(reason("ssm://SSM/x").contains("AWS's own"));
    assert!(reason(&format!("ssm://{}", "x".repeat(201))).contains("too long"));
    assert!(reason(&format!("ssm://x{}", "/x".repeat(12))).contains("levels"));
    for text in [
        "mint?",
        "mint?x=1",
        "mint?region",
        "mint?region=eu-west-1&",
        "mint?a=b&c=d",
    ] {
        assert!(reason(text).contains("question mark"), "{text}");
    }
    for text in [
        "mint?region=",
        "mint?region=EU",
        "mint?region=eu/../west",
        "mint?region=a.example.org",
    ] {
        assert!(reason(text).contains("region is none"), "{text}");
    }
    assert!(reason("mint?kms=").contains("id, ARN or alias"));
    assert!(reason("mint?region=eu-west-1&region=eu-west-1").contains("once"));
    let message = "a\nb".parse::<SecretLocation>().unwrap_err().to_string();
    assert!(message.starts_with("'a b' is no place for secrets: "), "{message}");
}

#[test]
fn an_application_stays_in_its_directory() {
    for id in ["", "..", ".", ".hidden", "../other", "a/b", "a b", "-a", "ä", "a\0"] {
        for text in ["mint", "ssm://stups", "secretsmanager://stups"] {
            let error = location(text).object_name(id, SecretObject::User).unwrap_err();
            assert!(error.to_string().contains("is not the id of an application"), "{id}");
        }
    }
    let mint = location("mint");
    assert!(mint.object_name(&"a".repeat(255), SecretObject::User).is_ok());
    assert!(mint.object_name(&"a".repeat(256), SecretObject::User).is_err());
}

fn texts() -> impl Strategy<Value = String> {
    let place = prop_oneof![
        "[a-z0-9]([a-z0-9-]{1,20})[a-z0-9]",
        "s3://[a-z0-9]([a-z0-9-]{1,20})[a-z0-9]",
        "secretsmanager://[A-Za-z0-9_+=@-]{1,20}(/[A-Za-z0-9_+=@-]{1,20}){0,3}",
        "ssm://x[A-Za-z0-9_-]{1,20}(/[A-Za-z0-9_-]{1,20}){0,3}",
    ];
    let query = prop_oneof![
        Just(String::new()),
        "\\?region=[a-z]{2}-[a-z]{4}-[0-9]",
        "\\?kms=alias/[A-Za-z0-9_-]{1,20}",
        "\\?kms=[a-f0-9-]{1,36}&region=[a-z]{2}-[a-z]{4}-[0-9]",
    ];
    (place, query).prop_map(|(place, query)| place + &query)
}

proptest! {
    #[test]
    fn what_is_shown_is_read_again(text in texts()) {
        let read = location(&text);
        prop_assert_eq!(location(&read.to_string()), read);
    }

    #[test]
    fn any_text_is_read_or_refused_on_one_line(text in any::<String>()) {
        if let Err(error) = text.parse::<SecretLocation>() {
            prop_assert!(!error.to_string().chars().any(char::is_control));
        }
    }

    #[test]
    fn names_are_below_the_application_and_within_the_services_limits(text in texts(), id in "[a-zA-Z0-9./_-]{0,300}") {
        let location = location(&text);
        if let Ok(name) = location.object_name(&id, SecretObject::WriteProbe) {
            prop_assert!(name.len() <= 512, "{}", name);
            prop_assert!(name.split('/').all(|level| level != ".."), "{}", name);
            let (directory, _) = name.rsplit_once('/').unwrap();
            prop_assert!(directory == id || directory.ends_with(&format!("/{id}")), "{}", name);
        }
    }
}
