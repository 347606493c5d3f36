//! What the database knows of why executions rest and what wakes them.

use entity::{execution, wait};
use ids::{ExecutionId, OrganizationId, WorkerId};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::error::StoreError;
use crate::model::execution::{ExecutionStatus, WaitRow};
use crate::model::worker::WorkerRow;
use crate::store::Store;

/// Waits that are read for one request at most: an execution has a handful.
const MAX_WAITS: u64 = 10_000;

/// A wait of an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingFor {
    /// Who waits.
    pub execution: ExecutionId,
    /// For what.
    pub wait: WaitRow,
}

/// Why a live execution rests, as far as its row tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waking {
    /// The execution.
    pub id: ExecutionId,
    /// Where it stands.
    pub status: ExecutionStatus,
    /// Its queue.
    pub queue: String,
    /// When it was last pushed to its queue, Unix milliseconds.
    pub pushed_at_ms: i64,
    /// Who has it.
    pub worker: Option<WorkerId>,
    /// Signals that were delivered and not taken in.
    pub signals: i32,
}

impl Store {
    /// How several live executions stand, what they wait for, and who has them. Unknown ones and those that have
    /// ended are left out.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn waking(
        &self,
        organization: OrganizationId,
        ids: &[ExecutionId],
    ) -> Result<(Vec<Waking>, Vec<WaitingFor>, Vec<WorkerRow>), StoreError> {
        use execution::Column;
        let all = || ids.iter().map(|id| id.uuid());
        let records: Vec<(uuid::Uuid, i16, String, i64, Option<uuid::Uuid>, i32)> = execution::Entity::find()
            .select_only()
            .columns([Column::Id, Column::Status, Column::Queue, Column::PushedAtMs, Column::WorkerId, Column::Signals])
            .filter(Column::Id.is_in(all()))
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .filter(Column::EndedAtMs.is_null())
            .into_tuple()
            .all(&self.backend.reads_of(organization))
            .await?;
        let mut live = Vec::with_capacity(records.len());
        for (id, status, queue, pushed_at_ms, worker, signals) in records {
            let status = ExecutionStatus::try_from(status)?;
            let worker = worker.map(WorkerId::from_uuid);
            live.push(Waking { id: ExecutionId::from_uuid(id), status, queue, pushed_at_ms, worker, signals });
        }
        let waits = wait::Entity::find()
            .filter(wait::Column::ExecutionId.is_in(live.iter().map(|one| one.id.uuid())))
            .filter(wait::Column::OrganizationId.eq(organization.uuid()))
            .order_by_asc(wait::Column::Position)
            .limit(MAX_WAITS)
            .all(&self.backend.reads_of(organization))
            .await?;
        let waits = waits.into_iter().map(|model| WaitingFor {
            execution: ExecutionId::from_uuid(model.execution_id),
            wait: WaitRow {
                step_path: model.step_path,
                kind: model.kind,
                due_at_ms: model.due_at_ms,
                event: model.event,
                correlation: model.correlation,
                keys: model.keys,
                target: model.target,
            },
        });
        let waits = waits.collect();
        let mut workers: Vec<WorkerId> = live.iter().filter_map(|one| one.worker).collect();
        workers.sort_unstable();
        workers.dedup();
        Ok((live, waits, self.workers_by_ids(&workers).await?))
    }
}
