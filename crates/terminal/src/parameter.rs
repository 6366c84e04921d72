//! Types of options and arguments, as clap value parsers.

use crate::json::float_text;

/// A URL: blanks around it are cut off, `https://` is put before one without a scheme, and the scheme (in small letters) must be
/// http or https. For `#[arg(value_parser = stups_terminal::url)]`.
pub fn url(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("\"\" is not a valid URL".to_owned());
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return Ok(format!("https://{text}"));
    };
    let scheme = scheme.to_lowercase();
    if scheme == "http" || scheme == "https" {
        Ok(format!("{scheme}://{rest}"))
    } else {
        Err(format!(
            "\"{scheme}\" is not one of the allowed URL schemes (http, https)"
        ))
    }
}

/// A number between limits, which belong to the range. What is beyond them is refused or, with `clamp`, becomes the nearest limit.
/// For `#[arg(value_parser = stups_terminal::float_range(Some(0.0), None, false))]`.
pub fn float_range(
    min: Option<f64>,
    max: Option<f64>,
    clamp: bool,
) -> impl Fn(&str) -> Result<f64, String> + Clone + Send + Sync + 'static {
    move |text| in_range(text, min, max, clamp)
}

/// A percentage; less than 0 is 0, more than 100 is 100. For `#[arg(value_parser = stups_terminal::percentage)]`.
pub fn percentage(text: &str) -> Result<f64, String> {
    in_range(text, Some(0.0), Some(100.0), true)
}

fn in_range(text: &str, min: Option<f64>, max: Option<f64>, clamp: bool) -> Result<f64, String> {
    let value: f64 = text
        .trim()
        .parse()
        .ok()
        .filter(|value: &f64| !value.is_nan())
        .ok_or_else(|| format!("'{text}' is not a valid number."))?;
    let too_small = min.filter(|min| value < *min);
    let too_big = max.filter(|max| value > *max);
    let Some(limit) = too_small.or(too_big) else {
        return Ok(value);
    };
    if clamp {
        return Ok(limit);
    }
    let value = float_text(value);
    Err(match (min, max) {
        (Some(min), Some(max)) => format!("{value} is not in the valid range of {min} to {max}."),
        (None, _) => format!("{value} is bigger than the maximum valid value {limit}."),
        (_, None) => format!("{value} is smaller than the minimum valid value {limit}."),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_trimmed_and_gets_a_scheme() {
        assert_eq!(url("foo").unwrap(), "https://foo");
        assert_eq!(url("  example.org/a?b=c#d ").unwrap(), "https://example.org/a?b=c#d");
        assert_eq!(url("http://foo").unwrap(), "http://foo");
        assert_eq!(url("HTTPS://Foo/Bar").unwrap(), "https://Foo/Bar");
    }

    #[test]
    fn other_schemes_and_nothing_are_no_url() {
        assert_eq!(
            url("foo://example.org").unwrap_err(),
            "\"foo\" is not one of the allowed URL schemes (http, https)"
        );
        assert_eq!(url("").unwrap_err(), "\"\" is not a valid URL");
        assert_eq!(url("  ").unwrap_err(), "\"\" is not a valid URL");
    }

    #[test]
    fn a_range_has_its_limits_and_refuses_what_is_beyond() {
        let range = float_range(Some(0.0), Some(100.0), false);
        assert_eq!(range("0"), Ok(0.0));
        assert_eq!(range("100"), Ok(100.0));
        assert_eq!(range("0.5"), Ok(0.5));
        assert_eq!(
            range("100.1").unwrap_err(),
            "100.1 is not in the valid range of 0 to 100."
        );
        assert_eq!(range("-1").unwrap_err(), "-1.0 is not in the valid range of 0 to 100.");
        assert_eq!(
            float_range(Some(1.5), None, false)("1").unwrap_err(),
            "1.0 is smaller than the minimum valid value 1.5."
        );
        assert_eq!(
            float_range(None, Some(9.0), false)("10").unwrap_err(),
            "10.0 is bigger than the maximum valid value 9."
        );
        assert_eq!(float_range(None, None, false)("1e300"), Ok(1e300));
    }

    #[test]
    fn a_clamped_range_takes_the_nearest_limit() {
        assert_eq!(percentage("-3"), Ok(0.0));
        assert_eq!(percentage("42.5"), Ok(42.5));
        assert_eq!(percentage("1000"), Ok(100.0));
        assert_eq!(percentage("inf"), Ok(100.0));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", "x", "nan", "1,5", "50%"] {
            assert_eq!(
                percentage(text).unwrap_err(),
                format!("'{text}' is not a valid number.")
            );
        }
    }
}
