//! Secrets stand where they are sent, and nowhere else.

use std::collections::{BTreeMap, BTreeSet};

use super::{Finder, rules};
use crate::definition::reader::Read;
use crate::definition::{Action, Definition, Step, StepKind, secret_parts};
use crate::expr::{Path, SECRETS, SecretUse, Template};
use crate::plan::bodies;
use crate::problem::Problem;

const HINT: &str = "name it as {{secrets.NAME}} in `url` (behind the host), `headers`, `query`, `body`, `form` or `auth` of \
                    a call, in `variables` of `graphql_request`, or in `data` of a record";

pub(super) fn check(definition: &Definition, reads: &[Read], finder: &mut Finder) {
    let mut places = BTreeMap::new();
    collect(&definition.steps, &mut places);
    for read in reads.iter().filter(|read| read.paths.iter().any(|path| is_secret(path))) {
        let step = read.step.as_deref();
        let Some(template) = places.get(&read.pointer) else {
            let message = "a secret cannot be read here".to_owned();
            finder.add(rules::SECRET_MISPLACED, read.pointer.clone(), step, message, Some(HINT.to_owned()));
            continue;
        };
        let is_address = read.pointer.ends_with("/url");
        for used in template.secrets() {
            let Some((message, hint)) = fault(&used, is_address) else { continue };
            let pointer = format!("{}{}", read.pointer, used.pointer);
            finder.add(rules::SECRET_MISPLACED, pointer, step, message.to_owned(), Some(hint.to_owned()));
        }
    }
}

/// The places where secrets may stand, by their pointers.
fn collect<'d>(steps: &'d [Step], places: &mut BTreeMap<String, &'d Template>) {
    for step in steps {
        if let StepKind::Action { execute, .. } | StepKind::Execute { execute } = &step.kind {
            for Action { kind, pointer, .. } in execute {
                let parts = secret_parts(kind).into_iter();
                places.extend(parts.map(|(key, template)| (format!("{pointer}/{key}"), template)));
            }
        }
        for body in bodies(step) {
            collect(body, places);
        }
    }
}

/// What is wrong with a secret that is read where secrets may be, and what to do.
fn fault(used: &SecretUse, is_address: bool) -> Option<(&'static str, &'static str)> {
    if used.name.is_none() {
        let message = "a secret stands in an expression by itself: nothing can be computed from it";
        return Some((message, "write {{secrets.NAME}}, and text before and behind it if need be"));
    }
    let leads = is_address && used.after.as_deref().is_some_and(|before| !is_behind_host(before));
    leads.then_some((
        "a secret cannot stand in the scheme, the host or the port of an address",
        "put it behind the host: as a part of the path or, better, into `query` or `headers`",
    ))
}

/// Whether the host of an address ends within its beginning.
fn is_behind_host(before: &str) -> bool {
    before.split_once("://").is_some_and(|(_, rest)| rest.trim_start_matches('/').contains(['/', '?', '#']))
}

fn is_secret(path: &str) -> bool {
    Path::parse(path).is_ok_and(|path| path.root() == SECRETS)
}

/// What a rule says of secrets that it reads: none can be.
pub(crate) fn of_rule(reads: &[Read]) -> Vec<Problem> {
    let misplaced = reads.iter().filter(|read| read.paths.iter().any(|path| is_secret(path)));
    let pointers: BTreeSet<&str> = misplaced.map(|read| read.pointer.as_str()).collect();
    let problem = |pointer: &str| Problem {
        code: rules::SECRET_MISPLACED.code,
        severity: rules::SECRET_MISPLACED.severity,
        message: "a rule cannot read a secret".to_owned(),
        pointer: pointer.to_owned(),
        step: None,
        range: None,
        suggestion: Some(HINT.to_owned()),
        fix: Vec::new(),
    };
    pointers.into_iter().map(problem).collect()
}
