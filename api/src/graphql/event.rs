//! Events as clients see them.

use async_graphql::{Context, Enum, ID, Object, Result, SimpleObject};
use engine::machine;
use ids::EventId;
use service::Services;
use service::events::{self, Match};
use service::executions::JournalEvent;
use store::{EventRow, ToldRow};

use super::connection::{CountOf, PageArguments, Paged, paged};
use super::decision::{Decision, decision_of};
use super::directives::authorized;
use super::errors::IntoGraphql;
use super::execution::{DecisionOutcome, Execution};
use super::explanation::Explanation;
use super::loaders::{HistoryOf, loader, shared};
use super::payload::Payload;
use super::scalars::DateTime;
use super::viewer::Permission;
use super::viewer_of;
use super::workflow::Workflow;

/// What came of holding an event against a workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "events::MatchOutcome")]
pub enum EventMatchOutcome {
    /// An execution was started.
    Started,
    /// The trigger's filter did not hold.
    Filtered,
    /// The payload does not fit the workflow.
    Refused,
    /// The workflow is disabled.
    Disabled,
}

/// A workflow that an event was held against.
#[derive(Debug, Clone)]
pub struct EventMatch(Match);

/// A workflow that an event was held against.
#[Object]
impl EventMatch {
    /// Workflow.
    #[graphql(directive = authorized::apply(Permission::WorkflowRead))]
    async fn workflow(&self, ctx: &Context<'_>) -> Result<Option<Workflow>> {
        Ok(loader(ctx)?.load_one(self.0.workflow).await.map_err(|error| shared(&error))?.map(Workflow))
    }

    /// What came of it.
    async fn outcome(&self) -> EventMatchOutcome {
        self.0.outcome.into()
    }

    /// Result of the filter.
    #[graphql(directive = authorized::apply(Permission::ExecutionDataRead))]
    async fn why(&self) -> Option<Explanation> {
        self.0.why.clone().map(Explanation)
    }

    /// Why nothing was started although the filter held; it may quote what was sent.
    #[graphql(directive = authorized::apply(Permission::ExecutionDataRead))]
    async fn problem(&self) -> Option<&str> {
        self.0.problem.as_deref()
    }

    /// Execution that was started.
    #[graphql(directive = authorized::apply(Permission::ExecutionRead))]
    async fn execution(&self, ctx: &Context<'_>) -> Result<Option<Execution>> {
        let Some(id) = self.0.execution else { return Ok(None) };
        Ok(loader(ctx)?.load_one(id).await.map_err(|error| shared(&error))?.map(Execution::of))
    }
}

/// How an event met an execution that waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum EventWaitOutcome {
    /// The execution took it in and went on.
    Resumed,
    /// It was told and has not gone on by it: it waited no more, its condition did not hold, or it has not looked yet.
    Told,
    /// It waits for an event of this name about something else.
    Different,
}

/// An execution that waited when an event came.
#[derive(Debug, Clone)]
pub struct EventWait {
    event: EventId,
    row: ToldRow,
}

/// An execution that waited when an event came.
#[Object]
impl EventWait {
    /// The execution, unless it was deleted.
    #[graphql(directive = authorized::apply(Permission::ExecutionRead))]
    async fn execution(&self, ctx: &Context<'_>) -> Result<Option<Execution>> {
        Ok(loader(ctx)?.load_one(self.row.execution).await.map_err(|error| shared(&error))?.map(Execution::of))
    }

    /// What came of it.
    async fn outcome(&self, ctx: &Context<'_>) -> Result<EventWaitOutcome> {
        if !self.row.is_fitting {
            return Ok(EventWaitOutcome::Different);
        }
        let history = loader(ctx)?.load_one(HistoryOf(self.row.execution)).await.map_err(|error| shared(&error))?;
        let id = self.event.to_string();
        let took = |event: &JournalEvent| match &event.event {
            machine::Event::EventTaken { event_id, .. } => *event_id == id,
            machine::Event::Unpaused { event: Some(ended), .. } => ended.id == id,
            _by_another => false,
        };
        let is_taken = history.is_some_and(|history| history.iter().any(took));
        Ok(if is_taken { EventWaitOutcome::Resumed } else { EventWaitOutcome::Told })
    }
}

/// Something that happened.
#[derive(Debug, Clone)]
pub struct Event(pub(super) EventRow);

impl Event {
    fn held_against(&self) -> Result<Vec<Match>> {
        events::parse_matches(self.0.matches.as_deref()).graphql()
    }

    /// Executions that it started, in no particular order.
    pub(super) async fn started(&self, ctx: &Context<'_>) -> Result<Vec<Execution>> {
        let ids: Vec<_> = self.held_against()?.into_iter().filter_map(|found| found.execution).collect();
        let rows = loader(ctx)?.load_many(ids).await.map_err(|error| shared(&error))?;
        let mut executions: Vec<Execution> = rows.into_values().map(Execution::of).collect();
        executions.sort_by_key(|execution| execution.0.id);
        Ok(executions)
    }
}

