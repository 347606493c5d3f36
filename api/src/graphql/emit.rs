//! Events that callers send.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use service::executions::{self, MAX_WAIT};
use service::viewer::Permission;
use service::{ServiceError, Services, events};

use super::connection::MAX_PAGE;
use super::directives::authorized;
use super::errors::{IntoGraphql, UserError, invalid, item_errors, or_null, user_errors};
use super::event::{Event, EventEmitPayload, combined};
use super::execution::Execution;
use super::filters::parse_id;
use super::mutations::{DEFAULT_WAIT, WaitFor};
use super::scalars::{DateTime, Duration, Json};
use super::viewer;
use super::viewer_of;

/// An event to accept.
#[derive(InputObject)]
pub struct EventEmitInput {
    /// Name.
    #[graphql(name = "type")]
    event_type: String,
    /// Data.
    payload: Json,
    /// Sender; the caller's name when absent.
    source: Option<String>,
    /// What it is about.
    subject: Option<String>,
    /// When it happened; now when absent.
    occurred_at: Option<DateTime>,
    /// Accepted once within seven days.
    deduplication_key: Option<String>,
    /// What to wait for before answering.
    #[graphql(default_with = "WaitFor::None")]
    wait: WaitFor,
    /// How long, at most 30 seconds.
    #[graphql(default_with = "DEFAULT_WAIT")]
    wait_timeout: Duration,
}

impl EventEmitInput {
    fn request(self) -> events::EmitRequest {
        events::EmitRequest {
            event_type: self.event_type,
            payload: self.payload.0,
            source: self.source,
            subject: self.subject,
            occurred_at: self.occurred_at.map(|moment| moment.0),
            deduplication_key: self.deduplication_key,
            depth: 0,
        }
    }
}

/// Events to accept.
#[derive(InputObject)]
pub struct EventEmitBatchInput {
    /// At most 1,000; `wait` must be NONE.
    items: Vec<EventEmitInput>,
}

/// An event to send again.
#[derive(InputObject)]
pub struct EventReplayInput {
    /// Which.
    id: ID,
    /// Only to these workflows, at most 100, and to no execution that waits.
    workflows: Option<Vec<ID>>,
    /// Why.
    reason: Option<String>,
}

/// What came of one event.
#[derive(SimpleObject)]
pub struct EventEmitResult {
    /// Place in the input.
    index: i32,
    /// Event.
    event: Option<Event>,
    /// False when its deduplication key was known.
    is_new: bool,
    /// What was wrong.
    user_errors: Vec<UserError>,
}

/// Answer of `eventEmitBatch`.
#[derive(SimpleObject)]
pub struct EventEmitBatchPayload {
    /// In the order of the input.
    results: Vec<EventEmitResult>,
    /// What the caller can correct; empty on success.
    user_errors: Vec<UserError>,
}

/// Changes of events.
#[derive(Default)]
pub struct EventMutation;

/// Changes of events.
#[Object]
impl EventMutation {
    /// Accepts many events and starts what they trigger; each is accepted or refused for itself.
    #[graphql(complexity = "100 + child_complexity", directive = authorized::apply(viewer::Permission::EventEmit))]
    async fn event_emit_batch(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: EventEmitBatchInput,
    ) -> Option<EventEmitBatchPayload> {
        or_null(ctx, emit_batch(ctx, input).await)
    }

    /// Sends a past event again: a new event with the same content, which names the old one.
    #[graphql(directive = authorized::apply(viewer::Permission::EventEmit))]
    async fn event_replay(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: EventReplayInput,
    ) -> Option<EventEmitPayload> {
        or_null(ctx, replay(ctx, input).await)
    }
}

async fn emit_batch(ctx: &Context<'_>, input: EventEmitBatchInput) -> Result<EventEmitBatchPayload> {
    let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
    if input.items.iter().any(|item| item.wait != WaitFor::None) {
        return Err(invalid("`wait` of the items of a batch must be NONE"));
    }
    let requests = input.items.into_iter().map(EventEmitInput::request).collect();
    let outcomes = match user_errors(events::emit_batch(services, viewer, requests).await)? {
        Ok(outcomes) => outcomes,
        Err(user_errors) => return Ok(EventEmitBatchPayload { results: Vec::new(), user_errors }),
    };
    let mut results = Vec::with_capacity(outcomes.len());
    for (index, outcome) in (0..).zip(outcomes) {
        results.push(match item_errors(outcome)? {
            Ok(emitted) => EventEmitResult {
                index,
                event: Some(Event(emitted.event)),
                is_new: emitted.is_new,
                user_errors: Vec::new(),
            },
            Err(user_errors) => EventEmitResult { index, event: None, is_new: false, user_errors },
        });
    }
    Ok(EventEmitBatchPayload { results, user_errors: Vec::new() })
}

async fn replay(ctx: &Context<'_>, input: EventReplayInput) -> Result<EventEmitPayload> {
    let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
    let workflows = input.workflows.map(|ids| ids.iter().map(parse_id).collect::<Result<Vec<_>>>()).transpose()?;
    let request = events::ReplayRequest { event: parse_id(&input.id)?, workflows, reason: input.reason };
    let replayed = match user_errors(events::replay(services, viewer, request).await)? {
        Ok(replayed) => replayed,
        Err(user_errors) => return Ok(EventEmitPayload::refused(user_errors)),
    };
    let event = Event(replayed.event);
    let may_read = viewer.require(Permission::ExecutionRead).is_ok();
    let executions = if may_read { event.started(ctx).await? } else { Vec::new() };
    Ok(EventEmitPayload {
        event: Some(event),
        is_new: replayed.is_new,
        decision: None,
        executions,
        user_errors: Vec::new(),
    })
}

/// Accepts the event and, if that is asked for, waits for what it starts.
pub(super) async fn emit(ctx: &Context<'_>, input: EventEmitInput) -> Result<EventEmitPayload> {
    let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
    // Before anything is accepted: what is refused afterwards would look as if it had not happened.
    let may_read = viewer.require(Permission::ExecutionRead);
    if input.wait != WaitFor::None {
        may_read.map_err(ServiceError::from).graphql()?;
    }
    let (wait, wait_timeout) = (input.wait, input.wait_timeout);
    let emitted = match user_errors(events::emit(services, viewer, input.request()).await)? {
        Ok(emitted) => emitted,
        Err(user_errors) => return Ok(EventEmitPayload::refused(user_errors)),
    };
    let event = Event(emitted.event);
    let mut executions = if may_read.is_ok() { event.started(ctx).await? } else { Vec::new() };
    if wait != WaitFor::None {
        let limit = wait_timeout.0.min(MAX_WAIT);
        let waits = executions
            .iter()
            .take(MAX_PAGE)
            .map(|execution| executions::wait(services, viewer, execution.0.id, wait.into(), limit));
        let rows = futures::future::try_join_all(waits).await.graphql()?;
        executions = rows.into_iter().flatten().map(Execution::of).collect();
    }
    let decision = if wait == WaitFor::None { None } else { combined(&executions)? };
    Ok(EventEmitPayload { event: Some(event), is_new: emitted.is_new, decision, executions, user_errors: Vec::new() })
}
