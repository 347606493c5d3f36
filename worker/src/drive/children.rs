//! What an execution passes down to the executions that it waits for: when it gives one up or ends, that
//! one ends too; when it is paused, they are.
//!
//! It may end while the start of a child is under way, and not know whether there is one. Then the start is refused
//! when it comes after the end, and the child is found right after the end when it came before. Each of both looks
//! behind its own commit for the other's, so that no order of the two leaves a child behind.

use std::sync::Arc;

use engine::machine::{self, Command, Signal, State};
use ids::{ExecutionId, OrganizationId};
use service::signals::Told;
use tracing::warn;

use super::DriveError;
use super::execution::Execution;
use crate::context::Context;

/// The children before a command.
pub(super) struct Family {
    before: Vec<String>,
    /// The child that the command says has ended.
    ended: Option<String>,
    control: Option<Control>,
    was_pausing: bool,
}

enum Control {
    Pause(Option<String>, bool),
    Resume,
}

impl Family {
    pub(super) fn of(state: &State, command: &Command) -> Self {
        let ended = match command {
            Command::Signal(Signal::ChildEnded { execution, .. }) => Some(execution.clone()),
            _other => None,
        };
        let control = match command {
            Command::Pause { reason, freezes, .. } => Some(Control::Pause(reason.clone(), *freezes)),
            Command::Resume { .. } => Some(Control::Resume),
            _other => None,
        };
        Self { before: machine::children(state), ended, control, was_pausing: state.is_pausing() }
    }

    /// Whom to tell what, now that the command has been followed.
    pub(super) fn messages(self, state: &State) -> Vec<(ExecutionId, Told)> {
        // It may go on by itself.
        let is_resumed = self.was_pausing && !state.is_pausing();
        let control = if is_resumed { Some(Control::Resume) } else { self.control };
        let after = if state.has_ended() { Vec::new() } else { machine::children(state) };
        let mut messages = Vec::new();
        for child in self.before.iter().filter(|child| !after.contains(child) && self.ended.as_ref() != Some(child)) {
            let reason = Some("the execution that waited for it has given it up".to_owned());
            messages.push((child, Told::Cancel { by: None, reason }));
        }
        for child in &after {
            let is_new = !self.before.contains(child);
            match &control {
                Some(Control::Pause(reason, freezes)) => {
                    messages.push((child, Told::Pause { by: None, reason: reason.clone(), freezes: *freezes }));
                }
                Some(Control::Resume) => {
                    messages.push((child, Told::Resume { by: None, data: None, at_step: None }));
                }
                None if is_new && state.is_pausing() => {
                    messages.push((child, Told::Pause { by: None, reason: None, freezes: state.is_frozen() }));
                }
                None => {}
            }
        }
        // Ids are what the service answered when it started them.
        messages.into_iter().filter_map(|(child, told)| Some((child.parse().ok()?, told))).collect()
    }
}

impl Execution {
    /// The execution that waits for the end of this one.
    pub(super) fn awaited_by(&self) -> Option<ExecutionId> {
        self.claimed.parent_id.filter(|_parent| self.origin.trigger["waits"] == true)
    }

    /// Ends before it has begun when whoever was to wait for it has ended meanwhile.
    pub(super) async fn leave_with_parent(&mut self, context: &Arc<Context>) -> Result<(), DriveError> {
        if self.awaited_by().is_none() || !context.store().is_forsaken(self.organization(), self.id()).await? {
            return Ok(());
        }
        let reason = Some("the execution that was to wait for it has ended".to_owned());
        self.advance(context, Command::Cancel { by: None, reason })
    }

    /// Cancels, after its end, the children that it had not heard of; `told` are those that it has told itself.
    pub(super) async fn leave_children(&self, context: &Arc<Context>, told: &[ExecutionId]) {
        if self.version.plan.awaits_children() {
            give_up_children(context, self.organization(), self.id(), told).await;
        }
    }
}

/// Cancels what an execution that has ended was waiting for. A failure costs time only: the reconciler does it.
pub(super) async fn give_up_children(
    context: &Arc<Context>,
    organization: OrganizationId,
    parent: ExecutionId,
    told: &[ExecutionId],
) {
    if let Err(problem) = service::executions::give_up_children(&context.services, organization, parent, told).await {
        warn!(
            execution.id = %parent, error = %service::chain(&problem),
            "what execution {parent} was waiting for cannot be cancelled now, the reconciler will"
        );
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use engine::machine::{EffectOutcome, Event, Origin};
    use engine::plan::{Plan, Settings};
    use engine::{Timestamp, definition};
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn all_spread_items_are_told_of_a_pause_and_of_the_end_of_what_waits_for_them() {
        let definition = definition::decode(&json!({ "workflow_id": "test", "steps": [
            { "id": "all", "type": "foreach", "foreach": { "items": [1, 2, 3], "spread": true, "steps": [
                { "id": "one", "type": "workflow", "workflow": { "workflow_id": "other" } },
            ] } },
        ] }));
        let plan = Plan::new(definition.unwrap(), Settings { default_timeout: Duration::from_mins(5) }).unwrap();
        let origin = Origin {
            execution: "exe_1".to_owned(),
            organization: "org_1".to_owned(),
            workflow_id: "test".to_owned(),
            workflow_name: "Test".to_owned(),
            version: 1,
            payload: json!({}),
            trigger: Value::Null,
            accepted_at: Timestamp(0),
            base_url: "https://sluice.test".to_owned(),
        };
        let mut state = State::new();
        machine::apply(&mut state, &Event::Accepted);
        let mut follow = |command: Command| {
            let family = Family::of(&state, &command);
            let decided = machine::advance(&plan, &origin, &mut state, command, Timestamp(0)).unwrap();
            let mut told = family.messages(&state);
            told.sort_by_key(|(child, _)| *child);
            (decided.effects, told)
        };

        let mut begun = Vec::new();
        for start in follow(Command::TakeUp).0 {
            let child = ExecutionId::new();
            let outcome = EffectOutcome::Succeeded { output: json!({ "execution_id": child }) };
            let (_, told) = follow(Command::EffectDone { effect: start.id, outcome });
            assert!(told.is_empty(), "{told:?}");
            begun.push(child);
        }
        assert_eq!(begun.len(), 3);
        let (_, told) = follow(Command::Pause { by: None, reason: None, freezes: true });
        let pause = Told::Pause { by: None, reason: None, freezes: true };
        assert_eq!(told, begun.iter().map(|child| (*child, pause.clone())).collect::<Vec<_>>());
        let (_, told) = follow(Command::Cancel { by: None, reason: None });
        assert_eq!(told.iter().map(|(child, _)| *child).collect::<Vec<_>>(), begun);
        assert!(told.iter().all(|(_, told)| matches!(told, Told::Cancel { .. })), "{told:?}");
    }
}
