//! What an execution passes down to the executions that it waits for: when it gives one up or ends, that
//! one ends too; when it is paused, they are.

use engine::machine::{self, Command, Signal, State};
use ids::ExecutionId;
use service::signals::Told;

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
