//! Step executions and their attempts.

use std::sync::Arc;

use async_graphql::{Enum, ID, InputObject, Object, Result, SimpleObject};
use engine::machine::{self, StepTrace};
use serde_json::Value;
use store::ExecutionRow;

use super::connection::{PageArguments, Paged, of_list};
use super::execution::{Execution, trace_of};
use super::explanation::Explanation;
use super::failure::ExecutionError;
use super::history::LogLine;
use super::payload::Payload;
use super::scalars::{DateTime, Duration, int};

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "machine::StepStatus")]
pub enum StepStatus {
    /// Runs.
    Running,
    /// Failed; will be tried again.
    Retrying,
    /// Done.
    Succeeded,
    /// Failed for good.
    Failed,
    /// Left out by its condition.
    Skipped,
    /// Waits for an event, a time, an approval, a child.
    Waiting,
    /// Stopped.
    Cancelled,
}

/// Which steps.
#[derive(Debug, Clone, Default, InputObject)]
pub struct StepExecutionFilter {
    /// In one of these states.
    statuses: Option<Vec<StepStatus>>,
    /// Of this key, in all passages.
    step_key: Option<String>,
}

impl StepExecutionFilter {
    pub(super) fn fits(&self, passage: &StepExecution) -> bool {
        self.statuses.as_ref().is_none_or(|statuses| statuses.contains(&passage.step.status.into()))
            && self.step_key.as_ref().is_none_or(|key| *key == passage.step.step_key)
    }
}

/// One try of a step.
#[derive(Debug, Clone, SimpleObject)]
pub struct StepAttempt {
    /// 1, 2, 3, ...
    number: i32,
    /// How it went.
    status: StepStatus,
    /// Start.
    started_at: Option<DateTime>,
    /// End.
    ended_at: Option<DateTime>,
    /// What went wrong.
    error: Option<ExecutionError>,
    /// Outgoing request, without credentials; a list when there were several.
    request: Option<Payload>,
    /// Answer; a list when there were several.
    response: Option<Payload>,
    /// Key that was sent to the other side; the last one when there were several.
    idempotency_key: Option<String>,
}

/// Arrows between steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum TransitionKind {
    /// Of a condition that held.
    True,
    /// Of a condition that did not hold.
    False,
    /// Of a switch.
    Case,
    /// Of a failed step.
    Error,
    /// Past a step that was left out.
    Skip,
}

/// The arrow that was taken.
#[derive(Debug, Clone, SimpleObject)]
pub struct BranchDecision {
    /// Which sort of arrow.
    kind: TransitionKind,
    /// Step reached; none ends the flow.
    to: Option<String>,
    /// The condition that decided.
    why: Option<Explanation>,
    /// Of a switch, every case that was looked at, in order.
    cases: Vec<Explanation>,
}

/// One passage through a step.
#[derive(Debug, Clone)]
pub struct StepExecution {
    pub(super) execution: Arc<ExecutionRow>,
    pub(super) step: StepTrace,
}

/// One value as it is, several as a list, none as nothing.
fn joined(mut values: Vec<Value>) -> Result<Option<Payload>> {
    let value = match values.len() {
        0 => return Ok(None),
        1 => values.remove(0),
        _several => Value::Array(values),
    };
    Payload::at(value, None).map(Some)
}

/// One passage through a step.
#[Object]
impl StepExecution {
    /// Global id, prefix `ste_`.
    async fn id(&self) -> ID {
        ID(format!("ste_{}_{}", self.execution.id, self.step.ordinal))
    }

    /// Its execution.
    async fn execution(&self) -> Execution {
        Execution(Arc::clone(&self.execution))
    }

    /// Path with iteration, such as `charge_items[17].refund`.
    async fn path(&self) -> &str {
        &self.step.path
    }

    /// Key in the definition.
    async fn step_key(&self) -> &str {
        &self.step.step_key
    }

    /// What it does: the step type; empty for a step that was left out.
    async fn kind(&self) -> &str {
        &self.step.kind
    }

    /// Where it stands.
    async fn status(&self) -> StepStatus {
        self.step.status.into()
    }