/// Something that happened.
#[Object]
impl Event {
    /// Global id, prefix `evt_`.
    async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// Name, such as `order.checkout.initiated`.
    #[graphql(name = "type")]
    async fn event_type(&self) -> &str {
        &self.0.event_type
    }

    /// Who sent it.
    async fn source(&self) -> &str {
        &self.0.source
    }

    /// What it is about, such as `order/123`.
    async fn subject(&self) -> Option<&str> {
        self.0.subject.as_deref()
    }

    /// Data.
    #[graphql(directive = authorized::apply(Permission::ExecutionDataRead))]
    async fn payload(
        &self,
        #[graphql(desc = "JSON Pointer of the part to return; the whole value when absent.")] path: Option<String>,
    ) -> Result<Payload> {
        let value = serde_json::from_str(&self.0.payload)
            .map_err(|_unreadable| async_graphql::Error::new("a stored event cannot be read"))?;
        Payload::at(value, path.as_deref())
    }

    /// Key under which it is accepted once.
    async fn deduplication_key(&self) -> Option<&str> {
        self.0.deduplication_key.as_deref()
    }

    /// When it happened.
    async fn occurred_at(&self) -> DateTime {
        DateTime::from_ms(self.0.occurred_at_ms)
    }

    /// When it was accepted.
    async fn received_at(&self) -> DateTime {
        DateTime::from_ms(self.0.received_at_ms)
    }

    /// Which workflows were looked at, and why they started or not.
    async fn matches(&self) -> Result<Vec<EventMatch>> {
        Ok(self.held_against()?.into_iter().map(EventMatch).collect())
    }

    /// Executions it started.
    #[graphql(directive = authorized::apply(Permission::ExecutionRead))]
    async fn executions(&self, ctx: &Context<'_>) -> Result<Vec<Execution>> {
        self.started(ctx).await
    }

    /// Executions that waited when it came, or began to wait for it afterwards, as far as it was held against their
    /// waits; those that wait for something else are listed when that could only be told by looking.
    #[graphql(
        complexity = "first.or(last).unwrap_or(25).clamp(1, 100) as usize * child_complexity",
        directive = authorized::apply(Permission::ExecutionDataRead)
    )]
    async fn waits(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take the last n items, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
    ) -> Result<Paged<EventWait>> {
        let (services, viewer, event) = (ctx.data::<Services>()?, viewer_of(ctx)?, self.0.id);
        let list = format!("event_waits:{event}");
        let request = PageArguments { first, after, last, before }.request(ctx, &list)?;
        let page = events::told(services, viewer, event, &request).await.graphql()?;
        paged(ctx, page, &list, CountOf::Told(event), |row| EventWait { event, row })
    }

    /// The event that it repeats, unless that was deleted.
    async fn replay_of(&self, ctx: &Context<'_>) -> Result<Option<Event>> {
        let Some(id) = self.0.replay_of else { return Ok(None) };
        Ok(loader(ctx)?.load_one(id).await.map_err(|error| shared(&error))?.map(Event))
    }

    /// Combined decision of all started executions, once all have one: a block wins.
    #[graphql(directive = authorized::apply(Permission::ExecutionRead))]
    async fn decision(&self, ctx: &Context<'_>) -> Result<Option<Decision>> {
        combined(&self.started(ctx).await?)
    }
}

/// The decision of several executions together: a block wins, none before all have decided.
pub(super) fn combined(executions: &[Execution]) -> Result<Option<Decision>> {
    let mut decisions = Vec::new();
    for execution in executions {
        match decision_of(&execution.0)? {
            Some(decision) => decisions.push(decision),
            None => return Ok(None),
        }
    }
    let rank = |decision: &Decision| match decision.decided() {
        DecisionOutcome::Blocked => 0,
        DecisionOutcome::Allowed => 1,
        DecisionOutcome::Executed => 2,
    };
    Ok(decisions.into_iter().min_by_key(rank))
}

/// Answer of `eventEmit`.
#[derive(SimpleObject)]
pub struct EventEmitPayload {
    /// The event.
    pub(super) event: Option<Event>,
    /// False when its deduplication key was known.
    pub(super) is_new: bool,
    /// The combined decision, if it was waited for and came in time.
    pub(super) decision: Option<Decision>,
    /// Executions that were started.
    #[graphql(directive = authorized::apply(Permission::ExecutionRead))]
    pub(super) executions: Vec<Execution>,
    /// What the caller can correct; empty on success.
    pub(super) user_errors: Vec<super::errors::UserError>,
}

impl EventEmitPayload {
    /// What there is to tell when nothing was accepted.
    pub(super) const fn refused(user_errors: Vec<super::errors::UserError>) -> Self {
        Self { event: None, is_new: false, decision: None, executions: Vec::new(), user_errors }
    }
}
