//! `sluice` as a command: run to its end, with what it printed.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::process::command;

/// A command that has ended.
#[derive(Debug)]
pub struct Ran {
    /// Exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// What went to standard output.
    pub out: String,
    /// What went to standard error.
    pub err: String,
}

impl Ran {
    /// Standard output as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|problem| panic!("{problem}: {self:?}"))
    }

    /// Standard output as JSON, line by line.
    ///
    /// # Panics
    /// When a line is none.
    #[must_use]
    pub fn json_lines(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|problem| panic!("{problem}: {line}"));
        self.out.lines().map(parse).collect()
    }
}

/// Runs `sluice` with `arguments` to its end.
///
/// # Panics
/// When it cannot be started, or has not ended after two minutes.
pub async fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
    run_in(Path::new("."), arguments, variables).await
}

/// Starts `sluice` and leaves it running, until it is dropped; its standard output can be read.
///
/// # Panics
/// When it cannot be started.
#[must_use]
pub fn begin(arguments: &[&str]) -> tokio::process::Child {
    let mut command = command();
    command.args(arguments).stdout(Stdio::piped()).kill_on_drop(true);
    command.spawn().unwrap_or_else(|problem| panic!("sluice {} cannot be started: {problem}", arguments.join(" ")))
}

/// Runs `sluice` with what a file holds on its standard input.
///
/// # Panics
/// When it cannot be started, or has not ended after two minutes.
pub async fn run_with_input(arguments: &[&str], variables: &[(&str, &str)], input: &Path) -> Ran {
    let input = std::fs::File::open(input).expect("the file of the input is there");
    end_of(arguments, variables, Path::new("."), input.into()).await
}

/// Runs `sluice` in a folder, where it finds `sluice.toml`.
///
/// # Panics
/// When it cannot be started, or has not ended after two minutes.
pub async fn run_in(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
    end_of(arguments, variables, folder, Stdio::null()).await
}

async fn end_of(arguments: &[&str], variables: &[(&str, &str)], folder: &Path, input: Stdio) -> Ran {
    let name = arguments.join(" ");
    let mut command = command();
    command.args(arguments).envs(variables.iter().copied()).current_dir(folder).stdin(input).kill_on_drop(true);
    let output = tokio::time::timeout(Duration::from_mins(2), command.output()).await;
    let output = output.unwrap_or_else(|_elapsed| panic!("sluice {name} has not ended after two minutes"));
    let output = output.unwrap_or_else(|problem| panic!("sluice {name} cannot be started: {problem}"));
    let text = |bytes| String::from_utf8(bytes).expect("sluice prints text");
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}
