//! Executions as clients see them.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, Result, SimpleObject, Union};
use engine::machine::Trace;
use ids::EventId;
use serde_json::Value;
use service::{Services, executions};
use store::ExecutionRow;

use super::approval::{self, Approval};
use super::connection::{CountOf, PageArguments, Paged, of_list, paged};
use super::decision::{Decision, decision_of};
use super::directives::authorized;
use super::errors::IntoGraphql;
use super::event::Event;
use super::failure::ExecutionError;
use super::history::{ExecutionEvent, LogLine};
use super::hook::WebhookTrigger;
use super::loaders::{HistoryOf, TraceOf, WakeReasonsOf, loader, shared};
use super::offers::{ExecutionOffer, ExecutionOperation};
use super::pause::Pause;
use super::payload::Payload;
use super::scalars::{DateTime, Duration};
use super::schedule::ScheduleTrigger;
use super::step::{StepExecution, StepExecutionFilter};
use super::viewer::{Actor, Permission};
use super::viewer_of;
use super::waking::WakeReason;
use super::workflow::{Workflow, WorkflowVersion};

/// Where an execution stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "store::ExecutionStatus")]
pub enum ExecutionStatus {
    /// Accepted, not begun.
    Queued,
    /// A step runs or is about to.
    Running,
    /// Nothing runs; waits for an event, a time or a child.
    Waiting,
    /// An approval must be decided.
    Blocked,
    /// Held by an operator.
    Paused,
    /// Ended well; `decision` tells the outcome.
    Completed,
    /// Ended by an error or a deadline.
    Failed,
    /// Ended by request.
    Cancelled,
}

/// Possible answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum DecisionOutcome {
    /// Go on.
    Allowed,
    /// Stop.
    Blocked,
    /// No decision was asked for; the work is done.
    Executed,
}

impl From<DecisionOutcome> for store::ExecutionResult {
    fn from(outcome: DecisionOutcome) -> Self {
        match outcome {
            DecisionOutcome::Allowed => Self::Allowed,
            DecisionOutcome::Blocked => Self::Blocked,
            DecisionOutcome::Executed => Self::Executed,
        }
    }
}

/// What can start an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "store::TriggerType")]
pub enum TriggerType {
    /// A person or program.
    Manual,
    /// A matching event.
    Event,
    /// A point in time.
    Schedule,
    /// A call from outside.
    Webhook,
    /// Another execution.
    Workflow,
}

/// A searchable pair on an execution.
#[derive(Debug, Clone, SimpleObject)]
pub struct Label {
    /// Name.
    name: String,
    /// Value.
    value: String,
}

/// Started by an event.
#[derive(Debug, Clone)]
pub struct EventTrigger(EventId);

/// Started by an event.
#[Object]
impl EventTrigger {
    /// The event, unless it was deleted.
    #[graphql(directive = authorized::apply(Permission::EventRead))]
    async fn event(&self, ctx: &Context<'_>) -> Result<Option<Event>> {
        Ok(loader(ctx)?.load_one(self.0).await.map_err(|error| shared(&error))?.map(Event))
    }
}

/// Started by a person or a program.
#[derive(Debug, Clone, SimpleObject)]
pub struct ManualTrigger {
    /// Who.
    actor: Actor,
    /// Why.
    reason: Option<String>,
}

/// What started an execution.
#[derive(Debug, Clone, Union)]
pub enum ExecutionTrigger {
    /// An event.
    Event(EventTrigger),
    /// A person or a program.
    Manual(ManualTrigger),
    /// A point in time.
    Schedule(ScheduleTrigger),
    /// A call from outside.
    Webhook(WebhookTrigger),
    /// Another execution.
    Parent(ParentTrigger),
}

/// Started by a step of another execution.
#[derive(Debug, Clone, SimpleObject)]
pub struct ParentTrigger {
    /// The parent.
    execution: Option<Execution>,
    /// Its step.
    step_path: String,
}

/// One run of a workflow version.
#[derive(Debug, Clone)]
pub struct Execution(pub(super) Arc<ExecutionRow>);

impl Execution {
    pub(super) fn of(row: ExecutionRow) -> Self {
        Self(Arc::new(row))
    }

    async fn parent_of(&self, ctx: &Context<'_>) -> Result<Option<Execution>> {
        let Some(id) = self.0.parent_id else { return Ok(None) };
        Ok(loader(ctx)?.load_one(id).await.map_err(|error| shared(&error))?.map(Execution::of))
    }

    async fn trace(&self, ctx: &Context<'_>) -> Result<Arc<Trace>> {
        Ok(trace_of(ctx, &self.0).await?.unwrap_or_default())
    }

