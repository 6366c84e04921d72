//! What berry says: `LEVEL: message`, one line each, on standard error.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

/// Where the lines go, and which.
#[derive(Clone)]
pub(crate) struct Log {
    output: Arc<Mutex<dyn Write + Send>>,
    silent: bool,
}

impl Log {
    /// To standard error; `silent` leaves out what is no error.
    pub(crate) fn to_stderr(silent: bool) -> Self {
        Self {
            output: Arc::new(Mutex::new(std::io::stderr())),
            silent,
        }
    }

    pub(crate) fn info(&self, message: &str) {
        if !self.silent {
            self.line("INFO", message);
        }
    }

    pub(crate) fn warning(&self, message: &str) {
        if !self.silent {
            self.line("WARNING", message);
        }
    }

    pub(crate) fn error(&self, message: &str) {
        self.line("ERROR", message);
    }

    fn line(&self, level: &str, message: &str) {
        // Parts of it were written by others; a line end in them must not look like a line of ours.
        let message: String = message
            .chars()
            .map(|character| if character.is_control() { ' ' } else { character })
            .collect();
        let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        // Credentials are fetched whether somebody reads the log or not.
        let _ = output.write_all(format!("{level}: {message}\n").as_bytes());
    }
}

#[cfg(test)]
impl Log {
    /// A log, and what it has got so far.
    pub(crate) fn captured() -> (Self, Arc<Mutex<Vec<u8>>>) {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let log = Self {
            output: lines.clone(),
            silent: false,
        };
        (log, lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_is_one_line_with_its_level() {
        let (mut log, lines) = Log::captured();
        log.info("one\nERROR: two");
        log.warning("three");
        log.silent = true;
        log.info("nothing");
        log.warning("nothing");
        log.error("four");
        assert_eq!(
            String::from_utf8(lines.lock().unwrap().clone()).unwrap(),
            "INFO: one ERROR: two\nWARNING: three\nERROR: four\n"
        );
    }
}
