//! Scalars of every style: where they end, and the text that they stand for.

use crate::load::Error;
use crate::reader::{END, is_blank, is_break, is_break_or_end};
use crate::scanner::Scanner;

/// What happens to the line breaks at the end of a block scalar.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Chomping {
    Clip,
    Strip,
    Keep,
}

impl Scanner {
    /// A plain scalar, from its first character on.
    pub(crate) fn plain_scalar(&mut self) -> String {
        let mut text = String::new();
        let indent = self.indent() + 1;
        let mut spaces = String::new();
        loop {
            if self.reader.character(0) == '#' {
                return text;
            }
            let length = self.plain_length();
            if length == 0 {
                return text;
            }
            self.allow_simple_key(false);
            text.push_str(&spaces);
            self.reader.take(length, &mut text);
            spaces = self.plain_spaces();
            if spaces.is_empty()
                || self.reader.character(0) == '#'
                || (!self.in_flow() && self.reader.column() < indent)
            {
                return text;
            }
        }
    }

    /// The length of the word here.
    fn plain_length(&self) -> usize {
        let in_flow = self.in_flow();
        let mut length = 0;
        loop {
            let character = self.reader.character(length);
            let next = self.reader.character(length + 1);
            let ends = is_blank(character)
                || (character == ':' && (is_blank(next) || (in_flow && ",[]{}".contains(next))))
                || (in_flow && ",?[]{}".contains(character));
            if ends {
                return length;
            }
            length += 1;
        }
    }

    /// The spaces or line breaks after a word, folded; nothing if the scalar ends here.
    fn plain_spaces(&mut self) -> String {
        let mut spaces = String::new();
        self.reader
            .take(self.reader.count_while(|character| character == ' '), &mut spaces);
        let Some(first) = self.reader.line_break() else {
            return spaces;
        };
        self.allow_simple_key(true);
        let mut breaks = String::new();
        loop {
            if self.reader.position().column == 0 && self.reader.at_document_marker() {
                return String::new();
            }
            self.reader.skip_while(|character| character == ' ');
            match self.reader.line_break() {
                Some(more) => breaks.push(more),
                None => return folded(first, breaks),
            }
        }
    }

    /// A scalar in single or double quotes.
    pub(crate) fn quoted_scalar(&mut self, quote: char) -> Result<String, Error> {
        let start = self.reader.position();
        let mut text = String::new();
        self.reader.skip(1);
        loop {
            self.reader.take(
                self.reader
                    .count_while(|character| !matches!(character, '\'' | '"' | '\\') && !is_blank(character)),
                &mut text,
            );
            match self.reader.character(0) {
                '\'' if quote == '\'' && self.reader.character(1) == '\'' => {
                    text.push('\'');
                    self.reader.skip(2);
                }
                end if end == quote => {
                    self.reader.skip(1);
                    return Ok(text);
                }
                '\\' if quote == '"' => self.escape(&mut text)?,
                END => return Err(Error::at(start, "this quote is not closed")),
                blank if is_blank(blank) => self.quoted_spaces(&mut text)?,
                _ => self.reader.take(1, &mut text),
            }
        }
    }

    fn quoted_spaces(&mut self, text: &mut String) -> Result<(), Error> {
        let mut spaces = String::new();
        self.reader.take(
            self.reader.count_while(|character| matches!(character, ' ' | '\t')),
            &mut spaces,
        );
        match self.reader.line_break() {
            Some(first) => {
                let breaks = self.quoted_breaks()?;
                text.push_str(&folded(first, breaks));
            }
            None => text.push_str(&spaces),
        }
        Ok(())
    }

    /// Empty lines within quotes, and the indentation of the line after them.
    fn quoted_breaks(&mut self) -> Result<String, Error> {
        let mut breaks = String::new();
        loop {
            if self.reader.at_document_marker() {
                return Err(self.error("a document ends within quotes: the quote before this line is not closed"));
            }
            self.reader.skip_while(|character| matches!(character, ' ' | '\t'));
            match self.reader.line_break() {
                Some(one) => breaks.push(one),
                None => return Ok(breaks),
            }
        }
    }

