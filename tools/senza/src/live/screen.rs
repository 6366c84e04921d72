//! A few lines at the bottom of the screen that are replaced in place, below lines that stay.

use stups_terminal::Terminal;

/// Lines are cut to this many characters, so that none wraps on a usual screen: a wrapped one could not be erased.
const WIDTH: usize = 79;

/// The lines that are on the screen now. Dropped, it erases them.
#[derive(Debug)]
pub(super) struct Screen {
    terminal: Terminal,
    lines: usize,
}

impl Screen {
    /// Nothing yet.
    pub(super) fn new(terminal: &Terminal) -> Self {
        Self {
            terminal: terminal.clone(),
            lines: 0,
        }
    }

    /// Erases the lines, so that others can be written.
    pub(super) fn erase(&mut self) {
        if self.lines > 0 {
            self.terminal.print(&format!("\x1b[{}A\r\x1b[J", self.lines));
            self.lines = 0;
        }
    }

    /// Writes lines that the next [`Self::erase`] takes away.
    pub(super) fn draw(&mut self, lines: &[String]) {
        let text: String = lines.iter().map(|line| cut(line) + "\n").collect();
        self.terminal.print(&text);
        self.lines += lines.len();
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.erase();
    }
}

fn cut(line: &str) -> String {
    if line.chars().count() <= WIDTH {
        return line.to_owned();
    }
    line.chars().take(WIDTH - 2).chain("..".chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_replaced_in_place() {
        let (terminal, captured) = Terminal::captured_tty("");
        let mut screen = Screen::new(&terminal);
        screen.erase();
        screen.draw(&["one".to_owned(), "x".repeat(100)]);
        screen.erase();
        screen.draw(&["two".to_owned()]);
        drop(screen);
        let long = "x".repeat(77) + "..";
        assert_eq!(
            captured.stdout(),
            format!("one\n{long}\n\u{1b}[2A\r\u{1b}[Jtwo\n\u{1b}[1A\r\u{1b}[J")
        );
    }
}
