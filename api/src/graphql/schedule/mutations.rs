//! Changes of schedules.

use async_graphql::{Context, Object, Result, SimpleObject};
use service::{ServiceError, Services, executions, schedules};
use store::ScheduleRow;

use super::inputs::{
    ScheduleCreateInput, ScheduleDeleteInput, SchedulePauseInput, ScheduleResumeInput, ScheduleTriggerInput,
    ScheduleUpdateInput,
};
use super::node::Schedule;
use crate::graphql::deleted::DeletePayload;
use crate::graphql::directives::authorized;
use crate::graphql::errors::{UserError, or_null, user_errors};
use crate::graphql::execution::Execution;
use crate::graphql::filters::parse_id;
use crate::graphql::mutations::ExecutionStartPayload;
use crate::graphql::viewer::Permission;
use crate::graphql::viewer_of;

/// Answer of a Schedule mutation.
#[derive(SimpleObject)]
pub struct SchedulePayload {
    /// The schedule.
    schedule: Option<Schedule>,
    /// What the caller can correct; empty on success.
    user_errors: Vec<UserError>,
}

impl SchedulePayload {
    fn of(outcome: Result<ScheduleRow, ServiceError>) -> Result<Self> {
        Ok(match user_errors(outcome)? {
            Ok(row) => Self { schedule: Some(Schedule::of(row)?), user_errors: Vec::new() },
            Err(user_errors) => Self { schedule: None, user_errors },
        })
    }
}

/// Changes of schedules.
#[derive(Default)]
pub struct ScheduleMutation;

/// Changes of schedules.
#[Object]
impl ScheduleMutation {
    /// Creates a schedule.
    #[graphql(directive = authorized::apply(Permission::ScheduleWrite))]
    async fn schedule_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ScheduleCreateInput,
    ) -> Option<SchedulePayload> {
        let create = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let new = input.resolve(services.now())?;
            SchedulePayload::of(schedules::create(services, viewer, new).await)
        };
        or_null(ctx, create.await)
    }

    /// Changes a schedule.
    #[graphql(directive = authorized::apply(Permission::ScheduleWrite))]
    async fn schedule_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ScheduleUpdateInput,
    ) -> Option<SchedulePayload> {
        let update = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let id = parse_id(&input.id)?;
            let (patch, retime) = input.split(services.now());
            SchedulePayload::of(schedules::update(services, viewer, id, patch, retime).await)
        };
        or_null(ctx, update.await)
    }

    /// Removes a schedule and its history; its executions stay.
    #[graphql(directive = authorized::apply(Permission::ScheduleWrite))]
    async fn schedule_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ScheduleDeleteInput,
    ) -> Option<DeletePayload> {
        let delete = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let id = parse_id(&input.id)?;
            DeletePayload::of(input.id, schedules::delete(services, viewer, id).await)
        };
        or_null(ctx, delete.await)
    }

    /// Stops it from firing.
    #[graphql(directive = authorized::apply(Permission::ScheduleWrite))]
    async fn schedule_pause(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: SchedulePauseInput,
    ) -> Option<SchedulePayload> {
        let pause = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let id = parse_id(&input.id)?;
            SchedulePayload::of(schedules::pause(services, viewer, id, input.reason).await)
        };
        or_null(ctx, pause.await)
    }

    /// Lets it fire again, from now on.
    #[graphql(directive = authorized::apply(Permission::ScheduleWrite))]
    async fn schedule_resume(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ScheduleResumeInput,
    ) -> Option<SchedulePayload> {
        let resume = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let id = parse_id(&input.id)?;
            SchedulePayload::of(schedules::resume(services, viewer, id).await)
        };
        or_null(ctx, resume.await)
    }

    /// Fires now, beside its times and whatever its policies.
    #[graphql(directive = authorized::apply(Permission::ExecutionStart))]
    async fn schedule_trigger(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ScheduleTriggerInput,
    ) -> Option<ExecutionStartPayload> {
        let trigger = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let id = parse_id(&input.id)?;
            let outcome = schedules::trigger(services, viewer, id, input.input.map(|input| input.0)).await;
            Ok(match user_errors(outcome)? {
                Ok((started, row)) => ExecutionStartPayload::of(
                    row.map(Execution::of),
                    executions::beginning(services, viewer, started.execution),
                    started.is_new,
                ),
                Err(user_errors) => ExecutionStartPayload::refused(user_errors),
            })
        };
        or_null(ctx, trigger.await)
    }
}
