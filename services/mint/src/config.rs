use std::num::NonZeroUsize;
use std::path::PathBuf;

use jiff::{Span, SpanRelativeTo, Timestamp, Zoned};
use serde::Deserialize;
use stups_auth::AdminList;
use url::Url;

/// Enough that the other side and not the way to it takes the time. (The compiler sees that it is not zero.)
const CONCURRENCY: NonZeroUsize = NonZeroUsize::new(4).unwrap();

/// Settings of mint. Every one has a default with which it starts.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where configurations are kept: `sqlite:///path/mint.db` or `postgres://user:password@host/database`. The file `mint.db` in the
    /// data directory by default.
    pub database: Option<String>,
    /// Kio. The one in the same process by default; without one, nobody may write, and the worker does not run.
    pub kio_url: Option<Url>,
    /// essentials. The one in the same process by default; without one, nobody may write, and the worker does not run.
    pub essentials_url: Option<Url>,
    /// Who administers service users. Identity by default.
    pub service_user_url: Option<Url>,
    /// The service that decides who may act for a team. Identity by default.
    pub policy_url: Option<Url>,
    /// The originals' mint-coworker, which puts secrets into `gs://` buckets. None by default.
    pub coworker_url: Option<Url>,
    /// What is before an application's id in the name of its service user. `stups_` by default.
    pub username_prefix: String,
    /// Services that may configure every application when their token has the scope `application.write_all_sensitive`, and that may say
    /// how secrets are: an original worker. `/services/robot,/services/stups_mint-worker`; none by default.
    pub trusted_services: AdminList,
    /// Who may release the brake: `/employees/jdoe`. Nobody by default.
    pub admin_users: AdminList,
    /// Whether this process rotates, too. True by default.
    pub worker: bool,
    /// How long the worker waits between two cycles, in seconds. 10 by default.
    pub interval_seconds: f64,
    /// For how many applications a worker does something at the same time. 4 by default.
    pub concurrency: NonZeroUsize,
    /// After how long a password is rotated. `2h` by default.
    pub password_rotation: Rotation,
    /// After how long a client secret is rotated. `1mo` by default: a calendar month.
    pub client_rotation: Rotation,
    /// How long an application must be missing in Kio before its service user is deleted, in seconds. A day by default.
    pub missing_seconds: f64,
    /// When more than this share of all applications would lose their service users in one cycle, none does. 0.1 by default.
    pub brake_share: f64,
    /// So many may always lose theirs in one cycle. 5 by default.
    pub brake_minimum: usize,
    /// How long a worker has an application for itself after a sign of life, in seconds. 300 by default; longer than the slowest call.
    pub lease_seconds: f64,
    /// How long to wait after the first failure to store a secret in a bucket, in seconds; it doubles with each more. 10 by default.
    pub backoff_seconds: f64,
    /// The longest such wait, in seconds. An hour by default.
    pub longest_backoff_seconds: f64,
    /// The realm of people. `employees` by default.
    pub people_realm: String,
    /// The realm of service users. `services` by default.
    pub service_realm: String,
    /// An audit service that gets an event for each write (`PUT <audit_url>/<SHA-256 of the event>`), with the service's own
    /// token of the name `http-audit-logger`. None by default.
    pub audit_url: Option<Url>,
    /// A file that gets each record of the audit trail as a line of JSON. None by default.
    pub audit_file: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            database: None,
            kio_url: None,
            essentials_url: None,
            service_user_url: None,
            policy_url: None,
            coworker_url: None,
            username_prefix: "stups_".to_owned(),
            trusted_services: AdminList::default(),
            admin_users: AdminList::default(),
            worker: true,
            interval_seconds: 10.0,
            concurrency: CONCURRENCY,
            password_rotation: Rotation(Span::new().hours(2)),
            client_rotation: Rotation(Span::new().months(1)),
            missing_seconds: 24.0 * 3600.0,
            brake_share: 0.1,
            brake_minimum: 5,
            lease_seconds: 300.0,
            backoff_seconds: 10.0,
            longest_backoff_seconds: 3600.0,
            people_realm: "employees".to_owned(),
            service_realm: "services".to_owned(),
            audit_url: None,
            audit_file: None,
        }
    }
}

/// After how long something is rotated: `2h`, `30m`, `1mo`; months as the calendar (UTC) has them.
#[derive(Clone, Copy, Debug)]
pub struct Rotation(pub Span);

impl Rotation {
    /// Milliseconds from `last` (since 1970 UTC) to the moment when it is due again.
    pub(crate) fn milliseconds_after(self, last: i64) -> i64 {
        let last = Timestamp::from_millisecond(last).unwrap_or_default();
        let start: Zoned = last.to_zoned(jiff::tz::TimeZone::UTC);
        let length = self.0.to_duration(SpanRelativeTo::from(&start));
        length.map_or(0, |length| i64::try_from(length.as_millis()).unwrap_or(i64::MAX / 4))
    }
}

impl<'de> Deserialize<'de> for Rotation {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || serde::de::Error::custom(format!("{text:?} is no time such as 2h, 30m or 1mo"));
        let span: Span = text.parse().map_err(|_| wrong())?;
        let rotation = Self(span);
        if rotation.milliseconds_after(0) <= 0 {
            Err(wrong())
        } else {
            Ok(rotation)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(text: &str, last: &str) -> i64 {
        let rotation: Rotation = serde_json::from_value(text.into()).unwrap();
        let last: Timestamp = last.parse().unwrap();
        rotation.milliseconds_after(last.as_millisecond())
    }

    #[test]
    fn times_are_what_they_say_and_months_the_calendars() {
        let day = 24 * 3600 * 1000;
        assert_eq!(after("2h", "2026-01-31T00:00:00Z"), 2 * 3600 * 1000);
        assert_eq!(after("1mo", "2026-01-01T00:00:00Z"), 31 * day);
        assert_eq!(after("1mo", "2026-02-01T00:00:00Z"), 28 * day);
        for text in ["", "soon", "0s", "-2h"] {
            assert!(serde_json::from_value::<Rotation>(text.into()).is_err(), "{text}");
        }
    }
}
