//! Size of a document with its fragments expanded, by dynamic programming over the fragment graph.

use std::collections::BTreeMap;

use super::scan::{Definition, DefinitionKind};
use super::{Fault, Reason};
use crate::limits::GuardLimits;

/// Sizes after expansion; sums saturate, since only the comparison with a limit matters.
#[derive(Debug, Clone, Copy, Default)]
struct Expanded {
    selections: u64,
    tokens: u64,
    root_fields: u64,
}

/// Refuses cycles and documents that expand over the limits.
pub(super) fn check(definitions: &[Definition<'_>], limits: &GuardLimits) -> Result<(), Fault> {
    let fragments = expand_fragments(definitions)?;
    let mut whole = Expanded::default();
    for definition in definitions.iter().filter(|definition| definition.kind != DefinitionKind::Fragment) {
        let fail = |reason| Err(Fault { reason, offset: definition.offset });
        let size = expand(definition, &fragments);
        if size.root_fields > limits.root_fields {
            return fail(Reason::TooManyRootFields { limit: limits.root_fields });
        }
        // Validation walks every operation, so they count together.
        whole.selections = whole.selections.saturating_add(size.selections);
        whole.tokens = whole.tokens.saturating_add(size.tokens);
        if whole.selections > limits.expanded {
            return fail(Reason::ExpandsTooFar { limit: limits.expanded });
        }
        if whole.tokens > limits.expanded_tokens {
            return fail(Reason::ExpandsToTooManyTokens { limit: limits.expanded_tokens });
        }
    }
    Ok(())
}

/// Sizes of all fragments, those without spreads first, then those that only use sized ones.
fn expand_fragments<'a>(definitions: &[Definition<'a>]) -> Result<BTreeMap<&'a str, Expanded>, Fault> {
    let fragments: BTreeMap<&str, &Definition<'_>> = definitions
        .iter()
        .filter(|definition| definition.kind == DefinitionKind::Fragment)
        .filter_map(|definition| Some((definition.name?, definition)))
        .collect();
    let mut sizes = BTreeMap::new();
    let mut waiting: Vec<&str> = fragments.keys().copied().collect();
    while !waiting.is_empty() {
        let before = waiting.len();
        waiting.retain(|name| {
            let fragment = fragments[name];
            // A spread of a fragment that does not exist adds nothing; validation reports it.
            let is_ready = fragment
                .spreads
                .iter()
                .all(|spread| sizes.contains_key(spread.target) || !fragments.contains_key(spread.target));
            if is_ready {
                sizes.insert(*name, expand(fragment, &sizes));
            }
            !is_ready
        });
        if waiting.len() == before {
            return Err(cycle(&waiting, &fragments));
        }
    }
    Ok(sizes)
}

/// Follows unsized spreads until a fragment comes up again: that one is on a cycle.
fn cycle(waiting: &[&str], fragments: &BTreeMap<&str, &Definition<'_>>) -> Fault {
    let mut name = waiting[0];
    let mut seen = vec![name];
    loop {
        let spread = fragments[name]
            .spreads
            .iter()
            .find(|spread| waiting.contains(&spread.target))
            .expect("a fragment waits only for another that waits");
        name = spread.target;
        if seen.contains(&name) {
            return Fault { reason: Reason::FragmentCycle(name.to_owned()), offset: spread.offset };
        }
        seen.push(name);
    }
}

fn expand(definition: &Definition<'_>, fragments: &BTreeMap<&str, Expanded>) -> Expanded {
    let own =
        Expanded { selections: definition.selections, tokens: definition.tokens, root_fields: definition.root_fields };
    definition.spreads.iter().fold(own, |sum, spread| {
        let part = fragments.get(spread.target).copied().unwrap_or_default();
        Expanded {
            selections: sum.selections.saturating_add(part.selections),
            tokens: sum.tokens.saturating_add(part.tokens),
            root_fields: sum.root_fields.saturating_add(if spread.is_root { part.root_fields } else { 0 }),
        }
    })
}
