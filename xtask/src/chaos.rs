//! `cargo xtask chaos`: the long fault run, on servers of its own that it stops, empties and restarts.

use std::process::ExitCode;

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::process;
use crate::workspace::Workspace;

/// Variable with the path of the `sluice` that is tested.
const BINARY: &str = "SLUICE_BIN";

pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<ExitCode, Failure> {
    let interrupt = Interrupt::install()?;
    let mut build = process::cargo();
    build.args(["build", "--release", "--workspace", "--locked"]).current_dir(workspace.root());
    println!("> {}", process::shown(&build));
    let status = process::run_in_group(&mut build, &interrupt)?;
    if !status.success() {
        return Err(Failure::message("the release build failed"));
    }
    let binary = workspace.binary("release")?;
    // The program that the build above made; `cargo run -p` would choose other features and build again.
    let mut chaos = std::process::Command::new(binary.with_file_name("sluice-chaos"));
    chaos.args(arguments).current_dir(workspace.root()).env(BINARY, &binary);
    let status = process::run_in_group(&mut chaos, &interrupt)?;
    // 1: something did not hold; 2: the run proves nothing.
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
