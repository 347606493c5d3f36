//! Splits a document into tokens, as the GraphQL grammar does; strings and comments are skipped over.

use super::{Fault, Reason};

/// What a token is, as far as the guard cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind<'a> {
    Name(&'a str),
    /// One of `! $ & ( ) : = @ [ ] { | }`.
    Punctuator(u8),
    /// `...`
    Spread,
    /// A number or a string.
    Value,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'a> {
    pub kind: TokenKind<'a>,
    /// First byte.
    pub offset: usize,
}

pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The next token, or none at the end.
    pub fn next(&mut self) -> Result<Option<Token<'a>>, Fault> {
        self.skip_ignored();
        let offset = self.at;
        let Some(first) = self.peek(0) else { return Ok(None) };
        let kind = match first {
            b'A'..=b'Z' | b'a'..=b'z' | b'_' => {
                self.skip_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
                TokenKind::Name(&self.text[offset..self.at])
            }
            b'0'..=b'9' | b'-' => {
                self.skip_number();
                TokenKind::Value
            }
            b'"' => {
                if self.rest().starts_with("\"\"\"") {
                    self.skip_block_string()?;
                } else {
                    self.skip_string()?;
                }
                TokenKind::Value
            }
            b'.' if self.rest().starts_with("...") => {
                self.at += 3;
                TokenKind::Spread
            }
            b'!' | b'$' | b'&' | b'(' | b')' | b':' | b'=' | b'@' | b'[' | b']' | b'{' | b'|' | b'}' => {
                self.at += 1;
                TokenKind::Punctuator(first)
            }
            _ => {
                let found = self.rest().chars().next().unwrap_or(char::REPLACEMENT_CHARACTER);
                return Err(Fault { reason: Reason::UnexpectedCharacter(found), offset });
            }
        };
        Ok(Some(Token { kind, offset }))
    }

    fn rest(&self) -> &'a str {
        // Every step ends behind an ASCII byte or a whole character, so this is a character boundary.
        &self.text[self.at..]
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    fn skip_while(&mut self, accept: impl Fn(u8) -> bool) {
        while self.peek(0).is_some_and(&accept) {
            self.at += 1;
        }
    }

    fn skip_ignored(&mut self) {
        loop {
            match self.peek(0) {
                Some(b' ' | b'\t' | b'\r' | b'\n' | b',') => self.at += 1,
                Some(0xEF) if self.rest().starts_with('\u{feff}') => self.at += '\u{feff}'.len_utf8(),
                Some(b'#') => {
                    let end = self.text.as_bytes()[self.at..].iter().position(|byte| matches!(byte, b'\r' | b'\n'));
                    self.at = end.map_or(self.text.len(), |length| self.at + length);
                }
                _ => return,
            }
        }
    }

    fn skip_number(&mut self) {
        self.at += 1;
        self.skip_while(|byte| byte.is_ascii_digit());
        if self.peek(0) == Some(b'.') && self.peek(1).is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
            self.skip_while(|byte| byte.is_ascii_digit());
        }
        if matches!(self.peek(0), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(self.peek(1), Some(b'+' | b'-')));
            if self.peek(1 + sign).is_some_and(|byte| byte.is_ascii_digit()) {
                self.at += 1 + sign;
                self.skip_while(|byte| byte.is_ascii_digit());
            }
        }
    }

    fn skip_string(&mut self) -> Result<(), Fault> {
        let offset = self.at;
        self.at += 1;
        loop {
            match self.peek(0) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                None | Some(b'\r' | b'\n') => return Err(Fault { reason: Reason::UnterminatedString, offset }),
                // An escaped quote does not end the string. What else is escaped is the parser's business,
                // but a line break never is.
                Some(b'\\') if matches!(self.peek(1), Some(b'"' | b'\\')) => self.at += 2,
                Some(_) => self.at += 1,
            }
        }
    }

    fn skip_block_string(&mut self) -> Result<(), Fault> {
        let offset = self.at;
        self.at += 3;
        loop {
            let Some(length) = self.text.as_bytes()[self.at..].iter().position(|byte| matches!(byte, b'"' | b'\\'))
            else {
                return Err(Fault { reason: Reason::UnterminatedBlockString, offset });
            };
            self.at += length;
            if self.rest().starts_with("\"\"\"") {
                self.at += 3;
                return Ok(());
            }
            self.at += if self.rest().starts_with("\\\"\"\"") { 4 } else { 1 };
        }
    }
}
