use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment in milliseconds since 1970 UTC, on the wire exactly `2026-01-31T12:30:00.000Z`.
///
/// Clients in the field parse with a mandatory fraction and a literal `Z` (contract kio 4, D1), so it is never written in
/// another way. It is read from any RFC 3339 time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This moment.
    pub fn now() -> Self {
        Self(jiff::Timestamp::now().as_millisecond())
    }

    /// A moment as people and programs write it (contract kio 2.3): a date, or a date and a time with any number of fraction
    /// digits (what is finer than a millisecond is cut off), with `Z` or an offset, in UTC without one.
    pub fn parse_lenient(text: &str) -> Option<Self> {
        let text = cut_fraction(text.trim());
        let parsed = text.parse::<jiff::Timestamp>().ok().or_else(|| {
            let utc: jiff::civil::DateTime = text.parse().ok()?;
            Some(utc.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
        })?;
        Some(Self(parsed.as_millisecond()))
    }
}

/// The text with at most nine fraction digits: more than that no parser takes.
fn cut_fraction(text: &str) -> String {
    let mut digits = None;
    text.chars()
        .filter(|character| {
            digits = match (digits, character) {
                (_, '.' | ',') => Some(0),
                (Some(count), '0'..='9') => Some(count + 1),
                _ => None,
            };
            digits.is_none_or(|count| count <= 9)
        })
        .collect()
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = jiff::Timestamp::from_millisecond(self.0).unwrap_or_default();
        write!(formatter, "{time:.3}")
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse_lenient(&text).ok_or_else(|| D::Error::custom(format!("\"{text}\" is no RFC 3339 time")))
    }
}

impl utoipa::PartialSchema for Timestamp {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .format(Some(utoipa::openapi::SchemaFormat::KnownFormat(
                utoipa::openapi::KnownFormat::DateTime,
            )))
            .description(Some("Always UTC, always three fraction digits"))
            .examples(["2026-01-31T12:30:00.000Z"])
            .build()
            .into()
    }
}

impl utoipa::ToSchema for Timestamp {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_with_three_fraction_digits_and_z() {
        for (milliseconds, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_500_000_000_000, "2017-07-14T02:40:00.000Z"),
            (1_500_000_000_120, "2017-07-14T02:40:00.120Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(Timestamp(milliseconds).to_string(), text);
            assert_eq!(Timestamp::parse_lenient(text), Some(Timestamp(milliseconds)));
        }
    }

    #[test]
    fn dates_and_times_are_read_leniently() {
        for (text, milliseconds) in [
            ("2017-07-14", 1_499_990_400_000),
            ("2017-07-14T02:40:00Z", 1_500_000_000_000),
            ("2017-07-14T02:40:00", 1_500_000_000_000),
            ("2017-07-14T02:40:00.1Z", 1_500_000_000_100),
            ("2017-07-14T02:40:00.12Z", 1_500_000_000_120),
            ("2017-07-14T02:40:00.1234Z", 1_500_000_000_123),
            ("2017-07-14T02:40:00.123456789012Z", 1_500_000_000_123),
            ("2017-07-14T04:40:00.5+02:00", 1_500_000_000_500),
            ("2017-07-14T04:40:00+0200", 1_500_000_000_000),
        ] {
            assert_eq!(Timestamp::parse_lenient(text), Some(Timestamp(milliseconds)), "{text}");
        }
        for text in ["", "yesterday", "2017-13-01", "2017-07-14T25:00:00Z", "14.07.2017"] {
            assert_eq!(Timestamp::parse_lenient(text), None, "{text}");
        }
    }
}
