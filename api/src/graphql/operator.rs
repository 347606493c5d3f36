//! Mutations of those who run the installation.

use async_graphql::{Context, Object};

use super::directives::authorized;
use super::errors::or_null;
use super::operations::{self, SystemRepairInput, SystemRepairPayload, WorkerDrainInput, WorkerPayload};
use super::viewer::Permission;

/// Changes by operators.
#[derive(Default)]
pub struct OperatorMutation;

/// Changes by operators.
#[Object]
impl OperatorMutation {
    /// The worker finishes its work and takes no more.
    #[graphql(directive = authorized::apply(Permission::OperationsWrite))]
    async fn worker_drain(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: WorkerDrainInput,
    ) -> Option<WorkerPayload> {
        or_null(ctx, operations::drain(ctx, input).await)
    }

    /// Looks through a part of the database as `systemCheck` does, and puts right what it finds.
    #[graphql(directive = authorized::apply(Permission::OperationsWrite))]
    async fn system_repair(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: SystemRepairInput,
    ) -> Option<SystemRepairPayload> {
        or_null(ctx, operations::repair(ctx, input).await)
    }
}
