//! `slowhttptest`: many connections that send a little now and then.

use super::Bench;
use super::node::limited;
use super::report::{Finding, Outcome};
use crate::failure::Failure;
use crate::process;

/// Connections of each variant.
const CONNECTIONS: u32 = 300;

/// Heads that do not end, and bodies that do not end.
const VARIANTS: [(&str, &[&str]); 2] = [("heads", &["-H", "-t", "GET"]), ("bodies", &["-B", "-t", "POST"])];

pub fn run(bench: &Bench<'_>) -> Result<Outcome, Failure> {
    if process::find_program("slowhttptest").is_none() {
        return Ok(Outcome::Skipped("slowhttptest is not installed: it is a package of Debian and Ubuntu".to_owned()));
    }
    let server = bench.server()?;
    let url = format!("{}/graphql", server.url());
    let mut told = Vec::new();
    let mut findings = Vec::new();
    for (name, arguments) in VARIANTS {
        let mut test = limited(120, "slowhttptest");
        test.args([
            "-c",
            &CONNECTIONS.to_string(),
            "-i",
            "3",
            "-r",
            "150",
            "-x",
            "24",
            "-p",
            "2",
            "-l",
            "45",
            "-u",
            &url,
        ])
        .args(["-f", "application/json", "-s", "4096"])
        .args(arguments);
        let text = process::output_of(&mut test)?;
        // It ends before its time exactly when the server has closed every connection.
        let closed = text.contains("No open connections left");
        told.push(format!("{name}: {}", if closed { "all closed" } else { "some still open" }));
        if !closed {
            let text = format!("not all of {CONNECTIONS} connections were closed by the server");
            findings.push(Finding { id: format!("slow-{name}"), text });
        }
    }
    Ok(Outcome::Ran(told.join(", "), findings))
}
