//! Batches reads by id, so that a list costs a constant number of queries.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::Context;
use async_graphql::dataloader::{DataLoader, Loader};
use engine::machine::Trace;
use ids::{EventId, ExecutionId, RoleId, ScheduleId, UserId, WorkflowId, WorkflowVersionId};
use service::executions::JournalEvent;
use service::identity::{names, roles};
use service::operations::WakeReason;
use service::viewer::Actor;
use service::{ServiceError, Services, Viewer};
use store::{EventRow, ExecutionRow, Retention, ScheduleRow, ScheduleRunRow, UserRow, VersionRow, WorkflowRow};

use super::errors::top_level;

/// Reads by id in the organization of one viewer.
pub struct Reader {
    pub(super) services: Services,
    pub(super) viewer: Viewer,
}

/// The loader of one request.
pub type Loaders = DataLoader<Reader>;

/// The loader of one request, made when it is first asked for.
#[derive(Default)]
pub struct LoaderCell(std::sync::OnceLock<Loaders>);

/// The loader of this request.
pub(super) fn loader<'a>(ctx: &Context<'a>) -> async_graphql::Result<&'a Loaders> {
    let (services, viewer) = (ctx.data::<Services>()?, super::viewer_of(ctx)?);
    let cell = ctx.data::<LoaderCell>()?;
    Ok(cell.0.get_or_init(|| {
        let reader = Reader { services: services.clone(), viewer: viewer.clone() };
        DataLoader::new(reader, tokio::spawn).delay(GATHERING)
    }))
}

/// How long a read waits for others to join it: as long as it takes to walk over the rows of a page, which takes
/// several times as long in a build that is not optimized.
const GATHERING: Duration = Duration::from_millis(if cfg!(debug_assertions) { 8 } else { 1 });

/// An error that every waiting resolver gets a share of.
pub(super) fn shared(error: &Arc<ServiceError>) -> async_graphql::Error {
    top_level(error)
}

#[async_graphql::async_trait::async_trait]
impl Loader<WorkflowId> for Reader {
    type Value = WorkflowRow;
    type Error = Arc<ServiceError>;

    async fn load(&self, keys: &[WorkflowId]) -> Result<HashMap<WorkflowId, WorkflowRow>, Self::Error> {
        let rows = service::workflows::workflows_by_ids(&self.services, &self.viewer, keys).await?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}

#[async_graphql::async_trait::async_trait]
impl Loader<WorkflowVersionId> for Reader {
    type Value = VersionRow;
    type Error = Arc<ServiceError>;

    async fn load(&self, keys: &[WorkflowVersionId]) -> Result<HashMap<WorkflowVersionId, VersionRow>, Self::Error> {
        let rows = service::workflows::versions_by_ids(&self.services, &self.viewer, keys).await?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}

#[async_graphql::async_trait::async_trait]
impl Loader<ExecutionId> for Reader {
    type Value = ExecutionRow;
    type Error = Arc<ServiceError>;

    async fn load(&self, keys: &[ExecutionId]) -> Result<HashMap<ExecutionId, ExecutionRow>, Self::Error> {
        let rows = service::executions::executions_by_ids(&self.services, &self.viewer, keys).await?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}

#[async_graphql::async_trait::async_trait]
impl Loader<EventId> for Reader {
    type Value = EventRow;
    type Error = Arc<ServiceError>;

    async fn load(&self, keys: &[EventId]) -> Result<HashMap<EventId, EventRow>, Self::Error> {
        let rows = service::events::events_by_ids(&self.services, &self.viewer, keys).await?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}

#[async_graphql::async_trait::async_trait]
impl Loader<ScheduleId> for Reader {
    type Value = ScheduleRow;
    type Error = Arc<ServiceError>;

    async fn load(&self, keys: &[ScheduleId]) -> Result<HashMap<ScheduleId, ScheduleRow>, Self::Error> {
        let rows = service::schedules::by_ids(&self.services, &self.viewer, keys).await?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}

/// The last point in time of a schedule that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct LastFireOf(pub(super) ScheduleId);

#[async_graphql::async_trait::async_trait]
impl Loader<LastFireOf> for Reader {
    type Value = ScheduleRunRow;
    type Error = Arc<ServiceError>;

    async fn load(&self, keys: &[LastFireOf]) -> Result<HashMap<LastFireOf, ScheduleRunRow>, Self::Error> {
        let ids: Vec<ScheduleId> = keys.iter().map(|key| key.0).collect();
        let rows = service::schedules::last_runs(&self.services, &self.viewer, &ids).await?;
        Ok(rows.into_iter().map(|row| (LastFireOf(row.schedule_id), row)).collect())
    }
}

/// The journal of an execution, folded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TraceOf(pub(super) ExecutionId);

#[async_graphql::async_trait::async_trait]
impl Loader<TraceOf> for Reader {
    type Value = Arc<Trace>;
    type Error = Arc<ServiceError>;