    /// Tries, oldest first.
    async fn attempts(&self) -> Result<Vec<StepAttempt>> {
        let attempts = self.step.attempts.iter().map(|attempt| {
            Ok(StepAttempt {
                number: int(attempt.number),
                status: attempt.status.into(),
                started_at: Some(DateTime(attempt.started_at)),
                ended_at: attempt.ended_at.map(DateTime),
                error: attempt.error.as_ref().map(|error| ExecutionError::of_step(error, Some(&self.step.path))),
                request: joined(attempt.calls.iter().map(|call| call.request.clone()).collect())?,
                response: joined(attempt.calls.iter().filter_map(|call| call.response.clone()).collect())?,
                idempotency_key: attempt.calls.last().map(|call| call.key.clone()),
            })
        });
        attempts.collect()
    }

    /// What it was called with, after templates: the requests of its last attempt.
    async fn input(
        &self,
        #[graphql(desc = "JSON Pointer of the part to return; the whole value when absent.")] path: Option<String>,
    ) -> Result<Option<Payload>> {
        let calls = self
            .step
            .attempts
            .last()
            .map(|attempt| attempt.calls.iter().map(|call| call.request.clone()).collect::<Vec<_>>());
        match calls.unwrap_or_default().as_slice() {
            [] => Ok(None),
            [only] => Payload::at(only.clone(), path.as_deref()).map(Some),
            several => Payload::at(Value::Array(several.to_vec()), path.as_deref()).map(Some),
        }
    }

    /// Its result.
    async fn output(
        &self,
        #[graphql(desc = "JSON Pointer of the part to return; the whole value when absent.")] path: Option<String>,
    ) -> Result<Option<Payload>> {
        self.step.output.clone().map(|output| Payload::at(output, path.as_deref())).transpose()
    }

    /// Last error.
    async fn error(&self) -> Option<ExecutionError> {
        self.step.error.as_ref().map(|error| ExecutionError::of_step(error, Some(&self.step.path)))
    }

    /// For conditions, switches, failures that are handled, and steps that were left out.
    async fn branch(&self) -> Option<BranchDecision> {
        let branch = self.step.branch.as_ref()?;
        let last = branch.why.last();
        let kind = match (self.step.status, self.step.kind.as_str()) {
            (machine::StepStatus::Skipped, _) => TransitionKind::Skip,
            (machine::StepStatus::Failed, _) => TransitionKind::Error,
            (_, "switch") => TransitionKind::Case,
            _condition if last.is_some_and(|why| why.result) => TransitionKind::True,
            _condition => TransitionKind::False,
        };
        let cases = if self.step.kind == "switch" { branch.why.as_slice() } else { &[] };
        Some(BranchDecision {
            kind,
            to: branch.to.clone(),
            why: last.cloned().map(Explanation),
            cases: cases.iter().cloned().map(Explanation).collect(),
        })
    }

    /// First attempt.
    async fn started_at(&self) -> DateTime {
        DateTime(self.step.started_at)
    }

    /// End.
    async fn ended_at(&self) -> Option<DateTime> {
        self.step.ended_at.map(DateTime)
    }

    /// From start to end.
    async fn duration(&self) -> Option<Duration> {
        self.step.ended_at.map(|end| Duration::between_ms(self.step.started_at.0, end.0))
    }

    /// When it will be tried again.
    async fn next_attempt_at(&self) -> Option<DateTime> {
        self.step.next_attempt_at.map(DateTime)
    }

    /// Its log lines.
    #[graphql(complexity = "first.or(last).unwrap_or(25).clamp(1, 100) as usize * child_complexity")]
    async fn logs(
        &self,
        ctx: &async_graphql::Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take the last n items, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
    ) -> Result<Paged<LogLine>> {
        let trace = trace_of(ctx, &self.execution).await?.unwrap_or_default();
        let lines = trace.logs.iter().filter(|line| line.step_path == self.step.path).cloned().map(LogLine).collect();
        of_list(
            ctx,
            lines,
            &format!("logs:{}:{}", self.execution.id, self.step.path),
            &PageArguments { first, after, last, before },
        )
    }
}
