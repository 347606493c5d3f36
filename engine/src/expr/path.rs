//! Paths such as `order.items[0].sku`, `a.0.b`, `customer["odd key"]`, `items.*.qty`, `items.length`.

use std::collections::BTreeSet;
use std::fmt;

/// One part of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// A field, or the number of a list member written with a dot.
    Key(String),
    /// A list member.
    Index(usize),
    /// Every member of a list: what follows is collected from each.
    Each,
}

/// A parsed path; its first part names a root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    pub(super) root: String,
    pub(super) parts: Vec<Part>,
    text: String,
}

/// A text is not a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a path: write names joined by dots, such as `order.items[0].sku`")]
pub struct PathError(String);

/// Longest path, in parts: deeper than any value that is accepted.
const MAX_PARTS: usize = 128;

impl Path {
    /// Parses a path. A leading dot, or `$.`, is dropped.
    ///
    /// # Errors
    /// When the text is not a path.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let error = || PathError(super::cut(text));
        let body = text.trim();
        let body = body.strip_prefix("$.").or_else(|| body.strip_prefix('.')).unwrap_or(body);
        let mut scanner = Scanner { rest: body };
        let root = scanner.name().ok_or_else(error)?;
        let mut parts = Vec::new();
        while !scanner.rest.is_empty() {
            parts.push(scanner.part().ok_or_else(error)?);
            if parts.len() > MAX_PARTS {
                return Err(error());
            }
        }
        if root.bytes().all(|byte| byte.is_ascii_digit()) || matches!(parts.last(), Some(Part::Each)) {
            return Err(error());
        }
        Ok(Self { root, parts, text: body.to_owned() })
    }

    /// The value at the path in `value`, whose fields are the roots; paths that collect find nothing.
    #[must_use]
    pub fn find<'v>(&self, value: &'v serde_json::Value) -> Option<&'v serde_json::Value> {
        let mut found = value.get(&self.root)?;
        for part in &self.parts {
            found = match part {
                Part::Key(key) => found.get(key).or_else(|| found.get(key.parse::<usize>().ok()?))?,
                Part::Index(index) => found.get(*index)?,
                Part::Each => return None,
            };
        }
        Some(found)
    }

    /// The path as written, without a leading dot.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its first part.
    pub(crate) fn root(&self) -> &str {
        &self.root
    }

    /// The name of what is read below the root, such as `limit` of `vars.limit`.
    pub(crate) fn name(&self) -> Option<&str> {
        match self.parts.first() {
            Some(Part::Key(name)) => Some(name),
            Some(Part::Index(_) | Part::Each) | None => None,
        }
    }

    /// That name, when nothing more stands behind it.
    pub(crate) fn only_name(&self) -> Option<&str> {
        self.name().filter(|_| self.parts.len() == 1)
    }
}

/// The names that stand below `root` in the paths that are read.
pub(crate) fn names_below(paths: &[impl AsRef<str>], root: &str) -> BTreeSet<String> {
    let parsed = paths.iter().filter_map(|path| Path::parse(path.as_ref()).ok()).filter(|path| path.root == root);
    parsed.filter_map(|path| path.name().map(str::to_owned)).collect()
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

struct Scanner<'a> {
    rest: &'a str,
}

impl Scanner<'_> {
    /// A name: letters, digits, `_` and `-` after the first character.
    fn name(&mut self) -> Option<String> {
        let end = self
            .rest
            .char_indices()
            .find(|(at, next)| !(next.is_alphanumeric() || *next == '_' || (*at > 0 && *next == '-')))
            .map_or(self.rest.len(), |(at, _)| at);
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!name.is_empty()).then(|| name.to_owned())
    }

    fn part(&mut self) -> Option<Part> {
        if let Some(rest) = self.rest.strip_prefix('.') {
            self.rest = rest;
            if let Some(rest) = self.rest.strip_prefix('*') {
                self.rest = rest;
                return Some(Part::Each);
            }
            return self.name().map(Part::Key);
        }
        self.rest = self.rest.strip_prefix('[')?;
        let part = match self.rest.chars().next()? {
            quote @ ('"' | '\'') => Part::Key(self.quoted(quote)?),
            '*' => {
                self.rest = &self.rest[1..];
                Part::Each
            }
            _digits => {
                let end = self.rest.find(']')?;
                let (index, rest) = self.rest.split_at(end);
                self.rest = rest;
                Part::Index(index.trim().parse().ok()?)
            }
        };
        self.rest = self.rest.strip_prefix(']')?;
        Some(part)
    }

    fn quoted(&mut self, quote: char) -> Option<String> {
        let mut key = String::new();
        let mut characters = self.rest.char_indices().skip(1);
        while let Some((at, next)) = characters.next() {
            if next == quote {
                self.rest = &self.rest[at + 1..];
                return Some(key);
            }
            key.push(if next == '\\' { characters.next()?.1 } else { next });
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_understood() {
        let key = |name: &str| Part::Key(name.to_owned());
        let cases = [
            ("order", "order", vec![]),
            ("order.total", "order", vec![key("total")]),
            (".order.total", "order", vec![key("total")]),
            ("$.order.total", "order", vec![key("total")]),
            ("a[0].b", "a", vec![Part::Index(0), key("b")]),
            ("a.0.b", "a", vec![key("0"), key("b")]),
            ("a[\"odd key\"].b", "a", vec![key("odd key"), key("b")]),
            ("a['it\\'s']", "a", vec![key("it's")]),
            ("items.*.qty", "items", vec![Part::Each, key("qty")]),
            ("items[*].qty", "items", vec![Part::Each, key("qty")]),
            ("items.length", "items", vec![key("length")]),
            ("steps.read-stock.output", "steps", vec![key("read-stock"), key("output")]),
            ("größe.maß", "größe", vec![key("maß")]),
        ];
        for (text, root, parts) in cases {
            let path = Path::parse(text).unwrap();
            assert_eq!((path.root.as_str(), path.parts), (root, parts), "{text}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in [
            "", ".", "a.", "a..b", "a[", "a[x]", "a[-1]", "a[\"b]", "a b", "a + b", "1", "*", "a.*", "a|upper", "f()",
            "-a",
        ] {
            assert!(Path::parse(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,40}") {
            let _outcome = Path::parse(&text);
        }
    }
}
