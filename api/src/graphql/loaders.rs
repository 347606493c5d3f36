//! Batches reads by id, so that a list costs a constant number of queries.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::Context;
use async_graphql::dataloader::{DataLoader, Loader};
use engine::machine::Trace;
use ids::{EventId, ExecutionId, WorkflowId, WorkflowVersionId};
use service::executions::JournalEvent;
use service::operations::WakeReason;
use service::{ServiceError, Services, Viewer};
use store::{EventRow, ExecutionRow, Retention, VersionRow, WorkflowRow};

use super::errors::top_level;

/// Reads by id in the organization of one viewer.
pub struct Reader {
    services: Services,
    viewer: Viewer,
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
    Ok(cell
        .0
        .get_or_init(|| DataLoader::new(Reader { services: services.clone(), viewer: viewer.clone() }, tokio::spawn)))
}

/// An error that every waiting resolver gets a share of.
pub(super) fn shared(error: &Arc<ServiceError>) -> async_graphql::Error {
    top_level(error)
}

impl Loader<WorkflowId> for Reader {
    type Value = WorkflowRow;
    type Error = Arc<ServiceError>;

    async fn load(&self, keys: &[WorkflowId]) -> Result<HashMap<WorkflowId, WorkflowRow>, Self::Error> {
        let rows = service::workflows::workflows_by_ids(&self.services, &self.viewer, keys).await?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}

impl Loader<WorkflowVersionId> for Reader {
    type Value = VersionRow;
    type Error = Arc<ServiceError>;

    async fn load(&self, keys: &[WorkflowVersionId]) -> Result<HashMap<WorkflowVersionId, VersionRow>, Self::Error> {
        let rows = service::workflows::versions_by_ids(&self.services, &self.viewer, keys).await?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}

impl Loader<ExecutionId> for Reader {
    type Value = ExecutionRow;
    type Error = Arc<ServiceError>;

    async fn load(&self, keys: &[ExecutionId]) -> Result<HashMap<ExecutionId, ExecutionRow>, Self::Error> {
        let rows = service::executions::executions_by_ids(&self.services, &self.viewer, keys).await?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}

impl Loader<EventId> for Reader {
    type Value = EventRow;
    type Error = Arc<ServiceError>;

    async fn load(&self, keys: &[EventId]) -> Result<HashMap<EventId, EventRow>, Self::Error> {
        let rows = service::events::events_by_ids(&self.services, &self.viewer, keys).await?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}

/// The journal of an execution, folded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TraceOf(pub(super) ExecutionId);

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

impl Loader<RetentionOf> for Reader {
    type Value = Retention;
    type Error = Arc<ServiceError>;

    async fn load(&self, keys: &[RetentionOf]) -> Result<HashMap<RetentionOf, Retention>, Self::Error> {
        let ids: Vec<WorkflowId> = keys.iter().map(|key| key.0).collect();
        let known = service::retention::of_workflows(&self.services, &self.viewer, &ids).await?;
        Ok(known.into_iter().map(|(id, retention)| (RetentionOf(id), retention)).collect())
    }
}
