//! What commits add to the statistics: one row for what is counted alike, in the transaction that it is counted of.

use std::collections::BTreeMap;

use ids::{OrganizationId, WorkflowId};
use sea_orm::{ConnectionTrait, Statement, Value};
use serde::Serialize;
use sqlx::sqlite::SqliteConnection;

use crate::backend::WriteTransaction;
use crate::error::StoreError;
use crate::model::statistics::{Bucket, Measured, Measures, Sum, slice_of};

/// The writers that may add to the same number without waiting for each other.
pub const SHARDS: u8 = 16;

/// Key of a row, without its shard.
pub type Key = (OrganizationId, i32, WorkflowId, Measured, String, Bucket);

/// The rows of a group, in the order of their keys: whoever writes several takes them in the same order as all others.
#[derive(Debug, Default)]
pub struct Rollups(BTreeMap<Key, Sum>);

impl Rollups {
    /// Adds what a commit of that moment counts.
    pub fn add(&mut self, organization: OrganizationId, workflow: WorkflowId, at_ms: i64, measures: &Measures) {
        for (what, step, bucket, sum) in measures.iter() {
            let key = (organization, slice_of(at_ms), workflow, what, step.to_owned(), bucket);
            self.0.entry(key).and_modify(|known| *known = known.and(sum)).or_insert(sum);
        }
    }

    /// A value of each of them, in their order.
    pub fn of<T>(&self, value: impl Fn(&Key, &Sum) -> T) -> Vec<T> {
        self.0.iter().map(|(key, sum)| value(key, sum)).collect()
    }

    /// Writes them on SQLite, where one writes at a time.
    pub async fn write(&self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        for ((organization, slice, workflow, what, step, bucket), sum) in &self.0 {
            sqlx::query(include_str!("rollup/add.sql"))
                .bind(organization.uuid())
                .bind(slice)
                .bind(workflow.uuid())
                .bind(what.code())
                .bind(step)
                .bind(bucket.code())
                .bind(0_i16)
                .bind(sum.count)
                .bind(sum.total_ms)
                .bind(sum.least_ms)
                .bind(sum.most_ms)
                .execute(&mut *connection)
                .await?;
        }
        Ok(())
    }

    /// Writes them in a transaction that is no committer's; the last thing in it, so that committers wait for nothing else.
    pub async fn write_in(&self, turn: &WriteTransaction, shard: i16) -> Result<(), StoreError> {
        for ((organization, slice, workflow, what, step, bucket), sum) in &self.0 {
            let values: [Value; 11] = [
                organization.uuid().into(),
                (*slice).into(),
                workflow.uuid().into(),
                what.code().into(),
                step.as_str().into(),
                bucket.code().into(),
                shard.into(),
                sum.count.into(),
                sum.total_ms.into(),
                sum.least_ms.into(),
                sum.most_ms.into(),
            ];
            let sql = include_str!("rollup/add.sql");
            turn.execute_raw(Statement::from_sql_and_values(turn.get_database_backend(), sql, values)).await?;
        }
        Ok(())
    }
}

/// What PostgreSQL takes apart and adds up itself when it does not write all of a group.
#[derive(Serialize)]
struct Record<'a> {
    w: i16,
    s: &'a str,
    b: i16,
    n: i64,
    t: i64,
    l: i64,
    h: i64,
}

/// A list of what a commit counts; absent when there is nothing in it.
pub fn json(measures: &Measures) -> Option<String> {
    let record = |(what, step, bucket, sum): (Measured, _, Bucket, Sum)| Record {
        w: what.code(),
        s: step,
        b: bucket.code(),
        n: sum.count,
        t: sum.total_ms,
        l: sum.least_ms,
        h: sum.most_ms,
    };
    let records: Vec<Record<'_>> = measures.iter().map(record).collect();
    (!records.is_empty()).then(|| serde_json::to_string(&records).expect("texts and numbers are JSON"))
}
