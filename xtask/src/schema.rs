//! `cargo xtask schema`: writes `schema.graphql` as the server prints it.

use std::fs;
use std::process::{Command, ExitCode};

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::process;
use crate::programs;
use crate::workspace::Workspace;

pub fn run(workspace: &Workspace) -> Result<ExitCode, Failure> {
    let programs = programs::debug(workspace, &["sluice"], &Interrupt::install()?)?;
    let schema = process::output_of(Command::new(programs.join("sluice")).args(["schema", "graphql"]))?;
    let file = workspace.root().join("schema.graphql");
    let before = fs::read_to_string(&file).unwrap_or_default();
    fs::write(&file, &schema).map_err(|error| Failure::io(format!("cannot write {}", file.display()), &error))?;
    println!("{} {}", file.display(), if before == schema { "was up to date" } else { "has changed" });
    Ok(ExitCode::SUCCESS)
}
