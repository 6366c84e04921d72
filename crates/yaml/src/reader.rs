//! The characters of a text, and where each of them is.

/// A place in the text, counted in characters from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) index: usize,
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// A text that is read from its start to its end, with any look-ahead.
pub(crate) struct Reader {
    characters: Vec<char>,
    position: Position,
}

/// The end of the text. No text holds the character itself: it is not printable.
pub(crate) const END: char = '\0';

pub(crate) fn is_break(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

pub(crate) fn is_break_or_end(character: char) -> bool {
    character == END || is_break(character)
}

/// White space, a line break, or the end of the text.
pub(crate) fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t') || is_break_or_end(character)
}

impl Reader {
    pub(crate) fn new(text: &str) -> Self {
        Self {
            characters: text.chars().collect(),
            position: Position::default(),
        }
    }

    pub(crate) fn character(&self, ahead: usize) -> char {
        self.characters.get(self.position.index + ahead).copied().unwrap_or(END)
    }

    pub(crate) fn position(&self) -> Position {
        self.position
    }

    pub(crate) fn column(&self) -> isize {
        self.position.column.cast_signed()
    }

    pub(crate) fn skip(&mut self, count: usize) {
        for _ in 0..count {
            let character = self.character(0);
            self.position.index += 1;
            if is_break(character) && !(character == '\r' && self.character(0) == '\n') {
                self.position.line += 1;
                self.position.column = 0;
            } else if character != '\u{FEFF}' {
                self.position.column += 1;
            }
        }
    }

    /// Moves over `count` characters and adds them to `text`.
    pub(crate) fn take(&mut self, count: usize, text: &mut String) {
        let start = self.position.index;
        text.extend(self.characters.get(start..start + count).unwrap_or_default());
        self.skip(count);
    }

    pub(crate) fn skip_while(&mut self, matches: impl Fn(char) -> bool) {
        while self.character(0) != END && matches(self.character(0)) {
            self.skip(1);
        }
    }

    /// How many characters from here on are as wanted.
    pub(crate) fn count_while(&self, matches: impl Fn(char) -> bool) -> usize {
        let rest = self.characters.get(self.position.index..).unwrap_or_default();
        rest.iter().take_while(|character| matches(**character)).count()
    }

    /// Moves over a line break; what it stands for in a scalar.
    pub(crate) fn line_break(&mut self) -> Option<char> {
        match self.character(0) {
            '\r' if self.character(1) == '\n' => {
                self.skip(2);
                Some('\n')
            }
            '\r' | '\n' | '\u{85}' => {
                self.skip(1);
                Some('\n')
            }
            kept @ ('\u{2028}' | '\u{2029}') => {
                self.skip(1);
                Some(kept)
            }
            _ => None,
        }
    }

    /// `---` or `...` at the start of a line, given that this is one.
    pub(crate) fn at_document_marker(&self) -> bool {
        let marker = [self.character(0), self.character(1), self.character(2)];
        (marker == ['-'; 3] || marker == ['.'; 3]) && is_blank(self.character(3))
    }
}
