//! Failures by cause.

use async_graphql::{Context, Enum, ID, InputObject, Object, Result, SimpleObject};
use service::statistics::{Scope, Window};
use service::{Services, error_groups};
use store::ErrorGroupRow;

use super::audit::TimeWindowInput;
use super::connection::{PageArguments, Paged, of_list};
use super::directives::authorized;
use super::errors::{IntoGraphql, UserError, or_null, user_errors};
use super::execution::Execution;
use super::filters::parse_id;
use super::loaders::{loader, shared};
use super::scalars::{DateTime, int};
use super::statistics::StatisticsFilter;
use super::viewer::Permission;
use super::viewer_of;
use super::workflow::Workflow;

const LIST: &str = "error_groups";

/// Looked after or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "store::ErrorGroupStatus")]
pub enum ErrorGroupStatus {
    /// Not looked after.
    Open,
    /// Corrected; opens again when it comes back.
    Resolved,
    /// Not of interest.
    Ignored,
}

/// Failures of the same cause.
#[derive(Debug, Clone)]
pub struct ErrorGroup(pub(super) ErrorGroupRow);

/// Failures of the same cause: workflow, step, code, and the message without numbers, ids and what stands in quotes.
#[Object]
impl ErrorGroup {
    /// Global id, prefix `err_`.
    async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// Same for the same cause.
    async fn fingerprint(&self) -> &str {
        &self.0.fingerprint
    }

    /// Stable code; `VARIOUS` for what is not told apart, because there were too many causes in an hour.
    async fn code(&self) -> &str {
        &self.0.code
    }

    /// Why the first of them failed, for people.
    #[graphql(directive = authorized::apply(Permission::ExecutionDataRead))]
    async fn message(&self) -> &str {
        &self.0.message
    }

    /// The first of them; null when it is deleted.
    async fn sample_execution(&self, ctx: &Context<'_>) -> Result<Option<Execution>> {
        let row = loader(ctx)?.load_one(self.0.execution_id).await.map_err(|error| shared(&error))?;
        Ok(row.map(Execution::of))
    }

    /// Where; null when the workflow does not exist any more.
    #[graphql(directive = authorized::apply(Permission::WorkflowRead))]
    async fn workflow(&self, ctx: &Context<'_>) -> Result<Option<Workflow>> {
        let row = loader(ctx)?.load_one(self.0.workflow_id).await.map_err(|error| shared(&error))?;
        Ok(row.map(Workflow))
    }

    /// Step.
    async fn step_key(&self) -> Option<&str> {
        self.0.step.as_deref()
    }

    /// How often: in the window of the list, or ever where there is no window.
    async fn count(&self) -> i32 {
        int(self.0.count)
    }

    /// First time ever.
    async fn first_seen_at(&self) -> DateTime {
        DateTime::from_ms(self.0.first_seen_at_ms)
    }

    /// Last time: in the window of the list, or ever where there is no window.
    async fn last_seen_at(&self) -> DateTime {
        DateTime::from_ms(self.0.last_seen_at_ms)
    }

    /// Looked after or not.
    async fn status(&self) -> ErrorGroupStatus {
        self.0.status.into()
    }
}

/// Reads failures by cause.
#[derive(Default)]
pub struct ErrorGroupQuery;

/// Reads failures by cause.
#[Object]
impl ErrorGroupQuery {
    /// Failures by cause, the most frequent first; the thousand most frequent of the window.
    #[graphql(complexity = "50 + first.or(last).unwrap_or(25).clamp(1, 100) as usize * child_complexity", directive = authorized::apply(Permission::ExecutionRead))]
    #[expect(clippy::too_many_arguments, reason = "the arguments of a Relay list")]
    async fn error_groups(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take the last n items, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
        #[graphql(desc = "Time window to measure over.")] window: TimeWindowInput,
        #[graphql(desc = "Of which executions; of all when absent.")] filter: Option<StatisticsFilter>,
        #[graphql(desc = "Looked after or not; all of them when null.", default_with = "Some(ErrorGroupStatus::Open)")]
        status: Option<ErrorGroupStatus>,
    ) -> Option<Paged<ErrorGroup>> {
        let read = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let window = Window::resolve(services, window.into()).graphql()?;
            let workflows = filter.unwrap_or_default().resolve(services, viewer).await?;
            let scope = Scope { window, workflows };
            let groups = error_groups::list(services, viewer, &scope, status.map(Into::into)).await.graphql()?;
            let groups = groups.into_iter().map(ErrorGroup).collect();
            of_list(ctx, groups, LIST, &PageArguments { first, after, last, before })
        };
        or_null(ctx, read.await)
    }
}

/// A cause to mark.
#[derive(Debug, InputObject)]
pub struct ErrorGroupUpdateInput {
    /// Which.
    id: ID,
    /// As what.
    status: ErrorGroupStatus,
    /// Why; for the audit log.
    note: Option<String>,
}

/// Answer of an ErrorGroup mutation.
#[derive(SimpleObject)]
pub struct ErrorGroupPayload {
    /// The cause.
    error_group: Option<ErrorGroup>,
    /// What the caller can correct; empty on success.
    user_errors: Vec<UserError>,
}

/// Changes of causes.
#[derive(Default)]
pub struct ErrorGroupMutation;

/// Changes of causes.
#[Object]
impl ErrorGroupMutation {
    /// Marks a cause as resolved or ignored, or opens it again.
    #[graphql(directive = authorized::apply(Permission::ExecutionControl))]
    async fn error_group_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ErrorGroupUpdateInput,
    ) -> Option<ErrorGroupPayload> {
        let update = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let id = parse_id(&input.id)?;
            let outcome = error_groups::update(services, viewer, id, input.status.into(), input.note).await;
            Ok(match user_errors(outcome)? {
                Ok(row) => ErrorGroupPayload { error_group: Some(ErrorGroup(row)), user_errors: Vec::new() },
                Err(user_errors) => ErrorGroupPayload { error_group: None, user_errors },
            })
        };
        or_null(ctx, update.await)
    }
}
