//! Lines of what another program writes, none longer than there is room for.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// The most bytes of a line; what is longer goes on in the next one.
const LONGEST: usize = 64 << 10;

/// The next line without its end; nothing at the end of everything.
pub(super) async fn next_line(reader: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    loop {
        let available = reader.fill_buf().await?;
        if available.is_empty() {
            return Ok((!line.is_empty()).then(|| text(&line)));
        }
        let room = LONGEST.saturating_sub(line.len()).min(available.len());
        let part = available.get(..room).unwrap_or_default();
        let end = part.iter().position(|byte| *byte == b'\n');
        line.extend_from_slice(part.get(..end.unwrap_or(room)).unwrap_or_default());
        reader.consume(end.map_or(room, |end| end + 1));
        if end.is_some() || line.len() == LONGEST {
            return Ok(Some(text(&line)));
        }
    }
}

fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_end_where_they_end_or_where_there_is_no_room() {
        let long = "x".repeat(LONGEST + 1);
        let all = format!("one\r\n\n{long}\n\u{e4}");
        let mut reader = tokio::io::BufReader::with_capacity(7, all.as_bytes());
        let mut lines = Vec::new();
        while let Some(line) = next_line(&mut reader).await.unwrap() {
            lines.push(line);
        }
        assert_eq!(lines, ["one", "", &long[1..], "x", "\u{e4}"]);
    }
}
