//! Turns of what may begin only so often, by the generic cell rate algorithm.
//!
//! One row for each key says when all turns that were given are over. A turn is taken by one statement that moves
//! that moment on: any number of processes agree, and a turn whose taker died is not used by anybody, which is all
//! that can be lost.

use sea_orm::{ConnectionTrait, Statement, Value};
use uuid::Uuid;

use crate::backend::Dialect;
use crate::clean::check_texts;
use crate::error::StoreError;
use crate::model::rate::{Pace, RateKey, RateScope};
use crate::store::Store;

/// How long a row stays that says nothing any more, in microseconds: what asks now and then finds it.
const KEEP_US: i64 = 60 * 60 * 1_000_000;

impl Store {
    /// Takes the next `count` turns of a key; answers the moment of each, Unix milliseconds, the first one first.
    /// A moment is never before `now_ms`.
    ///
    /// # Errors
    /// `Invalid`, or the database is away; then turns may have been taken that nobody uses.
    pub async fn take_turns(&self, key: &RateKey, pace: Pace, count: u32, now_ms: i64) -> Result<Vec<i64>, StoreError> {
        check_texts([("key", Some(key.key.as_str()))])?;
        let now_us = now_ms.saturating_mul(1_000);
        let taken_us = pace.interval_us().saturating_mul(i64::from(count));
        let sql = match self.backend.dialect() {
            Dialect::Postgres => include_str!("rates/take_postgres.sql"),
            Dialect::Sqlite => include_str!("rates/take_sqlite.sql"),
        };
        let values: [Value; 5] = [
            key.organization_id.uuid().into(),
            scope_id(key.scope).into(),
            key.key.as_str().into(),
            now_us.into(),
            taken_us.into(),
        ];
        let transaction = self.backend.begin().await?;
        let statement = Statement::from_sql_and_values(transaction.get_database_backend(), sql, values);
        let row = transaction.query_one_raw(statement).await?;
        let free_at_us: i64 = row.map(|row| row.try_get("", "free_at_us")).transpose()?.unwrap_or(now_us);
        transaction.commit().await?;
        Ok((0..count).map(|turn| moment_ms(free_at_us, pace, count - turn, now_ms)).collect())
    }

    /// Forgets up to `limit` keys that nobody has asked for a turn for an hour. Answers how many.
    ///
    /// Serves all organizations.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn sweep_rates(&self, now_ms: i64, limit: u64) -> Result<u64, StoreError> {
        let before_us = now_ms.saturating_mul(1_000).saturating_sub(KEEP_US);
        let sql = match self.backend.dialect() {
            Dialect::Postgres => include_str!("rates/sweep_postgres.sql"),
            Dialect::Sqlite => include_str!("rates/sweep_sqlite.sql"),
        };
        let values: [Value; 2] = [before_us.into(), i64::try_from(limit).unwrap_or(i64::MAX).into()];
        let transaction = self.backend.begin().await?;
        let statement = Statement::from_sql_and_values(transaction.get_database_backend(), sql, values);
        let swept = transaction.execute_raw(statement).await?;
        transaction.commit().await?;
        Ok(swept.rows_affected())
    }
}

/// The moment of the turn that has `left` turns until `free_at_us`, itself included.
fn moment_ms(free_at_us: i64, pace: Pace, left: u32, now_ms: i64) -> i64 {
    let begins_us = free_at_us
        .saturating_sub(pace.interval_us().saturating_mul(i64::from(left)))
        .saturating_sub(pace.tolerance_us());
    // Rounded up: a turn is not taken before it comes.
    begins_us.saturating_add(999).div_euclid(1_000).max(now_ms)
}

fn scope_id(scope: RateScope) -> Uuid {
    match scope {
        RateScope::Workflow(workflow) => workflow.uuid(),
        RateScope::Service => Uuid::nil(),
    }
}
