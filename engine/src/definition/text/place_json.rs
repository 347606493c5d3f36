//! Places in JSON that is known to parse.

use super::places::Places;
use crate::pointer;
use crate::problem::Range;

/// Records the place of every value.
pub(super) fn walk(text: &str, places: &mut Places) {
    let mut walker = Walker { text, at: 0, line: 1, column: 1, places };
    if walker.peek() == Some('\u{feff}') {
        // A byte order mark takes no column.
        walker.at += '\u{feff}'.len_utf8();
    }
    walker.value(&mut String::new(), None);
}

struct Walker<'t, 'p> {
    text: &'t str,
    at: usize,
    line: u32,
    column: u32,
    places: &'p mut Places,
}

impl Walker<'_, '_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn step(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        if c == '\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
        Some(c)
    }

    fn skip(&mut self, unwanted: impl Fn(char) -> bool) {
        while self.peek().is_some_and(&unwanted) {
            self.step();
        }
    }

    fn blank(&mut self) {
        self.skip(|c| c.is_ascii_whitespace() || c == ',' || c == ':');
    }

    fn from(&self, start: (u32, u32)) -> Range {
        Range { start_line: start.0, start_column: start.1, end_line: self.line, end_column: self.column }
    }

    /// Takes a string literal; its text still has the escapes.
    fn string(&mut self) -> (usize, usize) {
        let start = self.at;
        self.step();
        while let Some(c) = self.step() {
            match c {
                '\\' => {
                    self.step();
                }
                '"' => break,
                _ => {}
            }
        }
        (start, self.at)
    }

    // Recursion is bounded: a text nested over the limit is refused before its places are asked for.
    fn value(&mut self, pointer: &mut String, key: Option<Range>) {
        self.blank();
        let start = (self.line, self.column);
        match self.peek() {
            Some('{') => self.members(pointer),
            Some('[') => self.entries(pointer),
            Some('"') => {
                self.string();
            }
            _ => self.skip(|c| !c.is_ascii_whitespace() && !matches!(c, ',' | '}' | ']')),
        }
        let place = self.from(start);
        self.places.add(pointer, key, place);
    }

    fn members(&mut self, pointer: &mut String) {
        self.step();
        loop {
            self.blank();
            if self.peek() != Some('"') {
                self.step();
                return;
            }
            let start = (self.line, self.column);
            let (from, to) = self.string();
            let place = self.from(start);
            let Ok(key) = serde_json::from_str::<String>(&self.text[from..to]) else { return };
            let length = pointer.len();
            pointer.push('/');
            pointer.push_str(&pointer::escape(&key));
            self.value(pointer, Some(place));
            pointer.truncate(length);
        }
    }

    fn entries(&mut self, pointer: &mut String) {
        self.step();
        let mut index = 0_usize;
        loop {
            self.blank();
            if matches!(self.peek(), Some(']') | None) {
                self.step();
                return;
            }
            let length = pointer.len();
            pointer.push('/');
            pointer.push_str(&index.to_string());
            self.value(pointer, None);
            pointer.truncate(length);
            index += 1;
        }
    }
}
