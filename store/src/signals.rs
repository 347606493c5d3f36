//! Tells executions what happened outside: durable first, then delivered, which wakes them.
//!
//! A signal is inserted, often together with another write, and delivered afterwards. Delivery counts
//! it in the execution's row, so that an execution that is being parked at the same moment notices: both
//! write the same row. A reconciler delivers what nobody did.

use entity::{signal, wait};
use ids::{ExecutionId, OrganizationId};
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use sqlx::types::Uuid;

use crate::backend::{Backend, WriteTransaction};
use crate::clean::check_texts;
use crate::error::StoreError;
use crate::model::execution::Runnable;
use crate::model::signal::{Delivered, EventWait, NewSignal, SignalRow};
use crate::store::Store;

/// An execution that was told something: its id, organization, queue, priority and status now.
type ToldRecord = (Uuid, Uuid, String, i16, i16);

impl Store {
    /// Records signals; [`Store::deliver_signals`] wakes the executions.
    ///
    /// # Errors
    /// `Invalid`, or the database is away: then none was recorded.
    pub async fn send_signals(&self, signals: Vec<NewSignal>, now_ms: i64) -> Result<(), StoreError> {
        if signals.is_empty() {
            return Ok(());
        }
        check_texts(signals.iter().map(|signal| ("data", Some(signal.data.as_str()))))?;
        let transaction = self.backend.begin().await?;
        insert(&transaction, &signals, now_ms).await?;
        transaction.commit().await
    }

    /// Wakes `executions` for the signals that were recorded for them; those that have ended keep none.
    ///
    /// Serves all organizations.
    ///
    /// # Errors
    /// When the database is away; a reconciler delivers them then.
    pub async fn deliver_signals(&self, executions: &[ExecutionId], now_ms: i64) -> Result<Delivered, StoreError> {
        if executions.is_empty() {
            return Ok(Delivered::default());
        }
        let told: Vec<ToldRecord> = match &*self.backend {
            Backend::Postgres(postgres) => {
                let ids: Vec<Uuid> = executions.iter().map(|id| id.uuid()).collect();
                sqlx::query_as(include_str!("signals/deliver_postgres.sql"))
                    .bind(ids)
                    .bind(now_ms)
                    .fetch_all(&postgres.updates)
                    .await?
            }
            Backend::Sqlite(sqlite) => {
                let ids: Vec<String> = executions.iter().map(|id| id.uuid().as_simple().to_string()).collect();
                let ids = serde_json::to_string(&ids).expect("texts are JSON");
                let _turn = sqlite.turn().await;
                let mut transaction = sqlite.write_pool.begin_with("begin immediate").await?;
                let told = sqlx::query_as(include_str!("signals/deliver_sqlite.sql"))
                    .bind(&ids)
                    .bind(now_ms)
                    .fetch_all(&mut *transaction)
                    .await?;
                sqlx::query(include_str!("signals/delivered_sqlite.sql")).bind(&ids).execute(&mut *transaction).await?;
                sqlx::query(include_str!("signals/forgotten_sqlite.sql")).bind(&ids).execute(&mut *transaction).await?;
                transaction.commit().await?;
                told
            }
        };
        let mut delivered = Delivered::default();
        for (id, organization, queue, priority, status) in told {
            let (id, organization) = (ExecutionId::from_uuid(id), OrganizationId::from_uuid(organization));
            match status {
                0 => delivered.runnable.push(Runnable { id, organization, queue, priority }),
                1 => delivered.running.push((organization, id)),
                _ended => {}
            }
        }
        Ok(delivered)
    }

    /// Executions, up to `limit`, with signals from before `before_ms` that nobody has delivered.
    ///
    /// Serves all organizations.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn undelivered_signals(&self, before_ms: i64, limit: u64) -> Result<Vec<ExecutionId>, StoreError> {
        let ids: Vec<Uuid> = signal::Entity::find()
            .select_only()
            .column(signal::Column::ExecutionId)
            .filter(Expr::cust("not delivered"))
            .filter(signal::Column::CreatedAtMs.lt(before_ms))
            .order_by_asc(signal::Column::CreatedAtMs)
            .limit(limit)
            .into_tuple()
            .all(self.backend.reads())
            .await?;
        let mut ids: Vec<ExecutionId> = ids.into_iter().map(ExecutionId::from_uuid).collect();
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }

    /// What was delivered to an execution and it has not taken in, in order.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn signals(
        &self,
        organization: OrganizationId,
        execution: ExecutionId,
    ) -> Result<Vec<SignalRow>, StoreError> {
        let rows = signal::Entity::find()
            .filter(signal::Column::OrganizationId.eq(organization.uuid()))
            .filter(signal::Column::ExecutionId.eq(execution.uuid()))
            .filter(signal::Column::Delivered.eq(true))
            .order_by_asc(signal::Column::Position)
            .all(&self.backend.reads_of(organization))
            .await?;
        let row = |model: signal::Model| SignalRow {
            position: model.position,
            execution_id: ExecutionId::from_uuid(model.execution_id),
            data: model.data,
        };
        Ok(rows.into_iter().map(row).collect())
    }

    /// Executions that wait for an event of this name, after `position`: those that wait for one of these
    /// correlations or for none, and those with a pattern. Without correlations, all of them.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn event_waits(
        &self,
        organization: OrganizationId,
        event_type: &str,
        correlations: Option<&[String]>,
        after: i64,
        limit: u64,
    ) -> Result<Vec<EventWait>, StoreError> {
        let mut exact = Condition::all().add(wait::Column::Event.eq(event_type));
        if let Some(correlations) = correlations {
            let same = wait::Column::Correlation.is_in(correlations);
            exact = exact.add(Condition::any().add(wait::Column::Correlation.is_null()).add(same));
        }
        let pattern = wait::Column::Event.contains("*");
        let rows = wait::Entity::find()
            .filter(wait::Column::OrganizationId.eq(organization.uuid()))
            .filter(wait::Column::Event.is_not_null())
            .filter(Condition::any().add(exact).add(pattern))
            .filter(wait::Column::Position.gt(after))
            .order_by_asc(wait::Column::Position)
            .limit(limit)
            .all(&self.backend.reads_of(organization))
            .await?;
        let row = |model: wait::Model| EventWait {
            position: model.position,
            execution_id: ExecutionId::from_uuid(model.execution_id),
            event: model.event.unwrap_or_default(),
            keys: model.keys,
        };
        Ok(rows.into_iter().map(row).collect())
    }
}

/// Rows in one statement: PostgreSQL takes 65,535 parameters.
const ROWS: usize = 5_000;

/// Records signals within a transaction.
pub async fn insert(transaction: &WriteTransaction, signals: &[NewSignal], now_ms: i64) -> Result<(), StoreError> {
    for part in signals.chunks(ROWS) {
        let models = part.iter().map(|signal| signal::ActiveModel {
            position: sea_orm::ActiveValue::NotSet,
            organization_id: Set(signal.organization_id.uuid()),
            execution_id: Set(signal.execution_id.uuid()),
            data: Set(signal.data.clone()),
            created_at_ms: Set(now_ms),
            delivered: Set(false),
        });
        signal::Entity::insert_many(models).exec_without_returning(&**transaction).await?;
    }
    Ok(())
}
