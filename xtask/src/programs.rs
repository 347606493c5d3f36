//! Building the programs of this repository, and only those that a command needs.
//!
//! Always in the whole workspace: with a part of it, dependencies get other features and build twice.

use std::path::PathBuf;

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::process;
use crate::workspace::Workspace;

/// A test whose being asked for gives the dependencies the features that tests have: what `cargo ci`
/// built is used then, and what is built here is not built again by it.
const ANY_TEST: &str = "schema";

/// Builds `names` optimized, as they are shipped; the folder they are in.
pub fn release(workspace: &Workspace, names: &[&str], interrupt: &Interrupt) -> Result<PathBuf, Failure> {
    let mut build = building(workspace, names);
    build.arg("--release");
    println!("> {}", process::shown(&build));
    if !process::run_in_group(&mut build, interrupt)?.success() {
        return Err(Failure::message("the release build failed"));
    }
    workspace.programs("release")
}

/// Builds `names` as `cargo ci` does, where arithmetic that overflows is noticed; the folder they are in.
pub fn debug(workspace: &Workspace, names: &[&str], interrupt: &Interrupt) -> Result<PathBuf, Failure> {
    let mut build = building(workspace, names);
    build.args(["--test", ANY_TEST]);
    if !process::run_in_group(&mut build, interrupt)?.success() {
        return Err(Failure::message("the build failed"));
    }
    workspace.programs("debug")
}

fn building(workspace: &Workspace, names: &[&str]) -> std::process::Command {
    let mut build = process::cargo();
    build.args(["build", "--workspace", "--locked"]).current_dir(workspace.root());
    for name in names {
        build.args(["--bin", name]);
    }
    build
}
