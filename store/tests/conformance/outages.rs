//! The database is away, silent or in somebody's hands; answers are lost.

use std::time::{Duration, Instant};

use futures::future::join_all;
use ids::WorkerId;
use sqlx::{ConnectOptions, Connection};
use store::{BreakerState, CommitOutcome, ExecutionFilter, Patch, StartOutcome, Store, StoreConfig, WorkerRow};

use crate::harness::{Database, completed, running, start_key};
use crate::line::Line;

async fn recorded(database: &Database) -> u64 {
    database.store.count_executions(database.organization, &ExecutionFilter::default()).await.unwrap().0
}

fn heartbeat(id: WorkerId) -> WorkerRow {
    WorkerRow {
        id,
        name: "test".to_owned(),
        queues: vec!["default".to_owned()],
        slots: 1,
        started_at_ms: 1,
        heartbeat_at_ms: 1,
        draining: false,
        host: "here".to_owned(),
        version: "0.0.0".to_owned(),
        lease_ms: 10_000,
        busy_slots: 0,
        processed: 0,
        failed: 0,
        last_fetch_at_ms: None,
        drain_asked_at_ms: None,
        stopped_at_ms: None,
    }
}

/// Waits until `condition` holds.
async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let waited = async {
        while !condition().await {
            // tidy: allow no-sleep because this is the pause between two looks at a condition
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(20), waited).await.is_ok(), "{what}: not within 20 s");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_start_whose_answer_was_lost_is_recorded_once_and_told_as_new() {
    let Some(database) = Database::postgresql("a_start_whose_answer_was_lost").await else { return };
    let line = Line::to(&database).await;
    let store = line.store(&database).await;
    let mut count = 0;
    for round in 0..6 {
        // The statement is prepared by now, so the answer that is lost is the one to the commit.
        let mut warm = database.new_execution();
        warm.start_key = (round % 2 == 0).then(|| start_key(&format!("warm-{round}"), "f")).flatten();
        store.start(warm).await.unwrap();
        let mut new = database.new_execution();
        new.start_key = (round % 2 == 0).then(|| start_key(&format!("key-{round}"), "f")).flatten();
        line.lose_an_answer();
        assert_eq!(store.start(new).await.unwrap(), StartOutcome::New { seq: 1 }, "round {round}");
        assert!(line.has_lost_it());
        count += 2;
        assert_eq!(recorded(&database).await, count, "round {round}");
    }
    store.close().await;
    database.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_group_of_starts_whose_answer_was_lost_is_recorded_once() {
    let Some(database) = Database::postgresql("a_group_of_starts_whose_answer_was_lost").await else { return };
    let line = Line::to(&database).await;
    let store = line.store(&database).await;
    store.start(database.new_execution()).await.unwrap();
    line.lose_an_answer();
    let outcomes = join_all((0..50).map(|_| store.start(database.new_execution()))).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(StartOutcome::New { seq: 1 }))), "{outcomes:?}");
    assert_eq!(recorded(&database).await, 51);
    store.close().await;
    database.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_checkpoint_whose_answer_was_lost_is_committed_and_not_fenced() {
    let Some(database) = Database::postgresql("a_checkpoint_whose_answer_was_lost").await else { return };
    let line = Line::to(&database).await;
    let store = line.store(&database).await;
    let worker = WorkerId::new();
    for patch in [running(), Patch::Ended(completed())] {
        let warm = database.claimed(worker).await;
        store.commit(database.checkpoint(&warm, worker, running())).await.unwrap();
        let claimed = database.claimed(worker).await;
        line.lose_an_answer();
        let outcome = store.commit(database.checkpoint(&claimed, worker, patch)).await.unwrap();
        assert_eq!(outcome, CommitOutcome::Committed { seq: 2, signals: 0 });
        assert!(line.has_lost_it());
        let journal = database.store.journal(database.organization, claimed.id, 0, 10).await.unwrap();
        assert_eq!(journal.iter().map(|row| row.seq).collect::<Vec<_>>(), [1, 2]);
        // Whoever comes with an older claim is fenced all the same.
        let mut stale = database.checkpoint(&claimed, worker, running());
        stale.epoch -= 1;
        assert_eq!(store.commit(stale).await.unwrap(), CommitOutcome::Fenced);
    }
    store.close().await;
    database.end().await;
}

