//! What is due for an application. All decisions are here, as functions of its row and the time.

use ring::digest::{SHA256, digest};

use super::WorkerSettings;
use crate::config::Rotation;
use crate::model::application::Model;

/// A time that is farther in the future than this (milliseconds) is of a clock that went wrong.
const SKEW: i64 = 5 * 60 * 1000;

/// What is to be done for an active application.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each may be due without the others")]
pub(super) struct Due {
    /// Its service user is to be brought in line with its configuration.
    pub(super) user: bool,
    /// Its password is to be rotated, or a rotation to be brought to its end.
    pub(super) password: bool,
    /// The same of its client secret.
    pub(super) client: bool,
    /// It had problems, and nothing says that they are over.
    pub(super) problems: bool,
}

impl Due {
    pub(super) fn anything(self) -> bool {
        self.user || self.password || self.client || self.problems
    }
}

impl WorkerSettings {
    /// What is due at `now`. Nothing while a wait after an error lasts.
    pub(super) fn due(&self, row: &Model, now: i64) -> Due {
        let waits = |until: i64| until > now && until - now <= self.longest_backoff.saturating_add(SKEW);
        if row.next_attempt.is_some_and(waits) {
            return Due::default();
        }
        // What nobody would get is not made.
        let has_place = !row.buckets().is_empty();
        let rotate = |last, pending: bool, every| pending || has_place && is_old(row, last, every, now);
        Due {
            user: row.last_synced.is_none_or(|synced| row.last_modified > synced),
            password: rotate(
                row.last_password_rotation,
                row.pending_password.is_some(),
                self.password_rotation,
            ),
            client: row.is_client_confidential
                && rotate(
                    row.last_client_rotation,
                    row.pending_client.is_some(),
                    self.client_rotation,
                ),
            problems: row.has_problems || row.s3_errors > 0,
        }
    }

    /// How long to wait after so many failures in a row: twice as long each time.
    pub(super) fn wait_after(&self, errors: i32) -> i64 {
        let doublings = u32::try_from(errors.saturating_sub(1)).unwrap_or(0).min(40);
        self.backoff.saturating_mul(1 << doublings).min(self.longest_backoff)
    }
}

/// Whether a rotation lies so far back that the next is due. Each application comes up to a tenth earlier than the time says,
/// so that not all of those that were made at once are rotated at once for ever.
fn is_old(row: &Model, last: Option<i64>, every: Rotation, now: i64) -> bool {
    let Some(last) = last else { return true };
    if last > now + SKEW {
        return true;
    }
    let length = every.milliseconds_after(last);
    now - last > length - (length / 10_000).saturating_mul(tenth(&row.id))
}

