//! Looks through the database for what must not be there, part by part and by key, and puts single finds right.
//!
//! Serves all organizations. Each part is one statement, so what it reports held at one moment.

use ids::{ExecutionId, OrganizationId, WorkerId};
use sea_orm::{QueryResult, Value};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{change, rows};
use crate::error::StoreError;
use crate::model::execution::{ExecutionStatus, Runnable};
use crate::store::Store;

/// How long something may be underway before it counts as forgotten, in milliseconds: reconcilers need seconds.
const PATIENCE_MS: i64 = 30_000;
/// A queued execution that counts as pushed this far in the future is pushed again by nobody, in milliseconds.
const FUTURE_MS: i64 = 5 * 60 * 1_000;

/// A part of the check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Executions in the hands of workers.
    Claims,
    /// Executions that are queued.
    Queued,
    /// Executions that rest.
    Resting,
    /// What executions wait for.
    Waits,
}

/// Where a part goes on: behind this row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The worker, or the organization.
    pub first: Uuid,
    /// A status, a time or a position.
    pub second: i64,
    /// The execution.
    pub third: Uuid,
}

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// A worker has the execution that is not there, or silent for long.
    ClaimWithoutWorker {
        /// The worker.
        worker: WorkerId,
        /// The claim.
        epoch: i32,
    },
    /// It counts as pushed in the future, so nobody pushes it again.
    QueuedInFuture {
        /// When, Unix milliseconds.
        pushed_at_ms: i64,
    },
    /// It rests, and nothing in the database wakes it.
    NothingWakes {
        /// Where it stands.
        status: ExecutionStatus,
        /// Its last journal row.
        seq: i32,
        /// Its last claim.
        epoch: i32,
    },
    /// It rests although it was told something.
    ToldButResting {
        /// Where it stands.
        status: ExecutionStatus,
        /// Its last journal row.
        seq: i32,
        /// Its last claim.
        epoch: i32,
    },
    /// A wait of an execution that has ended or is not there.
    WaitOfNobody {
        /// The wait.
        position: i64,
    },
}

/// A row with something wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damaged {
    /// The execution.
    pub execution: ExecutionId,
    /// Its organization.
    pub organization: OrganizationId,
    /// What is wrong.
    pub damage: Damage,
}

/// The journal of an execution, as numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalSpan {
    /// The execution.
    pub execution: ExecutionId,
    /// Its organization.
    pub organization: OrganizationId,
    /// The number of the last journal row, as the execution has it.
    pub seq: i32,
    /// How many rows there are.
    pub rows: i64,
    /// The greatest number among them.
    pub greatest: i32,
    /// It has not ended.
    pub is_live: bool,
}

