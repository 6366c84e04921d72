//! Lengths of time as people write them.

use std::time::Duration;

/// `90`, `90s`, `5m`, `1h30m`, `500ms`: numbers with units, a bare one is seconds. At most a week. A clap value parser.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    const LONGEST: Duration = Duration::from_hours(7 * 24);
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let seconds = text.parse().map_err(|_| "it is too long".to_owned())?;
        return within(Duration::from_secs(seconds), LONGEST);
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest
            .find(|character: char| !character.is_ascii_digit())
            .unwrap_or(rest.len());
        let (number, unit) = rest.split_at(digits);
        let length = unit
            .find(|character: char| character.is_ascii_digit())
            .unwrap_or(unit.len());
        let (unit, next) = unit.split_at(length);
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let milliseconds = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(wrong()),
        };
        total = total.saturating_add(Duration::from_millis(number.saturating_mul(milliseconds)));
        rest = next;
    }
    if text.is_empty() {
        return Err(wrong());
    }
    within(total, LONGEST)
}

fn within(duration: Duration, longest: Duration) -> Result<Duration, String> {
    if duration > longest {
        return Err("it is longer than a week".to_owned());
    }
    Ok(duration)
}

fn wrong() -> String {
    "it is no length of time such as 90s, 5m or 1h30m".to_owned()
}

/// As [`duration`] reads it: `1h30m`, `0s`.
pub(crate) fn in_words(duration: Duration) -> String {
    let (seconds, milliseconds) = (duration.as_secs(), duration.subsec_millis());
    let parts = [
        (seconds / 3600, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
        (u64::from(milliseconds), "ms"),
    ];
    let words: Vec<String> = parts
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, unit)| format!("{number}{unit}"))
        .collect();
    if words.is_empty() {
        "0s".to_owned()
    } else {
        words.concat()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_with_units() {
        for (text, seconds) in [
            ("90", 90),
            ("90s", 90),
            (" 5m ", 300),
            ("1h30m", 5400),
            ("0", 0),
            ("0s", 0),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        for text in [
            "",
            "m",
            "5 m",
            "5x",
            "-1",
            "1.5h",
            "m5",
            "99999999999999999999",
            "8d",
            "200h",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(milliseconds in 0_u64..=604_800_000) {
            let written = Duration::from_millis(milliseconds);
            prop_assert_eq!(duration(&in_words(written)), Ok(written));
        }

        #[test]
        fn no_text_does_harm(text in "\\PC{0,12}") {
            let _ = duration(&text);
        }
    }
}
