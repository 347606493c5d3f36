//! The answer of an execution to whoever asked.

use async_graphql::{ComplexObject, Context, Result, SimpleObject};
use engine::machine;
use store::ExecutionRow;

use super::directives::authorized;
use super::execution::{DecisionOutcome, trace_of};
use super::explanation::Explanation;
use super::scalars::Json;
use super::viewer::Permission;

/// The answer to whoever asked.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(complex)]
pub struct Decision {
    /// Allow, block, or just done.
    outcome: DecisionOutcome,
    /// For the caller.
    reason: Option<String>,
    /// Further data for the caller.
    metadata: Option<Json>,
    /// Step that decided.
    step_path: Option<String>,
    #[graphql(skip)]
    execution: ExecutionRow,
}

impl Decision {
    pub(super) const fn decided(&self) -> DecisionOutcome {
        self.outcome
    }
}

#[ComplexObject]
impl Decision {
    /// Which condition led here: that of the last condition or switch on the way to the deciding step.
    #[graphql(directive = authorized::apply(Permission::ExecutionDataRead))]
    async fn why(&self, ctx: &Context<'_>) -> Result<Option<Explanation>> {
        let Some(step) = &self.step_path else { return Ok(None) };
        let Some(trace) = trace_of(ctx, &self.execution).await? else { return Ok(None) };
        Ok(trace.led_to(step).cloned().map(Explanation))
    }
}

/// The decision of an execution; one that completed without any has `EXECUTED`.
pub(super) fn decision_of(row: &ExecutionRow) -> Result<Option<Decision>> {
    let Some(text) = &row.decision else {
        let is_done = row.result == Some(store::ExecutionResult::Executed);
        return Ok(is_done.then(|| Decision {
            outcome: DecisionOutcome::Executed,
            reason: None,
            metadata: None,
            step_path: None,
            execution: row.clone(),
        }));
    };
    let decision: machine::Decision = serde_json::from_str(text)
        .map_err(|_unreadable| async_graphql::Error::new("a stored decision cannot be read"))?;
    let outcome = match decision.outcome {
        machine::Outcome::Allowed => DecisionOutcome::Allowed,
        machine::Outcome::Blocked => DecisionOutcome::Blocked,
        machine::Outcome::Executed | machine::Outcome::Failed => DecisionOutcome::Executed,
    };
    Ok(Some(Decision {
        outcome,
        reason: decision.reason,
        metadata: decision.metadata.map(async_graphql::Json),
        step_path: Some(decision.step.into()),
        execution: row.clone(),
    }))
}
