//! A Redis that is away, emptied, started anew or fed by strangers costs time, never the worker.

use std::collections::BTreeSet;
use std::sync::Arc;

use queue::{Backlog, Priority, QueueError, RedisConfig, WorkQueue};
use tokio::sync::Semaphore;

use crate::harness::{Bed, Handling, all_of, eventually, executions, somebody};
use crate::server::{HalfOpen, Server};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_redis_that_was_emptied_gets_its_groups_again() {
    let Some(server) = Server::start("an emptied Redis").await else { return };
    let bed = Bed::redis(&server.url());
    let workers = [bed.worker(&["default"], Handling::Takes), bed.worker(&["default"], Handling::Takes)];
    for round in 1..=3 {
        let wanted: BTreeSet<_> = executions(10).into_iter().collect();
        let pushed: Vec<_> = wanted.iter().copied().collect();
        // Pushed again until it arrives, as the reconciler does: emptying may take what was pushed just before.
        eventually(&format!("round {round} arrives"), || async {
            bed.queue.push(somebody(), "default", Priority::Normal, &pushed).unwrap();
            all_of(&workers).is_superset(&wanted)
        })
        .await;
        bed.command(&["FLUSHALL"]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_redis_that_is_away_is_said_to_be_and_all_goes_on_when_it_is_back() {
    let Some(mut server) = Server::start("a Redis that is away").await else { return };
    let bed = Bed::redis(&server.url());
    let workers = [bed.worker(&["default"], Handling::Takes)];
    let pushed = executions(2);
    bed.queue.push(somebody(), "default", Priority::Normal, &pushed[..1]).unwrap();
    eventually("the first arrives", || async { all_of(&workers).len() == 1 }).await;

    server.kill().await;
    eventually("it is noticed", || async { bed.queue.ping().await.is_err() && !bed.queue.is_up() }).await;
    let problem = bed.queue.backlog("default").await.unwrap_err();
    assert!(matches!(&problem, QueueError::Unavailable { address, .. } if server.url().ends_with(address.as_str())));
    bed.queue.push(somebody(), "default", Priority::Normal, &executions(1)).unwrap();

    server.start_again().await;
    eventually("the second arrives", || async {
        bed.queue.push(somebody(), "default", Priority::Normal, &pushed[1..]).unwrap();
        all_of(&workers).contains(&pushed[1])
    })
    .await;
    bed.queue.ping().await.unwrap();
    assert!(bed.queue.is_up());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_worker_that_starts_before_redis_works_once_it_is_there() {
    let Some(mut server) = Server::start("a Redis that comes later").await else { return };
    server.kill().await;
    let bed = Bed::redis(&server.url());
    let worker = bed.worker(&["default"], Handling::Takes);
    assert!(bed.queue.ping().await.is_err());
    server.start_again().await;
    let pushed = executions(1);
    eventually("it arrives", || async {
        bed.queue.push(somebody(), "default", Priority::Normal, &pushed).unwrap();
        !worker.handled().is_empty()
    })
    .await;
    worker.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_worker_drains_while_redis_is_away() {
    let Some(mut server) = Server::start("draining without Redis").await else { return };
    let bed = Bed::redis(&server.url());
    let worker = bed.worker(&["default"], Handling::Takes);
    bed.queue.push(somebody(), "default", Priority::Normal, &executions(1)).unwrap();
    eventually("it works", || async { worker.handled().len() == 1 }).await;
    server.kill().await;
    worker.drain().await;
}

/// The end was told where nobody read it while an acknowledgement was tried again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_worker_drains_although_redis_went_away_before_its_work_was_acknowledged() {
    let Some(mut server) = Server::start("draining with work that cannot be acknowledged").await else { return };
    let bed = Bed::redis(&server.url());
    let permits = Arc::new(Semaphore::new(0));
    let worker = bed.worker(&["default"], Handling::Waits(Arc::clone(&permits)));
    bed.queue.push(somebody(), "default", Priority::Normal, &executions(1)).unwrap();
    eventually("it is in hand", || async { bed.backlog("default").await.pending == 1 }).await;
    server.kill().await;
    permits.add_permits(1);
    eventually("it is handled", || async { worker.handled().len() == 1 }).await;
    eventually("Redis is missed", || async { bed.queue.ping().await.is_err() }).await;
    worker.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn entries_that_cannot_be_read_are_put_aside_and_the_others_arrive() {
    let Some(bed) = Bed::shared_redis("unreadable entries") else { return };
    let stream = format!("{{{}:default}}:normal:share", bed.prefix());
    bed.command(&["XADD", &stream, "*", "m", "no json"]).await;
    bed.command(&["XADD", &stream, "*", "other", "field"]).await;
    bed.command(&["XADD", &stream, "*", "m", r#"{"v":9,"e":[]}"#]).await;
    bed.command(&["XADD", &stream, "*", "m", r#"{"v":1,"e":["not-an-id"]}"#]).await;
    let pushed = executions(1);
    bed.queue.push(somebody(), "default", Priority::Normal, &pushed).unwrap();
    let worker = bed.worker(&["default"], Handling::Takes);
    let aside = Backlog { waiting: 0, pending: 0, dead: 4 };
    eventually("four are put aside", || async { bed.backlog("default").await == aside }).await;
    eventually("the fifth arrives", || async { worker.handled() == [pushed.clone()] }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_entry_that_ended_ten_workers_is_put_aside() {
    let Some(bed) = Bed::shared_redis("an entry that ends workers") else { return };
    bed.queue.push(somebody(), "default", Priority::Normal, &executions(1)).unwrap();
    eventually("it waits", || async { bed.backlog("default").await.waiting == 1 }).await;
    bed.read_and_die("default").await;
    let stream = format!("{{{}:default}}:normal:share", bed.prefix());
    let worker = bed.worker(&["default"], Handling::Hangs);
    eventually("a worker took it over", || async { bed.backlog("default").await.pending == 1 }).await;
    worker.kill().await;
    // As if nine more had taken it and died.
    let mut client = redis::Client::open(std::env::var("SLUICE_TEST_REDIS_URL").unwrap())
        .unwrap()
        .get_multiplexed_async_connection()
        .await
        .unwrap();
    let pending: redis::streams::StreamPendingCountReply = redis::cmd("XPENDING")
        .arg(&stream)
        .arg("workers")
        .arg("-")
        .arg("+")
        .arg(9)
        .query_async(&mut client)
        .await
        .unwrap();
    for entry in pending.ids {
        bed.command(&["XCLAIM", &stream, "workers", "ghost", "0", &entry.id, "RETRYCOUNT", "10", "IDLE", "100000"])
            .await;
    }
    let worker = bed.worker(&["default"], Handling::Takes);
    eventually("it is put aside", || async { bed.backlog("default").await.dead == 1 }).await;
    assert_eq!(worker.handled(), Vec::<Vec<_>>::new(), "nobody else is given it");
    bed.emptied("default").await;
}

/// Redis answers, but takes no push.
async fn takes_nothing_for_a_while(case: &str, begin: &[&[&str]], end: &[&[&str]]) {
    let Some(server) = Server::start(case).await else { return };
    let bed = Bed::redis(&server.url());
    let worker = bed.worker(&["default"], Handling::Takes);
    bed.queue.push(somebody(), "default", Priority::Normal, &executions(1)).unwrap();
    eventually("the first arrives", || async { worker.handled().len() == 1 }).await;
    for command in begin {
        bed.command(command).await;
    }
    eventually("workers are told to look into the database", || async {
        bed.queue.push(somebody(), "default", Priority::Normal, &executions(1)).unwrap();
        !bed.queue.is_up()
    })
    .await;
    for command in end {
        bed.command(command).await;
    }
    eventually("it is found to take pushes again, without any", || async { bed.queue.is_up() }).await;
    let pushed = executions(1);
    eventually("the last arrives", || async {
        bed.queue.push(somebody(), "default", Priority::Normal, &pushed).unwrap();
        worker.handled().contains(&pushed)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_redis_that_is_full_counts_as_away_until_it_takes_pushes_again() {
    let full: [&[&str]; 2] =
        [&["CONFIG", "SET", "maxmemory-policy", "noeviction"], &["CONFIG", "SET", "maxmemory", "1"]];
    takes_nothing_for_a_while("a full Redis", &full, &[&["CONFIG", "SET", "maxmemory", "0"]]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_redis_that_only_reads_counts_as_away_until_it_takes_pushes_again() {
    let nowhere: [&[&str]; 1] = [&["REPLICAOF", "127.0.0.1", "1"]];
    takes_nothing_for_a_while("a Redis that only reads", &nowhere, &[&["REPLICAOF", "NO", "ONE"]]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_redis_that_wants_replicas_counts_as_away_until_it_takes_pushes_again() {
    let alone: [&[&str]; 1] = [&["CONFIG", "SET", "min-replicas-to-write", "1"]];
    takes_nothing_for_a_while("a Redis without replicas", &alone, &[&["CONFIG", "SET", "min-replicas-to-write", "0"]])
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_key_that_became_something_else_is_made_a_stream_again() {
    let Some(bed) = Bed::shared_redis("a key of another type") else { return };
    let worker = bed.worker(&["default"], Handling::Takes);
    bed.queue.push(somebody(), "default", Priority::Normal, &executions(1)).unwrap();
    eventually("the first arrives", || async { worker.handled().len() == 1 }).await;
    for priority in ["high", "normal", "low"] {
        bed.command(&["SET", &format!("{{{}:default}}:{priority}", bed.prefix()), "no stream"]).await;
    }
    let pushed = executions(1);
    eventually("the second arrives", || async {
        bed.queue.push(somebody(), "default", Priority::Normal, &pushed).unwrap();
        worker.handled().contains(&pushed)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_connection_that_is_half_open_is_noticed_and_made_anew() {
    let Some(server) = Server::start("half-open connections").await else { return };
    let line = HalfOpen::before(server.port()).await;
    let bed = Bed::redis(&line.url());
    let mut notices = bed.notices().subscribe();
    let worker = bed.worker(&["default"], Handling::Takes);
    bed.queue.push(somebody(), "default", Priority::Normal, &executions(1)).unwrap();
    eventually("the first arrives", || async { worker.handled().len() == 1 }).await;
    // Whatever is connected now says nothing any more, and does not break either.
    line.freeze();
    let pushed = executions(1);
    eventually("the second arrives over new connections", || async {
        bed.queue.push(somebody(), "default", Priority::Normal, &pushed).unwrap();
        worker.handled().contains(&pushed)
    })
    .await;
    let heard_again =
        async { while line.connections_since() == 0 || notices.next().await != Some(queue::NoticeItem::Resync) {} };
    let in_time = tokio::time::timeout(std::time::Duration::from_secs(20), heard_again).await;
    assert!(in_time.is_ok(), "whoever listens is told to read again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_consumer_shows_that_it_fetches_and_that_it_does_not() {
    let Some(mut server) = Server::start("the pulse of a consumer").await else { return };
    let bed = Bed::redis(&server.url());
    let worker = bed.worker(&["default"], Handling::Takes);
    let fresh = std::time::Duration::from_secs(3);
    eventually("it was told that there is nothing", || async { worker.pulse.is_within(fresh) }).await;
    server.kill().await;
    eventually("it is seen that it fetches no more", || async { !worker.pulse.is_within(fresh) }).await;
    server.start_again().await;
    eventually("it fetches again", || async { worker.pulse.is_within(fresh) }).await;
}

#[tokio::test]
async fn an_address_that_cannot_be_read_is_refused_without_its_password() {
    let problem = WorkQueue::redis(RedisConfig::new("rediz://user:hunter2@host")).unwrap_err();
    assert!(matches!(problem, QueueError::Address { .. }));
    let mut told = problem.to_string();
    let mut source = std::error::Error::source(&problem);
    while let Some(cause) = source {
        told = format!("{told}: {cause}");
        source = cause.source();
    }
    assert!(told.contains("redis://host:6379") && !told.contains("hunter2"), "{told}");
}
