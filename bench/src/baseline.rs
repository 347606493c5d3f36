//! What the same machine can do without us: the least durable work of an execution, and a request
//! that does nothing.

use std::time::Duration;

use anyhow::Context;
use futures::future::try_join_all;
use redis::streams::{StreamReadOptions, StreamReadReply};
use redis::{AsyncCommands, Value as RedisValue};
use serde_json::json;
use sqlx::{Connection, Executor, PgConnection};
use tokio::sync::mpsc;
use tokio::time::Instant;
use uuid::Uuid;

use crate::client::{Client, encode};
use crate::measure::{Figure, Table};
use crate::settings::Settings;
use crate::system::{Cluster, scratch_database};

/// Rows in one transaction, and ids in one pipeline.
const GROUP: usize = 500;
const STREAM: &str = "bench:bare";
const CONSUMERS: &str = "bare";

/// Per execution one row inserted, one claim update, one final update with a journal row, all in
/// groups, and one id through a Redis stream; each stage on its own connection, all at once.
pub async fn bare(settings: &Settings, table: &mut Table) -> anyhow::Result<()> {
    let url = scratch_database(settings).await?;
    let mut setup = PgConnection::connect(&url).await?;
    setup
        .execute(
            "create table bare (id uuid primary key, workflow_id uuid not null, status int not null, epoch int not null,
               input text not null, result int) with (fillfactor = 80);
             create table bare_journal (id bigserial primary key, execution_id uuid not null, seq int not null, events text not null);",
        )
        .await?;
    let mut rates = Vec::new();
    for _run in 0..settings.runs {
        rates.push(bare_once(settings, &url).await?);
    }
    table.add("bare", Figure::new(rates), "exe/s", "the least durable work, no engine, no API");
    Ok(())
}

async fn bare_once(settings: &Settings, url: &str) -> anyhow::Result<f64> {
    let client = redis::Client::open(settings.redis_url.as_str())?;
    let mut setup = client.get_multiplexed_async_connection().await?;
    let () = setup.del(STREAM).await?;
    let () = setup.xgroup_create_mkstream(STREAM, CONSUMERS, "0").await?;
    let began = Instant::now();
    let (to_finish, claimed) = mpsc::channel::<Vec<Uuid>>(16);
    let insert = insert_and_push(url, &client, settings.executions);
    let claim = read_and_claim(url, &client, settings.executions, to_finish);
    let finish = finish(url, claimed);
    tokio::try_join!(insert, claim, finish)?;
    Ok(settings.executions as f64 / began.elapsed().as_secs_f64())
}

async fn insert_and_push(url: &str, client: &redis::Client, count: usize) -> anyhow::Result<()> {
    let mut database = PgConnection::connect(url).await?;
    let mut redis = client.get_multiplexed_async_connection().await?;
    let input = json!({ "order": { "id": "o-1", "total": 120.5, "customer": "c-7" } }).to_string();
    let mut left = count;
    while left > 0 {
        let ids: Vec<Uuid> = (0..left.min(GROUP)).map(|_row| Uuid::now_v7()).collect();
        left -= ids.len();
        sqlx::query("insert into bare (id, workflow_id, status, epoch, input) select id, $2, 0, 0, $3 from unnest($1::uuid[]) id")
            .bind(&ids)
            .bind(Uuid::nil())
            .bind(&input)
            .execute(&mut database)
            .await?;
        let mut pipeline = redis::pipe();
        for id in &ids {
            pipeline.xadd(STREAM, "*", &[("id", id.as_bytes().as_slice())]).ignore();
        }
        let () = pipeline.query_async(&mut redis).await?;
    }
    Ok(())
}

async fn read_and_claim(
    url: &str,
    client: &redis::Client,
    count: usize,
    to_finish: mpsc::Sender<Vec<Uuid>>,
) -> anyhow::Result<()> {
    let mut database = PgConnection::connect(url).await?;
    let mut redis = client.get_multiplexed_async_connection().await?;
    let options = StreamReadOptions::default().group(CONSUMERS, "one").count(GROUP).block(10);
    let mut left = count;
    while left > 0 {
        let Some(reply): Option<StreamReadReply> = redis.xread_options(&[STREAM], &[">"], &options).await? else {
            continue;
        };
        let mut ids = Vec::new();
        let mut entries = Vec::new();
        for entry in reply.keys.into_iter().flat_map(|key| key.ids) {
            if let Some(RedisValue::BulkString(bytes)) = entry.map.get("id") {
                ids.push(Uuid::from_slice(bytes)?);
            }
            entries.push(entry.id);
        }
        if ids.is_empty() {
            continue;
        }
        sqlx::query("update bare set status = 1, epoch = epoch + 1 where id = any($1) and status = 0")
            .bind(&ids)
            .execute(&mut database)
            .await?;
        let () = redis::pipe()
            .xack(STREAM, CONSUMERS, &entries)
            .ignore()
            .xdel(STREAM, &entries)
            .ignore()
            .query_async(&mut redis)
            .await?;
        left -= ids.len();
        to_finish.send(ids).await?;
    }
    Ok(())
}

async fn finish(url: &str, mut claimed: mpsc::Receiver<Vec<Uuid>>) -> anyhow::Result<()> {
    let mut database = PgConnection::connect(url).await?;
    while let Some(ids) = claimed.recv().await {
        sqlx::query(
            "with ended as (update bare set status = 5, result = 1 where id = any($1) and epoch = 1 returning id)
             insert into bare_journal (execution_id, seq, events) select id, 1, $2 from ended",
        )
        .bind(&ids)
        .bind(r#"[{"type":"completed","result":"allowed"}]"#)
        .execute(&mut database)
        .await?;
    }
    Ok(())
}

/// Connections of the `ping` baseline: those of W1.
const CONNECTIONS: usize = 64;
/// How long each `ping` run lasts.
const PING: Duration = Duration::from_secs(3);

/// `{ serverInfo { version } }` through the same server and the same driver.
pub async fn ping(settings: &Settings, system: &Cluster, table: &mut Table) -> anyhow::Result<()> {
    let body = encode("{ serverInfo { version } }", &json!({}));
    let mut rates = Vec::new();
    for _run in 0..settings.runs {
        let began = Instant::now();
        let mut tasks = Vec::new();
        for _connection in 0..CONNECTIONS {
            let mut client = Client::connect(system.port).await?;
            let body = body.clone();
            tasks.push(tokio::spawn(async move {
                let mut count = 0_u64;
                while began.elapsed() < PING {
                    client.post(body.clone()).await?;
                    count += 1;
                }
                anyhow::Ok(count)
            }));
        }
        let mut requests = 0;
        for count in try_join_all(tasks).await? {
            requests += count.context("ping")?;
        }
        rates.push(requests as f64 / began.elapsed().as_secs_f64());
    }
    table.add("ping", Figure::new(rates), "req/s", "the same server, a query that does nothing");
    Ok(())
}