async fn fails_fast(store: &Store, database: &Database) {
    let began = Instant::now();
    for _call in 0..100 {
        assert!(store.execution(database.organization, ids::ExecutionId::new()).await.unwrap_err().is_retryable());
        assert!(store.start(database.new_execution()).await.unwrap_err().is_retryable());
        assert!(store.ensure_organization("other", "Other", 1).await.unwrap_err().is_retryable());
        assert!(store.due_waits(1, 1).await.unwrap_err().is_retryable());
    }
    assert!(began.elapsed() < Duration::from_secs(10), "400 refusals took {:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_database_that_is_away_is_not_asked_again_and_again_and_found_when_it_is_back() {
    let Some(database) = Database::postgresql("a_database_that_is_away").await else { return };
    let line = Line::to(&database).await;
    let store = line.store(&database).await;
    store.start(database.new_execution()).await.unwrap();
    assert_eq!(store.breaker().state, BreakerState::Closed);
    line.cut();
    eventually("the breaker opens", async || {
        assert!(store.start(database.new_execution()).await.unwrap_err().is_retryable());
        store.breaker().state == BreakerState::Open
    })
    .await;
    fails_fast(&store, &database).await;
    let status = store.breaker();
    assert!(status.refused > 100 && status.since.is_some() && status.last_error.is_some(), "{status:?}");
    line.restore();
    eventually("calls go again", async || store.start(database.new_execution()).await.is_ok()).await;
    assert_eq!(store.breaker().state, BreakerState::Closed);
    assert_eq!(store.breaker().since, None);
    store.close().await;
    database.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_renewal_of_a_lease_is_tried_while_other_calls_are_refused_and_is_the_first_to_succeed() {
    let Some(database) = Database::postgresql("a_renewal_of_a_lease").await else { return };
    let line = Line::to(&database).await;
    let store = line.store(&database).await;
    let worker = WorkerId::new();
    store.heartbeat(heartbeat(worker)).await.unwrap();
    line.cut();
    eventually("the breaker opens", async || {
        assert!(store.start(database.new_execution()).await.is_err());
        store.breaker().state == BreakerState::Open
    })
    .await;
    assert!(store.heartbeat(heartbeat(worker)).await.unwrap_err().is_retryable());
    line.restore();
    // The breaker would let a call try only after a while; the renewal does not ask it.
    store.heartbeat(heartbeat(worker)).await.unwrap();
    assert_eq!(store.breaker().state, BreakerState::Closed);
    store.start(database.new_execution()).await.unwrap();
    store.close().await;
    database.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_database_that_says_nothing_is_given_up_in_bounded_time() {
    let Some(database) = Database::postgresql("a_database_that_says_nothing").await else { return };
    let line = Line::to(&database).await;
    let store = line.store(&database).await;
    store.start(database.new_execution()).await.unwrap();
    line.silence();
    let began = Instant::now();
    let (start, read) = tokio::join!(
        store.start(database.new_execution()),
        store.execution(database.organization, ids::ExecutionId::new())
    );
    assert!(start.unwrap_err().is_retryable() && read.unwrap_err().is_retryable());
    assert!(began.elapsed() < Duration::from_mins(1), "it took {:?}", began.elapsed());
    eventually("the breaker opens", async || {
        let refused = store.execution(database.organization, ids::ExecutionId::new()).await;
        assert!(refused.unwrap_err().is_retryable());
        store.breaker().state != BreakerState::Closed
    })
    .await;
    // What was on its way when the line fell silent arrives now.
    line.restore();
    eventually("calls go again", async || store.start(database.new_execution()).await.is_ok()).await;
    store.close().await;
    database.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_table_that_somebody_has_locked_is_refused_as_retryable_and_opens_nothing() {
    let Some(database) = Database::postgresql("a_table_that_somebody_has_locked").await else { return };
    let config = StoreConfig { lock_timeout: Duration::from_millis(200), ..database.config() };
    let store = Store::connect(&config).await.unwrap();
    let mut other = database.postgresql_options().connect().await.unwrap();
    let mut transaction = other.begin().await.unwrap();
    sqlx::query("lock table execution in access exclusive mode").execute(&mut *transaction).await.unwrap();
    for _try in 0..6 {
        let problem = store.start(database.new_execution()).await.unwrap_err();
        assert!(problem.is_retryable(), "{problem:?}");
    }
    assert_eq!(store.breaker().state, BreakerState::Closed, "the database answers");
    transaction.rollback().await.unwrap();
    store.start(database.new_execution()).await.unwrap();
    other.close().await.unwrap();
    store.close().await;
    database.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn checkpoints_that_lost_against_another_transaction_are_written_after_it() {
    let Some(database) = Database::postgresql("checkpoints_that_lost").await else { return };
    let worker = WorkerId::new();
    // Which of two rows a group locks first is not ours to say, so both orders are tried.
    for round in 0..2 {
        let (before, first, second) =
            (database.claimed(worker).await, database.claimed(worker).await, database.claimed(worker).await);
        let (mine, theirs) = if round == 0 { (first.id, second.id) } else { (second.id, first.id) };
        let lock = "select 1 from execution where id = $1 for update";
        let mut connections = [
            database.postgresql_options().connect().await.unwrap(),
            database.postgresql_options().connect().await.unwrap(),
        ];
        let [a, b] = &mut connections;
        let (mut a, mut b) = (a.begin().await.unwrap(), b.begin().await.unwrap());
        sqlx::query(lock).bind(before.id.uuid()).execute(&mut *a).await.unwrap();
        sqlx::query(lock).bind(theirs.uuid()).execute(&mut *b).await.unwrap();
        // While the committer waits for the first, the other two gather to one group.
        let alone = tokio::spawn({
            let (store, checkpoint) = (database.store.clone(), database.checkpoint(&before, worker, running()));
            async move { store.commit(checkpoint).await }
        });
        eventually("the committer waits", async || waits_for_a_lock(&database).await).await;
        let store = &database.store;
        let mut group = join_all([&first, &second].map(|it| store.commit(database.checkpoint(it, worker, running()))));
        assert!(futures::poll!(&mut group).is_pending());
        a.rollback().await.unwrap();
        alone.await.unwrap().unwrap();
        eventually("the group waits", async || waits_for_a_lock(&database).await).await;
        let other = async {
            sqlx::query(lock).bind(mine.uuid()).execute(&mut *b).await.unwrap();
            b.commit().await.unwrap();
        };
        let (outcomes, ()) = tokio::join!(group, other);
        for outcome in outcomes {
            assert_eq!(outcome.unwrap(), CommitOutcome::Committed { seq: 2, signals: 0 });
        }
    }
    let mut connection = database.postgresql_options().connect().await.unwrap();
    eventually("a deadlock was counted", async || {
        let query = "select deadlocks from pg_stat_database where datname = current_database()";
        sqlx::query_scalar::<_, i64>(query).fetch_one(&mut connection).await.unwrap() > 0
    })
    .await;
    connection.close().await.unwrap();
    database.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_checkpoint_that_could_not_be_serialized_is_written_again() {
    let Some(database) = Database::postgresql("could_not_be_serialized").await else { return };
    let mut other = database.postgresql_options().connect().await.unwrap();
    let name: String = sqlx::query_scalar("select current_database()").fetch_one(&mut other).await.unwrap();
    // An operator may have chosen it; ours is `read committed`.
    let stricter = format!("alter database \"{name}\" set default_transaction_isolation = 'repeatable read'");
    sqlx::query(sqlx::AssertSqlSafe(stricter)).execute(&mut other).await.unwrap();
    let store = Store::connect(&database.config()).await.unwrap();
    let worker = WorkerId::new();
    let claimed = database.claimed(worker).await;
    let mut transaction = other.begin().await.unwrap();
    let touched = "update execution set priority = priority where id = $1";
    sqlx::query(touched).bind(claimed.id.uuid()).execute(&mut *transaction).await.unwrap();
    let commit = tokio::spawn({
        let (store, checkpoint) = (store.clone(), database.checkpoint(&claimed, worker, running()));
        async move { store.commit(checkpoint).await }
    });
    eventually("the committer waits", async || waits_for_a_lock(&database).await).await;
    transaction.commit().await.unwrap();
    assert_eq!(commit.await.unwrap().unwrap(), CommitOutcome::Committed { seq: 2, signals: 0 });
    assert_eq!(store.breaker().state, BreakerState::Closed, "the database answers");
    other.close().await.unwrap();
    store.close().await;
    database.end().await;
}

/// Whether a committer waits for somebody's lock.
async fn waits_for_a_lock(database: &Database) -> bool {
    let query = "select count(*) from pg_stat_activity
        where datname = current_database() and application_name = 'sluice' and wait_event_type = 'Lock'";
    let mut connection = database.postgresql_options().connect().await.unwrap();
    let count: i64 = sqlx::query_scalar(query).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    count > 0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_file_that_another_process_writes_to_can_be_read_and_refuses_writes_as_retryable() {
    let database = Database::sqlite().await;
    let id = database.started(database.new_execution()).await;
    let config = StoreConfig { lock_timeout: Duration::from_millis(100), ..database.config() };
    let store = Store::connect(&config).await.unwrap();
    let mut other = database.sqlite_options().connect().await.unwrap();
    let mut transaction = other.begin_with("begin immediate").await.unwrap();
    sqlx::query("update execution set priority = priority").execute(&mut *transaction).await.unwrap();
    for _try in 0..5 {
        let problem = store.start(database.new_execution()).await.unwrap_err();
        assert!(problem.is_retryable(), "{problem:?}");
        assert!(store.execution(database.organization, id).await.unwrap().is_some(), "reading waits for nobody");
    }
    assert_eq!(store.breaker().last_error.as_deref(), Some("busy"));
    transaction.rollback().await.unwrap();
    eventually("it can be written", async || store.start(database.new_execution()).await.is_ok()).await;
    other.close().await.unwrap();
    store.close().await;
    database.end().await;
}
