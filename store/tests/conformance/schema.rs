use store::{MigrationStatus, StoreError};

use crate::harness::{Database, completed};
use crate::on_both_databases;

on_both_databases! {
    async fn the_schema_goes_up_down_and_up_again(database: &Database) {
        let store = &database.store;
        let steps = store.migrations().await.unwrap();
        assert!(steps.iter().all(|step| step.status == MigrationStatus::Applied));
        database.ended(database.new_execution(), completed()).await;
        store.migrate_up().await.unwrap();
        let count = u32::try_from(steps.len()).unwrap();
        for left in (0..count).rev() {
            store.migrate_down(1).await.unwrap();
            let applied = store.migrations().await.unwrap().into_iter().filter(|step| step.status == MigrationStatus::Applied);
            assert_eq!(u32::try_from(applied.count()).unwrap(), left);
        }
        let gone = store.start(database.new_execution()).await;
        assert!(matches!(gone, Err(StoreError::Internal(_))), "{gone:?}");
        store.migrate_up().await.unwrap();
        store.ensure_organization("default", "Default", 1).await.unwrap();
        database.ended(database.new_execution(), completed()).await;
    }
}

/// The embedded mode has one process for each file, and a lock file that sees to it.
#[tokio::test]
async fn on_postgresql_processes_that_start_at_once_bring_the_schema_up_once() {
    let case = "processes_that_start_at_once_bring_the_schema_up_once";
    let Some(database) = Database::postgresql(case).await else { return };
    let steps = u32::try_from(database.store.migrations().await.unwrap().len()).unwrap();
    database.store.migrate_down(steps).await.unwrap();
    let (first, second) = (database.another_process().await, database.another_process().await);
    let (one, two, three) = tokio::join!(database.store.migrate_up(), first.migrate_up(), second.migrate_up());
    assert!(one.is_ok() && two.is_ok() && three.is_ok(), "{one:?} {two:?} {three:?}");
    database.store.ensure_organization("default", "Default", 1).await.unwrap();
    first.close().await;
    second.close().await;
    database.end().await;
}
