//! `sluice validate`: checks definitions offline and prints findings as a compiler does.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use engine::check::{Offline, check};
use engine::definition::Format as Language;
use engine::fix::in_words;
use engine::problem::{Problem, Severity};
use serde_json::json;

use crate::failure::Failure;
use crate::output::{self, Format};

/// Checks every file; fails when one has errors.
pub fn run(files: &[PathBuf], format: Format) -> Result<ExitCode, Failure> {
    let mut results = Vec::new();
    let (mut errors, mut warnings, mut shown) = (0, 0, String::new());
    for path in files {
        let text = read(path)?;
        let name = path.display().to_string();
        let checked = check(&text, Language::guess(&text, Some(&name)), &Offline);
        errors += checked.problems.iter().filter(|problem| problem.is_error()).count();
        warnings += checked.problems.iter().filter(|problem| !problem.is_error()).count();
        for problem in &checked.problems {
            write_problem(&mut shown, &name, &text, problem);
        }
        results.push(json!({ "file": name, "valid": checked.is_valid(), "problems": checked.problems }));
    }
    match format {
        Format::Json => output::json(&json!(results))?,
        Format::Table => {
            let _written =
                write!(shown, "{} checked: {errors} errors, {warnings} warnings", count(files.len(), "file"));
            output::line(&shown)?
        }
    };
    Ok(if errors > 0 { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// The text of a file.
pub fn read(path: &Path) -> Result<String, Failure> {
    let bytes =
        std::fs::read(path).map_err(|problem| Failure::of(&format!("{} cannot be read", path.display()), &problem))?;
    String::from_utf8(bytes).map_err(|_not_text| Failure::new(format!("{} is not UTF-8 text", path.display())))
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// `file:line:column: error[code]: message`, the line, a mark under it, and what to do.
fn write_problem(shown: &mut String, file: &str, text: &str, problem: &Problem) {
    let severity = match problem.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let place = problem
        .range
        .map_or_else(|| file.to_owned(), |range| format!("{file}:{}:{}", range.start_line, range.start_column));
    let mut lines = vec![format!("{place}: {severity}[{}]: {}", problem.code, problem.message)];
    if let Some(range) = problem.range
        && let Some(line) = text.lines().nth(range.start_line.saturating_sub(1) as usize)
    {
        let number = range.start_line.to_string();
        let margin = " ".repeat(number.len());
        let width = if range.end_line == range.start_line {
            range.end_column.saturating_sub(range.start_column).max(1)
        } else {
            1
        };
        let line: String = line.chars().take(160).collect();
        let indent = " ".repeat(range.start_column.saturating_sub(1).min(160) as usize);
        lines.push(format!("{margin} |"));
        lines.push(format!("{number} | {line}"));
        lines.push(format!("{margin} | {indent}{}", "^".repeat(width.min(80) as usize)));
    }
    if let Some(suggestion) = &problem.suggestion {
        lines.push(format!("  = help: {suggestion}"));
    }
    if let Some(words) = in_words(&problem.fix) {
        lines.push(format!("  = help: {words}"));
    }
    shown.push_str(&lines.join("\n"));
    shown.push_str("\n\n");
}
