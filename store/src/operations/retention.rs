//! How long executions and events are kept, and deleting what is older, in small groups by key.

use entity::{event, event_key, event_told, execution, execution_label, journal, signal, start_key, wait};
use ids::{ExecutionId, OrganizationId, WorkflowId};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select, Value};
use uuid::Uuid;

use super::{change, rows};
use crate::approvals;
use crate::backend::WriteTransaction;
use crate::error::{StoreError, UnreadableRow};
use crate::model::execution::ExecutionStatus;
use crate::store::Store;

/// For how long an idempotency key of a start counts, in milliseconds: its execution stays as long.
const KEY_LIFE_MS: i64 = 24 * 60 * 60 * 1_000;

/// Labels or keys in one statement: SQLite nests a thousand conditions at most.
const CONDITIONS: usize = 200;

/// How long executions are kept after their end, in milliseconds; for ever where nothing is said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// Completed ones.
    pub completed_ms: Option<i64>,
    /// Failed ones.
    pub failed_ms: Option<i64>,
    /// Cancelled ones.
    pub cancelled_ms: Option<i64>,
}

impl Retention {
    /// How long executions that ended like this are kept, in milliseconds.
    #[must_use]
    pub const fn of(&self, status: ExecutionStatus) -> Option<i64> {
        match status {
            ExecutionStatus::Completed => self.completed_ms,
            ExecutionStatus::Failed => self.failed_ms,
            ExecutionStatus::Cancelled => self.cancelled_ms,
            ExecutionStatus::Queued
            | ExecutionStatus::Running
            | ExecutionStatus::Waiting
            | ExecutionStatus::Blocked
            | ExecutionStatus::Paused => None,
        }
    }

    /// The shortest of them.
    #[must_use]
    pub fn shortest_ms(&self) -> Option<i64> {
        [self.completed_ms, self.failed_ms, self.cancelled_ms].into_iter().flatten().min()
    }
}

/// What a retention is said for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetentionScope {
    /// All workflows of the organization that say nothing else.
    Organization,
    /// One workflow.
    Workflow(WorkflowId),
}

/// The executions of one workflow to look through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sweep {
    /// Its organization.
    pub organization: OrganizationId,
    /// The workflow.
    pub workflow: WorkflowId,
    /// How long its executions are kept.
    pub retention: Retention,
    /// Goes on behind this execution, in order of acceptance.
    pub after: Option<ExecutionId>,
}

/// What one look did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Executions that were deleted, with all that belongs to them.
    pub deleted: u64,
    /// Where to go on; `None` when nothing older is left.
    pub next: Option<ExecutionId>,
}

#[derive(sea_orm::FromQueryResult)]
struct Old {
    id: Uuid,
    status: i16,
    ended_at_ms: Option<i64>,
    idempotency_key: Option<String>,
    queued_at_ms: i64,
    labels: String,
}

impl Old {
    fn is_due(&self, retention: &Retention, now_ms: i64) -> bool {
        let Some(ended_at_ms) = self.ended_at_ms else { return false };
        let Some(kept_ms) = ExecutionStatus::try_from(self.status).ok().and_then(|status| retention.of(status)) else {
            return false;
        };
        let has_key = self.idempotency_key.is_some() && self.queued_at_ms > now_ms - KEY_LIFE_MS;
        ended_at_ms <= now_ms - kept_ms && !has_key
    }
}

/// The smallest id that is made at `at_ms`.
fn first_id_at(at_ms: i64) -> Uuid {
    Uuid::from_u128(u128::from(at_ms.max(0).unsigned_abs()) << 80)
}

