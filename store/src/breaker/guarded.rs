//! Connections whose every call passes the breaker, used like the bare ones.

use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use sea_orm::prelude::async_trait::async_trait;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, Statement};
use sqlx::{Database, Either, Execute, Executor, Pool, SqlStr};

use super::Breaker;

/// Whether calls may be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// They pass the breaker.
    Breaker,
    /// They pass, and the breaker hears what came of them: the transaction began while calls could go.
    Witness,
    /// They pass unheard: reading SQLite waits for nobody, and says nothing about writing.
    Open,
}

/// A connection or transaction of the query builder.
#[derive(Debug)]
pub struct Guarded<C> {
    inner: C,
    breaker: Breaker,
    limit: Duration,
    door: Door,
}

impl<C> Guarded<C> {
    /// `limit` is the longest time to wait for an answer.
    pub const fn new(inner: C, breaker: Breaker, limit: Duration, door: Door) -> Self {
        Self { inner, breaker, limit, door }
    }

    /// Without the breaker.
    pub const fn bare(&self) -> &C {
        &self.inner
    }

    /// The breaker, and how long an answer is waited for.
    pub const fn breaker(&self) -> (&Breaker, Duration) {
        (&self.breaker, self.limit)
    }

    pub fn into_parts(self) -> (C, Breaker, Duration) {
        (self.inner, self.breaker, self.limit)
    }

    async fn pass<T>(&self, call: impl Future<Output = Result<T, DbErr>> + Send) -> Result<T, DbErr> {
        match self.door {
            Door::Breaker => self.breaker.run(self.limit, call).await,
            Door::Witness => self.breaker.run_always(self.limit, call).await,
            Door::Open => call.await,
        }
    }
}

#[async_trait]
impl<C: ConnectionTrait> ConnectionTrait for Guarded<C> {
    fn get_database_backend(&self) -> DbBackend {
        self.inner.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.pass(self.inner.execute_raw(statement)).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.pass(self.inner.execute_unprepared(sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.pass(self.inner.query_one_raw(statement)).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.pass(self.inner.query_all_raw(statement)).await
    }

    fn support_returning(&self) -> bool {
        self.inner.support_returning()
    }
}

/// A pool for raw SQL.
#[derive(Debug)]
pub struct GuardedPool<DB: Database> {
    pool: Pool<DB>,
    breaker: Breaker,
    limit: Duration,
}

impl<DB: Database> GuardedPool<DB> {
    /// `limit` is the longest time to wait for an answer, a connection included.
    pub const fn new(pool: Pool<DB>, breaker: Breaker, limit: Duration) -> Self {
        Self { pool, breaker, limit }
    }

    /// Begins a transaction with `statement`.
    pub async fn begin_with(&self, statement: &'static str) -> Result<sqlx::Transaction<'static, DB>, sqlx::Error> {
        self.breaker.run(self.limit, self.pool.begin_with(statement)).await
    }

    /// Begins a transaction.
    pub async fn begin(&self) -> Result<sqlx::Transaction<'static, DB>, sqlx::Error> {
        self.breaker.run(self.limit, self.pool.begin()).await
    }

    pub async fn close(&self) {
        self.pool.close().await;
    }
}

impl<'p, DB: Database> Executor<'p> for &'_ GuardedPool<DB>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    type Database = DB;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Either<DB::QueryResult, DB::Row>, sqlx::Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, DB>,
    {
        let (pool, breaker, limit) = (self.pool.clone(), self.breaker.clone(), self.limit);
        // Read to the end before the first row is handed on: whether the call worked is known then.
        let rows = async move { breaker.run(limit, (&pool).fetch_many(query).try_collect::<Vec<_>>()).await };
        stream::once(rows).map_ok(|rows| stream::iter(rows.into_iter().map(Ok))).try_flatten().boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<DB::Row>, sqlx::Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, DB>,
    {
        let (pool, breaker, limit) = (self.pool.clone(), self.breaker.clone(), self.limit);
        Box::pin(async move { breaker.run(limit, (&pool).fetch_optional(query)).await })
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [DB::TypeInfo],
    ) -> BoxFuture<'e, Result<DB::Statement, sqlx::Error>>
    where
        'p: 'e,
    {
        let (pool, breaker, limit) = (self.pool.clone(), self.breaker.clone(), self.limit);
        Box::pin(async move { breaker.run(limit, (&pool).prepare_with(sql, parameters)).await })
    }
}
