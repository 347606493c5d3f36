//! How each fault is let in and taken back.

use std::time::Duration;

use anyhow::{Context, ensure};
use sqlx::{Connection, Executor, PgConnection, SqliteConnection};

use super::kinds::Kind;
use super::{Bereaved, Diary};
use crate::dump;
use crate::history::now_ms;
use crate::random::Random;
use crate::rig::proxy::Line;
use crate::rig::{Node, Rig, Role, Servers};
use crate::settings::Settings;

/// A fault that is there.
#[derive(Debug)]
pub struct Standing {
    /// What it is.
    pub kind: Kind,
    /// What it hits, in words.
    pub victim: String,
    /// Since when, in Unix milliseconds.
    pub from_ms: i64,
    /// The nodes it hits.
    nodes: Vec<usize>,
    /// Connections that make the fault as long as they are open.
    held: Held,
}

#[derive(Debug)]
enum Held {
    Nothing,
    Postgres(Vec<PgConnection>),
    Sqlite(Box<SqliteConnection>),
}

/// How far wall clocks are set, in seconds: replicas that drift apart, and a clock that somebody sets wrong.
const SKEWS: [i64; 4] = [-300, 300, -3_600, 3_600];

/// How long a process that was asked to end may take: the grace of the run, and a little more.
const TERM_LIMIT: Duration = Duration::from_secs(30);

/// Lets a fault in.
pub async fn begin(rig: &mut Rig, kind: Kind, random: &mut Random, diary: &mut Diary) -> anyhow::Result<Standing> {
    let nodes = victims(rig, kind, random);
    let names: Vec<&str> = nodes.iter().map(|node| rig.nodes[*node].name.as_str()).collect();
    let victim = names.join(" ");
    let mut held = Held::Nothing;
    match kind {
        Kind::KillWorker | Kind::KillApi => {
            for node in &nodes {
                let bereaved = bereaved(rig, *node).await;
                rig.nodes[*node].process.kill().await?;
                diary.bereaved.extend(bereaved);
            }
        }
        Kind::StopWorker | Kind::StopApi => {
            for node in &nodes {
                let bereaved = bereaved(rig, *node).await;
                rig.nodes[*node].process.signal("STOP").await?;
                diary.bereaved.extend(bereaved);
            }
        }
        Kind::RollingRestart => {
            for node in &nodes {
                let node = &mut rig.nodes[*node];
                node.process.signal("TERM").await?;
                let code =
                    node.process.ended(TERM_LIMIT).await.with_context(|| format!("{} after SIGTERM", node.name))?;
                ensure!(code == Some(0), "{} ended with {code:?} after SIGTERM", node.name);
                node.process.resume()?;
                node.is_starting = true;
            }
        }
        Kind::RedisFlush => servers(rig)?.redis.run(&["FLUSHALL"]).await?,
        Kind::RedisRestart => servers_mut(rig)?.redis.stop().await?,
        Kind::RedisPause => servers(rig)?.redis.run(&["CLIENT", "PAUSE", "3000", "ALL"]).await?,
        Kind::RedisFull => {
            let redis = &servers(rig)?.redis;
            redis.run(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]).await?;
            redis.run(&["CONFIG", "SET", "maxmemory", "1"]).await?;
        }
        Kind::RedisReadOnly => servers(rig)?.redis.run(&["REPLICAOF", "127.0.0.1", "1"]).await?,
        Kind::PostgresRestart => servers_mut(rig)?.postgres.stop("INT").await?,
        Kind::PostgresCrash => servers_mut(rig)?.postgres.stop("QUIT").await?,
        Kind::PostgresTerminate => terminate(servers(rig)?).await?,
        Kind::PostgresLock => {
            let table = ["execution", "journal", "signal", "event"][random.place(4)];
            let mut connection = servers(rig)?.postgres.admin().await?;
            connection.execute("begin").await?;
            connection.execute(sqlx::AssertSqlSafe(format!("lock table {table} in exclusive mode"))).await?;
            held = Held::Postgres(vec![connection]);
        }
        Kind::PostgresExhausted => held = Held::Postgres(exhaust(servers(rig)?).await),
        Kind::PostgresReadOnly => alter(servers(rig)?, "set default_transaction_read_only = on").await?,
        Kind::PostgresDeadlock => deadlock(servers(rig)?).await?,
        Kind::PostgresSerialization => {
            alter(servers(rig)?, "set default_transaction_isolation = 'serializable'").await?;
        }
        Kind::DatabaseCut
        | Kind::DatabaseSlow
        | Kind::DatabaseSilent
        | Kind::DatabaseDeaf
        | Kind::DatabaseHalfClosed => {
            for node in &nodes {
                set_line(rig.nodes[*node].database.as_ref(), line(kind, random));
            }
        }
        Kind::RedisCut | Kind::RedisSlow | Kind::RedisSilent | Kind::RedisHalfClosed => {
            for node in &nodes {
                set_line(rig.nodes[*node].redis.as_ref(), line(kind, random));
            }
        }
        Kind::SqliteLock => {
            let mut connection = dump::sqlite(rig).await?;
            connection.execute("begin immediate").await?;
            held = Held::Sqlite(Box::new(connection));
        }
        Kind::ClockSkew => {
            for node in &nodes {
                let seconds = SKEWS[random.place(SKEWS.len())];
                rig.nodes[*node].clock.as_ref().context("its clock cannot be set")?.set(seconds)?;
            }
        }
    }
    Ok(Standing { kind, victim, from_ms: now_ms(), nodes, held })
}