impl Store {
    /// Says how long executions are kept; `None` takes it back.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn set_retention(
        &self,
        organization: OrganizationId,
        scope: RetentionScope,
        retention: Option<Retention>,
    ) -> Result<(), StoreError> {
        let scope = scope_id(organization, scope);
        let transaction = self.backend.begin().await?;
        match retention {
            None => {
                let values: [Value; 2] = [scope.into(), organization.uuid().into()];
                change(&*transaction, include_str!("sql/forget_retention.sql"), values).await?;
            }
            Some(Retention { completed_ms, failed_ms, cancelled_ms }) => {
                let values: [Value; 5] = [
                    scope.into(),
                    organization.uuid().into(),
                    completed_ms.into(),
                    failed_ms.into(),
                    cancelled_ms.into(),
                ];
                change(&*transaction, include_str!("sql/set_retention.sql"), values).await?;
            }
        }
        transaction.commit().await
    }

    /// What is said for each of `workflows`, else for their organization; those without either are left out.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn retentions(
        &self,
        organization: OrganizationId,
        workflows: &[WorkflowId],
    ) -> Result<Vec<(RetentionScope, Retention)>, StoreError> {
        let reads = self.backend.reads_of(organization);
        let list = super::id_list(sea_orm::ConnectionTrait::get_database_backend(&reads), 2);
        let sql = include_str!("sql/retentions.sql").replace("{ids}", &list);
        let ids = workflows.iter().map(|id| id.uuid()).chain([organization.uuid()]);
        let values: [Value; 2] = [organization.uuid().into(), super::join_ids(ids).into()];
        let read = |row: sea_orm::QueryResult| {
            let scope: Uuid = row.try_get("", "scope_id")?;
            let scope = if scope == organization.uuid() {
                RetentionScope::Organization
            } else {
                RetentionScope::Workflow(WorkflowId::from_uuid(scope))
            };
            let retention = Retention {
                completed_ms: row.try_get("", "completed_ms")?,
                failed_ms: row.try_get("", "failed_ms")?,
                cancelled_ms: row.try_get("", "cancelled_ms")?,
            };
            Ok((scope, retention))
        };
        rows(&reads, &sql, values).await?.into_iter().map(read).collect()
    }

    /// Workflows of all organizations behind `after`, in order of ids.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn next_workflows(
        &self,
        after: Option<WorkflowId>,
        limit: u64,
    ) -> Result<Vec<(OrganizationId, WorkflowId)>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let values: [Value; 2] = [after.map_or(Uuid::nil(), WorkflowId::uuid).into(), limit.into()];
        let read = |row: sea_orm::QueryResult| {
            let (organization, workflow): (Uuid, Uuid) = (row.try_get("", "organization_id")?, row.try_get("", "id")?);
            Ok((OrganizationId::from_uuid(organization), WorkflowId::from_uuid(workflow)))
        };
        let rows = rows(self.backend.reads(), include_str!("sql/next_workflows.sql"), values).await?;
        rows.into_iter().map(read).collect()
    }

    /// The organization behind `after`, in order of ids.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn next_organization(&self, after: Option<OrganizationId>) -> Result<Option<OrganizationId>, StoreError> {
        let after = after.map_or(Uuid::nil(), OrganizationId::uuid);
        let found = rows(self.backend.reads(), include_str!("sql/next_organization.sql"), [after.into()]).await?;
        Ok(found.first().map(|row| row.try_get("", "id")).transpose()?.map(OrganizationId::from_uuid))
    }

    /// Looks at up to `limit` executions of a workflow and deletes those whose time is over, with journal, labels,
    /// waits, signals, slot and idempotency key. Only rows of ended executions are locked.
    ///
    /// # Errors
    /// When the database is away: then nothing was deleted.
    pub async fn sweep(&self, sweep: &Sweep, now_ms: i64, limit: u64) -> Result<Swept, StoreError> {
        use execution::Column;
        let Some(shortest) = sweep.retention.shortest_ms() else { return Ok(Swept::default()) };
        // Ids carry the time of acceptance, and nothing ends before that.
        let old: Vec<Old> = old()
            .filter(Column::OrganizationId.eq(sweep.organization.uuid()))
            .filter(Column::WorkflowId.eq(sweep.workflow.uuid()))
            .filter(Column::Id.gt(sweep.after.map_or(Uuid::nil(), ExecutionId::uuid)))
            .filter(Column::Id.lt(first_id_at(now_ms - shortest)))
            .order_by_asc(Column::Id)
            .limit(limit)
            .into_model()
            .all(&self.backend.reads_of(sweep.organization))
            .await?;
        let is_full = old.len() as u64 >= limit;
        let next = old.last().filter(|_last| is_full).map(|last| ExecutionId::from_uuid(last.id));
        let due: Vec<Old> = old.into_iter().filter(|one| one.is_due(&sweep.retention, now_ms)).collect();
        let deleted = if due.is_empty() { 0 } else { self.delete_ended(sweep.organization, &due).await? };
        Ok(Swept { deleted, next })
    }

    /// Deletes an execution that has ended, with journal, labels, idempotency key and everything that waits for it;
    /// false when it has not ended, or is not there.
    ///
    /// # Errors
    /// When the database is away: then nothing was deleted.
    pub async fn delete_execution(&self, organization: OrganizationId, id: ExecutionId) -> Result<bool, StoreError> {
        let transaction = self.backend.begin().await?;
        let deleted = delete_ended_of(&transaction, organization, &[id]).await?;
        transaction.commit().await?;
        Ok(!deleted.is_empty())
    }

    async fn delete_ended(&self, organization: OrganizationId, due: &[Old]) -> Result<u64, StoreError> {
        let transaction = self.backend.begin().await?;
        let deleted = delete_ended(&transaction, organization, due).await?;
        transaction.commit().await?;
        Ok(deleted)
    }

    /// Deletes up to `limit` routed events of an organization that were accepted before `before_ms`, the oldest
    /// first, with their deduplication keys.
    ///
    /// # Errors
    /// When the database is away: then nothing was deleted.
    pub async fn sweep_events(
        &self,
        organization: OrganizationId,
        before_ms: i64,
        limit: u64,
    ) -> Result<u64, StoreError> {
        use event::Column;
        let old: Vec<(Uuid, Option<String>)> = event::Entity::find()
            .select_only()
            .columns([Column::Id, Column::DeduplicationKey])
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .filter(Column::Id.lt(first_id_at(before_ms)))
            .filter(Column::RoutedAtMs.is_not_null())
            .order_by_asc(Column::Id)
            .limit(limit)
            .into_tuple()
            .all(&self.backend.reads_of(organization))
            .await?;
        if old.is_empty() {
            return Ok(0);
        }
        let keys: Vec<Condition> = old
            .iter()
            .filter_map(|(id, key)| Some((*id, key.clone()?)))
            .map(|(id, key)| {
                Condition::all()
                    .add(event_key::Column::OrganizationId.eq(organization.uuid()))
                    .add(event_key::Column::Key.eq(key))
                    .add(event_key::Column::EventId.eq(id))
            })
            .collect();
        let transaction = self.backend.begin().await?;
        let on = &*transaction;
        let ids: Vec<Uuid> = old.iter().map(|(id, _key)| *id).collect();
        event_told::Entity::delete_many()
            .filter(event_told::Column::EventId.is_in(ids.iter().copied()))
            .filter(event_told::Column::OrganizationId.eq(organization.uuid()))
            .exec(on)
            .await?;
        let deleted = event::Entity::delete_many()
            .filter(Column::Id.is_in(ids))
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .exec(on)
            .await?;
        for part in keys.chunks(CONDITIONS) {
            let any = part.iter().cloned().fold(Condition::any(), Condition::add);
            event_key::Entity::delete_many().filter(any).exec(on).await?;
        }
        transaction.commit().await?;
        Ok(deleted.rows_affected)
    }
}

