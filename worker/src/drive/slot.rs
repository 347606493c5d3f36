//! The concurrency limit of a workflow: an execution asks for a slot before its first step, and gives it back when
//! it has ended.

use std::sync::Arc;

use engine::definition::OnConflict;
use engine::machine::{self, Command};
use ids::{ExecutionId, OrganizationId};
use service::signals::Told;
use store::{NewSlot, SlotKey, SlotTaken};
use tracing::warn;

use super::DriveError;
use super::execution::Execution;
use crate::context::Context;

/// Longest key, in bytes: the database finds slots by it.
const MAX_KEY: usize = 1_000;

impl Execution {
    /// Asks for a slot, if the workflow has a limit; without one the execution does not begin.
    pub(super) async fn ask_for_slot(&mut self, context: &Arc<Context>) -> Result<(), DriveError> {
        let slot = match machine::slot(&self.version.plan, &self.origin, context.now()) {
            Ok(None) => return Ok(()),
            Ok(Some(slot)) if slot.key.len() > MAX_KEY => {
                let message = format!("the concurrency key has {} bytes, {MAX_KEY} is the most", slot.key.len());
                return self.interrupt(context, "CONCURRENCY_KEY", message);
            }
            Ok(Some(slot)) => slot,
            Err(problem) => {
                return self.interrupt(context, "CONCURRENCY_KEY", format!("the concurrency key: {problem}"));
            }
        };
        let waits = slot.on_conflict != OnConflict::Skip;
        let asked = NewSlot {
            execution_id: self.id(),
            organization_id: self.organization(),
            key: self.slot_key(slot.key.clone()),
            priority: self.claimed.priority,
            slots: i32::try_from(slot.limit).unwrap_or(i32::MAX),
        };
        let told = service::slots::told();
        let SlotTaken { is_taken, held, before, given } =
            context.store().take_slot(&asked, waits, &told, context.now().0).await?;
        wake(context, &given).await;
        if is_taken {
            return if self.state.awaits_slot() { self.advance(context, Command::TakeSlot) } else { Ok(()) };
        }
        if !waits {
            let reason = format!(
                "skipped: {held} executions with the concurrency key `{}` are under way, {} may be",
                slot.key, slot.limit
            );
            return self.advance(context, Command::Cancel { by: None, reason: Some(reason) });
        }
        if !self.state.awaits_slot() {
            if slot.on_conflict == OnConflict::CancelRunning {
                self.replace(&before, slot.limit);
            }
            self.advance(context, Command::AwaitSlot { key: slot.key, limit: slot.limit })?;
        }
        Ok(())
    }

    /// Ends the oldest of those that came before, so that with this one there are no more than may be; they are
    /// told with the commit that says that this one waits.
    fn replace(&mut self, before: &[(OrganizationId, ExecutionId)], limit: u32) {
        let stay = usize::try_from(limit).unwrap_or(usize::MAX) - 1;
        let reason = format!("replaced by {}", self.id());
        let told = Told::Cancel { by: None, reason: Some(reason) };
        let replaced = &before[..before.len().saturating_sub(stay)];
        self.sends.extend(replaced.iter().map(|(organization, execution)| told.row(*organization, *execution)));
    }

    /// Gives the slot back. A failure costs time only: the reconciler sees that the execution has ended.
    pub(super) async fn free_slot(&self, context: &Arc<Context>) {
        let Ok(Some(slot)) = machine::slot(&self.version.plan, &self.origin, context.now()) else { return };
        let key = self.slot_key(slot.key);
        let told = service::slots::told();
        match context.store().free_slot(self.id(), &key, &told, context.now().0).await {
            Ok(given) => wake(context, &given).await,
            Err(problem) => {
                warn!(execution.id = %self.id(), error = %service::chain(&problem), "a slot cannot be given back now, the reconciler will");
            }
        }
    }

    fn slot_key(&self, key: String) -> SlotKey {
        SlotKey { workflow_id: self.claimed.workflow_id, key }
    }

    pub(super) fn interrupt(&mut self, context: &Arc<Context>, code: &str, message: String) -> Result<(), DriveError> {
        self.advance(context, Command::Interrupt { code: code.to_owned(), message })
    }
}

/// Tells those that got a slot. A failure costs time only: a reconciler delivers it.
async fn wake(context: &Arc<Context>, given: &[ExecutionId]) {
    if let Err(problem) = service::signals::deliver(&context.services, given).await {
        warn!(error = %service::chain(&problem), "{} executions cannot be told of their slot now, the reconciler will", given.len());
    }
}