    async fn passages(&self, ctx: &Context<'_>) -> Result<Vec<StepExecution>> {
        let trace = self.trace(ctx).await?;
        Ok(trace
            .steps
            .iter()
            .map(|step| StepExecution { execution: Arc::clone(&self.0), step: step.clone() })
            .collect())
    }
}

/// The folded journal of an execution, read once a request.
pub(super) async fn trace_of(ctx: &Context<'_>, row: &ExecutionRow) -> Result<Option<Arc<Trace>>> {
    loader(ctx)?.load_one(TraceOf(row.id)).await.map_err(|error| shared(&error))
}

/// A page of the executions that come of another, newest first, as all lists of executions are.
async fn related(
    ctx: &Context<'_>,
    filter: store::ExecutionFilter,
    arguments: &PageArguments,
) -> Result<Paged<Execution>> {
    let order = store::ExecutionOrder::default();
    let list = format!("executions:{:?}:{:?}", order.field, order.direction);
    let request = arguments.request(ctx, &list)?;
    let page = executions::page(ctx.data::<Services>()?, viewer_of(ctx)?, &filter, order, &request).await.graphql()?;
    paged(ctx, page, &list, CountOf::Executions(Box::new(filter)), Execution::of)
}

fn parse(text: &str) -> Result<Value> {
    serde_json::from_str(text).map_err(|_unreadable| async_graphql::Error::new("a stored value cannot be read"))
}

/// One run of a workflow version.
#[Object]
impl Execution {
    /// Global id, prefix `exe_`.
    async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// Business key, such as an order number.
    async fn key(&self) -> Option<&str> {
        self.0.key.as_deref()
    }

    /// Its workflow.
    #[graphql(directive = authorized::apply(Permission::WorkflowRead))]
    async fn workflow(&self, ctx: &Context<'_>) -> Result<Workflow> {
        let row = loader(ctx)?.load_one(self.0.workflow_id).await.map_err(|error| shared(&error))?;
        row.map(Workflow).ok_or_else(|| async_graphql::Error::new("the workflow of an execution is missing"))
    }

    /// The version it runs.
    #[graphql(directive = authorized::apply(Permission::WorkflowRead))]
    async fn version(&self, ctx: &Context<'_>) -> Result<WorkflowVersion> {
        let row = loader(ctx)?.load_one(self.0.version_id).await.map_err(|error| shared(&error))?;
        row.map(WorkflowVersion).ok_or_else(|| async_graphql::Error::new("the version of an execution is missing"))
    }

    /// Where it stands.
    async fn status(&self) -> ExecutionStatus {
        self.0.status.into()
    }

    /// Allow or block, once known.
    async fn decision(&self) -> Result<Option<Decision>> {
        decision_of(&self.0)
    }

    /// What it was started with.
    #[graphql(directive = authorized::apply(Permission::ExecutionDataRead))]
    async fn input(
        &self,
        #[graphql(desc = "JSON Pointer of the part to return; the whole value when absent.")] path: Option<String>,
    ) -> Result<Payload> {
        Payload::at(parse(&self.0.input)?, path.as_deref())
    }

