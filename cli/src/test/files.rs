//! Which case files there are, and writing them.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::failure::Failure;

/// Ends of the names of case files, for folders.
const ENDS: [&str; 3] = [".case.json", ".case.yaml", ".case.yml"];

/// The files as they are given; of folders, all case files in them and below, in order.
pub fn of(given: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in given {
        if path.is_dir() {
            let before = files.len();
            collect(path, &mut files)?;
            if files.len() == before {
                let message = format!("{} holds no case files", path.display());
                return Err(Failure::new(message).help(format!("their names end in {}", ENDS.join(", "))));
            }
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let unreadable = |problem| Failure::of(&format!("{} cannot be read", folder.display()), &problem);
    let mut entries: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        entries.push(entry.map_err(unreadable)?.path());
    }
    entries.sort();
    for path in entries {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        // A link to a folder above would never come to an end.
        if path.is_dir() && !path.is_symlink() && !name.starts_with('.') {
            collect(&path, files)?;
        } else if ENDS.iter().any(|end| name.ends_with(end)) {
            files.push(path);
        }
    }
    Ok(())
}

/// Writes cases where `text` was: a list, or the only one.
pub fn write_cases(file: &Path, text: &str, mut cases: Vec<Value>) -> Result<(), Failure> {
    let is_list = text.trim_start().starts_with('[');
    let value = if is_list || cases.len() != 1 { Value::Array(cases) } else { cases.remove(0) };
    let text = format!("{}\n", serde_json::to_string_pretty(&value).expect("a value is plain data"));
    // Beside it first: a full disk must not cost the case file.
    let beside = file.with_extension("json.new");
    std::fs::write(&beside, text)
        .and_then(|()| std::fs::rename(&beside, file))
        .map_err(|problem| Failure::of(&format!("{} cannot be written", file.display()), &problem))
}