/// Deletes those of these executions that have ended, as [`Store::delete_execution`] does; answers which, in the order
/// of their ids. They are locked before: none of them is deleted by somebody else or goes on meanwhile.
pub async fn delete_ended_of(
    transaction: &WriteTransaction,
    organization: OrganizationId,
    ids: &[ExecutionId],
) -> Result<Vec<ExecutionId>, StoreError> {
    use execution::Column;
    let ended: Vec<Old> = old()
        .filter(Column::OrganizationId.eq(organization.uuid()))
        .filter(Column::Id.is_in(ids.iter().map(|id| id.uuid())))
        .filter(Column::EndedAtMs.is_not_null())
        .order_by_asc(Column::Id)
        .lock_exclusive()
        .into_model()
        .all(&**transaction)
        .await?;
    if !ended.is_empty() {
        delete_ended(transaction, organization, &ended).await?;
    }
    Ok(ended.into_iter().map(|one| ExecutionId::from_uuid(one.id)).collect())
}

async fn delete_ended(
    transaction: &WriteTransaction,
    organization: OrganizationId,
    due: &[Old],
) -> Result<u64, StoreError> {
    let organization = organization.uuid();
    let ids = || due.iter().map(|one| one.id);
    let on = &**transaction;
    // What was retried since it was read lives, or has ended once more: later than all of these.
    let last_end = due.iter().filter_map(|one| one.ended_at_ms).max();
    let deleted = execution::Entity::delete_many()
        .filter(execution::Column::Id.is_in(ids()))
        .filter(execution::Column::OrganizationId.eq(organization))
        .filter(execution::Column::EndedAtMs.lte(last_end))
        .exec(on)
        .await?;
    let still: Vec<Uuid> = execution::Entity::find()
        .select_only()
        .column(execution::Column::Id)
        .filter(execution::Column::Id.is_in(ids()))
        .filter(execution::Column::OrganizationId.eq(organization))
        .into_tuple()
        .all(on)
        .await?;
    let due: Vec<&Old> = due.iter().filter(|one| !still.contains(&one.id)).collect();
    let ids = || due.iter().map(|one| one.id);
    let labels = labels_of(organization, &due)?;
    let keys = keys_of(organization, &due);
    journal::Entity::delete_many().filter(journal::Column::ExecutionId.is_in(ids())).exec(on).await?;
    wait::Entity::delete_many().filter(wait::Column::ExecutionId.is_in(ids())).exec(on).await?;
    signal::Entity::delete_many().filter(signal::Column::ExecutionId.is_in(ids())).exec(on).await?;
    approvals::forget(on, ids().collect()).await?;
    let slots = include_str!("sql/forget_slots.sql")
        .replace("{ids}", &super::id_list(sea_orm::ConnectionTrait::get_database_backend(on), 1));
    change(on, &slots, [super::join_ids(ids()).into()]).await?;
    for part in labels.chunks(CONDITIONS) {
        let any = part.iter().cloned().fold(Condition::any(), Condition::add);
        execution_label::Entity::delete_many().filter(any).exec(on).await?;
    }
    for part in keys.chunks(CONDITIONS) {
        let any = part.iter().cloned().fold(Condition::any(), Condition::add);
        start_key::Entity::delete_many().filter(any).exec(on).await?;
    }
    Ok(deleted.rows_affected)
}

