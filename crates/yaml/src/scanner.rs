//! Characters to tokens, by YAML 1.1's rules as PyYAML applies them.
//!
//! A scalar turns out to be a key only when its `:` is read. Until then its place among the tokens is kept as a possible
//! simple key; a key ends on its line and within 1024 characters, which bounds how far the scanner looks ahead.

use std::collections::VecDeque;

use crate::load::Error;
use crate::reader::{END, Position, Reader, is_blank, is_break};
use crate::token::{Token, TokenKind};

#[derive(Clone, Copy)]
struct SimpleKey {
    /// the number of its first token, counted from the start of the text
    token: usize,
    /// it stands where only a key can stand
    required: bool,
    position: Position,
}

/// The scanner; see the module.
pub(crate) struct Scanner {
    pub(super) reader: Reader,
    tokens: VecDeque<Token>,
    /// how many tokens were handed out
    taken: usize,
    finished: bool,
    /// the column of the innermost block collection; -1 outside of all
    indent: isize,
    outer_indents: Vec<isize>,
    simple_key_allowed: bool,
    /// for block context and each open flow collection, the key that its last token may begin
    possible_keys: Vec<Option<SimpleKey>>,
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_')
}

fn is_uri(character: char) -> bool {
    character.is_ascii_alphanumeric() || "-;/?:@&=+$,_.!~*'()[]%".contains(character)
}

impl Scanner {
    pub(crate) fn new(text: &str) -> Self {
        Self {
            reader: Reader::new(text),
            tokens: VecDeque::new(),
            taken: 0,
            finished: false,
            indent: -1,
            outer_indents: Vec::new(),
            simple_key_allowed: true,
            possible_keys: vec![None],
        }
    }

    /// The next token, left in place.
    pub(crate) fn peek(&mut self) -> Result<&Token, Error> {
        while self.needs_more()? {
            self.fetch()?;
        }
        // Only after the end of the text is there nothing.
        if self.tokens.is_empty() {
            self.push(TokenKind::StreamEnd, self.reader.position());
        }
        self.tokens
            .front()
            .ok_or_else(|| Error::at(self.reader.position(), "the text ends unexpectedly"))
    }

    /// The next token.
    pub(crate) fn next(&mut self) -> Result<Token, Error> {
        self.peek()?;
        self.taken += 1;
        self.tokens
            .pop_front()
            .ok_or_else(|| Error::at(self.reader.position(), "the text ends unexpectedly"))
    }

    fn needs_more(&mut self) -> Result<bool, Error> {
        if self.finished {
            return Ok(false);
        }
        if self.tokens.is_empty() {
            return Ok(true);
        }
        self.drop_stale_keys()?;
        // A token that may yet become a key must wait for its ':'.
        Ok(self
            .possible_keys
            .iter()
            .flatten()
            .next()
            .is_some_and(|key| key.token == self.taken))
    }

    pub(super) fn indent(&self) -> isize {
        self.indent
    }

    pub(super) fn allow_simple_key(&mut self, allowed: bool) {
        self.simple_key_allowed = allowed;
    }

    pub(super) fn in_flow(&self) -> bool {
        self.possible_keys.len() > 1
    }

    // Tokens.

    fn push(&mut self, kind: TokenKind, position: Position) {
        self.tokens.push_back(Token { kind, position });
    }

    /// Moves over `count` characters that are a token.
    fn push_indicator(&mut self, kind: TokenKind, count: usize) {
        self.push(kind, self.reader.position());
        self.reader.skip(count);
    }

    fn fetch(&mut self) -> Result<(), Error> {
        self.skip_to_token();
        self.drop_stale_keys()?;
        self.close_blocks(self.reader.column());
        let next_is_blank = is_blank(self.reader.character(1));
        let in_flow = self.in_flow();
        let line_start = self.reader.position().column == 0;
        match self.reader.character(0) {
            END => {
                self.leave_blocks()?;
                self.possible_keys = vec![None];
                self.push(TokenKind::StreamEnd, self.reader.position());
                self.finished = true;
                Ok(())
            }
            '%' if line_start => {
                self.leave_blocks()?;
                self.directive()
            }
            marker @ ('-' | '.') if line_start && self.reader.at_document_marker() => {
                self.leave_blocks()?;
                let kind = if marker == '-' {
                    TokenKind::DocumentStart
                } else {
                    TokenKind::DocumentEnd
                };
                self.push_indicator(kind, 3);
                Ok(())
            }
            '[' => self.flow_start(TokenKind::FlowSequenceStart),
            '{' => self.flow_start(TokenKind::FlowMappingStart),
            ']' => self.flow_end(TokenKind::FlowSequenceEnd),
            '}' => self.flow_end(TokenKind::FlowMappingEnd),
            ',' => {
                self.simple_key_allowed = true;
                self.forget_key()?;
                self.push_indicator(TokenKind::FlowEntry, 1);
                Ok(())
            }
            '-' if next_is_blank => self.block_entry(),
            '?' if in_flow || next_is_blank => self.explicit_key(),
            ':' if in_flow || next_is_blank => self.mapping_value(),
            '*' => self.anchor(TokenKind::Alias),
            '&' => self.anchor(TokenKind::Anchor),
            '!' => self.tag(),
            style @ ('|' | '>') if !in_flow => {
                self.simple_key_allowed = true;
                self.forget_key()?;
                let position = self.reader.position();
                let text = self.block_scalar(style == '>')?;
                self.push(TokenKind::Scalar { text, plain: false }, position);
                Ok(())
            }
            quote @ ('\'' | '"') => {
                self.begin_possible_key()?;
                let position = self.reader.position();
                let text = self.quoted_scalar(quote)?;
                self.push(TokenKind::Scalar { text, plain: false }, position);
                Ok(())
            }
            first if starts_plain(first, next_is_blank, in_flow) => {
                self.begin_possible_key()?;
                let position = self.reader.position();
                let text = self.plain_scalar();
                self.push(TokenKind::Scalar { text, plain: true }, position);
                Ok(())
            }
            '\t' => Err(self.error("a tab cannot separate or indent; use spaces, or quote the text that holds it")),
            other => Err(self.error(format!("no value can start with {other:?}; quote it if it is text"))),
        }
    }

