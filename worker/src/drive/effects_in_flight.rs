//! The effects of one drive that are under way, each in a task of its own.

use std::sync::Arc;

use engine::machine::{Effect, EffectId, EffectOutcome};
use futures::FutureExt;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::execution::Execution;
use crate::context::Context;

pub(super) struct InFlight {
    tasks: JoinSet<EffectOutcome>,
    /// The tasks that somebody waits for: what another one says is not heard.
    handles: Vec<(EffectId, AbortHandle)>,
    context: Arc<Context>,
    cancel: CancellationToken,
}

impl InFlight {
    pub(super) fn new(context: &Arc<Context>) -> Self {
        Self {
            tasks: JoinSet::new(),
            handles: Vec::new(),
            context: Arc::clone(context),
            cancel: CancellationToken::new(),
        }
    }

    /// Begins `effects`; they run whether or not somebody waits for them.
    pub(super) fn begin(&mut self, execution: &Execution, effects: Vec<Effect>) {
        // A step around a call was given up and tried again: the call of before is another one under the same id.
        self.keep(|id| effects.iter().all(|effect| effect.id != *id));
        for effect in effects {
            let owner = execution.effect_owner();
            let runner = Arc::clone(&self.context.effects);
            let cancel = self.cancel.clone();
            let id = effect.id.clone();
            let handle = self.tasks.spawn(async move { runner.run(&owner, &effect, &cancel).await });
            self.handles.push((id, handle));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.handles.is_empty()
    }

    /// Waits for the first outcome, then takes those that are there as well.
    ///
    /// # Errors
    /// When a task ended without an outcome: what it did is not known, so the drive is given up.
    pub(super) async fn next(&mut self) -> Result<Vec<(EffectId, EffectOutcome)>, JoinError> {
        let mut outcomes = Vec::new();
        let mut next = self.tasks.join_next_with_id().await;
        while let Some(joined) = next {
            match joined {
                Ok((task, outcome)) => outcomes.extend(self.take(task).map(|effect| (effect, outcome))),
                // It was given up.
                Err(problem) if problem.is_cancelled() => {}
                Err(problem) => return Err(problem),
            }
            next = self.tasks.join_next_with_id().now_or_never().flatten();
        }
        Ok(outcomes)
    }

    /// What the task did, if somebody still waits for it.
    fn take(&mut self, task: Id) -> Option<EffectId> {
        let position = self.handles.iter().position(|(_, handle)| handle.id() == task)?;
        Some(self.handles.swap_remove(position).0)
    }

    /// Gives up what nobody waits for any more, such as the calls of a branch that lost.
    pub(super) fn keep(&mut self, is_awaited: impl Fn(&EffectId) -> bool) {
        self.handles.retain(|(id, handle)| {
            let keeps = is_awaited(id);
            if !keeps {
                handle.abort();
            }
            keeps
        });
    }

    /// Asks every effect to stop; late outcomes are dropped with the set.
    pub(super) fn cancel(&mut self) {
        self.cancel.cancel();
        self.tasks.abort_all();
        self.tasks = JoinSet::new();
        self.handles.clear();
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}
