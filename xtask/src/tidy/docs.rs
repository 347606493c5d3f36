//! Links between the documents of this repository.

use std::path::Path;

use super::Finding;
use super::text::TextFile;

/// Relative links in Markdown point at something that is there.
pub fn check(file: &TextFile, root: &Path) -> Vec<Finding> {
    if !file.has_extension(&["md"]) {
        return Vec::new();
    }
    let folder = root.join(&file.path).parent().map(Path::to_owned).unwrap_or_default();
    links(file)
        .into_iter()
        .filter(|(_, target)| !folder.join(target).exists())
        .map(|(line, target)| Finding {
            file: file.path.clone(),
            line,
            rule: "dead-link",
            reason: format!("`{target}` does not exist"),
        })
        .collect()
}

/// Targets inside the repository, without what follows `#`, each with its line.
fn links(file: &TextFile) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut is_code = false;
    for (number, line) in file.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        }
        if is_code {
            continue;
        }
        for part in line.split("](").skip(1) {
            let Some((target, _)) = part.split_once(')') else { continue };
            let path = target.split(['#', ' ']).next().unwrap_or_default();
            let is_elsewhere = path.is_empty() || path.contains("://") || path.starts_with("mailto:");
            if !is_elsewhere {
                found.push((number, path.to_owned()));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_other_sites_to_headings_and_in_code_are_not_looked_at() {
        let text = "[a](docs/a.md) [b](https://example.com/b) [c](#top)\n```\n[d](nowhere.md)\n```\n[e](e.md#part)\n";
        let found = links(&TextFile::new("README.md", text));
        assert_eq!(found, [(1, "docs/a.md".to_owned()), (5, "e.md".to_owned())]);
    }

    #[test]
    fn a_link_to_a_missing_file_is_reported_with_its_line() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let file = TextFile::new("src/notes.md", "\n[here](main.rs) [gone](gone.md)\n");
        let findings = check(&file, root);
        assert_eq!(findings.len(), 1);
        assert_eq!((findings[0].line, findings[0].reason.as_str()), (2, "`gone.md` does not exist"));
    }
}