    async fn load(&self, keys: &[TraceOf]) -> Result<HashMap<TraceOf, Arc<Trace>>, Self::Error> {
        let ids: Vec<ExecutionId> = keys.iter().map(|key| key.0).collect();
        let traces = service::executions::traces(&self.services, &self.viewer, &ids).await?;
        Ok(traces.into_iter().map(|(id, trace)| (TraceOf(id), Arc::new(trace))).collect())
    }
}

/// The journal of an execution, event by event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct HistoryOf(pub(super) ExecutionId);

#[async_graphql::async_trait::async_trait]
impl Loader<HistoryOf> for Reader {
    type Value = Arc<Vec<JournalEvent>>;
    type Error = Arc<ServiceError>;

    async fn load(&self, keys: &[HistoryOf]) -> Result<HashMap<HistoryOf, Arc<Vec<JournalEvent>>>, Self::Error> {
        let ids: Vec<ExecutionId> = keys.iter().map(|key| key.0).collect();
        let histories = service::executions::histories(&self.services, &self.viewer, &ids).await?;
        Ok(histories.into_iter().map(|(id, events)| (HistoryOf(id), Arc::new(events))).collect())
    }
}

/// Why an execution will move again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct WakeReasonsOf(pub(super) ExecutionId);

#[async_graphql::async_trait::async_trait]
impl Loader<WakeReasonsOf> for Reader {
    type Value = Arc<Vec<WakeReason>>;
    type Error = Arc<ServiceError>;

    async fn load(&self, keys: &[WakeReasonsOf]) -> Result<HashMap<WakeReasonsOf, Self::Value>, Self::Error> {
        let ids: Vec<ExecutionId> = keys.iter().map(|key| key.0).collect();
        let reasons = service::operations::wake_reasons(&self.services, &self.viewer, &ids).await?;
        Ok(reasons.into_iter().map(|(id, reasons)| (WakeReasonsOf(id), Arc::new(reasons))).collect())
    }
}

/// How long the executions of a workflow are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct RetentionOf(pub(super) WorkflowId);

#[async_graphql::async_trait::async_trait]
impl Loader<RetentionOf> for Reader {
    type Value = Retention;
    type Error = Arc<ServiceError>;

    async fn load(&self, keys: &[RetentionOf]) -> Result<HashMap<RetentionOf, Retention>, Self::Error> {
        let ids: Vec<WorkflowId> = keys.iter().map(|key| key.0).collect();
        let known = service::retention::of_workflows(&self.services, &self.viewer, &ids).await?;
        Ok(known.into_iter().map(|(id, retention)| (RetentionOf(id), retention)).collect())
    }
}

/// Whoever stands behind a stored id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ActorOf(pub(super) String);

#[async_graphql::async_trait::async_trait]
impl Loader<ActorOf> for Reader {
    type Value = Actor;
    type Error = Arc<ServiceError>;

    async fn load(&self, keys: &[ActorOf]) -> Result<HashMap<ActorOf, Actor>, Self::Error> {
        let ids: Vec<String> = keys.iter().map(|key| key.0.clone()).collect();
        let actors = names::actors(&self.services, &self.viewer, &ids).await?;
        Ok(actors.into_iter().map(|(id, actor)| (ActorOf(id), actor)).collect())
    }
}

#[async_graphql::async_trait::async_trait]
impl Loader<UserId> for Reader {
    type Value = UserRow;
    type Error = Arc<ServiceError>;

    async fn load(&self, keys: &[UserId]) -> Result<HashMap<UserId, UserRow>, Self::Error> {
        let rows = names::users(&self.services, keys).await?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}

#[async_graphql::async_trait::async_trait]
impl Loader<RoleId> for Reader {
    type Value = roles::Role;
    type Error = Arc<ServiceError>;

    async fn load(&self, keys: &[RoleId]) -> Result<HashMap<RoleId, roles::Role>, Self::Error> {
        Ok(roles::by_ids(&self.services, &self.viewer, keys).await?)
    }
}

/// How many members hold a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct MembersOf(pub(super) RoleId);

#[async_graphql::async_trait::async_trait]
impl Loader<MembersOf> for Reader {
    type Value = u64;
    type Error = Arc<ServiceError>;

    async fn load(&self, keys: &[MembersOf]) -> Result<HashMap<MembersOf, u64>, Self::Error> {
        let ids: Vec<RoleId> = keys.iter().map(|key| key.0).collect();
        let counts = roles::member_counts(&self.services, &self.viewer, &ids).await?;
        Ok(counts.into_iter().map(|(id, count)| (MembersOf(id), count)).collect())
    }
}
