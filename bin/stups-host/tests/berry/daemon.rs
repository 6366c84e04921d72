//! Berry that goes on: rotations, failures that pass, and its end.

use std::fs;

use crate::support::{BOTH_ROTATED, CLIENT, Place, Running, ServiceManager, USER, identity, run, user};

#[tokio::test]
async fn a_rotation_is_picked_up() {
    let place = Place::with_credentials().await;
    let running = Running::start(&mut place.copy(&["-i", "1"]));
    running.says(BOTH_ROTATED).await;
    let client = identity(&place.directory().join("client.json"));
    place.put("pets/user.json", &user("second-password")).await;
    place.has("user.json", &user("second-password")).await;
    // A file that somebody has removed or changed comes back, though the bucket's object is still the same.
    fs::remove_file(place.directory().join("user.json")).unwrap();
    place.has("user.json", &user("second-password")).await;
    fs::write(place.directory().join("user.json"), USER).unwrap();
    place.has("user.json", &user("second-password")).await;
    assert_eq!(identity(&place.directory().join("client.json")), client);
    running.signal("TERM");
    let (exit_code, said) = running.end();
    assert_eq!(exit_code, Some(0));
    assert_eq!(
        said,
        BOTH_ROTATED.to_owned() + &"INFO: Rotated user credentials for pets\n".repeat(3)
    );
}

#[tokio::test]
async fn failures_of_a_store_pass() {
    let place = Place::empty().await;
    let running = Running::start(&mut place.copy(&["-i", "1"]));
    running.says("\"pets/client.json\" not found").await;
    place.put("pets/user.json", USER).await;
    place.put("pets/client.json", CLIENT).await;
    place.has("client.json", CLIENT).await;
    running.signal("INT");
    assert_eq!(running.end().0, Some(0));
}

#[tokio::test]
async fn the_lookup_file_is_read_in_each_round() {
    let place = Place::with_credentials().await;
    let environment = place.account.environment();
    let value = |name: &str| &environment.iter().find(|(key, _)| key == name).unwrap().1;
    let line = format!(
        "pets:{}:{}\n",
        value("AWS_ACCESS_KEY_ID"),
        value("AWS_SECRET_ACCESS_KEY")
    );
    let file = place.file("keys", &line);
    let running = Running::start(&mut place.copy(&["-i", "1", "-c", &file]));
    running.says(BOTH_ROTATED).await;
    // What is missing from the first round on is wrong usage; later on it may come back.
    place.file("keys", "");
    running
        .says("ERROR: Usage Error: No AWS credentials found for application \"pets\"")
        .await;
    place.put("pets/user.json", &user("second-password")).await;
    place.file("keys", &line);
    place.has("user.json", &user("second-password")).await;
    running.signal("TERM");
    assert_eq!(running.end().0, Some(0));
}

#[tokio::test]
async fn the_service_manager_is_told() {
    let place = Place::with_credentials().await;
    let (manager, socket) = ServiceManager::listen(&place);
    let running = Running::start(place.copy(&[]).env("NOTIFY_SOCKET", &socket));
    assert_eq!(manager.is_told(), "READY=1\n");
    assert_eq!(
        place.read("client.json").as_deref(),
        Some(CLIENT),
        "ready means that they are there"
    );
    running.signal("TERM");
    assert_eq!(manager.is_told(), "STOPPING=1\n");
    assert_eq!(running.end().0, Some(0));

    // One that is not listened to is no reason to fail.
    let outcome = run(place.copy(&["--once"]).env("NOTIFY_SOCKET", "/nonexistent/socket"));
    assert_eq!(outcome.exit_code, 0);
}