/// A number from 0 to 999 that is always the same for an application.
fn tenth(id: &str) -> i64 {
    let hash = digest(&SHA256, id.as_bytes());
    let bytes = hash.as_ref();
    (i64::from(bytes[0]) << 8 | i64::from(bytes[1])) % 1000
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::Config;

    const HOUR: i64 = 3600 * 1000;
    const DAY: i64 = 24 * HOUR;
    const NOW: i64 = 1_800_000_000_000;

    fn settings() -> WorkerSettings {
        WorkerSettings::of(&Config::default()).unwrap()
    }

    /// All is done, and nothing is due.
    fn row() -> Model {
        Model {
            id: "kio".to_owned(),
            username: "stups_kio".to_owned(),
            client_id: Some("id".to_owned()),
            redirect_url: None,
            is_client_confidential: true,
            is_client_key: false,
            s3_buckets: "[\"bucket\"]".to_owned(),
            kubernetes_clusters: "[]".to_owned(),
            last_modified: NOW - DAY,
            last_synced: Some(NOW - DAY),
            last_password_rotation: Some(NOW - HOUR),
            last_client_rotation: Some(NOW - 21 * DAY),
            has_problems: false,
            message: String::new(),
            s3_errors: 0,
            next_attempt: None,
            pending_password: None,
            pending_client: None,
            pending_client_id: None,
            missing_since: None,
            removal_released: false,
            lease_owner: None,
            lease_until: None,
        }
    }

    #[test]
    fn what_is_due_when() {
        let nothing = Due::default();
        let user = Due { user: true, ..nothing };
        let password = Due {
            password: true,
            ..nothing
        };
        let client = Due {
            client: true,
            ..nothing
        };
        let problems = Due {
            problems: true,
            ..nothing
        };
        let public = |row: Model| Model {
            is_client_confidential: false,
            ..row
        };
        for (name, row, due) in [
            ("an hour, three weeks", row(), nothing),
            (
                "never synced",
                Model {
                    last_synced: None,
                    ..row()
                },
                user,
            ),
            (
                "modified since",
                Model {
                    last_modified: NOW,
                    ..row()
                },
                user,
            ),
            (
                "no password",
                Model {
                    last_password_rotation: None,
                    ..row()
                },
                password,
            ),
            (
                "five hours",
                Model {
                    last_password_rotation: Some(NOW - 5 * HOUR),
                    ..row()
                },
                password,
            ),
            (
                "a pending password",
                Model {
                    pending_password: Some("tx".to_owned()),
                    ..row()
                },
                password,
            ),
            (
                "no client",
                Model {
                    last_client_rotation: None,
                    ..row()
                },
                client,
            ),
            (
                "five weeks",
                Model {
                    last_client_rotation: Some(NOW - 35 * DAY),
                    ..row()
                },
                client,
            ),
            (
                "a pending client",
                Model {
                    pending_client: Some("tx".to_owned()),
                    ..row()
                },
                client,
            ),
            (
                "no bucket",
                Model {
                    s3_buckets: "[]".to_owned(),
                    last_password_rotation: None,
                    last_synced: None,
                    ..row()
                },
                user,
            ),
            (
                "a public client",
                public(Model {
                    last_client_rotation: None,
                    ..row()
                }),
                nothing,
            ),
            (
                "problems",
                Model {
                    has_problems: true,
                    ..row()
                },
                problems,
            ),
            ("an s3 error", Model { s3_errors: 1, ..row() }, problems),
            (
                "the clock went wrong",
                Model {
                    last_password_rotation: Some(NOW + 365 * DAY),
                    ..row()
                },
                password,
            ),
            (
                "clocks differ",
                Model {
                    last_password_rotation: Some(NOW + 1000),
                    ..row()
                },
                nothing,
            ),
            (
                "it waits",
                Model {
                    last_synced: None,
                    next_attempt: Some(NOW + 1000),
                    ..row()
                },
                nothing,
            ),
            (
                "it has waited",
                Model {
                    last_synced: None,
                    next_attempt: Some(NOW),
                    ..row()
                },
                user,
            ),
            (
                "nobody waits for years",
                Model {
                    last_synced: None,
                    next_attempt: Some(NOW + 365 * DAY),
                    ..row()
                },
                user,
            ),
        ] {
            assert_eq!(settings().due(&row, NOW), due, "{name}");
        }
    }

    #[test]
    fn waits_grow_to_a_longest() {
        let waits: Vec<i64> = [0, 1, 2, 3, 10, 11, 1000]
            .map(|errors| settings().wait_after(errors) / 1000)
            .to_vec();
        assert_eq!(waits, [10, 10, 20, 40, 3600, 3600, 3600]);
    }

    proptest! {
        #[test]
        fn every_rotation_comes_in_the_last_tenth_of_its_time(id in "[a-z]{2,12}", age in 0..3 * HOUR) {
            let row = Model { id, last_password_rotation: Some(NOW - age), ..row() };
            let due = settings().due(&row, NOW).password;
            prop_assert!(due || age <= 2 * HOUR);
            prop_assert!(!due || age > 2 * HOUR * 9 / 10);
        }
    }
}
