//! Mutations that put executions right by hand.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, Result};
use serde_json::Value;
use service::Services;
use service::executions::{self, DataChange};

use super::control::{ExecutionPayload, payload};
use super::directives::authorized;
use super::errors::or_null;
use super::filters::parse_id;
use super::scalars::Json;
use super::viewer::Permission;
use super::viewer_of;

/// Repairs of executions.
#[derive(Default)]
pub struct RepairMutation;

/// A step to leave out.
#[derive(Debug, InputObject)]
pub struct ExecutionSkipStepInput {
    /// Execution.
    id: ID,
    /// Path of the step; the execution must stand there, with no call under way.
    step: String,
    /// Output to assume.
    output: Option<Json>,
    /// Why.
    reason: String,
}

/// A change to the data of an execution.
#[derive(Debug, InputObject)]
pub struct ExecutionContextEditInput {
    /// Which; no call may be under way.
    id: ID,
    /// JSON Patch.
    patch: Vec<JsonPatchOperationInput>,
    /// Why.
    reason: String,
}

/// One operation of RFC 6902.
#[derive(Debug, InputObject)]
pub struct JsonPatchOperationInput {
    /// One of `add` and `replace`.
    op: String,
    /// JSON Pointer.
    path: String,
    /// New value; null is one.
    value: MaybeUndefined<Json>,
}

/// Repairs of executions.
#[Object]
impl RepairMutation {
    /// Goes on without a step: one that waits, or is about to begin.
    #[graphql(directive = authorized::apply(Permission::ExecutionRepair))]
    async fn execution_skip_step(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ExecutionSkipStepInput,
    ) -> Option<ExecutionPayload> {
        or_null(ctx, skip_step(ctx, input).await)
    }

    /// Changes its data.
    #[graphql(directive = authorized::apply(Permission::ExecutionRepair))]
    async fn execution_context_edit(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ExecutionContextEditInput,
    ) -> Option<ExecutionPayload> {
        or_null(ctx, context_edit(ctx, input).await)
    }
}

async fn skip_step(ctx: &Context<'_>, input: ExecutionSkipStepInput) -> Result<ExecutionPayload> {
    let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
    let (id, output) = (parse_id(&input.id)?, input.output.map(|output| output.0));
    payload(executions::skip_step(services, viewer, id, input.step, output, input.reason).await)
}

async fn context_edit(ctx: &Context<'_>, input: ExecutionContextEditInput) -> Result<ExecutionPayload> {
    let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
    let change = |one: JsonPatchOperationInput| {
        let value = match one.value {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => Some(Value::Null),
            MaybeUndefined::Value(value) => Some(value.0),
        };
        DataChange { op: one.op, path: one.path, value }
    };
    let changes = input.patch.into_iter().map(change).collect();
    payload(executions::edit_context(services, viewer, parse_id(&input.id)?, changes, input.reason).await)
}
