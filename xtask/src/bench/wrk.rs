//! Load, by wrk.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

/// What wrk has seen.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Load {
    /// requests per second
    pub(super) rate: f64,
    /// as wrk writes it: `1.23ms`
    pub(super) p99: String,
    /// answers that were no success, and connections that broke
    pub(super) failed: u64,
}

/// Loads a URL with 64 connections, with one header: `Authorization: Bearer secret`.
pub(super) fn load(url: &str, header: &str, seconds: u64) -> Result<Load> {
    let output = Command::new("wrk")
        .args(["--threads", "1", "--connections", "64", "--latency", "--timeout", "10s"])
        .arg(format!("--duration={seconds}s"))
        .args(["--header", header, url])
        .stdin(Stdio::null())
        .output()
        .context("Can't run wrk")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success(),
        "wrk: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    read(&text).with_context(|| format!("wrk said: {text}"))
}

/// Of several loads the one with the median rate; failures of all.
pub(super) fn middle(mut loads: Vec<Load>) -> Option<Load> {
    loads.sort_by(|one, other| one.rate.total_cmp(&other.rate));
    let failed = loads.iter().map(|load| load.failed).sum();
    let load = loads.get(loads.len() / 2)?.clone();
    Some(Load { failed, ..load })
}

fn read(text: &str) -> Option<Load> {
    let after = |prefix: &str| {
        text.lines()
            .find_map(|line| line.trim().strip_prefix(prefix))
            .map(str::trim)
    };
    let answers = after("Non-2xx or 3xx responses:").map_or(Some(0), |count| count.parse().ok())?;
    let broken = after("Socket errors:").map_or(0, |counts| {
        counts
            .split(|c: char| !c.is_ascii_digit())
            .filter_map(|count| count.parse::<u64>().ok())
            .sum()
    });
    Some(Load {
        rate: after("Requests/sec:")?.parse().ok()?,
        p99: after("99%")?.to_owned(),
        failed: answers + broken,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_load_hides_no_failure() {
        let loads = [(3.0, 0), (1.0, 2), (2.0, 1)].map(|(rate, failed)| Load {
            rate,
            p99: String::new(),
            failed,
        });
        let middle = middle(loads.to_vec()).unwrap();
        assert!((middle.rate - 2.0).abs() < f64::EPSILON);
        assert_eq!(middle.failed, 3);
        assert_eq!(super::middle(Vec::new()), None);
    }

    #[test]
    fn its_report_is_read() {
        let text = "  Latency Distribution\n     50%    1.10ms\n     99%    9.81ms\n  100 requests in 1.00s\n\
                    \x20 Socket errors: connect 0, read 1, write 0, timeout 2\n  Non-2xx or 3xx responses: 40\nRequests/sec:  99.50\n";
        assert_eq!(
            read(text),
            Some(Load {
                rate: 99.5,
                p99: "9.81ms".to_owned(),
                failed: 43
            })
        );
        assert_eq!(read("unable to connect"), None);
    }
}
