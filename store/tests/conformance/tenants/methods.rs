//! The methods of the store that are about one organization, read out of its source.

use std::collections::BTreeSet;
use std::path::Path;

/// Methods of the store that take an organization, or a row that names one.
pub fn methods() -> BTreeSet<String> {
    let sources = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let mut rows = BTreeSet::from(["OrganizationId".to_owned()]);
    for part in sources.split("\npub struct ").skip(1) {
        let body = part.split("\n}").next().unwrap_or_default();
        let name = part.split(|letter: char| !letter.is_alphanumeric()).next().unwrap_or_default();
        if body.contains("pub organization_id: OrganizationId") || body.contains("pub organization: OrganizationId") {
            rows.insert(name.to_owned());
        }
    }
    let of_store = sources.split("\nimpl Store {").skip(1).map(|part| part.split("\n}").next().unwrap_or_default());
    let mut found = BTreeSet::new();
    for part in of_store.flat_map(|part| part.split("pub async fn ").skip(1)) {
        let (name, rest) = part.split_once('(').unwrap();
        let parameters = rest.split("->").next().unwrap_or_default();
        let types = parameters.split(|letter: char| !letter.is_alphanumeric());
        if types.clone().any(|word| rows.contains(word)) && !SERVE_ALL.contains(&name) {
            found.insert(name.to_owned());
        }
    }
    assert!(found.len() > 40, "the source was read: {found:?}");
    found
}

/// These go through all organizations, one after the other, or are about the one they name itself, or about a person
/// on the way into it.
const SERVE_ALL: [&str; 10] = [
    "delete_organization",
    "followed_webhooks",
    "insert_first_owner",
    "insert_organization",
    "next_organization",
    "organization",
    "purge_organization",
    "repair",
    "rotate_session",
    "update_organization",
];

fn sources(folder: &Path) -> String {
    let mut all = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.push_str(&sources(&path));
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            all.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
    all
}
