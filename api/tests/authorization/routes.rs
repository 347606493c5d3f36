//! The routes of the server and the table of them in the documentation.

use sluice_api::routes;

#[test]
fn the_manual_lists_every_route_with_what_it_asks_for() {
    let manual = include_str!("../../../docs/authorization.md");
    let rows = manual.lines().filter_map(|line| line.strip_prefix("| `/"));
    let listed: Vec<String> = rows
        .map(|row| {
            let (path, rest) = row.split_once('`').unwrap();
            format!("/{path}: {}", rest.split('|').nth(1).unwrap().trim())
        })
        .collect();
    let known: Vec<String> = routes().iter().map(|(path, access)| format!("{path}: {}", access.name())).collect();
    assert_eq!(listed, known, "the table of routes in docs/authorization.md");
}
