//! What is committed beside the code fits the code: the schema, a page for each code, the metrics.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking; the helpers here are tests too")]

use async_graphql::parser::types::{TypeKind, TypeSystemDefinition};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn the_committed_schema_is_the_one_that_the_code_makes() {
    let committed = include_str!("../../schema.graphql");
    let made = sluice_api::graphql::sdl();
    let difference = made.lines().zip(committed.lines()).find(|(made, committed)| made != committed);
    assert_eq!(difference, None, "run `cargo xtask schema` and commit schema.graphql");
    assert_eq!(made.len(), committed.len(), "run `cargo xtask schema` and commit schema.graphql");
}

#[test]
fn everything_in_the_schema_says_what_it_means() {
    let schema = async_graphql::parser::parse_schema(include_str!("../../schema.graphql")).unwrap();
    let mut silent = Vec::new();
    for definition in schema.definitions {
        let TypeSystemDefinition::Type(definition) = definition else { continue };
        let definition = definition.node;
        let name = definition.name.node.to_string();
        // The library names connections, and describes their fields alone.
        let is_told = definition.description.is_some() || name.ends_with("Connection");
        let mut members = vec![(name.clone(), is_told)];
        let mut fields = Vec::new();
        match definition.kind {
            TypeKind::Object(object) => fields = object.fields,
            TypeKind::Interface(interface) => fields = interface.fields,
            TypeKind::Enum(choice) => members.extend(
                choice.values.iter().map(|value| (value.node.value.node.to_string(), value.node.description.is_some())),
            ),
            TypeKind::InputObject(input) => members.extend(
                input.fields.iter().map(|field| (field.node.name.node.to_string(), field.node.description.is_some())),
            ),
            TypeKind::Scalar | TypeKind::Union(_) => {}
        }
        for field in fields {
            let field = field.node;
            members.push((field.name.node.to_string(), field.description.is_some()));
            members.extend(field.arguments.iter().map(|argument| {
                (format!("{}({})", field.name.node, argument.node.name.node), argument.node.description.is_some())
            }));
        }
        silent.extend(members.into_iter().filter(|(_, told)| !told).map(|(member, _)| format!("{name}.{member}")));
    }
    assert!(silent.is_empty(), "without a description: {silent:#?}");
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let codes = known_codes();
    let pages: BTreeSet<String> = names(&root().join("docs/errors"))
        .filter_map(|name| name.strip_suffix(".md").map(str::to_owned))
        .filter(|name| name != "README")
        .collect();
    let missing: Vec<_> = codes.difference(&pages).collect();
    assert!(missing.is_empty(), "docs/errors has no page for {missing:?}; a word that is no code belongs into WORDS");
    let stale: Vec<_> = pages.difference(&codes).collect();
    assert!(stale.is_empty(), "nothing has the codes of the pages {stale:?} any more");
}

#[test]
fn every_page_says_what_its_code_means_and_what_to_do() {
    for code in known_codes() {
        let page = fs::read_to_string(root().join(format!("docs/errors/{code}.md"))).unwrap();
        for part in [&format!("# {code}\n"), "\n**Meaning.** ", "\n**What to do.** "] {
            assert!(page.contains(part), "docs/errors/{code}.md lacks `{}`", part.trim());
        }
    }
}

#[test]
fn the_index_lists_every_code_in_order() {
    let index = include_str!("../../docs/errors/README.md");
    let listed: Vec<&str> = index.lines().filter_map(|line| line.strip_prefix("- [")?.split(']').next()).collect();
    assert_eq!(listed, known_codes().iter().collect::<Vec<_>>(), "docs/errors/README.md");
    for code in listed {
        assert!(index.contains(&format!("- [{code}]({code}.md): ")), "the line of {code} leads elsewhere");
    }
}

#[test]
fn the_manual_lists_every_metric() {
    let manual = include_str!("../../docs/operations.md");
    let rows = manual.lines().filter_map(|line| line.strip_prefix("| `sluice_"));
    let listed: BTreeSet<String> =
        rows.map(|row| format!("sluice_{}", row.split(['`', '{']).next().unwrap_or_default())).collect();
    let mut counted = BTreeSet::new();
    for folder in ["api", "cli", "queue", "service", "store", "worker"] {
        for text in sources(&root().join(folder).join("src")) {
            for sort in ["counter!(", "gauge!(", "histogram!("] {
                let names = text.split(sort).skip(1).filter_map(|after| after.trim_start().strip_prefix('"'));
                counted.extend(names.filter_map(|after| after.split('"').next()).map(str::to_owned));
            }
        }
    }
    assert_eq!(listed, counted, "the table in docs/operations.md and the metrics of the code");
}

/// What the API refuses with is an enumeration. What steps fail with is written where it happens, in
/// the engine and the effects of the worker: every text there that looks like a code is taken for one.
fn known_codes() -> BTreeSet<String> {
    let mut codes: BTreeSet<String> = service::Code::ALL.iter().map(|code| code.as_str().to_owned()).collect();
    let of_the_api = codes.len();
    for folder in ["engine/src", "worker/src"] {
        for text in sources(&root().join(folder)) {
            let lines = text.lines().filter(|line| !line.trim_start().starts_with("//") && !line.contains("env!("));
            // Whatever stands between two quotation marks of a line, in a text or between two.
            let quoted = lines.flat_map(|line| line.split('"').skip(1));
            codes.extend(quoted.filter(|text| looks_like_a_code(text) && !WORDS.contains(text)).map(str::to_owned));
        }
    }
    assert!(codes.len() > of_the_api + 20, "the codes of steps were not found: {codes:?}");
    codes
}

/// Words in capitals that are no codes.
const WORDS: [&str; 8] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "UTC"];

/// The source files of a folder, each up to its tests, which may invent what they like.
fn sources(folder: &Path) -> Vec<String> {
    let mut texts = Vec::new();
    for name in names(folder) {
        let path = folder.join(&name);
        if path.is_dir() {
            texts.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            texts.push(text.split("#[cfg(test)]").next().unwrap_or_default().to_owned());
        }
    }
    texts
}

fn looks_like_a_code(text: &str) -> bool {
    text.len() >= 3
        && text.starts_with(|first: char| first.is_ascii_uppercase())
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

fn names(folder: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|problem| panic!("{}: {problem}", folder.display()));
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}
