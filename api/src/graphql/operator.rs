//! Mutations of those who run the installation.

use async_graphql::{Context, Object};

use super::errors::or_null;
use super::operations::{self, SystemRepairInput, SystemRepairPayload, WorkerDrainInput, WorkerPayload};
use super::retention::{self, OrganizationPayload, OrganizationUpdateInput, WorkflowUpdateInput};
use super::workflow::WorkflowPayload;

/// Changes by operators.
pub struct OperatorMutation;

/// Changes by operators.
#[Object]
impl OperatorMutation {
    /// Changes how long executions of a workflow are kept.
    async fn workflow_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: WorkflowUpdateInput,
    ) -> Option<WorkflowPayload> {
        or_null(ctx, retention::update_workflow(ctx, input).await)
    }

    /// Changes how long executions are kept whose workflow says nothing.
    async fn organization_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: OrganizationUpdateInput,
    ) -> Option<OrganizationPayload> {
        or_null(ctx, retention::update_organization(ctx, input).await)
    }

    /// The worker finishes its work and takes no more.
    async fn worker_drain(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: WorkerDrainInput,
    ) -> Option<WorkerPayload> {
        or_null(ctx, operations::drain(ctx, input).await)
    }

    /// Looks through a part of the database as `systemCheck` does, and puts right what it finds.
    async fn system_repair(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: SystemRepairInput,
    ) -> Option<SystemRepairPayload> {
        or_null(ctx, operations::repair(ctx, input).await)
    }
}
