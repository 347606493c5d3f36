//! `cargo dev`: builds what is stale and becomes `sluice dev`.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use crate::failure::Failure;
use crate::process;
use crate::web::{self, Build, Node};
use crate::workspace::Workspace;

#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    skips_web: bool,
    is_release: bool,
    /// For `sluice dev`.
    passed_on: Vec<String>,
}

pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<ExitCode, Failure> {
    let options = parse(arguments);
    if !options.skips_web {
        build_web(workspace)?;
    }
    let mut build = process::cargo();
    // Always the whole workspace: with a part of it, dependencies get other features and build twice.
    build.args(["build", "--workspace", "--bin", "sluice"]).current_dir(workspace.root());
    if options.is_release {
        build.arg("--release");
    }
    println!("> {}", process::shown(&build));
    process::must_succeed(&mut build)?;
    let programs = workspace.programs(if options.is_release { "release" } else { "debug" })?;
    let mut sluice = Command::new(programs.join("sluice"));
    sluice.arg("dev").args(&options.passed_on);
    println!("> {}", process::shown(&sluice));
    // The server takes this process over: signals and the exit code are its own.
    let error = sluice.exec();
    Err(process::cannot_run(&sluice, &error))
}

fn parse(arguments: &[String]) -> Options {
    let mut options = Options::default();
    let mut rest = arguments.iter();
    for argument in rest.by_ref() {
        match argument.as_str() {
            "--no-ui" => options.skips_web = true,
            "--release" => options.is_release = true,
            "--" => break,
            _ => options.passed_on.push(argument.clone()),
        }
    }
    options.passed_on.extend(rest.cloned());
    options
}

fn build_web(workspace: &Workspace) -> Result<(), Failure> {
    let packages = web::packages(workspace)?;
    if packages.is_empty() {
        return Ok(());
    }
    if let Node::Unusable(reason) = web::node() {
        println!("without the web pages, since they cannot be built: {reason}");
        return Ok(());
    }
    for package in packages {
        let Build::Needed(commands) = package.plan()? else { continue };
        for mut command in commands {
            println!("> web/{}: {}", package.name, process::shown(&command));
            process::must_succeed(&mut command)?;
        }
        package.stamp()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Options {
        parse(&arguments.iter().map(|&argument| argument.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn unknown_arguments_go_to_the_server() {
        let options = parsed(&["--no-ui", "--bind", "127.0.0.1:9000"]);
        assert!(options.skips_web && !options.is_release);
        assert_eq!(options.passed_on, ["--bind", "127.0.0.1:9000"]);
    }

    #[test]
    fn everything_behind_two_dashes_goes_to_the_server() {
        let options = parsed(&["--release", "--", "--release", "--", "x"]);
        assert!(options.is_release);
        assert_eq!(options.passed_on, ["--release", "--", "x"]);
    }
}
