//! `cargo xtask chaos`: the long fault run, on servers of its own that it stops, empties and restarts.

use std::process::ExitCode;

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::process;
use crate::programs;
use crate::workspace::Workspace;

/// Variable with the path of the `sluice` that is tested.
const BINARY: &str = "SLUICE_BIN";

pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<ExitCode, Failure> {
    let interrupt = Interrupt::install()?;
    let programs = programs::release(workspace, &["sluice", "sluice-chaos"], &interrupt)?;
    let mut chaos = std::process::Command::new(programs.join("sluice-chaos"));
    chaos.args(arguments).current_dir(workspace.root()).env(BINARY, programs.join("sluice"));
    let status = process::run_in_group(&mut chaos, &interrupt)?;
    // 1: something did not hold; 2: the run proves nothing.
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
