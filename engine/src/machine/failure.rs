//! What a failed attempt leads to: another attempt, the step that handles it, or the end (D-6).

use super::effect::{ErrorClass, StepError};
use super::event::Event;
use super::run::{Here, Run};
use super::state::ROOT;
use crate::definition::{Retry, RetryOn, Step, StepKind};
use crate::{Name, backoff};

impl Run<'_> {
    /// An attempt failed: it is tried again if `retry` says so, else the step has failed.
    pub(super) fn step_failed(&mut self, here: &Here, step: &Step, error: StepError) {
        // A `fail` step says that the execution ends: trying again would only delay it.
        let retry = step.retry.as_ref().filter(|_| !is_fail(step));
        let Some(retry) = retry.filter(|retry| here.attempt < retry.max_attempts && covers(retry, &error)) else {
            return self.give_up(here, step, error);
        };
        let seed = format!("{}/{}/{}", self.origin.execution, here.path, here.passage);
        let delay = backoff::delay(retry, here.attempt + 1, error.retry_after, &seed);
        self.emit(Event::RetryScheduled {
            path: here.path.clone(),
            step: Name::new(&step.id),
            attempt: here.attempt,
            error,
            due_at: self.now.plus(delay),
            at: self.now,
        });
    }

    /// A step has failed for good: `on_error` handles it, else the execution fails.
    pub(super) fn give_up(&mut self, here: &Here, step: &Step, error: StepError) {
        let to = step.on_error.as_ref().filter(|_| !is_fail(step)).map(Name::new);
        let unhandled = to.is_none().then(|| error.clone());
        let (output, known_as) = self.partial_output(here, step);
        let (path, id, attempt) = (here.path.clone(), Name::new(&step.id), here.attempt);
        self.emit(Event::StepFailed { path, step: id, attempt, error, output, known_as, to, at: self.now });
        // Within a branch or a loop the step that holds it decides what an error means.
        if let Some(error) = unhandled
            && here.scope == ROOT
        {
            self.fail(error, Some(here.path.clone()));
        }
    }
}

const fn is_fail(step: &Step) -> bool {
    matches!(step.kind, StepKind::Fail { .. })
}

/// Whether a retry policy wants another attempt after this error.
fn covers(retry: &Retry, error: &StepError) -> bool {
    let status = match error.retryable_class {
        ErrorClass::Http(status) => Some(status),
        ErrorClass::Timeout | ErrorClass::Connection | ErrorClass::Other => None,
    };
    retry.retry_on.iter().any(|on| match on {
        RetryOn::Any => true,
        RetryOn::Timeout => error.retryable_class == ErrorClass::Timeout,
        RetryOn::Connection => error.retryable_class == ErrorClass::Connection,
        RetryOn::StatusClass(class) => status.is_some_and(|status| status / 100 == u16::from(*class)),
        RetryOn::Status(wanted) => status == Some(*wanted),
        RetryOn::Code(code) => *code == error.code,
    })
}
