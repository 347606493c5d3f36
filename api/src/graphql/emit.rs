//! Events that callers send.

use async_graphql::{Context, InputObject, Result};
use service::executions::{self, MAX_WAIT};
use service::viewer::Permission;
use service::{ServiceError, Services, events};

use super::connection::MAX_PAGE;
use super::errors::{IntoGraphql, user_errors};
use super::event::{Event, EventEmitPayload, combined};
use super::execution::Execution;
use super::mutations::{DEFAULT_WAIT, WaitFor};
use super::scalars::{DateTime, Duration, Json};
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

/// Accepts the event and, if that is asked for, waits for what it starts.
pub(super) async fn emit(ctx: &Context<'_>, input: EventEmitInput) -> Result<EventEmitPayload> {
    let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
    // Before anything is accepted: what is refused afterwards would look as if it had not happened.
    let may_read = viewer.require(Permission::ExecutionRead);
    if input.wait != WaitFor::None {
        may_read.map_err(ServiceError::from).graphql()?;
    }
    let request = events::EmitRequest {
        event_type: input.event_type,
        payload: input.payload.0,
        source: input.source,
        subject: input.subject,
        occurred_at: input.occurred_at.map(|moment| moment.0),
        deduplication_key: input.deduplication_key,
        depth: 0,
    };
    let emitted = match user_errors(events::emit(services, viewer, request).await)? {
        Ok(emitted) => emitted,
        Err(user_errors) => {
            return Ok(EventEmitPayload {
                event: None,
                is_new: false,
                decision: None,
                executions: Vec::new(),
                user_errors,
            });
        }
    };
    let event = Event(emitted.event);
    let mut executions = if may_read.is_ok() { event.started(ctx).await? } else { Vec::new() };
    if input.wait != WaitFor::None {
        let limit = input.wait_timeout.0.min(MAX_WAIT);
        let waits = executions
            .iter()
            .take(MAX_PAGE)
            .map(|execution| executions::wait(services, viewer, execution.0.id, input.wait.into(), limit));
        let rows = futures::future::try_join_all(waits).await.graphql()?;
        executions = rows.into_iter().flatten().map(Execution::of).collect();
    }
    let decision = if input.wait == WaitFor::None { None } else { combined(&executions)? };
    Ok(EventEmitPayload { event: Some(event), is_new: emitted.is_new, decision, executions, user_errors: Vec::new() })
}
