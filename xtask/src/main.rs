//! The commands of this repository: `cargo dev`, `cargo ci` and `cargo xtask COMMAND`.
#![expect(clippy::print_stdout, reason = "a command line tool talks on standard output")]

mod bench;
mod chaos;
mod ci;
mod dev;
mod failure;
mod interrupt;
mod process;
mod programs;
mod schema;
mod security;
mod services;
mod sim;
mod tidy;
mod web;
mod workspace;

use std::process::ExitCode;

use failure::Failure;
use workspace::Workspace;

const HELP: &str = "\
Commands of this repository

  cargo dev [--no-ui] [--release] [ARGUMENTS…]
        build what is stale and run `sluice dev`; other arguments go to it (cargo dev --bind 127.0.0.1:9000)
  cargo ci [--list] [--only STAGE]… [--keep-going] [--verbose]
        every check and every test, over both modes; starts the services that the tests need
  cargo xtask services [--durable]
        start PostgreSQL and Redis for tests, print their addresses, stop them on Ctrl+C
  cargo xtask bench [ARGUMENTS…]
        release build, durable services, then the benchmarks; arguments go to them
  cargo xtask chaos [--minutes N] [--seed S] [--mode cluster|embedded] [ARGUMENTS…]
        release build, then load and faults at random on servers of its own, and the check that nothing was lost
  cargo xtask schema
        write schema.graphql anew
  cargo xtask security [--list] [--only SUITE]…
        suites of others and of our own against a server on loopback; fails on findings without an accepted reason
  cargo xtask sim [--minutes N] [--seed S] [--histories N] [ARGUMENTS…]
        release build, then histories of a whole fleet in memory; ten minutes of them, from a seed of the day
  cargo xtask tidy
        the rules of this repository that no other tool checks
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<ExitCode, Failure> {
    let Some((command, rest)) = arguments.split_first() else {
        println!("{HELP}");
        return Ok(ExitCode::from(2));
    };
    match command.as_str() {
        "help" | "--help" | "-h" => {
            println!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        "dev" => dev::run(&Workspace::locate()?, rest),
        "ci" => ci::run(&Workspace::locate()?, rest),
        "services" => services::run(&Workspace::locate()?, rest),
        "bench" => bench::run(&Workspace::locate()?, rest),
        "chaos" => chaos::run(&Workspace::locate()?, rest),
        "schema" => schema::run(&Workspace::locate()?),
        "security" => security::run(&Workspace::locate()?, rest),
        "sim" => sim::run(&Workspace::locate()?, rest),
        "tidy" => tidy::run(&Workspace::locate()?),
        other => Err(Failure::usage(format!("`{other}` is not a command; `cargo xtask help` lists them"))),
    }
}
