//! A file's text, as the rules look at it.

/// A text file of the repository.
#[derive(Debug, Clone)]
pub struct TextFile {
    /// Path from the root of the repository, with `/`.
    pub path: String,
    pub text: String,
}

impl TextFile {
    /// Whether the name ends in one of these, given without the dot.
    pub fn has_extension(&self, extensions: &[&str]) -> bool {
        self.path.rsplit_once('.').is_some_and(|(_, extension)| extensions.contains(&extension))
    }

    /// The folder at the root: the crate, for Rust sources.
    pub fn top_folder(&self) -> &str {
        self.path.split_once('/').map_or("", |(folder, _)| folder)
    }

    /// Lines with their number, counted from 1.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// First line of the code that only tests see; a file of tests is one from line 1.
    pub fn tests_begin(&self) -> Option<usize> {
        let is_test_file =
            self.path.starts_with("tests/") || self.path.contains("/tests/") || self.path.ends_with("/tests.rs");
        if is_test_file {
            return Some(1);
        }
        // Unit tests stand at the end of their file.
        self.lines().find(|(_, line)| line.trim() == "#[cfg(test)]").map(|(number, _)| number)
    }

    /// Whether this line, or the one above it, excepts it from the rule and says why.
    pub fn is_excepted(&self, line: usize, rule: &str) -> bool {
        let marker = format!("tidy: allow {rule} because ");
        let wanted = line.saturating_sub(1)..=line;
        self.lines().any(|(number, text)| {
            let reason = text.split_once(&marker).map_or("", |(_, reason)| reason);
            wanted.contains(&number) && !reason.trim().is_empty()
        })
    }
}

#[cfg(test)]
impl TextFile {
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unit_tests_begin_at_their_attribute_and_test_files_at_the_top() {
        let source = "fn one() {}\n\n#[cfg(test)]\nmod tests {}\n";
        assert_eq!(TextFile::new("engine/src/lib.rs", source).tests_begin(), Some(3));
        assert_eq!(TextFile::new("store/tests/pages.rs", source).tests_begin(), Some(1));
        assert_eq!(TextFile::new("engine/src/lib.rs", "fn one() {}\n").tests_begin(), None);
    }

    #[test]
    fn an_exception_counts_only_with_a_reason_and_for_the_next_line() {
        let file = TextFile::new(
            "a.rs",
            "// tidy: allow no-sleep because the stub is slow\nx\ny\n// tidy: allow no-sleep because \nz\n",
        );
        assert!(file.is_excepted(2, "no-sleep"));
        assert!(!file.is_excepted(3, "no-sleep"));
        assert!(!file.is_excepted(2, "other-rule"));
        assert!(!file.is_excepted(5, "no-sleep"));
    }
}
