use ids::WorkerId;
use store::Checkpoint;

use crate::harness::{Database, running};
use crate::on_both_databases;

on_both_databases! {
    async fn a_journal_is_read_in_order_and_in_parts(database: &Database) {
        let worker = WorkerId::new();
        let claimed = database.claimed(worker).await;
        for seq in 1..6 {
            database.store.commit(Checkpoint { seq, ..database.checkpoint(&claimed, worker, running()) }).await.unwrap();
        }
        let part = database.store.journal(database.organization, claimed.id, 2, 3).await.unwrap();
        assert_eq!(part.iter().map(|row| row.seq).collect::<Vec<_>>(), [3, 4, 5]);
        let rest = database.store.journal(database.organization, claimed.id, 5, 3).await.unwrap();
        assert_eq!(rest.iter().map(|row| row.seq).collect::<Vec<_>>(), [6]);
    }

    async fn journals_of_several_executions_come_in_one_query(database: &Database) {
        let first = database.claimed(WorkerId::new()).await;
        let second = database.started(database.new_execution()).await;
        let rows = database.store.journals(database.organization, &[second, first.id], 10).await.unwrap();
        assert_eq!(rows.iter().map(|row| (row.execution_id, row.seq)).collect::<Vec<_>>(), [(first.id, 1), (second, 1)]);
    }
}
