//! Ends a process at a chosen one of its steps: of the calls with which it changes files and connections.

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::process::Command;

/// Counts the steps of processes that have its [`environment`](Self::environment), and ends one (SIGKILL) just before a chosen step.
///
/// It is a library that the process loads; the two share a file that has the number and the count.
#[derive(Debug)]
pub struct Steps {
    library: String,
    control: String,
}

impl Steps {
    /// Compiles the library into a directory, with the compiler that Rust links with.
    ///
    /// Panics when there is none.
    pub fn new(directory: &Path) -> Self {
        let (source, library, control) = (
            directory.join("steps.c"),
            directory.join("steps.so"),
            directory.join("steps"),
        );
        std::fs::write(&source, include_str!("steps.c")).expect("the directory can be written");
        std::fs::write(&control, [0; 16]).expect("the directory can be written");
        let output = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-o"])
            .args([&library, &source])
            .arg("-ldl")
            .output()
            .expect("cc can be run");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self {
            library: library.display().to_string(),
            control: control.display().to_string(),
        }
    }

    /// What a process needs to be counted.
    pub fn environment(&self) -> [(&'static str, &str); 2] {
        [("LD_PRELOAD", &self.library), ("STEPS", &self.control)]
    }

    /// Begins to count; the process ends before its `number`th step from now (from 1).
    pub fn end_before(&self, number: u64) {
        self.control([number, 0]);
    }

    /// Begins to count, and ends nothing.
    pub fn only_count(&self) {
        self.end_before(u64::MAX);
    }

    /// Ends nothing any more, and answers how many steps there were.
    pub fn stop(&self) -> u64 {
        let mut count = [0; 8];
        let mut file = std::fs::File::open(&self.control).expect("it is there");
        file.seek(SeekFrom::Start(8)).expect("it has two numbers");
        file.read_exact(&mut count).expect("it has two numbers");
        self.control([0, 0]);
        u64::from_ne_bytes(count)
    }

    fn control(&self, [number, count]: [u64; 2]) {
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .open(&self.control)
            .expect("it is there");
        // The count first: a number that has been reached already must not be seen.
        file.seek(SeekFrom::Start(8)).expect("it can be written");
        file.write_all(&count.to_ne_bytes()).expect("it can be written");
        file.rewind().expect("it can be written");
        file.write_all(&number.to_ne_bytes()).expect("it can be written");
    }
}