/// Half a second later: what has to be done again and again.
pub async fn again(rig: &mut Rig, fault: &mut Standing) -> anyhow::Result<()> {
    match fault.kind {
        Kind::PostgresTerminate => terminate(servers(rig)?).await,
        Kind::PostgresDeadlock => deadlock(servers(rig)?).await,
        // What was freed by a client that gave up is taken again.
        Kind::PostgresExhausted => {
            if let Held::Postgres(held) = &mut fault.held {
                held.extend(exhaust(servers(rig)?).await);
            }
            Ok(())
        }
        _once => Ok(()),
    }
}

/// Takes a fault back.
pub async fn end(rig: &mut Rig, fault: Standing, settings: &Settings) -> anyhow::Result<()> {
    match fault.kind {
        Kind::KillWorker | Kind::KillApi => {
            for node in fault.nodes {
                rig.nodes[node].process.resume()?;
                rig.nodes[node].is_starting = true;
            }
        }
        Kind::StopWorker | Kind::StopApi => {
            // Longer than its lease, so that others have taken over what it believes to own.
            let stopped = Duration::from_millis(u64::try_from(now_ms() - fault.from_ms).unwrap_or(0));
            tokio::time::sleep((settings.lease + Duration::from_secs(2)).saturating_sub(stopped)).await;
            for node in fault.nodes {
                rig.nodes[node].process.signal("CONT").await?;
            }
        }
        Kind::RedisRestart => servers_mut(rig)?.redis.resume().await?,
        Kind::RedisFull => servers(rig)?.redis.run(&["CONFIG", "SET", "maxmemory", "0"]).await?,
        Kind::RedisReadOnly => servers(rig)?.redis.run(&["REPLICAOF", "NO", "ONE"]).await?,
        Kind::PostgresRestart | Kind::PostgresCrash => servers_mut(rig)?.postgres.resume().await?,
        Kind::PostgresReadOnly => alter(servers(rig)?, "reset default_transaction_read_only").await?,
        Kind::PostgresSerialization => alter(servers(rig)?, "reset default_transaction_isolation").await?,
        Kind::RollingRestart
        | Kind::RedisFlush
        | Kind::RedisPause
        | Kind::PostgresTerminate
        | Kind::PostgresLock
        | Kind::PostgresExhausted
        | Kind::PostgresDeadlock
        | Kind::SqliteLock => {}
        Kind::ClockSkew => {
            for node in fault.nodes {
                rig.nodes[node].clock.as_ref().context("its clock cannot be set")?.set(0)?;
            }
        }
        Kind::DatabaseCut
        | Kind::DatabaseSlow
        | Kind::DatabaseSilent
        | Kind::DatabaseDeaf
        | Kind::DatabaseHalfClosed
        | Kind::RedisCut
        | Kind::RedisSlow
        | Kind::RedisSilent
        | Kind::RedisHalfClosed => {
            for node in fault.nodes {
                set_line(rig.nodes[node].database.as_ref(), Line::Open);
                set_line(rig.nodes[node].redis.as_ref(), Line::Open);
            }
        }
    }
    match fault.held {
        Held::Nothing => {}
        Held::Postgres(connections) => {
            for connection in connections {
                connection.close_hard().await?;
            }
        }
        Held::Sqlite(connection) => connection.close().await?,
    }
    Ok(())
}

