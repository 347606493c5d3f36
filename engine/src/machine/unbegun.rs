//! What is decided and has not begun: between the two lies a commit, and much can happen before it.

use super::effect::{Effect, EffectId};
use super::state::State;

/// The effects of one execution that were decided and have not begun, in the order of their decisions.
#[derive(Debug, Default)]
pub struct Unbegun {
    effects: Vec<Effect>,
}

impl Unbegun {
    /// Nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { effects: Vec::new() }
    }

    /// Adds what was just decided. A step around a call may have been given up and tried again before the call
    /// began: then it was decided anew, with the id and the key of before, and begins once.
    pub fn add(&mut self, decided: Vec<Effect>) {
        self.effects.retain(|before| decided.iter().all(|effect| effect.id != before.id));
        self.effects.extend(decided);
    }

    /// Whether a call with this id is still to begin. An outcome that comes under the id is then one of a call that
    /// was given up: what it answered may not be what is asked now.
    #[must_use]
    pub fn has(&self, id: &EffectId) -> bool {
        self.effects.iter().any(|effect| effect.id == *id)
    }

    /// Whether nothing is to begin.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.effects.is_empty()
    }

    /// What is to begin now: what was given up since it was decided, such as with a branch, does not any more.
    pub fn take(&mut self, state: &State) -> Vec<Effect> {
        let mut effects = self.take_all();
        effects.retain(|effect| state.awaits(&effect.id));
        effects
    }

    /// Everything that was decided, given up or not.
    pub fn take_all(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;
    use crate::machine::EffectRequest;

    fn call(step: &str, attempt: u32, payload: Value) -> Effect {
        Effect {
            id: EffectId { step: step.into(), attempt, action: 0 },
            key: format!("{step}:{attempt}"),
            request: EffectRequest::EmitEvent { event: "told".to_owned(), payload },
            timeout: Duration::from_secs(1),
            secrets: None,
            has_turn: false,
        }
    }

    #[test]
    fn a_call_that_is_decided_anew_before_it_began_begins_once_and_as_decided_last() {
        let mut unbegun = Unbegun::new();
        unbegun.add(vec![call("tell", 1, json!(1)), call("other", 1, json!(2))]);
        unbegun.add(vec![call("tell", 1, json!(3))]);
        let effects = unbegun.take_all();
        let asked: Vec<_> = effects.iter().map(|effect| (effect.key.as_str(), &effect.request)).collect();
        let told = |payload: Value| EffectRequest::EmitEvent { event: "told".to_owned(), payload };
        assert_eq!(asked, [("other:1", &told(json!(2))), ("tell:1", &told(json!(3)))]);
        assert!(unbegun.is_empty());
    }

    #[test]
    fn what_nobody_waits_for_does_not_begin() {
        let mut unbegun = Unbegun::new();
        unbegun.add(vec![call("tell", 1, json!(1))]);
        assert!(unbegun.has(&call("tell", 1, json!(9)).id));
        assert!(!unbegun.has(&call("tell", 2, json!(9)).id));
        assert_eq!(unbegun.take(&State::new()).len(), 0);
    }
}
