//! Data goes to standard output, for people or for programs; everything else to standard error.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use serde_json::Value;

use crate::failure::Failure;

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// Prints bytes as they are; a reader that went away is no failure.
pub fn raw(bytes: &[u8]) -> Result<ExitCode, Failure> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(problem) if problem.kind() != ErrorKind::BrokenPipe => Err(Failure::of("standard output", &problem)),
        _written => Ok(ExitCode::SUCCESS),
    }
}

/// Prints a line.
pub fn line(text: &str) -> Result<ExitCode, Failure> {
    raw(format!("{text}\n").as_bytes())
}

/// Prints a value as JSON.
pub fn json(value: &Value) -> Result<ExitCode, Failure> {
    line(&serde_json::to_string_pretty(value).expect("a value is plain data"))
}

/// Prints rows under a head.
pub fn table(head: &[&str], rows: Vec<Vec<String>>) -> Result<ExitCode, Failure> {
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(head.iter().map(|name| name.to_uppercase()));
    for row in rows {
        table.add_row(row);
    }
    line(&table.to_string())
}
