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
