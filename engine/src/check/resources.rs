//! What is loaded before the first step.

use super::outline::{Outline, Used};
use super::{Existence, Finder, Registry, rules};
use crate::definition::{ContextLoad, Definition, LoaderKind};

/// Names that the organization has to have registered.
pub(super) fn registered(outline: &Outline<'_>, known: &dyn Registry, finder: &mut Finder) {
    for used in &outline.uses {
        let (name, is_optional) = match &used.what {
            Used::Resource(name) => (*name, true),
            Used::Loader { name, is_optional } => (*name, *is_optional),
            _of_other_things => continue,
        };
        if name.is_empty() || known.resource_exists(name) != Existence::No {
            continue;
        }
        let (rule, outcome, hint) = if is_optional {
            let hint = "give the value in the payload, or register the resource";
            (rules::UNREGISTERED_RESOURCE, "so it will be absent", hint)
        } else {
            let hint = "register it, say how it is loaded with `loader`, or add \"optional\": true";
            (rules::UNKNOWN_RESOURCE, "and the execution cannot begin without it", hint)
        };
        let message = format!("the resource `{name}` is not registered, {outcome}");
        finder.add(rule, used.pointer.clone(), used.step, message, Some(hint.to_owned()));
    }
}

/// Resources that one definition loads.
const MOST_LOADS: usize = 100;

/// What a loader needs to be told.
pub(super) fn check(definition: &Definition, finder: &mut Finder) {
    if let Some(load) = definition.context.get(MOST_LOADS) {
        let message = format!("`context.load` has {} entries, at most {MOST_LOADS}", definition.context.len());
        finder.add(rules::OUT_OF_RANGE, load.pointer.clone(), None, message, None);
        return;
    }
    let mut names = std::collections::BTreeSet::new();
    for load in &definition.context {
        let mut add = |rule, key: &str, message: String, hint: &str| {
            finder.add(rule, format!("{}{key}", load.pointer), None, message, Some(hint.to_owned()));
        };
        if !names.insert(&load.name) {
            let message = format!("another entry loads `{}` already", load.name);
            add(rules::CONFLICTING_KEYS, "", message, "give it another `name`, and the path with `as`");
        }
        for key in missing(load) {
            let message = format!("loading `{}` needs `{key}`", load.name);
            add(rules::MISSING_KEY, "", message, hint(key));
        }
        let Some(loader) = &load.loader else { continue };
        let values = match loader.kind {
            LoaderKind::Sql => "write `$1`, `$2` … and give the values in `params`, in the order of their names",
            LoaderKind::Graphql => "declare variables in the document and give their values in `params`",
            LoaderKind::Http | LoaderKind::Redis | LoaderKind::Record => continue,
        };
        if loader.query.as_ref().is_some_and(|query| !query.is_literal()) {
            let message = "a statement or document is written out: what a template put into it would be run".to_owned();
            add(rules::SQL_TEMPLATE, "/query", message, values);
        }
    }
}

fn missing(load: &ContextLoad) -> Vec<&'static str> {
    let Some(loader) = &load.loader else { return Vec::new() };
    let path = ("path", loader.path.is_some());
    let query = ("query", loader.query.is_some());
    let key = ("key", loader.key.is_some());
    let needed = match loader.kind {
        LoaderKind::Http => vec![path],
        LoaderKind::Graphql | LoaderKind::Sql => vec![query],
        LoaderKind::Redis => vec![key],
        LoaderKind::Record => vec![path, key],
    };
    needed.into_iter().filter(|(_, is_there)| !is_there).map(|(key, _)| key).collect()
}

fn hint(key: &str) -> &'static str {
    match key {
        "path" => "add the path below the address of the service, an absolute address, or the kind of record",
        "query" => "add the GraphQL document or the SQL statement",
        _key => "add the key, or the id of the record",
    }
}