    /// Its data at this moment.
    #[graphql(directive = authorized::apply(Permission::ExecutionDataRead))]
    async fn context(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "JSON Pointer of the part to return; the whole value when absent.")] path: Option<String>,
    ) -> Result<Payload> {
        let trace = self.trace(ctx).await?;
        Payload::at(executions::context(viewer_of(ctx)?, &self.0, &trace).graphql()?, path.as_deref())
    }

    /// Why it failed.
    #[graphql(directive = authorized::apply(Permission::ExecutionDataRead))]
    async fn error(&self, ctx: &Context<'_>) -> Result<Option<ExecutionError>> {
        if self.0.error_code.is_none() {
            return Ok(None);
        }
        let trace = self.trace(ctx).await?;
        Ok(trace.state.error().map(|error| ExecutionError::of_step(error, self.0.failed_step.as_deref())))
    }

    /// What started it.
    async fn trigger(&self, ctx: &Context<'_>) -> Result<ExecutionTrigger> {
        if let Some(id) = self.0.event_id {
            return Ok(ExecutionTrigger::Event(EventTrigger(id)));
        }
        if self.0.parent_id.is_some() {
            let step_path = parse(&self.0.trigger)?["step"].as_str().unwrap_or_default().to_owned();
            return Ok(ExecutionTrigger::Parent(ParentTrigger { execution: self.parent_of(ctx).await?, step_path }));
        }
        if self.0.trigger_type == store::TriggerType::Webhook {
            return Ok(ExecutionTrigger::Webhook(WebhookTrigger::of(&parse(&self.0.trigger)?)));
        }
        if self.0.trigger_type == store::TriggerType::Schedule {
            return Ok(ExecutionTrigger::Schedule(ScheduleTrigger::of(&parse(&self.0.trigger)?)));
        }
        let reason = parse(&self.0.trigger)?["reason"].as_str().map(str::to_owned);
        Ok(ExecutionTrigger::Manual(ManualTrigger { actor: Actor::from_id(&self.0.started_by), reason }))
    }

    /// The execution that started it with a step.
    #[graphql(directive = authorized::apply(Permission::ExecutionRead))]
    async fn parent(&self, ctx: &Context<'_>) -> Result<Option<Execution>> {
        self.parent_of(ctx).await
    }

    /// The execution that it repeats.
    #[graphql(directive = authorized::apply(Permission::ExecutionRead))]
    async fn rerun_of(&self, ctx: &Context<'_>) -> Result<Option<Execution>> {
        let Some(id) = self.0.rerun_of else { return Ok(None) };
        Ok(loader(ctx)?.load_one(id).await.map_err(|error| shared(&error))?.map(Execution::of))
    }

    /// Sub-workflows that it started.
    #[graphql(complexity = "first.or(last).unwrap_or(25).clamp(1, 100) as usize * child_complexity", directive = authorized::apply(Permission::ExecutionRead))]
    async fn children(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take the last n items, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
    ) -> Result<Paged<Execution>> {
        let own = store::ExecutionFilter { parent_id: Some(self.0.id), ..store::ExecutionFilter::default() };
        related(ctx, own, &PageArguments { first, after, last, before }).await
    }

    /// Executions that repeat it.
    #[graphql(complexity = "first.or(last).unwrap_or(25).clamp(1, 100) as usize * child_complexity", directive = authorized::apply(Permission::ExecutionRead))]
    async fn reruns(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take the last n items, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
    ) -> Result<Paged<Execution>> {
        let own = store::ExecutionFilter { rerun_of: Some(self.0.id), ..store::ExecutionFilter::default() };
        related(ctx, own, &PageArguments { first, after, last, before }).await
    }

    /// Who started it.
    async fn started_by(&self) -> Actor {
        Actor::from_id(&self.0.started_by)
    }

    /// Searchable pairs.
    async fn labels(&self) -> Vec<Label> {
        self.0.labels.iter().map(|label| Label { name: label.name.clone(), value: label.value.clone() }).collect()
    }

    /// 0 to 9; higher goes first.
    async fn priority(&self) -> i32 {
        i32::from(self.0.priority)
    }

    /// When it was accepted.
    async fn queued_at(&self) -> DateTime {
        DateTime::from_ms(self.0.queued_at_ms)
    }

    /// When its first step began.
    async fn started_at(&self) -> Option<DateTime> {
        self.0.started_at_ms.map(DateTime::from_ms)
    }

    /// When it ended.
    async fn ended_at(&self) -> Option<DateTime> {
        self.0.ended_at_ms.map(DateTime::from_ms)
    }

    /// From start to end, or to now.
    async fn duration(&self, ctx: &Context<'_>) -> Result<Option<Duration>> {
        let now = ctx.data::<Services>()?.now().0;
        Ok(self.0.started_at_ms.map(|start| Duration::between_ms(start, self.0.ended_at_ms.unwrap_or(now))))
    }

    /// When its whole life is over; null while that stands still in a pause.
    async fn deadline_at(&self) -> Option<DateTime> {
        self.0.deadline_at_ms.map(DateTime::from_ms)
    }

    /// Why it will move again; empty when it has ended.
    #[graphql(directive = authorized::apply(Permission::ExecutionRead))]
    async fn wake_reasons(&self, ctx: &Context<'_>) -> Result<Vec<WakeReason>> {
        let reasons = loader(ctx)?.load_one(WakeReasonsOf(self.0.id)).await.map_err(|error| shared(&error))?;
        Ok(reasons.unwrap_or_default().iter().cloned().map(WakeReason::from).collect())
    }

    /// Steps that run or wait now.
    #[graphql(directive = authorized::apply(Permission::ExecutionDataRead))]
    async fn current_steps(&self, ctx: &Context<'_>) -> Result<Vec<StepExecution>> {
        Ok(self.passages(ctx).await?.into_iter().filter(|passage| passage.step.ended_at.is_none()).collect())
    }

    /// Steps, in the order they began.
    #[graphql(complexity = "first.or(last).unwrap_or(25).clamp(1, 100) as usize * child_complexity", directive = authorized::apply(Permission::ExecutionDataRead))]
    async fn steps(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take the last n items, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which items to return; all conditions must hold.")] filter: Option<StepExecutionFilter>,
    ) -> Result<Paged<StepExecution>> {
        let filter = filter.unwrap_or_default();
        let passages = self.passages(ctx).await?.into_iter().filter(|passage| filter.fits(passage)).collect();
        of_list(ctx, passages, &format!("steps:{}", self.0.id), &PageArguments { first, after, last, before })
    }

    /// The last passage through one step.
    #[graphql(directive = authorized::apply(Permission::ExecutionDataRead))]
    async fn step(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Path with iteration, such as `charge_items[17].refund`.")] path: String,
    ) -> Result<Option<StepExecution>> {
        let trace = self.trace(ctx).await?;
        Ok(trace.step(&path).map(|step| StepExecution { execution: Arc::clone(&self.0), step: step.clone() }))
    }

    /// The journal, oldest first.
    #[graphql(complexity = "first.or(last).unwrap_or(25).clamp(1, 100) as usize * child_complexity", directive = authorized::apply(Permission::ExecutionDataRead))]
    async fn history(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take the last n items, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
    ) -> Result<Paged<ExecutionEvent>> {
        let events =
            loader(ctx)?.load_one(HistoryOf(self.0.id)).await.map_err(|error| shared(&error))?.unwrap_or_default();
        let events = events.iter().cloned().map(|event| ExecutionEvent { execution: self.0.id, event }).collect();
        of_list(ctx, events, &format!("history:{}", self.0.id), &PageArguments { first, after, last, before })
    }

    /// Log lines of all steps.
    #[graphql(complexity = "first.or(last).unwrap_or(25).clamp(1, 100) as usize * child_complexity", directive = authorized::apply(Permission::ExecutionDataRead))]
    async fn logs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take the last n items, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
    ) -> Result<Paged<LogLine>> {
        let trace = self.trace(ctx).await?;
        let lines = trace.logs.iter().cloned().map(LogLine).collect();
        of_list(ctx, lines, &format!("logs:{}", self.0.id), &PageArguments { first, after, last, before })
    }

    /// Approvals it opened, oldest first.
    #[graphql(complexity = "first.or(last).unwrap_or(25).clamp(1, 100) as usize * child_complexity", directive = authorized::apply(Permission::ApprovalRead))]
    async fn approvals(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take the last n items, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
    ) -> Result<Paged<Approval>> {
        approval::of_execution(ctx, self.0.id, &PageArguments { first, after, last, before }).await
    }

    /// What can be done now, by this caller.
    async fn allowed_operations(&self, ctx: &Context<'_>) -> Result<Vec<ExecutionOperation>> {
        let offers = executions::offers(viewer_of(ctx)?, &self.0, ctx.data::<Services>()?.now());
        Ok(offers.into_iter().filter(|offer| offer.refusal.is_none()).map(|offer| offer.operation.into()).collect())
    }

    /// What can be done now, and what cannot, with the reasons.
    async fn operations(&self, ctx: &Context<'_>) -> Result<Vec<ExecutionOffer>> {
        let offers = executions::offers(viewer_of(ctx)?, &self.0, ctx.data::<Services>()?.now());
        Ok(offers.into_iter().map(ExecutionOffer::from).collect())
    }

    /// Whether it can be resumed now, and why not.
    async fn can_resume(&self, ctx: &Context<'_>) -> Result<ExecutionOffer> {
        let now = ctx.data::<Services>()?.now();
        Ok(executions::offer(viewer_of(ctx)?, &self.0, executions::Operation::Resume, now).into())
    }

    /// Since when it is paused and rests.
    async fn paused_at(&self) -> Option<DateTime> {
        self.0.paused_at_ms.map(DateTime::from_ms)
    }

    /// Its pause, with what resuming would set free; null when it is not paused.
    #[graphql(complexity = "50 + child_complexity")]
    async fn pause(&self, ctx: &Context<'_>) -> Result<Option<Pause>> {
        let view = executions::pause_view(ctx.data::<Services>()?, viewer_of(ctx)?, &self.0).await.graphql()?;
        Ok(view.map(Pause::from))
    }

    /// The event that started it.
    #[graphql(directive = authorized::apply(Permission::EventRead))]
    async fn event(&self, ctx: &Context<'_>) -> Result<Option<Event>> {
        let Some(id) = self.0.event_id else { return Ok(None) };
        Ok(loader(ctx)?.load_one(id).await.map_err(|error| shared(&error))?.map(Event))
    }
}
