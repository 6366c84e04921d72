use std::num::NonZeroUsize;

use super::*;

fn passwords() -> Passwords {
    Passwords::new(&HashingConfig::default(), &[7; 32]).expect("the defaults are usable")
}

fn secret(text: &str) -> SecretString {
    SecretString::from(text.to_owned())
}

#[tokio::test]
async fn a_chosen_password_matches_its_hash_and_no_other() {
    let passwords = passwords();
    let hash = passwords.hash(&secret("correct horse")).await.unwrap();
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    assert_eq!(
        passwords
            .verify(&secret("correct horse"), std::slice::from_ref(&hash))
            .await
            .unwrap(),
        Verdict {
            matched: Some(0),
            upgrade: None
        }
    );
    assert_eq!(
        passwords.verify(&secret("wrong horse"), &[hash]).await.unwrap(),
        Verdict::default()
    );
}

#[tokio::test]
async fn any_of_several_hashes_matches() {
    let passwords = passwords();
    let (generated, machine) = passwords.generate();
    let hashes = [
        passwords.hash(&secret("one")).await.unwrap(),
        machine,
        passwords.hash(&secret("two")).await.unwrap(),
    ];
    for (password, index) in [(secret("one"), 0), (generated, 1), (secret("two"), 2)] {
        assert_eq!(passwords.verify(&password, &hashes).await.unwrap().matched, Some(index));
    }
}

#[tokio::test]
async fn bcrypt_is_accepted_in_all_its_spellings_and_upgraded() {
    let passwords = passwords();
    let parts = bcrypt::hash_with_result("secret", 4).unwrap();
    for version in [bcrypt::Version::TwoA, bcrypt::Version::TwoB, bcrypt::Version::TwoY] {
        let hash = parts.format_for_version(version);
        assert_eq!(check_imported(&hash), Ok(()), "{hash}");
        let verdict = passwords.verify(&secret("secret"), &[hash]).await.unwrap();
        assert_eq!(verdict.matched, Some(0));
        let upgrade = verdict.upgrade.expect("bcrypt is replaced");
        assert_eq!(
            passwords.verify(&secret("secret"), &[upgrade]).await.unwrap().matched,
            Some(0)
        );
    }
}

#[tokio::test]
async fn bcrypt_does_not_truncate_at_72_bytes() {
    let passwords = passwords();
    let password = "x".repeat(72);
    let hash = bcrypt::hash(&password, 4).unwrap();
    assert_eq!(
        passwords
            .verify(&secret(&password), std::slice::from_ref(&hash))
            .await
            .unwrap()
            .matched,
        Some(0)
    );
    assert_eq!(
        passwords
            .verify(&secret(&format!("{password}y")), &[hash])
            .await
            .unwrap()
            .matched,
        None
    );
}

#[tokio::test]
async fn a_generated_password_has_256_bits_and_needs_the_key() {
    let passwords = passwords();
    let (password, hash) = passwords.generate();
    let random = password.expose_secret().strip_prefix(MACHINE_PREFIX).unwrap();
    assert_eq!(BASE64_URL_SAFE_NO_PAD.decode(random).unwrap().len(), 32);
    assert!(!hash.contains(random));
    assert_ne!(passwords.generate().0.expose_secret(), password.expose_secret());
    let other = Passwords::new(&HashingConfig::default(), &[8; 32]).unwrap();
    assert_eq!(
        passwords
            .verify(&password, std::slice::from_ref(&hash))
            .await
            .unwrap()
            .matched,
        Some(0)
    );
    assert_eq!(other.verify(&password, &[hash]).await.unwrap().matched, None);
}

#[tokio::test]
async fn weaker_argon2id_is_upgraded() {
    let weak = Argon2::new(
        Algorithm::Argon2id,
        Version::V0x13,
        Params::new(8 * 1024, 1, 1, None).unwrap(),
    );
    let hash = weak.hash_password(b"secret").unwrap().to_string();
    assert_eq!(check_imported(&hash), Ok(()));
    let verdict = passwords().verify(&secret("secret"), &[hash]).await.unwrap();
    assert_eq!(verdict.matched, Some(0));
    assert!(verdict.upgrade.is_some_and(|hash| hash.contains("m=19456,t=2")));
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

#[test]
fn settings_below_the_floor_are_refused() {
    for config in [
        HashingConfig {
            memory_kib: 19455,
            ..HashingConfig::default()
        },
        HashingConfig {
            iterations: 1,
            ..HashingConfig::default()
        },
        HashingConfig {
            parallelism: 0,
            ..HashingConfig::default()
        },
    ] {
        assert!(matches!(Passwords::new(&config, &[7; 32]), Err(Error::Settings(_))));
    }
    assert!(matches!(
        Passwords::new(&HashingConfig::default(), &[7; 16]),
        Err(Error::Settings(_))
    ));
}

#[tokio::test]
async fn a_flood_of_logins_is_answered_busy_and_leaves_room_for_generated_passwords() {
    let config = HashingConfig {
        concurrency: NonZeroUsize::new(1),
        queue: 2,
        ..HashingConfig::default()
    };
    let passwords = Passwords::new(&config, &[7; 32]).unwrap();
    let held = passwords.0.permits.acquire().await.unwrap();
    let logins: Vec<_> = (0..10)
        .map(|_| {
            let passwords = passwords.clone();
            tokio::spawn(async move { passwords.verify(&secret("guess"), &[]).await })
        })
        .collect();
    let mut busy = 0;
    let mut waiting = Vec::new();
    for login in logins {
        tokio::task::yield_now().await;
        if login.is_finished() {
            assert!(matches!(login.await.unwrap(), Err(Error::Busy)));
            busy += 1;
        } else {
            waiting.push(login);
        }
    }
    assert_eq!((busy, waiting.len()), (7, 3));
    let (password, hash) = passwords.generate();
    assert_eq!(passwords.verify(&password, &[hash]).await.unwrap().matched, Some(0));
    drop(held);
    for login in waiting {
        assert_eq!(login.await.unwrap().unwrap(), Verdict::default());
    }
    assert_eq!(passwords.0.places.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn an_endless_password_is_refused_unseen() {
    let hash = passwords().hash(&secret("x")).await.unwrap();
    assert_eq!(
        passwords()
            .verify(&secret(&"x".repeat(100_000)), &[hash])
            .await
            .unwrap(),
        Verdict::default()
    );
}

#[test]
fn debug_shows_no_key() {
    assert_eq!(format!("{:?}", passwords()), "Passwords { .. }");
}