impl Store {
    /// What is wrong in up to `limit` rows of a part, behind `after`; and where to go on, if there may be more.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn check(
        &self,
        phase: Phase,
        after: &Place,
        now_ms: i64,
        limit: u64,
    ) -> Result<(Vec<Damaged>, Option<Place>), StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        match phase {
            Phase::Claims => self.check_claims(after, now_ms, limit).await,
            Phase::Queued => self.check_queued(after, now_ms, limit).await,
            Phase::Resting => self.check_resting(after, limit).await,
            Phase::Waits => self.check_waits(after, limit).await,
        }
    }

    async fn check_claims(
        &self,
        after: &Place,
        now_ms: i64,
        limit: i64,
    ) -> Result<(Vec<Damaged>, Option<Place>), StoreError> {
        let values: [Value; 4] = [after.first.into(), after.third.into(), (now_ms - PATIENCE_MS).into(), limit.into()];
        let found = rows(self.backend.reads(), include_str!("sql/check_claims.sql"), values).await?;
        let mut damaged = Vec::new();
        for row in &found {
            let worker: Uuid = row.try_get("", "worker_id")?;
            let damage =
                Damage::ClaimWithoutWorker { worker: WorkerId::from_uuid(worker), epoch: row.try_get("", "epoch")? };
            damaged.push(of(row, damage)?);
        }
        let last = found.last().map(|row| {
            Ok::<_, StoreError>(Place {
                first: row.try_get("", "worker_id")?,
                second: 0,
                third: row.try_get("", "id")?,
            })
        });
        let last = last.transpose()?;
        Ok((damaged, last.filter(|_last| is_full(&found, limit))))
    }

    async fn check_queued(
        &self,
        after: &Place,
        now_ms: i64,
        limit: i64,
    ) -> Result<(Vec<Damaged>, Option<Place>), StoreError> {
        // Behind the last one seen, and in any case in the future.
        let from = after.second.max(now_ms + FUTURE_MS);
        let values: [Value; 3] = [from.into(), after.third.into(), limit.into()];
        let found = rows(self.backend.reads(), include_str!("sql/check_queued.sql"), values).await?;
        let mut damaged = Vec::new();
        let mut last = None;
        for row in &found {
            let pushed_at_ms = row.try_get("", "pushed_at_ms")?;
            damaged.push(of(row, Damage::QueuedInFuture { pushed_at_ms })?);
            last = Some(Place { first: Uuid::nil(), second: pushed_at_ms, third: row.try_get("", "id")? });
        }
        Ok((damaged, last.filter(|_last| is_full(&found, limit))))
    }

    /// One organization and status at a time: there the index is in the order of ids.
    async fn check_resting(&self, after: &Place, limit: i64) -> Result<(Vec<Damaged>, Option<Place>), StoreError> {
        let resting = [ExecutionStatus::Waiting, ExecutionStatus::Blocked, ExecutionStatus::Paused];
        let here = resting.into_iter().find(|status| i64::from(status.code()) == after.second);
        let Some(status) = here else {
            // The next organization, from its first status.
            let next =
                rows(self.backend.reads(), include_str!("sql/next_organization.sql"), [after.first.into()]).await?;
            let Some(row) = next.first() else { return Ok((Vec::new(), None)) };
            let place = Place {
                first: row.try_get("", "id")?,
                second: i64::from(ExecutionStatus::Waiting.code()),
                third: Uuid::nil(),
            };
            return Ok((Vec::new(), Some(place)));
        };
        let values: [Value; 4] = [after.first.into(), status.code().into(), after.third.into(), limit.into()];
        let found = rows(self.backend.reads(), include_str!("sql/check_resting.sql"), values).await?;
        let mut damaged = Vec::new();
        let mut last = after.third;
        for row in &found {
            last = row.try_get("", "id")?;
            let (seq, epoch): (i32, i32) = (row.try_get("", "seq")?, row.try_get("", "epoch")?);
            let (signals, has_signal, has_reason): (i32, bool, bool) =
                (row.try_get("", "signals")?, row.try_get("", "has_signal")?, row.try_get("", "has_reason")?);
            if signals > 0 {
                damaged.push(of(row, Damage::ToldButResting { status, seq, epoch })?);
            } else if status != ExecutionStatus::Paused && !has_signal && !has_reason {
                damaged.push(of(row, Damage::NothingWakes { status, seq, epoch })?);
            }
        }
        let place = if is_full(&found, limit) {
            Place { third: last, ..after.clone() }
        } else {
            // A number that is no resting status leads to the next organization.
            Place { first: after.first, second: after.second + 1, third: Uuid::nil() }
        };
        Ok((damaged, Some(place)))
    }

    async fn check_waits(&self, after: &Place, limit: i64) -> Result<(Vec<Damaged>, Option<Place>), StoreError> {
        let values: [Value; 2] = [after.second.into(), limit.into()];
        let found = rows(self.backend.reads(), include_str!("sql/check_waits.sql"), values).await?;
        let mut damaged = Vec::new();
        let mut last = None;
        for row in &found {
            let position = row.try_get("", "position")?;
            if !row.try_get::<bool>("", "is_live")? {
                damaged.push(of(row, Damage::WaitOfNobody { position })?);
            }
            last = Some(Place { second: position, ..Place::default() });
        }
        Ok((damaged, last.filter(|_last| is_full(&found, limit))))
    }

    /// Puts one find right, if it still is as it was seen; the execution, if it can run now. `None` in the outer
    /// option: somebody changed it meanwhile, and nothing was done.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn repair(&self, damaged: &Damaged, now_ms: i64) -> Result<Option<Option<Runnable>>, StoreError> {
        let id = damaged.execution.uuid();
        let runnable = |rows: Vec<QueryResult>| -> Result<Option<Option<Runnable>>, StoreError> {
            let Some(row) = rows.first() else { return Ok(None) };
            let runnable = Runnable {
                id: damaged.execution,
                organization: damaged.organization,
                queue: row.try_get("", "queue")?,
                priority: row.try_get("", "priority")?,
            };
            Ok(Some(Some(runnable)))
        };
        match damaged.damage {
            Damage::ClaimWithoutWorker { worker, epoch } => {
                Ok(self.hand_back(worker, damaged.execution, epoch, now_ms).await?.map(Some))
            }
            Damage::QueuedInFuture { pushed_at_ms } => {
                let transaction = self.backend.begin().await?;
                let values: [Value; 3] = [id.into(), pushed_at_ms.into(), now_ms.into()];
                let changed = rows(&*transaction, include_str!("sql/repair_queued.sql"), values).await?;
                transaction.commit().await?;
                runnable(changed)
            }
            Damage::NothingWakes { status, seq, epoch } | Damage::ToldButResting { status, seq, epoch } => {
                let transaction = self.backend.begin().await?;
                let values: [Value; 5] = [id.into(), status.code().into(), seq.into(), epoch.into(), now_ms.into()];
                let changed = rows(&*transaction, include_str!("sql/repair_resting.sql"), values).await?;
                transaction.commit().await?;
                runnable(changed)
            }
            Damage::WaitOfNobody { position } => {
                let transaction = self.backend.begin().await?;
                let values: [Value; 2] = [position.into(), id.into()];
                let changed = change(&*transaction, include_str!("sql/repair_wait.sql"), values).await?;
                transaction.commit().await?;
                Ok((changed > 0).then_some(None))
            }
        }
    }

    /// Waits for the end of a child, up to `limit` behind the position `after`: position, organization, who waits,
    /// and for whom.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn child_waits(
        &self,
        after: i64,
        limit: u64,
    ) -> Result<Vec<(i64, OrganizationId, ExecutionId, String)>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let found =
            rows(self.backend.reads(), include_str!("sql/child_waits.sql"), [after.into(), limit.into()]).await?;
        let read = |row: QueryResult| {
            let (organization, execution): (Uuid, Uuid) =
                (row.try_get("", "organization_id")?, row.try_get("", "execution_id")?);
            let ids = (OrganizationId::from_uuid(organization), ExecutionId::from_uuid(execution));
            Ok((row.try_get("", "position")?, ids.0, ids.1, row.try_get("", "target")?))
        };
        found.into_iter().map(read).collect()
    }

    /// Whether an execution rests for the child `target`, and has been told nothing.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn rests_untold(
        &self,
        organization: OrganizationId,
        execution: ExecutionId,
        target: &str,
    ) -> Result<bool, StoreError> {
        let values: [Value; 3] = [execution.uuid().into(), organization.uuid().into(), target.into()];
        Ok(!rows(&self.backend.reads_of(organization), include_str!("sql/rests_untold.sql"), values).await?.is_empty())
    }

    /// The journals of up to `limit` executions behind `after`, in order of ids, as numbers.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn journal_spans(&self, after: Option<ExecutionId>, limit: u64) -> Result<Vec<JournalSpan>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let values: [Value; 2] = [after.map_or(Uuid::nil(), ExecutionId::uuid).into(), limit.into()];
        let found = rows(self.backend.reads(), include_str!("sql/journal_spans.sql"), values).await?;
        let read = |row: QueryResult| {
            let (execution, organization): (Uuid, Uuid) = (row.try_get("", "id")?, row.try_get("", "organization_id")?);
            Ok(JournalSpan {
                execution: ExecutionId::from_uuid(execution),
                organization: OrganizationId::from_uuid(organization),
                seq: row.try_get("", "seq")?,
                rows: row.try_get("", "row_count")?,
                greatest: row.try_get::<Option<i32>>("", "greatest")?.unwrap_or_default(),
                is_live: row.try_get("", "is_live")?,
            })
        };
        found.into_iter().map(read).collect()
    }

    /// The state that is recorded for an execution, JSON, and the number of the journal row that it is of.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn recorded_state(
        &self,
        organization: OrganizationId,
        id: ExecutionId,
    ) -> Result<Option<(i32, String)>, StoreError> {
        let values: [Value; 2] = [id.uuid().into(), organization.uuid().into()];
        let found = rows(&self.backend.reads_of(organization), include_str!("sql/recorded_state.sql"), values).await?;
        let Some(row) = found.first() else { return Ok(None) };
        let state: Option<String> = row.try_get("", "state")?;
        let seq = row.try_get("", "seq")?;
        Ok(state.map(|state| (seq, state)))
    }

    /// How many executions rest that have been paused since before `before_ms`, counted up to a thousand.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn count_paused(&self, before_ms: i64) -> Result<i64, StoreError> {
        let found = rows(self.backend.reads(), include_str!("sql/count_paused.sql"), [before_ms.into()]).await?;
        let Some(row) = found.first() else { return Ok(0) };
        Ok(row.try_get("", "paused")?)
    }

    /// How many live executions have no reason to wake: in the hands of a worker that is not there, or resting
    /// without anything that wakes them. Counted up to a thousand of each sort.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn count_stuck(&self, now_ms: i64) -> Result<i64, StoreError> {
        let found =
            rows(self.backend.reads(), include_str!("sql/count_stuck.sql"), [(now_ms - PATIENCE_MS).into()]).await?;
        let Some(row) = found.first() else { return Ok(0) };
        Ok(row.try_get("", "stuck")?)
    }
}

fn of(row: &QueryResult, damage: Damage) -> Result<Damaged, StoreError> {
    let (execution, organization): (Uuid, Uuid) = (row.try_get("", "id")?, row.try_get("", "organization_id")?);
    Ok(Damaged {
        execution: ExecutionId::from_uuid(execution),
        organization: OrganizationId::from_uuid(organization),
        damage,
    })
}

fn is_full(rows: &[QueryResult], limit: i64) -> bool {
    i64::try_from(rows.len()).unwrap_or(i64::MAX) >= limit
}
