//! What failed and is tried again: where it goes on.

use crate::machine::effect::StepPath;
use crate::machine::state::{ROOT, State, Status};
use crate::plan::LOADING_STEP;

/// Notes at its failure the step of the flow at which it stood: a retry begins there.
pub(super) fn keep_place(state: &mut State) {
    let Some(root) = state.scopes.get(&ROOT) else {
        // It had not begun: what it was to begin with still holds.
        return;
    };
    match &root.active {
        // It had not come to a step: what it is to begin with still holds, and everything is loaded anew.
        Some(active) if active.step == LOADING_STEP => {
            state.passages.entry(active.path.clone()).or_insert(active.passage);
        }
        None if state.failed_step.as_deref() == Some(LOADING_STEP) => {
            state.passages.entry(LOADING_STEP.into()).or_insert(1);
        }
        // The step that is left without a result is come to again: as another passage.
        Some(active) => {
            state.passages.entry(active.path.clone()).or_insert(active.passage);
            state.entry = Some(active.step.to_string());
        }
        // At the top level the path of a step is its id.
        None => state.entry = state.failed_step.as_ref().map(StepPath::to_string),
    }
}

/// As if accepted and not begun, with all that is known: so it waits for a slot and its turn like any other, and
/// has its whole running time anew.
pub(super) fn retried(state: &mut State, step: Option<&str>) {
    state.status = Status::Queued;
    state.result = None;
    state.error = None;
    state.failed_step = None;
    state.entry = step.map(str::to_owned);
    state.awaits_slot = false;
    state.begins_at = None;
    state.ran_ms = 0;
}
