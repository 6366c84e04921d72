use argon2::password_hash::PasswordHasher as _;
use argon2::{Algorithm, Argon2, Version};
use base64::prelude::BASE64_STANDARD;

use super::*;
use crate::config::Argon2Config;
use crate::master_key::MasterKey;

fn hasher_with(config: &Argon2Config, key: u8) -> PasswordHasher {
    let key = SecretString::from(BASE64_STANDARD.encode([key; 32]));
    PasswordHasher::new(config, &MasterKey::configured(&key).unwrap()).unwrap()
}

fn passwords() -> PasswordHasher {
    hasher_with(&Argon2Config::default(), 7)
}

fn secret(text: &str) -> SecretString {
    SecretString::from(text.to_owned())
}

#[tokio::test]
async fn a_chosen_password_matches_its_hash_and_no_other() {
    let passwords = passwords();
    let hash = hash(&passwords, &secret("correct horse")).await.unwrap();
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    assert_eq!(
        verify(&passwords, &secret("correct horse"), std::slice::from_ref(&hash))
            .await
            .unwrap(),
        Verdict {
            matched: Some(0),
            is_weak: false
        }
    );
    assert_eq!(
        verify(&passwords, &secret("wrong horse"), &[hash]).await.unwrap(),
        Verdict::default()
    );
}

#[tokio::test]
async fn any_of_several_hashes_matches() {
    let passwords = passwords();
    let (generated, machine) = generate(&passwords);
    let hashes = [
        hash(&passwords, &secret("one")).await.unwrap(),
        machine,
        hash(&passwords, &secret("two")).await.unwrap(),
    ];
    for (password, index) in [(secret("one"), 0), (generated, 1), (secret("two"), 2)] {
        assert_eq!(
            verify(&passwords, &password, &hashes).await.unwrap().matched,
            Some(index)
        );
    }
}

#[tokio::test]
async fn bcrypt_is_accepted_in_all_its_spellings_and_weak() {
    let passwords = passwords();
    let parts = bcrypt::hash_with_result("secret", 4).unwrap();
    for version in [bcrypt::Version::TwoA, bcrypt::Version::TwoB, bcrypt::Version::TwoY] {
        let hash = parts.format_for_version(version);
        assert_eq!(check_imported(&hash), Ok(()), "{hash}");
        let verdict = verify(&passwords, &secret("secret"), &[hash]).await.unwrap();
        assert_eq!(
            verdict,
            Verdict {
                matched: Some(0),
                is_weak: true
            }
        );
    }
}

#[tokio::test]
async fn bcrypt_does_not_truncate_at_72_bytes() {
    let passwords = passwords();
    let password = "x".repeat(72);
    let hash = bcrypt::hash(&password, 4).unwrap();
    assert_eq!(
        verify(&passwords, &secret(&password), std::slice::from_ref(&hash))
            .await
            .unwrap()
            .matched,
        Some(0)
    );
    assert_eq!(
        verify(&passwords, &secret(&format!("{password}y")), &[hash])
            .await
            .unwrap()
            .matched,
        None
    );
}

#[tokio::test]
async fn a_generated_password_has_256_bits_and_needs_the_key() {
    let passwords = passwords();
    let (password, hash) = generate(&passwords);
    let random = password.expose_secret().strip_prefix(MACHINE_PREFIX).unwrap();
    assert_eq!(BASE64_URL_SAFE_NO_PAD.decode(random).unwrap().len(), 32);
    assert!(!hash.contains(random));
    assert_ne!(generate(&passwords).0.expose_secret(), password.expose_secret());
    let other = hasher_with(&Argon2Config::default(), 8);
    assert_eq!(
        verify(&passwords, &password, std::slice::from_ref(&hash))
            .await
            .unwrap()
            .matched,
        Some(0)
    );
    assert_eq!(verify(&other, &password, &[hash]).await.unwrap().matched, None);
}

#[tokio::test]
async fn cheaper_argon2id_is_weak() {
    let weak = Argon2::new(
        Algorithm::Argon2id,
        Version::V0x13,
        Params::new(8 * 1024, 1, 1, None).unwrap(),
    );
    let hash = weak.hash_password(b"secret").unwrap().to_string();
    assert_eq!(check_imported(&hash), Ok(()));
    let verdict = verify(&passwords(), &secret("secret"), &[hash]).await.unwrap();
    assert_eq!((verdict.matched, verdict.is_weak), (Some(0), true));
}

#[test]
fn only_hashes_of_bounded_cost_are_imported() {
    for hash in [
        "",
        "secret",
        "$2x$04$abcdefghijklmnopqrstuuBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB",
        "$2a$04$tooshort",
        "$2b$31$abcdefghijklmnopqrstuuBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB",
        "$argon2id$v=19$m=19456,t=2,p=1",
        "$argon2i$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b3tUz6ROtXIbs6GDJEFGRGhWjs",
        "$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b3tUz6ROtXIbs6GDJEFGRGhWjs",
        "$argon2id$v=19$m=19456,t=1000,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b3tUz6ROtXIbs6GDJEFGRGhWjs",
        "$hmac-sha256$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ] {
        assert_eq!(check_imported(hash), Err(InvalidHash), "{hash}");
    }
}

