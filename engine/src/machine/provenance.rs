//! Where the values that conditions read came from, told from the journal.

use std::collections::BTreeMap;

use serde_json::Value;

use super::apply::{collect_leaves, scope_at};
use super::event::Event;
use super::state::{ROOT, ScopeId, State};
use crate::expr::{Explanation, Source, Template};
use crate::plan::LOADING_STEP;

/// What was written into the context, by whom and in which scope.
#[derive(Debug, Clone, Default)]
pub(super) struct Provenance {
    /// The last write of each path, by the scope that sees it: a loop writes the same paths over and over.
    writes: BTreeMap<ScopeId, BTreeMap<String, Write>>,
    /// How many writes there were.
    count: u64,
}

#[derive(Debug, Clone)]
struct Write {
    /// Tells which of two came later.
    number: u64,
    source: Source,
}

impl Provenance {
    /// Takes an event into account that is about to be applied to `state`.
    pub(super) fn note(&mut self, state: &State, event: &Event) {
        match event {
            Event::ContextSet { scope, path, .. } => {
                let author = state.scopes.get(scope).and_then(|scope| scope.active.as_ref());
                let source = author.map_or(Source::Nowhere, |active| {
                    if active.step == LOADING_STEP {
                        return Source::Organization;
                    }
                    Source::Written(active.path.to_string())
                });
                self.write(*scope, path.to_string(), source);
            }
            Event::EventTaken { path, payload, .. } => {
                let scope = scope_at(state, path).unwrap_or(ROOT);
                self.merge(scope, payload, &Source::Written(path.to_string()));
            }
            Event::ContextEdited { values, .. } => {
                for (path, _) in values {
                    self.write(ROOT, path.clone(), Source::Resumed);
                }
            }
            Event::Unpaused { data, .. } | Event::TakenOver { data, .. } => self.merge(ROOT, data, &Source::Resumed),
            // What a scope has written is seen by the one around it from now on.
            Event::ScopeClosed { scope, .. } => {
                let Some(parent) = state.scopes.get(scope).and_then(|scope| scope.parent) else { return };
                let Some(left) = self.writes.remove(scope) else { return };
                let around = self.writes.entry(parent).or_default();
                for (path, write) in left {
                    if around.get(&path).is_none_or(|known| known.number < write.number) {
                        around.insert(path, write);
                    }
                }
            }
            _writes_nothing => {}
        }
    }

    fn merge(&mut self, scope: ScopeId, value: &Value, source: &Source) {
        let mut leaves = Vec::new();
        collect_leaves(value, &mut String::new(), &mut leaves);
        for (path, _) in leaves {
            self.write(scope, path, source.clone());
        }
    }

    fn write(&mut self, scope: ScopeId, path: String, source: Source) {
        self.count += 1;
        self.writes.entry(scope).or_default().insert(path, Write { number: self.count, source });
    }

    /// Tells of every value in an explanation where it came from; `scope` has read it.
    pub(super) fn tell(&self, state: &State, scope: ScopeId, why: &mut Explanation) {
        let found = |path: &str| self.source(state, scope, path);
        if matches!(why.op.as_str(), "and" | "or" | "not") {
            why.children.iter_mut().chain(&mut why.others).for_each(|part| self.tell(state, scope, part));
            return;
        }
        if let Some(field) = &why.field {
            why.left_source = Some(match why.op.as_str() {
                "expression" => Source::Computed,
                _leaf if why.left_missing => Source::Nowhere,
                _leaf => found(field),
            });
        }
        if why.right.is_some() {
            why.right_source = Some(match &why.right_from {
                None => Source::Literal,
                Some(template) => path_of(template).map_or(Source::Computed, |path| found(&path)),
            });
        }
    }

    fn source(&self, state: &State, scope: ScopeId, path: &str) -> Source {
        let root = path.split(['.', '[']).next().unwrap_or_default();
        let mut chain = state.chain(scope);
        if let Some((_, holder)) = chain.find(|(_, holder)| holder.locals.contains_key(root)) {
            if matches!(root, "data" | "error") {
                return Source::Last;
            }
            let around = holder.parent.and_then(|parent| state.scopes.get(&parent));
            let opened_by = around.and_then(|around| around.active.as_ref());
            return opened_by.map_or(Source::Nowhere, |active| Source::Item(active.path.to_string()));
        }
        if let Some(source) = Source::of_path(path) {
            return source;
        }
        let chain = state.chain(scope).map(|(id, _)| id).chain([ROOT]);
        let written = chain.into_iter().find_map(|id| {
            let writes = self.writes.get(&id).into_iter().flatten();
            let about_it = writes.filter(|(written, _)| overlap(written, path));
            about_it.map(|(_, write)| write).max_by_key(|write| write.number)
        });
        match (written, root) {
            (Some(write), _) => write.source.clone(),
            (None, "data" | "error") => Source::Last,
            (None, "vars" | "secrets" | "integrations") => Source::Organization,
            (None, _) => Source::Trigger,
        }
    }
}

/// The path of a template that is nothing but a path.
fn path_of(template: &Value) -> Option<String> {
    let inner = template.as_str()?.trim().strip_prefix("{{")?.strip_suffix("}}")?.trim();
    let reads = Template::compile(template).ok()?.reads();
    reads.into_iter().find(|read| read == inner)
}

/// Whether one path is the other, or lies above it.
fn overlap(left: &str, right: &str) -> bool {
    let parts = |path: &str| -> Vec<String> {
        path.split(['.', '[', ']', '"', '\'']).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    };
    parts(left).iter().zip(&parts(right)).all(|(left, right)| left == right)
}
