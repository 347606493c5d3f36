//! How much an event holds, so that one command does not make more than fits into memory.

use super::event::Event;
use super::render::size;

/// About the bytes of an event's values and texts; what is always short counts as nothing.
pub(super) fn bulk(event: &Event) -> usize {
    match event {
        Event::ActionFinished { output: value, .. }
        | Event::StepSucceeded { output: value, .. }
        | Event::StepLeftOut { output: value, .. }
        | Event::ScopeClosed { outcome: value, .. } => size(value),
        Event::ActionStarted { request: value, .. }
        | Event::ContextSet { value, .. }
        | Event::SignalKept { data: value, .. }
        | Event::EventTaken { payload: value, .. } => size(value),
        Event::StepFailed { output, error, .. } => error.message.len().saturating_add(size(output)),
        Event::ContextEdited { values, .. } => values.iter().map(|(_, value)| size(value)).sum(),
        Event::Logged { message, data, .. } => message.len().saturating_add(size(data)),
        Event::BodyBegan { items, .. } => items.iter().map(size).sum(),
        Event::ScopeOpened { locals, .. } => locals.values().map(size).sum(),
        Event::Decided(decision) => {
            let reason = decision.reason.as_ref().map_or(0, String::len);
            reason.saturating_add(decision.metadata.as_ref().map_or(0, size))
        }
        Event::SlotAwaited { key, .. } | Event::TurnTaken { key, .. } => key.len(),
        Event::ApprovalOpened { request, .. } => size(&request.data),
        Event::Accepted
        | Event::Started { .. }
        | Event::Resumed { .. }
        | Event::Suspended { .. }
        | Event::StepStarted { .. }
        | Event::ActionPutOff { .. }
        | Event::StepSkipped { .. }
        | Event::RetryScheduled { .. }
        | Event::Warned { .. }
        | Event::BodyStopped { .. }
        | Event::WaitBegan { .. }
        | Event::ApprovalVoted { .. }
        | Event::ApprovalReminded { .. }
        | Event::ApprovalEscalated { .. }
        | Event::ApprovalDecided { .. }
        | Event::SlotTaken { .. }
        | Event::Paused { .. }
        | Event::Unpaused { .. }
        | Event::ResumeScheduled { .. }
        | Event::ResumeUnmet { .. }
        | Event::PausedLong { .. }
        | Event::Retried { .. }
        | Event::TakenOver { .. }
        | Event::Moved { .. }
        | Event::Cancelled { .. }
        | Event::Completed { .. }
        | Event::Failed { .. } => 0,
    }
}
