//! Where the values that conditions read came from, told from the journal.

use serde_json::Value;

use super::apply::{collect_leaves, scope_at};
use super::event::Event;
use super::state::{ROOT, ScopeId, State};
use crate::expr::{Explanation, Source, Template};
use crate::plan::LOADING_STEP;

/// What was written into the context, by whom and in which scope, oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Provenance {
    writes: Vec<Write>,
}

#[derive(Debug, Clone)]
struct Write {
    path: String,
    scope: ScopeId,
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
                self.writes.push(Write { path: path.to_string(), scope: *scope, source });
            }
            Event::EventTaken { path, payload, .. } => {
                let scope = scope_at(state, path).unwrap_or(ROOT);
                self.merge(scope, payload, &Source::Written(path.to_string()));
            }
            Event::ContextEdited { values, .. } => {
                let write = |path: &String| Write { path: path.clone(), scope: ROOT, source: Source::Resumed };
                self.writes.extend(values.iter().map(|(path, _)| write(path)));
            }
            Event::Unpaused { data, .. } | Event::TakenOver { data, .. } => self.merge(ROOT, data, &Source::Resumed),
            // What a scope has written is seen by the one around it from now on.
            Event::ScopeClosed { scope, .. } => {
                let Some(parent) = state.scopes.get(scope).and_then(|scope| scope.parent) else { return };
                for write in self.writes.iter_mut().filter(|write| write.scope == *scope) {
                    write.scope = parent;
                }
            }
            _writes_nothing => {}
        }
    }

    fn merge(&mut self, scope: ScopeId, value: &Value, source: &Source) {
        let mut leaves = Vec::new();
        collect_leaves(value, &mut String::new(), &mut leaves);
        self.writes.extend(leaves.into_iter().map(|(path, _)| Write { path, scope, source: source.clone() }));
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
            let mut writes = self.writes.iter().rev().filter(|write| write.scope == id);
            writes.find(|write| overlap(&write.path, path))
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
