//! Progress lines: `Doing x.. OK`.

use std::future::Future;

/// An open progress line. Ends with ` OK` unless an error or a warning was noted on it, or it failed.
#[derive(Debug)]
pub struct Action {}

impl Action {
    /// ` .`: still at it.
    pub fn progress(&self) {
        todo!()
    }

    /// Notes a warning: ` <text>` in yellow and a newline; the line then ends without OK.
    pub fn warning(&self, text: &str) {
        let _ = text;
        todo!()
    }

    /// Notes an error: ` <text>` in red and a newline; the line then ends without OK.
    pub fn error(&self, text: &str) {
        let _ = text;
        todo!()
    }

    /// Ends the line with ` <text>` in green instead of ` OK`.
    pub fn done(self, text: &str) {
        let _ = text;
        todo!()
    }

    /// Ends the line: ` OK` unless something was noted.
    pub fn ok(self) {
        todo!()
    }

    /// Ends the line with ` EXCEPTION OCCURRED: <text>` in red.
    pub fn exception(self, text: &str) {
        let _ = text;
        todo!()
    }

    /// Ends the line with ` <text>` in red, for a failure that the text explains in full (follow with `Failure::silent`).
    pub fn fatal(self, text: &str) {
        let _ = text;
        todo!()
    }

    /// Runs `work` under this line: OK when it succeeds, `EXCEPTION OCCURRED` when it does not; the result is handed on.
    pub async fn during<T, E: std::fmt::Display>(self, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        match work.await {
            Ok(value) => {
                self.ok();
                Ok(value)
            }
            Err(error) => {
                self.exception(&error.to_string());
                Err(error)
            }
        }
    }
}
