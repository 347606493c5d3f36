//! What a failed attempt leads to: another attempt, the step that handles it, or the end (D-6).

use super::effect::{ErrorClass, StepError};
use super::event::Event;
use super::run::Run;
use super::state::{Active, ScopeId};
use crate::backoff;
use crate::definition::{Retry, RetryOn, Step, StepKind};

impl Run<'_> {
    /// An attempt failed: retry, then `on_error`, then the execution fails.
    pub(super) fn step_failed(&mut self, _scope: ScopeId, active: &Active, step: &Step, error: StepError) {
        let (path, id) = (active.path.clone(), step.id.clone());
        let retry = step.retry.as_ref().filter(|retry| active.attempt < retry.max_attempts && covers(retry, &error));
        if let Some(retry) = retry.filter(|_| !matches!(step.kind, StepKind::Fail { .. })) {
            let seed = format!("{}/{}", self.origin.execution, active.path);
            let delay = backoff::delay(retry, active.attempt + 1, error.retry_after, &seed);
            let due_at = self.now.plus(delay);
            self.emit(Event::RetryScheduled { path, step: id, attempt: active.attempt, error, due_at, at: self.now });
            return;
        }
        let to = step.on_error.clone();
        let is_handled = to.is_some();
        self.emit(Event::StepFailed { path: path.clone(), step: id, attempt: active.attempt, error: error.clone(), to, at: self.now });
        if !is_handled {
            self.fail(error, Some(path));
        }
    }
}

/// Whether a retry policy wants another attempt after this error.
fn covers(retry: &Retry, error: &StepError) -> bool {
    retry.retry_on.iter().any(|on| match on {
        RetryOn::Any => true,
        RetryOn::Timeout => error.retryable_class == ErrorClass::Timeout,
        RetryOn::Connection => error.retryable_class == ErrorClass::Connection,
        RetryOn::StatusClass(class) => matches!(error.retryable_class, ErrorClass::Http(status) if status / 100 == u16::from(*class)),
        RetryOn::Status(wanted) => matches!(error.retryable_class, ErrorClass::Http(status) if status == *wanted),
        RetryOn::Code(code) => *code == error.code,
    })
}
