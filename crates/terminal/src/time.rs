//! Relative times.

use std::time::{SystemTime, UNIX_EPOCH};

/// How a table shows the numbers in its `_time` columns in text and TSV.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Times {
    /// as ages at `now` (seconds since the epoch)
    RelativeTo(f64),
    /// as RFC 3339 times in UTC
    Absolute,
}

impl Times {
    /// Ages at this moment.
    pub fn relative() -> Self {
        Self::RelativeTo(now())
    }

    /// The moment that ages are reckoned from.
    pub(crate) fn now(self) -> f64 {
        match self {
            Self::RelativeTo(now) => now,
            Self::Absolute => now(),
        }
    }

    /// The text of the time `epoch` (seconds since the epoch); empty for 0.
    pub(crate) fn text(self, epoch: f64) -> String {
        match self {
            Self::RelativeTo(now) => relative_age(epoch, now),
            Self::Absolute => absolute_time(epoch),
        }
    }
}

/// Seconds since the epoch; 0 on a clock before it.
fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}

/// How long ago `epoch` (seconds) was at `now` (seconds), as `5s ago`, `3m ago`, `2h ago`, `4d ago`; empty for epoch 0.
///
/// Limits are strict (more than 49 hours, 1 hour, 70 seconds); numbers are rounded to the nearest integer, ties to even.
pub fn relative_age(epoch: f64, now: f64) -> String {
    if epoch == 0.0 {
        return String::new();
    }
    let seconds = now - epoch;
    let (amount, unit) = if seconds > 49.0 * 3600.0 {
        (seconds / 86400.0, 'd')
    } else if seconds > 3600.0 {
        (seconds / 3600.0, 'h')
    } else if seconds > 70.0 {
        (seconds / 60.0, 'm')
    } else {
        (seconds, 's')
    };
    // `+ 0.0` turns -0 into 0.
    format!("{:.0}{unit} ago", amount.round_ties_even() + 0.0)
}

/// The moment that `text` names, as seconds since the epoch: `3h` or `+3h` was three hours ago (units s, m, h, d, w), `-2h` is in
/// two hours; or a time `2026-01-31 12:30:00` or a date `2026-01-31` in UTC, or an RFC 3339 time.
/// For `#[arg(value_parser = stups_terminal::moment)]`.
pub fn moment(text: &str) -> Result<f64, String> {
    moment_at(text, now())
}

fn moment_at(text: &str, now: f64) -> Result<f64, String> {
    if let Some(seconds) = offset(text) {
        return Ok(now - seconds);
    }
    let absolute = text.parse::<jiff::Timestamp>().or_else(|_| {
        let utc: jiff::civil::DateTime = text.parse()?;
        utc.to_zoned(jiff::tz::TimeZone::UTC).map(|zoned| zoned.timestamp())
    });
    absolute.map(|time| time.as_millisecond() as f64 / 1000.0).map_err(|_| {
        format!("'{text}' is no time: write 3h (units s, m, h, d, w), 2026-01-31, '2026-01-31 12:30:00' (UTC) or 2026-01-31T12:30:00Z")
    })
}

/// `[+-]?<digits><unit>` in seconds.
fn offset(text: &str) -> Option<f64> {
    let (sign, amount) = match text.strip_prefix('-') {
        Some(amount) => (-1.0, amount),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    let unit = amount.chars().next_back()?;
    let digits = amount.strip_suffix(unit)?;
    let seconds = match unit {
        's' => 1.0,
        'm' => 60.0,
        'h' => 3600.0,
        'd' => 86400.0,
        'w' => 7.0 * 86400.0,
        _ => return None,
    };
    let amount: u32 = digits.parse().ok().filter(|_| !digits.starts_with('+'))?;
    Some(sign * f64::from(amount) * seconds)
}

/// `epoch` (seconds) as an RFC 3339 time in UTC, to the millisecond if it has a fraction; empty for epoch 0. A number
/// beyond the years that RFC 3339 can write stays a number.
fn absolute_time(epoch: f64) -> String {
    if epoch == 0.0 {
        return String::new();
    }
    jiff::Timestamp::from_millisecond((epoch * 1000.0).round() as i64)
        .ok()
        .filter(|time| time.as_second() >= -62_167_219_200)
        .map_or_else(|| crate::json::float_text(epoch), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn age(seconds: f64) -> String {
        let now = 1_500_000_000.0;
        relative_age(now - seconds, now)
    }

    #[test]
    fn ages_have_the_measured_units_and_limits() {
        for (seconds, expected) in [
            (0.0, "0s ago"),
            (5.0, "5s ago"),
            (60.0, "60s ago"),
            (69.0, "69s ago"),
            (70.0, "70s ago"),
            (71.0, "1m ago"),
            (90.1, "2m ago"),
            (3599.0, "60m ago"),
            (3600.0, "60m ago"),
            (3601.0, "1h ago"),
            (5400.1, "2h ago"),
            (7200.0, "2h ago"),
            (48.0 * 3600.0, "48h ago"),
            (49.0 * 3600.0, "49h ago"),
            (49.0 * 3600.0 + 1.0, "2d ago"),
            (60.1 * 3600.0, "3d ago"),
            (72.0 * 3600.0, "3d ago"),
            (4228.0 * 86400.0, "4228d ago"),
            (-5.0, "-5s ago"),
        ] {
            assert_eq!(age(seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn halves_are_rounded_to_the_even_neighbour() {
        assert_eq!(age(0.5), "0s ago");
        assert_eq!(age(1.5), "2s ago");
        assert_eq!(age(2.5), "2s ago");
        assert_eq!(age(90.0), "2m ago");
        assert_eq!(age(150.0), "2m ago");
        assert_eq!(age(-0.25), "0s ago");
    }

    #[test]
    fn the_epoch_itself_is_empty() {
        assert_eq!(relative_age(0.0, 1_500_000_000.0), "");
        assert_eq!(Times::Absolute.text(0.0), "");
    }

    #[test]
    fn absolute_times_are_rfc_3339() {
        assert_eq!(Times::Absolute.text(1_500_000_000.0), "2017-07-14T02:40:00Z");
        assert_eq!(Times::Absolute.text(1_500_000_000.25), "2017-07-14T02:40:00.25Z");
        assert_eq!(Times::Absolute.text(-1.0), "1969-12-31T23:59:59Z");
        assert_eq!(Times::Absolute.text(1e300), "1e+300");
        assert_eq!(Times::Absolute.text(-1e12), "-1000000000000.0");
    }

    #[test]
    fn moments_are_ages_or_times() {
        let now = 1_500_000_000.0;
        for (text, expected) in [
            ("5s", now - 5.0),
            ("+3m", now - 180.0),
            ("2h", now - 7200.0),
            ("-2h", now + 7200.0),
            ("1d", now - 86400.0),
            ("2w", now - 14.0 * 86400.0),
            ("2017-07-14 02:40:00", now),
            ("2017-07-14T02:40:00", now),
            ("2017-07-14", now - 9600.0),
            ("2017-07-14T02:40:00Z", now),
            ("2017-07-14T04:40:00.5+02:00", now + 0.5),
        ] {
            assert_eq!(moment_at(text, now), Ok(expected), "{text}");
        }
        for text in [
            "",
            "h",
            "3",
            "3y",
            "--3h",
            "-+3h",
            "1.5h",
            "3 h",
            "yesterday",
            "2017-13-01",
            "ü",
        ] {
            assert!(
                moment_at(text, now)
                    .unwrap_err()
                    .starts_with(&format!("'{text}' is no time"))
            );
        }
    }
}