/// One node of the right role; every node for what goes around; one to all for lines.
fn victims(rig: &Rig, kind: Kind, random: &mut Random) -> Vec<usize> {
    let workers = [rig.with_role(Role::Worker), rig.with_role(Role::Whole)].concat();
    match kind {
        Kind::KillWorker | Kind::StopWorker => vec![workers[random.place(workers.len())]],
        Kind::KillApi | Kind::StopApi => {
            let apis = rig.with_role(Role::Api);
            vec![apis[random.place(apis.len())]]
        }
        Kind::RollingRestart => (0..rig.nodes.len()).collect(),
        Kind::DatabaseCut
        | Kind::DatabaseSlow
        | Kind::DatabaseSilent
        | Kind::DatabaseDeaf
        | Kind::DatabaseHalfClosed
        | Kind::RedisCut
        | Kind::RedisSlow
        | Kind::RedisSilent
        | Kind::RedisHalfClosed
        | Kind::ClockSkew => {
            let first = random.place(rig.nodes.len());
            let count = random.place(rig.nodes.len()) + 1;
            (0..count).map(|step| (first + step) % rig.nodes.len()).collect()
        }
        _servers => Vec::new(),
    }
}

fn line(kind: Kind, random: &mut Random) -> Line {
    match kind {
        Kind::DatabaseCut | Kind::RedisCut => Line::Cut,
        Kind::DatabaseSlow | Kind::RedisSlow => Line::Slow(random.between(20, 200)),
        Kind::DatabaseDeaf => Line::Deaf,
        Kind::DatabaseHalfClosed | Kind::RedisHalfClosed => Line::HalfClosed,
        _silent => Line::Silent,
    }
}

fn set_line(proxy: Option<&crate::rig::proxy::Proxy>, line: Line) {
    if let Some(proxy) = proxy {
        proxy.set(line);
    }
}

fn servers(rig: &Rig) -> anyhow::Result<&Servers> {
    rig.servers.as_ref().context("this mode has no servers")
}

fn servers_mut(rig: &mut Rig) -> anyhow::Result<&mut Servers> {
    rig.servers.as_mut().context("this mode has no servers")
}

/// What a worker has claimed; nothing when the database does not say, since another fault may have taken it away.
async fn bereaved(rig: &Rig, node: usize) -> Option<Bereaved> {
    let Node { role: Role::Worker, name, .. } = &rig.nodes[node] else { return None };
    let mut connection = rig.servers.as_ref()?.postgres.admin().await.ok()?;
    let query = "select replace(id::text, '-', ''), epoch::bigint from execution where worker_id =
        (select id from worker where name = $1 order by started_at_ms desc limit 1)";
    let executions = sqlx::query_as(query).bind(name).fetch_all(&mut connection).await.ok()?;
    Some(Bereaved { at_ms: now_ms(), executions })
}

/// Ends a third of the product's connections.
async fn terminate(servers: &Servers) -> anyhow::Result<()> {
    let mut connection = servers.postgres.admin().await?;
    let query = "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'sluice' and random() < 0.34";
    connection.execute(query).await?;
    Ok(())
}

/// Opens connections as the product until there is none left.
async fn exhaust(servers: &Servers) -> Vec<PgConnection> {
    let mut held = Vec::new();
    while let Ok(connection) = servers.postgres.guest().await {
        held.push(connection);
    }
    held
}

/// Locks executions under way from the newest to the oldest, one by one, while the product writes batches of them.
async fn deadlock(servers: &Servers) -> anyhow::Result<()> {
    let mut connection = servers.postgres.admin().await?;
    // The other side looks for the deadlock first, and is the one whose transaction is ended.
    connection.execute("set deadlock_timeout = '10s'").await?;
    connection.execute("set lock_timeout = '3s'").await?;
    let query = "select id::text from execution where ended_at_ms is null order by id desc limit 12";
    let recent: Vec<String> = sqlx::query_scalar(query).fetch_all(&mut connection).await?;
    connection.execute("begin").await?;
    for id in recent {
        let locked = sqlx::query("select 1 from execution where id = $1::uuid for update").bind(id);
        // Whoever has the row may keep it for longer than this waits: then the next time is another try.
        if locked.execute(&mut connection).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // The end of the connection is the end of its transaction.
    connection.close_hard().await?;
    Ok(())
}

/// Changes a setting of the whole server, for connections that are there too.
async fn alter(servers: &Servers, change: &'static str) -> anyhow::Result<()> {
    let mut connection = servers.postgres.admin().await?;
    connection.execute(sqlx::AssertSqlSafe(format!("alter system {change}"))).await?;
    connection.execute("select pg_reload_conf()").await?;
    Ok(())
}
