//! `cargo xtask security`: suites of others and of our own against a throw-away server on loopback.

mod accepted;
mod dependencies;
mod node;
mod python;
mod report;
mod secrets;
mod server;
mod slow;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::programs;
use crate::workspace::Workspace;

use self::accepted::Accepted;
use self::report::{Outcome, Row};
use self::server::Server;

const USAGE: &str = "usage: cargo xtask security [--list] [--only SUITE]…";

/// What every suite may use.
struct Bench<'a> {
    workspace: &'a Workspace,
    /// Where packages of others are installed and what is written goes: never a part of the repository.
    folder: PathBuf,
    server: Option<Server>,
}

/// One suite.
struct Suite {
    name: &'static str,
    what: &'static str,
    needs_server: bool,
    run: fn(&Bench<'_>) -> Result<Outcome, Failure>,
}

/// Those that touch no server first: a repository with a secret in it need not be built.
const SUITES: [Suite; 10] = [
    Suite { name: "secrets", what: "keys and passwords in files and history", needs_server: false, run: secrets::run },
    Suite {
        name: "cargo-deny",
        what: "advisories, licences, sources of dependencies",
        needs_server: false,
        run: dependencies::deny,
    },
    Suite { name: "cargo-audit", what: "advisories of dependencies", needs_server: false, run: dependencies::audit },
    Suite { name: "npm-audit", what: "advisories of the page's packages", needs_server: false, run: node::npm_audit },
    Suite {
        name: "attacks",
        what: "our own attacks on the front door",
        needs_server: false,
        run: dependencies::attacks,
    },
    Suite { name: "graphql-http", what: "audits of GraphQL over HTTP", needs_server: true, run: node::graphql_http },
    Suite { name: "graphql-ws", what: "our probe of graphql-transport-ws", needs_server: true, run: node::graphql_ws },
    Suite {
        name: "schemathesis",
        what: "random operations from the schema",
        needs_server: true,
        run: python::schemathesis,
    },
    Suite { name: "inql", what: "queries and cycles from the schema", needs_server: true, run: python::inql },
    Suite { name: "slowhttptest", what: "connections that only wait", needs_server: true, run: slow::run },
];

impl Bench<'_> {
    /// The server that is tested.
    fn server(&self) -> Result<&Server, Failure> {
        self.server.as_ref().ok_or_else(|| Failure::message("the suite needs a server, and none was started"))
    }

    /// Where our scripts are.
    fn scripts(&self) -> PathBuf {
        self.workspace.root().join("xtask/security")
    }

    /// A folder for one suite.
    fn subfolder(&self, name: &str) -> Result<PathBuf, Failure> {
        let path = self.folder.join(name);
        make_folder(&path)?;
        Ok(path)
    }
}

pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<ExitCode, Failure> {
    let Some(chosen) = choose(arguments)? else {
        for suite in &SUITES {
            println!("{:<14} {}", suite.name, suite.what);
        }
        return Ok(ExitCode::SUCCESS);
    };
    let accepted = Accepted::read(&workspace.root().join("xtask/security/accepted.toml"))?;
    let interrupt = Interrupt::install()?;
    let folder = workspace.target()?.join("security");
    make_folder(&folder)?;
    let mut bench = Bench { workspace, folder, server: None };
    let mut rows = Vec::new();
    for suite in chosen {
        println!("> {}: {}", suite.name, suite.what);
        interrupt.check()?;
        if suite.needs_server {
            // A suite that ended its server must not make the next one fail.
            bench.server = None;
            bench.server = Some(Server::start(
                &programs::debug(workspace, &["sluice"], &interrupt)?.join("sluice"),
                &bench.folder,
            )?);
        }
        let outcome = match (suite.run)(&bench) {
            Ok(outcome) if suite.needs_server && !bench.server()?.is_alive() => outcome.and_died(),
            Ok(outcome) => outcome,
            Err(failure @ Failure::Interrupted(_)) => return Err(failure),
            // What cannot be had is told, and is no finding.
            Err(failure) => Outcome::Skipped(failure.to_string()),
        };
        rows.push(Row::new(suite.name, outcome, &accepted));
    }
    println!("\n{}", report::table(&rows));
    let is_good = rows.iter().all(Row::is_good);
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The suites that were asked for; none when they shall only be listed.
fn choose(arguments: &[String]) -> Result<Option<Vec<&'static Suite>>, Failure> {
    let mut chosen = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--list" => return Ok(None),
            "--only" => {
                let name = rest.next().ok_or_else(|| Failure::usage(USAGE))?;
                let suite = SUITES.iter().find(|suite| suite.name == name);
                chosen.push(suite.ok_or_else(|| Failure::usage(format!("no suite is named `{name}`; {USAGE}")))?);
            }
            _other => return Err(Failure::usage(USAGE)),
        }
    }
    Ok(Some(if chosen.is_empty() { SUITES.iter().collect() } else { chosen }))
}

fn make_folder(path: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(path).map_err(|error| Failure::io(format!("cannot make {}", path.display()), &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(arguments: &[&str]) -> Vec<&'static str> {
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        choose(&arguments).unwrap().unwrap().iter().map(|suite| suite.name).collect()
    }

    #[test]
    fn suites_are_chosen_by_name() {
        assert_eq!(names(&[]).len(), SUITES.len());
        assert_eq!(names(&["--only", "secrets", "--only", "inql"]), ["secrets", "inql"]);
        assert!(choose(&["--only".to_owned(), "nothing".to_owned()]).is_err());
        assert!(choose(&["--only".to_owned()]).is_err());
        assert!(choose(&["--list".to_owned()]).unwrap().is_none());
    }
}
