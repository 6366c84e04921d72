//! The stores beside buckets.

use stups_aws::ssm::types::ParameterType;

use crate::support::{BOTH_ROTATED, CLIENT, Place, Running, USER, run, user};

#[tokio::test]
async fn secrets_of_secrets_manager() {
    let place = Place::empty().await;
    let session = place.account.session().in_region("eu-west-1");
    let secrets = session.secretsmanager();
    let location = "secretsmanager://stups/mint?region=eu-west-1&kms=alias/mint";

    let outcome = run(&mut place.copy(&["--once", "-m", location]));
    assert_eq!(outcome.exit_code, 1);
    for name in ["user", "client"] {
        let line = format!("ERROR: Credentials file \"stups/mint/pets/{name}\" not found in Secrets Manager.");
        assert!(outcome.stderr.contains(&line), "{outcome:?}");
    }

    for (name, text) in [("user", USER), ("client", CLIENT)] {
        let create = secrets.create_secret().name(format!("stups/mint/pets/{name}"));
        create.secret_string(text).send().await.unwrap();
    }
    let running = Running::start(&mut place.copy(&["-i", "1", "-m", location]));
    place.has("user.json", USER).await;
    place.has("client.json", CLIENT).await;
    let put = secrets.put_secret_value().secret_id("stups/mint/pets/user");
    put.secret_string(user("second-password")).send().await.unwrap();
    place.has("user.json", &user("second-password")).await;
    running.signal("TERM");
    let (exit_code, said) = running.end();
    assert_eq!(exit_code, Some(0));
    assert_eq!(said, format!("{BOTH_ROTATED}INFO: Rotated user credentials for pets\n"));
}

#[tokio::test]
async fn encrypted_parameters() {
    let place = Place::empty().await;
    let parameters = place.account.session().ssm();
    let location = "ssm://stups/mint";
    let outcome = run(&mut place.copy(&["--once", "-m", location]));
    assert_eq!(outcome.exit_code, 1);
    let line = "ERROR: Credentials file \"/stups/mint/pets/user\" not found in the parameter store.";
    assert!(outcome.stderr.starts_with(line), "{outcome:?}");

    let put = async |name: &str, text: &str| {
        let put = parameters.put_parameter().name(format!("/stups/mint/pets/{name}"));
        put.value(text)
            .r#type(ParameterType::SecureString)
            .overwrite(true)
            .send()
            .await
            .unwrap();
    };
    put("user", USER).await;
    put("client", CLIENT).await;
    let running = Running::start(&mut place.copy(&["-i", "1", "-m", location]));
    place.has("user.json", USER).await;
    place.has("client.json", CLIENT).await;
    put("user", &user("second-password")).await;
    place.has("user.json", &user("second-password")).await;
    running.signal("INT");
    assert_eq!(running.end().0, Some(0));
}

#[tokio::test]
async fn a_place_that_is_none_is_wrong_usage() {
    let place = Place::empty().await;
    for location in ["gs://mint", "ssm://", "secretsmanager://../x", "mint?region=x"] {
        let outcome = run(&mut place.copy(&["--once", "-m", location]));
        assert_eq!(outcome.exit_code, 1);
        let expected = format!("ERROR: Usage Error: '{location}' is no place for secrets: ");
        assert!(outcome.stderr.starts_with(&expected), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_store_without_a_region_is_wrong_usage() {
    let place = Place::empty().await;
    let mut command = place.copy(&["--once", "-m", "ssm://stups"]);
    let outcome = run(command.env_remove("AWS_DEFAULT_REGION"));
    assert_eq!(outcome.exit_code, 1);
    assert!(
        outcome
            .stderr
            .starts_with("ERROR: Usage Error: The AWS region is missing"),
        "{outcome:?}"
    );
    // The configuration file's is as good as any.
    let config = place.file("berry.yaml", "region: eu-west-1\n");
    let outcome = run(command.args(["-f", &config]));
    assert_eq!(
        outcome.stderr.matches("not found in the parameter store").count(),
        2,
        "{outcome:?}"
    );
    let outcome = run(&mut place.copy(&["--once", "--region", "mars-north-1"]));
    assert_eq!(
        outcome.stderr,
        "ERROR: Usage Error: There is no AWS region \"mars-north-1\"\n"
    );
}