    fn escape(&mut self, text: &mut String) -> Result<(), Error> {
        let start = self.reader.position();
        self.reader.skip(1);
        let escaped = self.reader.character(0);
        let digits = match escaped {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ if is_break(escaped) => {
                self.reader.line_break();
                text.push_str(&self.quoted_breaks()?);
                return Ok(());
            }
            _ => {
                let character = match escaped {
                    '0' => '\0',
                    'a' => '\x07',
                    'b' => '\x08',
                    't' | '\t' => '\t',
                    'n' => '\n',
                    'v' => '\x0B',
                    'f' => '\x0C',
                    'r' => '\r',
                    'e' => '\x1B',
                    'N' => '\u{85}',
                    '_' => '\u{A0}',
                    'L' => '\u{2028}',
                    'P' => '\u{2029}',
                    ' ' | '"' | '\\' | '/' => escaped,
                    _ => {
                        return Err(Error::at(
                            start,
                            "an unknown escape; write a backslash in double quotes as \\\\",
                        ));
                    }
                };
                text.push(character);
                self.reader.skip(1);
                return Ok(());
            }
        };
        self.reader.skip(1);
        let mut code = String::new();
        self.reader.take(
            self.reader
                .count_while(|character| character.is_ascii_hexdigit())
                .min(digits),
            &mut code,
        );
        let character = u32::from_str_radix(&code, 16).ok().and_then(char::from_u32);
        match character {
            Some(character) if code.len() == digits => {
                text.push(character);
                Ok(())
            }
            _ => Err(Error::at(
                start,
                format!("\\{escaped} needs {digits} hexadecimal digits that are a character"),
            )),
        }
    }

    /// A literal (`|`) or folded (`>`) scalar, from its indicator on.
    pub(crate) fn block_scalar(&mut self, is_folded: bool) -> Result<String, Error> {
        self.reader.skip(1);
        let (chomping, increment) = self.block_indicators()?;
        let least = (self.indent() + 1).max(1);
        let (indent, mut breaks) = if let Some(increment) = increment {
            let indent = least + increment - 1;
            (indent, self.block_breaks(indent))
        } else {
            let (found, breaks) = self.block_indentation();
            (least.max(found), breaks)
        };
        let mut text = String::new();
        let mut line_break = None;
        while self.reader.column() == indent && self.reader.character(0) != END {
            text.push_str(&breaks);
            let starts_with_text = !matches!(self.reader.character(0), ' ' | '\t');
            self.reader
                .take(self.reader.count_while(|character| !is_break(character)), &mut text);
            line_break = self.reader.line_break();
            breaks = self.block_breaks(indent);
            if self.reader.column() != indent || self.reader.character(0) == END {
                break;
            }
            let folds = is_folded
                && line_break == Some('\n')
                && starts_with_text
                && !matches!(self.reader.character(0), ' ' | '\t');
            if !folds {
                text.extend(line_break);
            } else if breaks.is_empty() {
                text.push(' ');
            }
        }
        if chomping != Chomping::Strip {
            text.extend(line_break);
        }
        if chomping == Chomping::Keep {
            text.push_str(&breaks);
        }
        Ok(text)
    }

    /// What stands after `|` or `>` on its line.
    fn block_indicators(&mut self) -> Result<(Chomping, Option<isize>), Error> {
        let mut chomping = None;
        let mut increment = None;
        loop {
            match self.reader.character(0) {
                '+' if chomping.is_none() => chomping = Some(Chomping::Keep),
                '-' if chomping.is_none() => chomping = Some(Chomping::Strip),
                digit @ '1'..='9' if increment.is_none() => {
                    increment = digit.to_digit(10).and_then(|digit| isize::try_from(digit).ok());
                }
                _ => break,
            }
            self.reader.skip(1);
        }
        let separated = matches!(self.reader.character(0), ' ') || is_break_or_end(self.reader.character(0));
        self.reader.skip_while(|character| character == ' ');
        if self.reader.character(0) == '#' {
            self.reader.skip_while(|character| !is_break(character));
        }
        if !separated || !is_break_or_end(self.reader.character(0)) {
            let message = "after '|' or '>' only '+' or '-', a digit from 1 to 9 and a comment can stand; quote the value if it is text";
            return Err(self.error(message));
        }
        self.reader.line_break();
        Ok((chomping.unwrap_or(Chomping::Clip), increment))
    }

    /// The empty lines before the first line with text, and its indentation.
    fn block_indentation(&mut self) -> (isize, String) {
        let mut breaks = String::new();
        let mut indent = 0;
        loop {
            self.reader.skip_while(|character| character == ' ');
            indent = indent.max(self.reader.column());
            match self.reader.line_break() {
                Some(one) => breaks.push(one),
                None => return (indent, breaks),
            }
        }
    }

    /// Empty lines, and the indentation of the line after them.
    fn block_breaks(&mut self, indent: isize) -> String {
        let mut breaks = String::new();
        loop {
            while self.reader.column() < indent && self.reader.character(0) == ' ' {
                self.reader.skip(1);
            }
            match self.reader.line_break() {
                Some(one) => breaks.push(one),
                None => return breaks,
            }
        }
    }
}

/// A line break becomes a space, unless empty lines follow it; those stay.
fn folded(first: char, breaks: String) -> String {
    match first {
        '\n' if breaks.is_empty() => " ".to_owned(),
        '\n' => breaks,
        kept => format!("{kept}{breaks}"),
    }
}
