//! Starting, holding and stopping bulk operations.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use service::bulk::{self, NewOperation, Which};
use service::{ServiceError, Services, Viewer};
use store::BulkOperationRow;

use super::node::{BulkOperation, BulkOperationKind};
use super::starts::{BulkOperationAddInput, ExecutionStartManyInput};
use crate::graphql::directives::authorized;
use crate::graphql::errors::{UserError, invalid, or_null, user_errors};
use crate::graphql::filters::{ExecutionFilter, parse_id, parse_ids};
use crate::graphql::scalars::Json;
use crate::graphql::viewer::Permission;
use crate::graphql::viewer_of;

/// A bulk operation.
#[derive(Debug, InputObject)]
pub struct BulkOperationStartInput {
    /// What to do.
    kind: BulkOperationKind,
    /// With these executions, as far as they are in a state in which there is something to do; `{}` for all.
    filter: Option<ExecutionFilter>,
    /// Or with these executions, at most 1,000.
    ids: Option<Vec<ID>>,
    /// Why.
    reason: String,
    /// True: only count and check.
    #[graphql(default = false)]
    dry_run: bool,
    /// Not faster than this, at most 10,000; 1,000 when absent.
    rate_per_second: Option<i32>,
    /// For MIGRATE: number of the version, of the workflow of each.
    to_version: Option<i32>,
    /// For RERUN: the step to begin with; the permission EXECUTION_REPAIR is needed too.
    from_step: Option<String>,
    /// For RESUME: merged into the data of each.
    data: Option<Json>,
}

/// A bulk operation to hold.
#[derive(Debug, InputObject)]
pub struct BulkOperationPauseInput {
    /// Which.
    id: ID,
}

/// A bulk operation to let go on.
#[derive(Debug, InputObject)]
pub struct BulkOperationResumeInput {
    /// Which.
    id: ID,
}

/// A bulk operation to stop.
#[derive(Debug, InputObject)]
pub struct BulkOperationCancelInput {
    /// Which.
    id: ID,
}

/// Answer of a BulkOperation mutation.
#[derive(Debug, SimpleObject)]
pub struct BulkOperationPayload {
    /// The operation; follow it with the subscription `bulkOperationUpdated`.
    bulk_operation: Option<BulkOperation>,
    /// What the caller can correct; empty on success.
    user_errors: Vec<UserError>,
}

impl BulkOperationPayload {
    fn of(outcome: Result<BulkOperationRow, ServiceError>) -> Result<Self> {
        Ok(match user_errors(outcome)? {
            Ok(row) => Self { bulk_operation: Some(BulkOperation(row)), user_errors: Vec::new() },
            Err(user_errors) => Self { bulk_operation: None, user_errors },
        })
    }
}

impl BulkOperationStartInput {
    async fn resolve(self, services: &Services, viewer: &Viewer) -> Result<NewOperation> {
        let which = match (self.filter, self.ids) {
            (Some(_), Some(_)) => return Err(invalid("give `filter` or `ids`, not both")),
            (Some(filter), None) => Some(Which::Fitting(Box::new(filter.resolve(services, viewer).await?))),
            (None, Some(ids)) => Some(Which::Named(parse_ids(&ids)?)),
            (None, None) => None,
        };
        Ok(NewOperation {
            kind: self.kind.into(),
            which,
            reason: self.reason,
            is_dry_run: self.dry_run,
            rate_per_second: self.rate_per_second,
            data: self.data.map(|data| data.0),
            to_version: self.to_version,
            from_step: self.from_step,
        })
    }
}

/// Changes of bulk operations.
#[derive(Default)]
pub struct BulkMutation;

/// Changes of bulk operations.
#[Object]
impl BulkMutation {
    /// Cancels, terminates, pauses, resumes, retries, reruns, migrates or deletes many. RERUN needs EXECUTION_START too,
    /// MIGRATE and DELETE need EXECUTION_REPAIR.
    #[graphql(directive = authorized::apply(Permission::ExecutionControl))]
    async fn bulk_operation_start(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: BulkOperationStartInput,
    ) -> Option<BulkOperationPayload> {
        let start = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let new = input.resolve(services, viewer).await?;
            BulkOperationPayload::of(bulk::start(services, viewer, new).await)
        };
        or_null(ctx, start.await)
    }

    /// Starts many in the background, as a bulk operation; each succeeds or fails for itself, and once.
    #[graphql(complexity = "100 + child_complexity", directive = authorized::apply(Permission::ExecutionStart))]
    async fn execution_start_many(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ExecutionStartManyInput,
    ) -> Option<BulkOperationPayload> {
        let start = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            BulkOperationPayload::of(bulk::start_many(services, viewer, input.resolve()?).await)
        };
        or_null(ctx, start.await)
    }

    /// Gives more items to a bulk operation of one's own that starts executions, and begins it with the last ones.
    #[graphql(complexity = "100 + child_complexity", directive = authorized::apply(Permission::ExecutionStart))]
    async fn bulk_operation_add(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: BulkOperationAddInput,
    ) -> Option<BulkOperationPayload> {
        let add = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            BulkOperationPayload::of(bulk::add(services, viewer, input.resolve()?).await)
        };
        or_null(ctx, add.await)
    }

    /// Holds a bulk operation.
    #[graphql(directive = authorized::apply(Permission::ExecutionControl))]
    async fn bulk_operation_pause(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: BulkOperationPauseInput,
    ) -> Option<BulkOperationPayload> {
        let pause = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            BulkOperationPayload::of(bulk::pause(services, viewer, parse_id(&input.id)?).await)
        };
        or_null(ctx, pause.await)
    }

    /// Lets a bulk operation go on.
    #[graphql(directive = authorized::apply(Permission::ExecutionControl))]
    async fn bulk_operation_resume(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: BulkOperationResumeInput,
    ) -> Option<BulkOperationPayload> {
        let resume = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            BulkOperationPayload::of(bulk::resume(services, viewer, parse_id(&input.id)?).await)
        };
        or_null(ctx, resume.await)
    }

    /// Stops a bulk operation.
    #[graphql(directive = authorized::apply(Permission::ExecutionControl))]
    async fn bulk_operation_cancel(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: BulkOperationCancelInput,
    ) -> Option<BulkOperationPayload> {
        let cancel = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            BulkOperationPayload::of(bulk::cancel(services, viewer, parse_id(&input.id)?).await)
        };
        or_null(ctx, cancel.await)
    }
}
