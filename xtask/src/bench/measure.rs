//! Wall time and peak memory of a command.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// What running a command took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// from start to end; the median of all runs
    pub(crate) time: Duration,
    /// the largest resident set of any run, in bytes
    pub(crate) memory: u64,
}

/// Runs `make()` once unmeasured and then `runs` times. Time is taken without anything in between, memory in one more run
/// under GNU time, which reports what the kernel noted.
pub(crate) fn measure(runs: usize, mut make: impl FnMut() -> Command) -> Result<Cost> {
    run(&mut make())?;
    let mut times = Vec::with_capacity(runs);
    for _ in 0..runs {
        let mut command = make();
        let start = Instant::now();
        run(&mut command)?;
        times.push(start.elapsed());
    }
    Ok(Cost {
        time: median(times),
        memory: peak_memory(&make())?,
    })
}

fn run(command: &mut Command) -> Result<()> {
    let output = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .with_context(|| format!("Can't run {}", command.get_program().display()))?;
    ensure!(
        output.status.success(),
        "{}: {}: {}",
        spelled(command),
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}

/// The largest resident set of a run of `command`, in bytes.
pub(crate) fn peak_memory(command: &Command) -> Result<u64> {
    let report = tempfile::NamedTempFile::new()?;
    let mut timed = Command::new("/usr/bin/time");
    timed
        .args(["--format", "%M", "--output"])
        .arg(report.path())
        .arg(command.get_program())
        .args(command.get_args());
    timed.current_dir(command.get_current_dir().unwrap_or(Path::new(".")));
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => timed.env(name, value),
            None => timed.env_remove(name),
        };
    }
    run(&mut timed)?;
    let text = fs::read_to_string(report.path())?;
    let kibibytes: u64 = text
        .trim()
        .parse()
        .with_context(|| format!("GNU time reported {text:?}"))?;
    Ok(kibibytes * 1024)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// The command as typed. Not its environment, which `Debug` shows: credentials are in it.
pub(super) fn spelled(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

/// A figure of `/proc/<id>/status` in bytes: `VmRSS` is the resident set now, `VmHWM` the largest so far.
pub(crate) fn memory(process: u32, name: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .with_context(|| format!("no {name}"))?;
    let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kibibytes * 1024)
}

/// For how long a process has kept a processor busy, in user and kernel mode (`proc_pid_stat(5)`).
pub(crate) fn cpu_time(process: u32) -> Result<Duration> {
    Ok(ticks_of(process)?.1)
}

/// The same of a process and those that it has started and that still run.
pub(crate) fn family_cpu_time(process: u32) -> Result<Duration> {
    let mut time = cpu_time(process)?;
    for entry in fs::read_dir("/proc")? {
        let id = entry?.file_name().to_str().and_then(|name| name.parse().ok());
        // One that has just ended has nothing to read.
        if let Some((parent, spent)) = id.and_then(|id| ticks_of(id).ok())
            && parent == process
        {
            time += spent;
        }
    }
    Ok(time)
}

/// The parent of a process, and for how long it kept a processor busy.
fn ticks_of(process: u32) -> Result<(u32, Duration)> {
    /// `USER_HZ` of Linux on every architecture that it is built for here.
    const TICKS_PER_SECOND: u64 = 100;
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // Behind the name in parentheses, which may have blanks: the parent is the fourth field, the times the 14th and the 15th.
    let mut fields = stat.rsplit_once(')').context("no name")?.1.split_whitespace().skip(1);
    let parent = fields.next().context("no parent")?.parse()?;
    let ticks: Vec<u64> = fields.skip(9).take(2).map(str::parse).collect::<Result<_, _>>()?;
    let milliseconds = ticks.iter().sum::<u64>() * 1000 / TICKS_PER_SECOND;
    Ok((parent, Duration::from_millis(milliseconds)))
}

/// For how long this machine's processors were busy and idle since it started, in ticks (`proc_stat(5)`).
pub(crate) fn machine_ticks() -> Result<(u64, u64)> {
    let stat = fs::read_to_string("/proc/stat")?;
    let fields = stat.lines().next().context("no first line")?.split_whitespace().skip(1);
    let ticks: Vec<u64> = fields.take(8).map(str::parse).collect::<Result<_, _>>()?;
    // The fourth is idle, the fifth waits for a disk.
    let idle: u64 = ticks.iter().skip(3).take(2).sum();
    Ok((ticks.iter().sum::<u64>() - idle, idle))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one() {
        let times = [9, 1, 5].map(Duration::from_millis);
        assert_eq!(median(times.to_vec()), Duration::from_millis(5));
        assert_eq!(median(Vec::new()), Duration::ZERO);
    }

    #[test]
    fn a_command_that_fails_is_not_measured() {
        assert!(measure(1, || Command::new("false")).is_err());
        assert!(measure(1, || Command::new("/nonexistent")).is_err());
    }

    #[test]
    fn a_failure_names_the_command_without_its_environment() {
        let mut command = Command::new("false");
        command.arg("word").env("AWS_SESSION_TOKEN", "secret");
        let message = run(&mut command).unwrap_err().to_string();
        assert!(message.starts_with("false word: "), "{message}");
        assert!(!message.contains("secret"), "{message}");
    }
}