    pub(super) fn error(&self, message: impl Into<String>) -> Error {
        Error::at(self.reader.position(), message)
    }

    fn skip_to_token(&mut self) {
        if self.reader.position().index == 0 && self.reader.character(0) == '\u{FEFF}' {
            self.reader.skip(1);
        }
        loop {
            self.reader.skip_while(|character| character == ' ');
            if self.reader.character(0) == '#' {
                self.reader.skip_while(|character| !is_break(character));
            }
            if self.reader.line_break().is_none() {
                return;
            }
            if !self.in_flow() {
                self.simple_key_allowed = true;
            }
        }
    }

    // Keys that are known to be keys by their ':' only.

    fn drop_stale_keys(&mut self) -> Result<(), Error> {
        const LONGEST_KEY: usize = 1024;
        for key in &mut self.possible_keys {
            let stale = key.filter(|key| {
                key.position.line != self.reader.position().line
                    || self.reader.position().index - key.position.index > LONGEST_KEY
            });
            if let Some(stale) = stale {
                if stale.required {
                    return Err(missing_colon(stale));
                }
                *key = None;
            }
        }
        Ok(())
    }

    /// The next token may begin a key.
    fn begin_possible_key(&mut self) -> Result<(), Error> {
        if self.simple_key_allowed {
            self.forget_key()?;
            let key = SimpleKey {
                token: self.taken + self.tokens.len(),
                required: !self.in_flow() && self.indent == self.reader.column(),
                position: self.reader.position(),
            };
            if let Some(innermost) = self.possible_keys.last_mut() {
                *innermost = Some(key);
            }
        }
        self.simple_key_allowed = false;
        Ok(())
    }

    fn forget_key(&mut self) -> Result<(), Error> {
        match self.take_key() {
            Some(key) if key.required => Err(missing_colon(key)),
            _ => Ok(()),
        }
    }

    fn take_key(&mut self) -> Option<SimpleKey> {
        self.possible_keys.last_mut()?.take()
    }

    // Indentation.

    fn close_blocks(&mut self, column: isize) {
        if self.in_flow() {
            return;
        }
        while self.indent > column {
            self.indent = self.outer_indents.pop().unwrap_or(-1);
            self.push(TokenKind::BlockEnd, self.reader.position());
        }
    }

    /// Opens a block collection in this column; whether it is a new one.
    fn open_block(&mut self, column: isize) -> bool {
        let new = self.indent < column;
        if new {
            self.outer_indents.push(self.indent);
            self.indent = column;
        }
        new
    }

    /// Ends every block, for what can only stand outside of them.
    fn leave_blocks(&mut self) -> Result<(), Error> {
        self.close_blocks(-1);
        self.forget_key()?;
        self.simple_key_allowed = false;
        Ok(())
    }

    // Indicators.

    fn flow_start(&mut self, kind: TokenKind) -> Result<(), Error> {
        self.begin_possible_key()?;
        self.possible_keys.push(None);
        self.simple_key_allowed = true;
        self.push_indicator(kind, 1);
        Ok(())
    }

    fn flow_end(&mut self, kind: TokenKind) -> Result<(), Error> {
        if !self.in_flow() {
            return Err(self.error(format!("{} closes nothing here; quote it if it is text", kind.name())));
        }
        self.forget_key()?;
        self.possible_keys.pop();
        self.simple_key_allowed = false;
        self.push_indicator(kind, 1);
        Ok(())
    }

    fn block_entry(&mut self) -> Result<(), Error> {
        if !self.in_flow() {
            if !self.simple_key_allowed {
                return Err(self.error("a list item cannot start here; put it on a line of its own"));
            }
            if self.open_block(self.reader.column()) {
                self.push(TokenKind::BlockSequenceStart, self.reader.position());
            }
        }
        self.simple_key_allowed = true;
        self.forget_key()?;
        self.push_indicator(TokenKind::BlockEntry, 1);
        Ok(())
    }

