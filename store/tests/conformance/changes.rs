use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use ids::{ExecutionId, WorkerId};
use store::{ChangeCursor, ChangeRow, Patch};

use crate::harness::{Database, completed, new_execution};
use crate::on_both_databases;

/// Reads on from `cursor` until `is_done`.
async fn follow(
    database: &Database,
    mut cursor: ChangeCursor,
    is_done: impl Fn(&[ChangeRow]) -> bool,
) -> Vec<ChangeRow> {
    let mut seen = Vec::new();
    while !is_done(&seen) {
        // Small pages, so that cursors matter.
        let page = database.store.changes_after(database.organization, &cursor, 7).await.unwrap();
        match page.last() {
            Some(last) => cursor = last.cursor,
            None => tokio::task::yield_now().await,
        }
        seen.extend(page);
    }
    seen
}

on_both_databases! {
    async fn every_change_is_seen_once_while_eight_write_at_once(database: &Database) {
        const WRITERS: usize = 8;
        const EACH: usize = 25;
        let beginning = database.store.current_change_cursor(database.organization).await.unwrap();
        let other = database.another_process().await;
        let written = AtomicUsize::new(0);
        let writers = (0..WRITERS).map(|number| {
            let store = if number % 2 == 0 { &database.store } else { &other };
            let written = &written;
            async move {
                let worker = WorkerId::new();
                let mut ids = Vec::new();
                for _execution in 0..EACH {
                    let new = database.new_execution();
                    let id = new.id;
                    store.start(new).await.unwrap();
                    let claimed = store.claim(worker, &[id], 1).await.unwrap().remove(0);
                    store.commit(database.checkpoint(&claimed, worker, Patch::Ended(completed()))).await.unwrap();
                    written.fetch_add(1, Ordering::SeqCst);
                    ids.push(id);
                }
                ids
            }
        });
        let writing = futures::future::join_all(writers);
        let following = follow(database, beginning, |seen| seen.len() >= 2 * WRITERS * EACH);
        let (ids, seen) = tokio::join!(writing, following);
        let expected: BTreeSet<(ExecutionId, i32)> = ids.into_iter().flatten().flat_map(|id| [(id, 1), (id, 2)]).collect();
        let told: BTreeSet<(ExecutionId, i32)> = seen.iter().map(|change| (change.execution_id, change.seq)).collect();
        assert_eq!((told.len(), &told), (seen.len(), &expected), "no gap, no repeat");
        assert!(seen.windows(2).all(|pair| pair[0].cursor < pair[1].cursor), "cursors rise");
        for id in expected.iter().map(|(id, _)| *id).collect::<BTreeSet<_>>() {
            let seqs: Vec<i32> = seen.iter().filter(|change| change.execution_id == id).map(|change| change.seq).collect();
            assert_eq!(seqs, [1, 2], "in order");
        }
        other.close().await;
    }

    async fn a_cursor_of_now_shows_only_what_comes_after(database: &Database) {
        database.started(database.new_execution()).await;
        let now = database.store.current_change_cursor(database.organization).await.unwrap();
        let later = database.started(database.new_execution()).await;
        let seen = follow(database, now, |seen| seen.iter().any(|change| change.execution_id == later)).await;
        assert_eq!(seen.last().map(|change| (change.execution_id, change.seq)), Some((later, 1)));
        let end = seen.last().unwrap().cursor;
        assert_eq!(database.store.changes_after(database.organization, &end, 10).await.unwrap(), []);
    }

    async fn changes_of_another_organization_are_not_shown(database: &Database) {
        let other = database.store.ensure_organization("other", "Other", 1).await.unwrap();
        let beginning = database.store.current_change_cursor(database.organization).await.unwrap();
        database.started(new_execution(other, database.now())).await;
        let own = database.started(database.new_execution()).await;
        let seen = follow(database, beginning, |seen| !seen.is_empty()).await;
        assert_eq!(seen.iter().map(|change| change.execution_id).collect::<Vec<_>>(), [own]);
    }

    async fn a_cursor_survives_being_written_and_read(database: &Database) {
        database.started(database.new_execution()).await;
        let cursor = database.store.current_change_cursor(database.organization).await.unwrap();
        let text = serde_json::to_string(&cursor).unwrap();
        assert_eq!(serde_json::from_str::<ChangeCursor>(&text).unwrap(), cursor);
    }
}

/// A row that was numbered early and committed late is what a plain row number would skip.
#[tokio::test]
async fn on_postgresql_a_transaction_that_commits_late_is_not_skipped() {
    use sqlx::{Connection, Executor};
    let case = "a_transaction_that_commits_late_is_not_skipped";
    let Some(database) = Database::postgresql(case).await else { return };
    let beginning = database.store.current_change_cursor(database.organization).await.unwrap();
    let late = ExecutionId::new();
    let mut slow = sqlx::PgConnection::connect_with(&database.postgresql_options()).await.unwrap();
    slow.execute("begin").await.unwrap();
    sqlx::query(
        "insert into journal (organization_id, execution_id, seq, epoch, events, at_ms) values ($1, $2, 1, 0, '[]', 0)",
    )
    .bind(database.organization.uuid())
    .bind(late.uuid())
    .execute(&mut slow)
    .await
    .unwrap();
    let quick = database.started(database.new_execution()).await;
    let shown = database.store.changes_after(database.organization, &beginning, 10).await.unwrap();
    assert_eq!(shown, [], "while an older transaction is open, younger ones wait");
    slow.execute("commit").await.unwrap();
    let seen = follow(&database, beginning, |seen| seen.len() >= 2).await;
    assert_eq!(seen.iter().map(|change| change.execution_id).collect::<Vec<_>>(), [late, quick]);
    slow.close().await.unwrap();
    database.end().await;
}