/// What has to be known of an execution to delete it.
fn old() -> Select<execution::Entity> {
    use execution::Column;
    execution::Entity::find().select_only().columns([
        Column::Id,
        Column::Status,
        Column::EndedAtMs,
        Column::IdempotencyKey,
        Column::QueuedAtMs,
        Column::Labels,
    ])
}

fn scope_id(organization: OrganizationId, scope: RetentionScope) -> Uuid {
    match scope {
        RetentionScope::Organization => organization.uuid(),
        RetentionScope::Workflow(workflow) => workflow.uuid(),
    }
}

/// Which rows are the labels of executions.
fn labels_of(organization: Uuid, due: &[&Old]) -> Result<Vec<Condition>, StoreError> {
    let mut labels = Vec::new();
    for one in due {
        let pairs: Vec<(String, String)> = serde_json::from_str(&one.labels)
            .map_err(|source| UnreadableRow::List { column: "labels", source: source.into() })?;
        labels.extend(pairs.into_iter().map(|(name, value)| {
            Condition::all()
                .add(execution_label::Column::OrganizationId.eq(organization))
                .add(execution_label::Column::Name.eq(name))
                .add(execution_label::Column::Value.eq(value))
                .add(execution_label::Column::ExecutionId.eq(one.id))
        }));
    }
    Ok(labels)
}

/// Which rows are the idempotency keys of executions.
fn keys_of(organization: Uuid, due: &[&Old]) -> Vec<Condition> {
    let keys = due.iter().filter_map(|one| Some((one.id, one.idempotency_key.clone()?)));
    keys.map(|(id, key)| {
        Condition::all()
            .add(start_key::Column::OrganizationId.eq(organization))
            .add(start_key::Column::Key.eq(key))
            .add(start_key::Column::ExecutionId.eq(id))
    })
    .collect()
}
