//! PostgreSQL and Redis for one test: a database of its own, and a Redis server of its own where
//! the binary is at hand, since some tests empty it.

use std::process::Stdio;

use sqlx::{Connection, Executor, PgConnection};
use tokio::process::{Child, Command};

use crate::{eventually, free_port};

/// The services of one test.
#[derive(Debug)]
pub struct Services {
    /// A fresh database.
    pub database_url: String,
    /// A Redis that only this test uses, or a numbered database of the shared one.
    pub redis_url: String,
    own_redis: Option<(Child, tempfile::TempDir)>,
}

/// Whether the Redis may be shared with other tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SharedRedis {
    /// A server of its own: the test empties or stops it.
    No,
    /// The shared one will do.
    Yes,
}

impl Services {
    /// A fresh database and a Redis; `None`, with a line on standard error, where there are none.
    ///
    /// # Panics
    /// When the services are named but do not answer.
    pub async fn start(test: &str, shared: SharedRedis) -> Option<Self> {
        let (Ok(database), Ok(redis)) =
            (std::env::var("SLUICE_TEST_DATABASE_URL"), std::env::var("SLUICE_TEST_REDIS_URL"))
        else {
            eprintln!(
                "skipped: {test} needs SLUICE_TEST_DATABASE_URL and SLUICE_TEST_REDIS_URL, which `cargo ci` sets"
            );
            return None;
        };
        let database_url = fresh_database(&database).await;
        if shared == SharedRedis::Yes {
            return Some(Self { database_url, redis_url: redis, own_redis: None });
        }
        let Some((url, child, folder)) = own_redis().await else {
            eprintln!(
                "skipped: {test} needs a Redis server of its own, and neither redis-server nor valkey-server is on the path"
            );
            return None;
        };
        Some(Self { database_url, redis_url: url, own_redis: Some((child, folder)) })
    }

    /// Empties Redis.
    ///
    /// # Panics
    /// When Redis is shared, or does not answer.
    pub async fn flush_redis(&self) {
        assert!(self.own_redis.is_some(), "only a test with a Redis of its own may empty it");
        let client = redis::Client::open(self.redis_url.as_str()).expect("the URL is ours");
        let mut connection = client.get_multiplexed_async_connection().await.expect("Redis answers");
        let () = redis::cmd("FLUSHALL").query_async(&mut connection).await.expect("Redis can be emptied");
    }

    /// Ends the test's own Redis.
    ///
    /// # Panics
    /// When Redis is shared, or cannot be ended.
    pub async fn kill_redis(&mut self) {
        let (child, _folder) = self.own_redis.as_mut().expect("only a test with a Redis of its own may end it");
        child.kill().await.expect("a child can be killed");
    }

    /// One number from the database, for checks that no door offers.
    ///
    /// # Panics
    /// When the query fails.
    pub async fn number(&self, query: &'static str) -> i64 {
        let mut connection = PgConnection::connect(&self.database_url).await.expect("PostgreSQL answers");
        sqlx::query_scalar(query).fetch_one(&mut connection).await.expect("the query is well-formed")
    }
}

impl Services {
    /// Keeps everybody else from writing to a table until the connection is dropped.
    ///
    /// # Panics
    /// When the table cannot be locked.
    pub async fn hold_table(&self, table: &str) -> PgConnection {
        let mut connection = PgConnection::connect(&self.database_url).await.expect("PostgreSQL answers");
        connection.execute("begin").await.expect("a transaction begins");
        let lock = format!("lock table {table} in exclusive mode");
        connection.execute(sqlx::AssertSqlSafe(lock)).await.expect("the table can be locked");
        connection
    }

    /// What is still live, and why, in words.
    ///
    /// # Panics
    /// When the query fails.
    pub async fn live(&self) -> String {
        let query = "select coalesce(string_agg(execution.id || ' ' || workflow.slug || ' status ' || execution.status
                || ' seq ' || execution.seq || ' epoch ' || execution.epoch || ' worker ' || coalesce(execution.worker_id::text, 'none')
                || ' signals ' || execution.signals || ' waits ' || coalesce((select string_agg(wait.kind || ' ' || wait.step_path
                || ' ' || coalesce(wait.event, wait.target, ''), ', ') from wait where wait.execution_id = execution.id), 'none')
                || ' told ' || (select count(*) || ' delivered ' || count(*) filter (where delivered) from signal where signal.execution_id = execution.id)
                || ' state ' || coalesce(execution.state, 'none'), chr(10)), 'nothing')
            from execution join workflow on workflow.id = execution.workflow_id where execution.ended_at_ms is null";
        let mut connection = PgConnection::connect(&self.database_url).await.expect("PostgreSQL answers");
        sqlx::query_scalar(query).fetch_one(&mut connection).await.expect("the query is well-formed")
    }
}

async fn fresh_database(url: &str) -> String {
    let name = format!("sluice_e2e_{}", uuid::Uuid::now_v7().simple());
    let mut connection = PgConnection::connect(url).await.expect("SLUICE_TEST_DATABASE_URL answers");
    // A database cannot be named by a bound parameter; this name is made of hexadecimal digits.
    let statement = sqlx::AssertSqlSafe(format!("create database {name}"));
    connection.execute(statement).await.expect("the test user may create databases");
    let (server, _database) = url.rsplit_once('/').expect("a database URL has a path");
    format!("{server}/{name}")
}

async fn own_redis() -> Option<(String, Child, tempfile::TempDir)> {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let port = free_port();
    let child = ["redis-server", "valkey-server"].into_iter().find_map(|program| {
        Command::new(program)
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"])
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .ok()
    })?;
    let url = format!("redis://127.0.0.1:{port}");
    let client = redis::Client::open(url.as_str()).expect("the URL is ours");
    eventually("Redis answers", || async { client.get_multiplexed_async_connection().await.is_ok() }).await;
    Some((url, child, folder))
}