    fn explicit_key(&mut self) -> Result<(), Error> {
        if !self.in_flow() {
            if !self.simple_key_allowed {
                return Err(self.error("a key cannot start here; put it on a line of its own"));
            }
            if self.open_block(self.reader.column()) {
                self.push(TokenKind::BlockMappingStart, self.reader.position());
            }
        }
        self.simple_key_allowed = !self.in_flow();
        self.forget_key()?;
        self.push_indicator(TokenKind::Key, 1);
        Ok(())
    }

    fn mapping_value(&mut self) -> Result<(), Error> {
        if let Some(key) = self.take_key() {
            let place = key.token.saturating_sub(self.taken).min(self.tokens.len());
            self.tokens.insert(
                place,
                Token {
                    kind: TokenKind::Key,
                    position: key.position,
                },
            );
            if !self.in_flow() && self.open_block(key.position.column.cast_signed()) {
                self.tokens.insert(
                    place,
                    Token {
                        kind: TokenKind::BlockMappingStart,
                        position: key.position,
                    },
                );
            }
            self.simple_key_allowed = false;
        } else {
            if !self.in_flow() {
                if !self.simple_key_allowed {
                    return Err(
                        self.error("a second ': ' on this line, or one without a key; quote the text that holds it")
                    );
                }
                if self.open_block(self.reader.column()) {
                    self.push(TokenKind::BlockMappingStart, self.reader.position());
                }
            }
            self.simple_key_allowed = !self.in_flow();
        }
        self.push_indicator(TokenKind::Value, 1);
        Ok(())
    }

    // Directives, anchors and tags.

    fn directive(&mut self) -> Result<(), Error> {
        let start = self.reader.position();
        let mut line = String::new();
        self.reader
            .take(self.reader.count_while(|character| !is_break(character)), &mut line);
        let words: Vec<_> = line.split(' ').filter(|word| !word.is_empty()).collect();
        let understood = match words.as_slice() {
            ["%YAML", version, rest @ ..] => {
                let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                let known = version.strip_prefix("1.").is_some_and(number);
                known && rest.first().is_none_or(|word| word.starts_with('#'))
            }
            ["%TAG" | "%YAML" | "%", ..] | [] => false,
            [name, ..] => name.chars().skip(1).all(is_word),
        };
        if !understood {
            return Err(Error::at(start, "only the directive %YAML 1.1 is understood"));
        }
        self.reader.line_break();
        self.push(TokenKind::Directive, start);
        Ok(())
    }

    fn anchor(&mut self, kind: fn(String) -> TokenKind) -> Result<(), Error> {
        self.begin_possible_key()?;
        let start = self.reader.position();
        self.reader.skip(1);
        let mut name = String::new();
        self.reader.take(self.reader.count_while(is_word), &mut name);
        let next = self.reader.character(0);
        if name.is_empty() || !(is_blank(next) || "?:,]}%@`".contains(next)) {
            return Err(Error::at(
                start,
                "the name of an anchor or alias has letters, digits, '-' and '_' only; quote the value if it is text",
            ));
        }
        self.push(kind(name), start);
        Ok(())
    }

    fn tag(&mut self) -> Result<(), Error> {
        self.begin_possible_key()?;
        let start = self.reader.position();
        let mut tag = String::new();
        if self.reader.character(1) == '<' {
            self.reader.skip(2);
            self.reader.take(self.reader.count_while(is_uri), &mut tag);
            if tag.is_empty() || self.reader.character(0) != '>' {
                return Err(Error::at(start, "a tag that starts with '!<' ends with '>'"));
            }
            self.reader.skip(1);
        } else {
            self.reader.take(self.reader.count_while(is_uri), &mut tag);
            if let Some(name) = tag.strip_prefix("!!") {
                tag = format!("tag:yaml.org,2002:{name}");
            } else if tag.chars().skip(1).any(|character| character == '!') {
                return Err(Error::at(start, format!("the tag {tag} is unknown")));
            }
        }
        let next = self.reader.character(0);
        if next == '\t' || !is_blank(next) || tag == "tag:yaml.org,2002:" {
            return Err(Error::at(
                start,
                "a tag has a name of letters and digits, and a space follows it",
            ));
        }
        self.push(TokenKind::Tag(tag), start);
        Ok(())
    }
}

/// Whether a plain scalar can start with `first`.
fn starts_plain(first: char, next_is_blank: bool, in_flow: bool) -> bool {
    match first {
        '-' => !next_is_blank,
        '?' | ':' => !next_is_blank && !in_flow,
        _ => !is_blank(first) && !",[]{}#&*!|>'\"%@`".contains(first),
    }
}

fn missing_colon(key: SimpleKey) -> Error {
    Error::at(key.position, "a key is expected here, but no ':' follows on this line")
}
