//! Steps of a long command: each with a title, and at the end what each took.

use std::io::{Read as _, Seek as _};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::cargo::{shown, succeed};
use crate::style;

/// The steps that were taken.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    took: Vec<(&'static str, Duration)>,
}

impl Steps {
    /// Takes a step.
    pub(crate) fn step(&mut self, name: &'static str, work: impl FnOnce() -> Result<()>) -> Result<()> {
        title(name);
        let started = Instant::now();
        let result = work();
        self.took.push((name, started.elapsed()));
        result
    }

    /// A step that is a command.
    pub(crate) fn check(&mut self, name: &'static str, command: &mut Command) -> Result<()> {
        self.step(name, || succeed(command))
    }

    /// Prints what each took.
    pub(crate) fn print(&self) {
        title("Time");
        for (name, took) in &self.took {
            println!("{:>6} s  {name}", took.as_secs());
        }
        let total: Duration = self.took.iter().map(|(_, took)| *took).sum();
        println!("{:>6} s", total.as_secs());
    }
}

/// Says what comes.
pub(crate) fn title(text: &str) {
    println!("\n{}", style::good(text));
}

/// A command that runs beside others. What it says is shown at its end; dropped before that, it is killed.
#[derive(Debug)]
pub(crate) struct Beside {
    name: String,
    process: Child,
    output: std::fs::File,
}

impl Beside {
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let output = tempfile::tempfile()?;
        let name = shown(command);
        let process = command
            .stdout(output.try_clone()?)
            .stderr(output.try_clone()?)
            .spawn()
            .with_context(|| format!("Can't run {name}"))?;
        Ok(Self { name, process, output })
    }

    /// Waits for it; an exit code other than 0 is an error.
    pub(crate) fn finish(mut self) -> Result<()> {
        let status = self.process.wait()?;
        let mut said = String::new();
        self.output.rewind()?;
        self.output.read_to_string(&mut said)?;
        print!("{said}");
        if !status.success() {
            bail!("{} failed ({status})", self.name);
        }
        Ok(())
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // Fails when it has ended, which is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
