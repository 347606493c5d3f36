//! `cargo xtask schema`: writes `schema.graphql` as the server prints it.

use std::fs;
use std::process::{Command, ExitCode};

use crate::failure::Failure;
use crate::process;
use crate::workspace::Workspace;

pub fn run(workspace: &Workspace) -> Result<ExitCode, Failure> {
    let mut build = process::cargo();
    build.args(["build", "--workspace"]).current_dir(workspace.root());
    process::must_succeed(&mut build)?;
    let schema = process::output_of(Command::new(workspace.binary("debug")?).args(["schema", "graphql"]))?;
    let file = workspace.root().join("schema.graphql");
    let before = fs::read_to_string(&file).unwrap_or_default();
    fs::write(&file, &schema).map_err(|error| Failure::io(format!("cannot write {}", file.display()), &error))?;
    println!("{} {}", file.display(), if before == schema { "was up to date" } else { "has changed" });
    Ok(ExitCode::SUCCESS)
}