#[tokio::test]
async fn a_flood_of_logins_is_answered_busy_and_leaves_room_for_generated_passwords() {
    let passwords = hasher_with(
        &Argon2Config {
            parallel: Some(1),
            queue: 2,
            ..Argon2Config::default()
        },
        7,
    );
    let (release, held) = std::sync::mpsc::channel::<()>();
    let first = {
        let passwords = passwords.clone();
        tokio::spawn(async move { passwords.run(move |_| held.recv()).await })
    };
    tokio::task::yield_now().await;
    let mut waiting = Vec::new();
    let mut busy = 0;
    for _ in 0..10 {
        let passwords = passwords.clone();
        let login = tokio::spawn(async move { verify(&passwords, &secret("guess"), &[]).await });
        tokio::task::yield_now().await;
        if login.is_finished() {
            assert_eq!(login.await.unwrap(), Err(HashError::Busy));
            busy += 1;
        } else {
            waiting.push(login);
        }
    }
    assert_eq!((busy, waiting.len()), (8, 2));
    let (password, hash) = generate(&passwords);
    assert_eq!(verify(&passwords, &password, &[hash]).await.unwrap().matched, Some(0));
    release.send(()).unwrap();
    first.await.unwrap().unwrap().unwrap();
    for login in waiting {
        assert_eq!(login.await.unwrap(), Ok(Verdict::default()));
    }
}

#[tokio::test]
async fn an_endless_password_is_refused_unseen() {
    let hash = hash(&passwords(), &secret("x")).await.unwrap();
    assert_eq!(
        verify(&passwords(), &secret(&"x".repeat(100_000)), &[hash])
            .await
            .unwrap(),
        Verdict::default()
    );
}

#[tokio::test]
async fn a_computation_that_fails_is_an_error_and_takes_no_place() {
    let config = Argon2Config {
        parallel: Some(1),
        queue: 0,
        ..Argon2Config::default()
    };
    let passwords = hasher_with(&config, 7);
    let failed: Result<(), HashError> = passwords.run(|_| panic!("in a test")).await;
    assert_eq!(failed, Err(HashError::Failed));
    assert!(hash(&passwords, &secret("next")).await.is_ok());
}

/// Takes the only place for slow hashes until what it returns is dropped.
async fn full(passwords: &PasswordHasher) -> std::sync::mpsc::Sender<()> {
    let (started, computing) = tokio::sync::oneshot::channel();
    let (release, held) = std::sync::mpsc::channel();
    let passwords = passwords.clone();
    tokio::spawn(async move {
        passwords
            .run(move |_| {
                started.send(()).unwrap();
                // Until the sender is dropped.
                let _ = held.recv();
            })
            .await
    });
    computing.await.unwrap();
    release
}

#[tokio::test]
async fn a_machines_password_that_matched_needs_no_slow_hash_again() {
    let config = Argon2Config {
        parallel: Some(1),
        queue: 0,
        ..Argon2Config::default()
    };
    let passwords = hasher_with(&config, 7);
    let hashes = [
        hash(&passwords, &secret("other")).await.unwrap(),
        hash(&passwords, &secret("chosen")).await.unwrap(),
    ];
    let first = verify_of_machine(&passwords, &secret("chosen"), &hashes).await.unwrap();
    assert_eq!(first.matched, Some(1));
    let old = bcrypt::hash("imported", 4).unwrap();
    let imported = verify_of_machine(&passwords, &secret("imported"), std::slice::from_ref(&old))
        .await
        .unwrap();
    assert!(imported.is_weak);
    let new = hash(&passwords, &secret("imported")).await.unwrap();
    assert!(
        verify_of_machine(&passwords, &secret("wrong"), &hashes)
            .await
            .unwrap()
            .matched
            .is_none()
    );

    // A crowd with one secret needs one comparison: this hasher has room for no second one that waits.
    let crowd = secret("other");
    let crowd: Vec<_> = (0..20)
        .map(|_| verify_of_machine(&passwords, &crowd, &hashes))
        .collect();
    for verdict in futures::future::join_all(crowd).await {
        assert_eq!(verdict.unwrap().matched, Some(0));
    }

    // From here on whatever needs a slow hash is refused.
    let _held = full(&passwords).await;
    for (password, hashes, outcome) in [
        ("chosen", &hashes[..], Ok(Some(1))),
        ("chosen", &hashes[1..], Ok(Some(0))),
        ("imported", &[old][..], Ok(Some(0))),
        // The hash that took its place has not matched yet.
        ("imported", &[new][..], Err(HashError::Busy)),
        // A replaced password is forgotten with its hash; a wrong one is never known.
        ("chosen", &hashes[..1], Err(HashError::Busy)),
        ("other", &hashes[1..], Err(HashError::Busy)),
        ("wrong", &hashes[..], Err(HashError::Busy)),
        ("chosen", &[], Err(HashError::Busy)),
    ] {
        let verdict = verify_of_machine(&passwords, &secret(password), hashes).await;
        assert_eq!(verdict.map(|verdict| verdict.matched), outcome, "{password}");
    }
    // A person's is computed each time.
    assert_eq!(
        verify(&passwords, &secret("chosen"), &hashes).await,
        Err(HashError::Busy)
    );
}
