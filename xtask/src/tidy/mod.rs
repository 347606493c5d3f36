//! `cargo xtask tidy`: the rules of this repository that no other tool checks.
//!
//! A line that has a good reason to break a rule on text says so itself, or the line above it does:
//! `// tidy: allow no-sleep because this stub answers late`.

mod docs;
mod files;
mod layers;
mod modules;
mod tenants;
mod text;
mod words;

use std::fmt;
use std::process::ExitCode;

use crate::failure::Failure;
use crate::workspace::Workspace;

/// One place that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Path from the root of the repository.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// Name of the rule.
    pub rule: &'static str,
    /// What is wrong and why that is a rule.
    pub reason: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.file, self.line, self.rule, self.reason)
    }
}

/// What a check of the whole repository found.
#[derive(Debug)]
pub struct Report {
    pub files: usize,
    pub findings: Vec<Finding>,
}

/// Checks every rule on every file.
pub fn check(workspace: &Workspace) -> Result<Report, Failure> {
    let mut findings = layers::check(&layers::packages(workspace.metadata(), workspace.root())?);
    let files = files::read_all(workspace.root())?;
    findings.extend(modules::check(&files));
    for file in &files {
        findings.extend(files::check_length(file));
        findings.extend(words::check(file));
        findings.extend(docs::check(file, workspace.root()));
        findings.extend(tenants::check(file));
    }
    findings.sort_by(|left, right| (&left.file, left.line, left.rule).cmp(&(&right.file, right.line, right.rule)));
    Ok(Report { files: files.len(), findings })
}

pub fn run(workspace: &Workspace) -> Result<ExitCode, Failure> {
    let report = check(workspace)?;
    for finding in &report.findings {
        println!("{finding}");
    }
    println!("tidy: {} files, {} findings", report.files, report.findings.len());
    Ok(if report.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
