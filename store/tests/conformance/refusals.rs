use ids::WorkerId;
use store::{ExecutionStatus, Patch, StoreConfig, StoreError};

use crate::harness::{Database, completed, label, parked, start_key};
use crate::on_both_databases;

on_both_databases! {
    async fn a_nul_character_is_refused_with_the_name_of_its_place(database: &Database) {
        let good = database.new_execution();
        let bad = || "a\0b".to_owned();
        let starts = [
            ("key", store::NewExecution { key: Some(bad()), ..good.clone() }),
            ("input", store::NewExecution { input: bad(), ..good.clone() }),
            ("label", store::NewExecution { labels: vec![label("a", "\0")], ..good.clone() }),
            ("idempotency_key", store::NewExecution { start_key: start_key("\0", "f"), ..good.clone() }),
        ];
        for (name, new) in starts {
            let outcome = database.store.start(new).await;
            assert!(matches!(&outcome, Err(StoreError::Invalid { what }) if what.contains(name)), "{outcome:?}");
        }
        let worker = WorkerId::new();
        let claimed = database.claimed(worker).await;
        let mut checkpoint = database.checkpoint(&claimed, worker, Patch::Running { state: Some(bad()), waits: Vec::new() });
        assert!(matches!(database.store.commit(checkpoint.clone()).await, Err(StoreError::Invalid { .. })));
        checkpoint.patch = Patch::Ended(store::Ended { error_message: Some(bad()), ..completed() });
        assert!(matches!(database.store.commit(checkpoint).await, Err(StoreError::Invalid { .. })));
    }

    async fn a_patch_whose_status_does_not_fit_it_is_refused(database: &Database) {
        let worker = WorkerId::new();
        let claimed = database.claimed(worker).await;
        let Patch::Parked { state, waits, wake_at_ms, paused_at_ms, .. } = parked(&[1]) else { unreachable!("parked is parked") };
        let patches = [
            Patch::Parked { status: ExecutionStatus::Running, state, waits, wake_at_ms, paused_at_ms },
            Patch::Ended(store::Ended { status: ExecutionStatus::Waiting, ..completed() }),
        ];
        for patch in patches {
            let outcome = database.store.commit(database.checkpoint(&claimed, worker, patch)).await;
            assert!(matches!(outcome, Err(StoreError::Invalid { .. })), "{outcome:?}");
        }
        assert_eq!(database.store.claims_of(worker).await.unwrap(), [(claimed.id, 1)]);
    }

    async fn a_closed_store_says_so(database: &Database) {
        let store = database.another_process().await;
        store.ping().await.unwrap();
        store.close().await;
        assert!(matches!(store.start(database.new_execution()).await, Err(StoreError::Closed)));
        assert!(store.ping().await.is_err());
    }
}

#[tokio::test]
async fn a_database_that_is_away_is_a_retryable_error() {
    // Port 1 of this machine: nobody listens there.
    let url = "postgres://sluice:secret@127.0.0.1:1/none".parse().unwrap();
    let mut config = StoreConfig::new(url);
    config.acquire_timeout = std::time::Duration::from_millis(500);
    let problem = store::Store::connect(&config).await.unwrap_err();
    assert!(problem.is_retryable(), "{problem:?}");
    assert!(!format!("{problem:?}").contains("secret"));
}

#[tokio::test]
async fn a_folder_that_does_not_exist_is_not_mistaken_for_an_empty_database() {
    let folder = tempfile::tempdir().unwrap();
    let url = store::DatabaseUrl::sqlite(folder.path().join("no/such/folder/test.db"));
    assert!(store::Store::connect(&StoreConfig::new(url)).await.is_err());
}

#[tokio::test]
async fn on_postgresql_lost_connections_are_made_again() {
    use sqlx::Connection;
    let Some(database) = Database::postgresql("lost_connections_are_made_again").await else { return };
    let worker = WorkerId::new();
    database.claimed(worker).await;
    let mut other = sqlx::PgConnection::connect_with(&database.postgresql_options()).await.unwrap();
    sqlx::query("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()")
        .execute(&mut other)
        .await
        .unwrap();
    // Each connection may fail once, and the breaker may refuse for a moment; all of it says that trying again helps.
    let claimed = tried_again(async || {
        let new = database.new_execution();
        let id = new.id;
        database.store.start(new).await?;
        database.store.claim(worker, &[id], 1).await
    })
    .await
    .remove(0);
    let end = database.checkpoint(&claimed, worker, Patch::Ended(completed()));
    tried_again(async || database.store.commit(end.clone()).await).await;
    let row = tried_again(async || database.store.execution(database.organization, claimed.id).await).await;
    assert_eq!(row.map(|row| row.status), Some(ExecutionStatus::Completed));
    other.close().await.unwrap();
    database.end().await;
}

/// Does it until it is done; what stands in the way has to be what passes.
async fn tried_again<T>(mut attempt: impl AsyncFnMut() -> Result<T, StoreError>) -> T {
    let done = async {
        loop {
            match attempt().await {
                Ok(done) => return done,
                Err(problem) => assert!(problem.is_retryable(), "{problem:?}"),
            }
            // tidy: allow no-sleep because this is the pause between two tries of a client
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), done).await.unwrap()
}
