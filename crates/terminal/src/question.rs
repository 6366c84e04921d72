//! What another program asks on stdin, as git and docker ask their credential helpers.

use std::io::{self, Read as _};

use crate::Failure;

/// No program asks with more bytes.
const LONGEST_QUESTION: u64 = 64 << 10;

/// All of stdin, which another program has written and closed; 64 KiB at most.
pub fn question_on_stdin() -> Result<String, Failure> {
    let mut text = String::new();
    io::stdin()
        .take(LONGEST_QUESTION)
        .read_to_string(&mut text)
        .map_err(|error| Failure::application(format!("Could not read the question: {error}")))?;
    Ok(text)
}
