//! Hands executions out, each to one claim at a time.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ids::{ExecutionId, OrganizationId, WorkerId, WorkflowId, WorkflowVersionId};
use sqlx::types::Uuid;

use super::committer::Group;
use crate::backend::Backend;
use crate::error::StoreError;
use crate::model::execution::Claimed;
use crate::store::Store;

/// Gives executions to workers.
pub struct Claims {
    backend: Arc<Backend>,
    /// How often the first of queues were asked for.
    turns: AtomicU64,
}

/// Each so many times the first of queues are looked for among the less urgent, which are never left out so.
const LESS_URGENT_EVERY: u64 = 8;

/// The highest priorities of what counts as low and as normal: see `Priority` of the queue.
const LESS_URGENT: [i16; 2] = [3, 6];

/// What one worker asks for.
pub struct Request {
    worker_id: WorkerId,
    now_ms: i64,
    wanted: Wanted,
}

enum Wanted {
    /// These.
    Ids(Vec<ExecutionId>),
    /// Whatever comes first in these queues.
    Next { queues: Vec<String>, limit: i64 },
}

/// A claimed execution as it comes from the database.
#[derive(sqlx::FromRow)]
struct ClaimedRecord {
    id: Uuid,
    organization_id: Uuid,
    workflow_id: Uuid,
    version_id: Uuid,
    version_number: i32,
    priority: i16,
    queue: String,
    trigger_data: String,
    input: String,
    state: Option<String>,
    seq: i32,
    epoch: i32,
    claims: i16,
    queued_at_ms: i64,
    started_at_ms: i64,
    deadline_at_ms: Option<i64>,
    depth: i16,
    parent_id: Option<Uuid>,
    signals: i32,
    state_seq: i32,
    rules: Option<String>,
}

impl From<ClaimedRecord> for Claimed {
    fn from(record: ClaimedRecord) -> Self {
        Self {
            id: ExecutionId::from_uuid(record.id),
            organization_id: OrganizationId::from_uuid(record.organization_id),
            workflow_id: WorkflowId::from_uuid(record.workflow_id),
            version_id: WorkflowVersionId::from_uuid(record.version_id),
            version_number: record.version_number,
            priority: record.priority,
            queue: record.queue,
            trigger: record.trigger_data,
            input: record.input,
            state: record.state,
            state_seq: record.state_seq,
            seq: record.seq,
            epoch: record.epoch,
            claims: i32::from(record.claims),
            queued_at_ms: record.queued_at_ms,
            started_at_ms: record.started_at_ms,
            deadline_at_ms: record.deadline_at_ms,
            depth: record.depth,
            parent_id: record.parent_id.map(ExecutionId::from_uuid),
            signals: record.signals,
            rules: record.rules,
        }
    }
}

impl Group for Claims {
    type Item = Request;
    type Outcome = Vec<Claimed>;
    const NAME: &'static str = "claim";

    async fn write(&self, items: &[Request]) -> Result<Vec<Vec<Claimed>>, StoreError> {
        let asked = Asked::new(items);
        let mut given = self.by_id(&asked).await?;
        let mut outcomes = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            outcomes.push(match &item.wanted {
                Wanted::Ids(ids) => {
                    let mine = ids.iter().filter(|id| asked.first.get(id) == Some(&index));
                    mine.filter_map(|id| given.remove(&id.uuid())).map(Claimed::from).collect()
                }
                Wanted::Next { queues, limit } => self.next(item, queues, *limit).await?,
            });
        }
        Ok(outcomes)
    }
}

/// The ids of a group, each once, for whoever asked first.
struct Asked<'a> {
    first: HashMap<&'a ExecutionId, usize>,
    ids: Vec<Uuid>,
    workers: Vec<Uuid>,
    times_ms: Vec<i64>,
}

impl<'a> Asked<'a> {
    fn new(items: &'a [Request]) -> Self {
        let mut asked = Self { first: HashMap::new(), ids: Vec::new(), workers: Vec::new(), times_ms: Vec::new() };
        for (index, item) in items.iter().enumerate() {
            let Wanted::Ids(ids) = &item.wanted else { continue };
            for id in ids {
                if asked.first.contains_key(id) {
                    continue;
                }
                asked.first.insert(id, index);
                asked.ids.push(id.uuid());
                asked.workers.push(item.worker_id.uuid());
                asked.times_ms.push(item.now_ms);
            }
        }
        asked
    }
}

impl Claims {
    /// Nothing claimed yet.
    pub const fn new(backend: Arc<Backend>) -> Self {
        Self { backend, turns: AtomicU64::new(0) }
    }

