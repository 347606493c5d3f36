//! Findings that stay, each with its reason: `xtask/security/accepted.toml`.

use std::fs;
use std::path::Path;

use crate::failure::Failure;

/// One of them.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    suite: String,
    id: String,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Accepted(Vec<Entry>);

impl Accepted {
    pub fn read(file: &Path) -> Result<Self, Failure> {
        let text =
            fs::read_to_string(file).map_err(|error| Failure::io(format!("cannot read {}", file.display()), &error))?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self, Failure> {
        let wrong = |what: String| Failure::message(format!("xtask/security/accepted.toml: {what}"));
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| wrong(error.to_string()))?;
        let entries = table.get("accepted").and_then(toml::Value::as_array).cloned().unwrap_or_default();
        let member = |entry: &toml::Value, name: &str| {
            let text = entry.get(name).and_then(toml::Value::as_str).filter(|text| !text.trim().is_empty());
            text.map(str::to_owned).ok_or_else(|| wrong(format!("an entry has no `{name}`")))
        };
        let read = |entry: &toml::Value| {
            member(entry, "reason")?;
            Ok(Entry { suite: member(entry, "suite")?, id: member(entry, "id")? })
        };
        entries.iter().map(read).collect::<Result<_, Failure>>().map(Self)
    }

    pub fn holds(&self, suite: &str, id: &str) -> bool {
        self.0.iter().any(|entry| entry.suite == suite && entry.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_a_suite_an_id_and_a_reason() {
        let text = "[[accepted]]\nsuite = \"a\"\nid = \"b\"\nreason = \"because\"\n";
        assert!(Accepted::parse(text).unwrap().holds("a", "b"));
        assert!(!Accepted::parse(text).unwrap().holds("a", "c"));
        assert!(Accepted::parse("[[accepted]]\nsuite = \"a\"\nid = \"b\"\n").is_err());
        assert!(Accepted::parse("[[accepted]]\nsuite = \"a\"\nid = \"b\"\nreason = \" \"\n").is_err());
    }

    #[test]
    fn the_list_of_this_repository_can_be_read() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("security/accepted.toml");
        Accepted::read(&file).unwrap();
    }
}
