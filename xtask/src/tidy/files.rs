//! Which files the rules look at, and how long a file may be.

use std::fs;
use std::path::Path;

use super::Finding;
use super::text::TextFile;
use crate::failure::Failure;

const LINE_LIMIT: usize = 500;
/// Built, downloaded or written by a running server: not part of the repository.
const NOT_OURS: [&str; 5] = ["target", "node_modules", "dist", ".git", ".sluice"];
const TEXT: [&str; 20] = [
    "rs", "ts", "tsx", "js", "mjs", "css", "html", "sql", "md", "toml", "yaml", "yml", "json", "graphql", "sh", "env",
    "lock", "txt", "example", "service",
];
const TEXT_NAMES: [&str; 5] = ["Dockerfile", ".dockerignore", ".gitignore", "run", "LICENSE-MIT"];

/// Every text file of the repository, by path.
pub fn read_all(root: &Path) -> Result<Vec<TextFile>, Failure> {
    let mut files = Vec::new();
    read_folder(root, root, &mut files)?;
    files.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(files)
}

fn read_folder(root: &Path, folder: &Path, files: &mut Vec<TextFile>) -> Result<(), Failure> {
    let fail = |path: &Path, error: &std::io::Error| Failure::io(format!("cannot read {}", path.display()), error);
    for entry in fs::read_dir(folder).map_err(|error| fail(folder, &error))? {
        let entry = entry.map_err(|error| fail(folder, &error))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(|error| fail(&path, &error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if kind.is_dir() {
            if !NOT_OURS.contains(&name.as_str()) {
                read_folder(root, &path, files)?;
            }
        } else if kind.is_file() && is_text(&name) {
            let bytes = fs::read(&path).map_err(|error| fail(&path, &error))?;
            let relative = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            files.push(TextFile { path: relative, text: String::from_utf8_lossy(&bytes).into_owned() });
        }
    }
    Ok(())
}

fn is_text(name: &str) -> bool {
    TEXT_NAMES.contains(&name) || name.rsplit_once('.').is_some_and(|(_, extension)| TEXT.contains(&extension))
}

/// A file that is too long for one reading hides its parts.
pub fn check_length(file: &TextFile) -> Option<Finding> {
    let lines = file.text.lines().count();
    if lines <= LINE_LIMIT || !file.has_extension(&["rs", "ts", "tsx", "sql"]) {
        return None;
    }
    Some(Finding {
        file: file.path.clone(),
        line: LINE_LIMIT + 1,
        rule: "file-length",
        reason: format!(
            "{lines} lines; a file of more than {LINE_LIMIT} has several responsibilities: split it by them"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_file_may_have_five_hundred_lines_and_no_more() {
        let file = |path: &str, lines: usize| TextFile::new(path, &"x\n".repeat(lines));
        assert_eq!(check_length(&file("a/src/lib.rs", 500)), None);
        let finding = check_length(&file("a/src/lib.rs", 501)).unwrap();
        assert_eq!((finding.line, finding.rule), (501, "file-length"));
        assert_eq!(check_length(&file("docs/long.md", 900)), None);
    }

    #[test]
    fn this_repository_is_read_without_what_is_built_from_it() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let files = read_all(root).unwrap();
        assert!(files.iter().any(|file| file.path == "xtask/src/tidy/files.rs"));
        assert!(!files.iter().any(|file| file.path.starts_with("target/") || file.path.contains("node_modules/")));
    }
}