    async fn by_id(&self, asked: &Asked<'_>) -> Result<HashMap<Uuid, ClaimedRecord>, StoreError> {
        if asked.ids.is_empty() {
            return Ok(HashMap::new());
        }
        let records: Vec<ClaimedRecord> = match &*self.backend {
            Backend::Postgres(postgres) => {
                let mut connection = postgres.claims.take().await?;
                let records = sqlx::query_as(include_str!("claim/postgres.sql"))
                    .bind(&asked.ids)
                    .bind(&asked.workers)
                    .bind(&asked.times_ms)
                    .fetch_all(&mut connection)
                    .await;
                postgres.claims.give_back(connection, &records).await;
                records?
            }
            Backend::Sqlite(sqlite) => {
                let rows = asked.ids.iter().zip(&asked.workers).zip(&asked.times_ms);
                let rows: Vec<(String, String, i64)> =
                    rows.map(|((id, worker), now_ms)| (hex(*id), hex(*worker), *now_ms)).collect();
                let rows = serde_json::to_string(&rows).expect("texts and numbers are JSON");
                let _turn = sqlite.turn().await;
                sqlx::query_as(include_str!("claim/sqlite.sql")).bind(rows).fetch_all(&sqlite.claim_pool).await?
            }
        };
        Ok(records.into_iter().map(|record| (record.id, record)).collect())
    }

    async fn next(&self, request: &Request, queues: &[String], limit: i64) -> Result<Vec<Claimed>, StoreError> {
        let turn = self.turns.fetch_add(1, Ordering::Relaxed) + 1;
        let mut claimed = Vec::new();
        if turn.is_multiple_of(LESS_URGENT_EVERY) {
            let which = usize::from((turn / LESS_URGENT_EVERY).is_multiple_of(2));
            claimed = self.next_up_to(LESS_URGENT[which], request, queues, limit).await?;
        }
        let left = limit.saturating_sub(i64::try_from(claimed.len()).unwrap_or(i64::MAX));
        if left > 0 {
            claimed.extend(self.next_up_to(i16::MAX, request, queues, left).await?);
        }
        Ok(claimed)
    }

    /// The first of `queues` whose priority is at most `priority`.
    async fn next_up_to(
        &self,
        priority: i16,
        request: &Request,
        queues: &[String],
        limit: i64,
    ) -> Result<Vec<Claimed>, StoreError> {
        let worker = request.worker_id.uuid();
        let records: Vec<ClaimedRecord> = match &*self.backend {
            Backend::Postgres(postgres) => {
                let mut connection = postgres.claims.take().await?;
                let records = sqlx::query_as(include_str!("claim/postgres_next.sql"))
                    .bind(queues)
                    .bind(limit)
                    .bind(worker)
                    .bind(request.now_ms)
                    .bind(priority)
                    .fetch_all(&mut connection)
                    .await;
                postgres.claims.give_back(connection, &records).await;
                records?
            }
            Backend::Sqlite(sqlite) => {
                let queues = serde_json::to_string(queues).expect("texts are JSON");
                let _turn = sqlite.turn().await;
                sqlx::query_as(include_str!("claim/sqlite_next.sql"))
                    .bind(queues)
                    .bind(limit)
                    .bind(worker)
                    .bind(request.now_ms)
                    .bind(priority)
                    .fetch_all(&sqlite.claim_pool)
                    .await?
            }
        };
        Ok(records.into_iter().map(Claimed::from).collect())
    }
}

fn hex(id: Uuid) -> String {
    id.as_simple().to_string()
}

impl Store {
    /// Claims those of `ids` that are queued; others have the rest, or they have ended.
    ///
    /// Serves all organizations: a worker runs what its queues bring.
    ///
    /// # Errors
    /// When the database is away; the claim may have been recorded all the same.
    pub async fn claim(&self, worker: WorkerId, ids: &[ExecutionId], now_ms: i64) -> Result<Vec<Claimed>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        // A group has a limit on requests, this one on rows: a list of many thousand is taken in parts.
        let mut claimed = Vec::with_capacity(ids.len());
        for part in ids.chunks(MAX_IDS) {
            let mut seen = HashSet::with_capacity(part.len());
            let wanted = part.iter().copied().filter(|id| seen.insert(*id)).collect();
            let request = Request { worker_id: worker, now_ms, wanted: Wanted::Ids(wanted) };
            claimed.extend(self.committers.claims.write(request).await?);
        }
        Ok(claimed)
    }

    /// Claims up to `limit` queued executions of `queues`, by priority, then in order of
    /// acceptance: for when the queue is away. Now and then it looks among the less urgent first, so that these
    /// are never left out.
    ///
    /// Serves all organizations.
    ///
    /// # Errors
    /// When the database is away; the claim may have been recorded all the same.
    pub async fn claim_next(
        &self,
        worker: WorkerId,
        queues: &[String],
        limit: u64,
        now_ms: i64,
    ) -> Result<Vec<Claimed>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let wanted = Wanted::Next { queues: queues.to_vec(), limit };
        self.committers.claims.write(Request { worker_id: worker, now_ms, wanted }).await
    }
}

/// Most ids in one request.
const MAX_IDS: usize = 1_000;
