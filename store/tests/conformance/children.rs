use ids::{ExecutionId, WorkerId};
use store::{AwaitedChild, Claimed, CommitOutcome, NewExecution, Patch, Ruled, Ruling, StartOutcome};

use crate::harness::{Database, completed, failed, start_key};
use crate::on_both_databases;

/// A child of `parent`, which waits for it.
fn child_of(database: &Database, parent: ExecutionId) -> NewExecution {
    NewExecution { parent_id: Some(parent), awaited: true, ..database.new_execution() }
}

async fn ends(database: &Database, worker: WorkerId, claimed: &Claimed) {
    let checkpoint = database.checkpoint(claimed, worker, Patch::Ended(completed()));
    let outcome = database.store.commit(checkpoint).await.unwrap();
    assert!(matches!(outcome, CommitOutcome::Committed { .. }), "{outcome:?}");
}

/// Every live child that is awaited, told page by page.
async fn all_awaited(database: &Database) -> Vec<AwaitedChild> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = database.store.awaited_children(after, 2).await.unwrap();
        let Some(last) = page.last() else { return all };
        after = Some((last.parent_id, last.id));
        all.extend(page);
    }
}

on_both_databases! {
    async fn a_child_that_is_awaited_is_started_only_while_its_parent_lives(database: &Database) {
        let (store, worker) = (&database.store, WorkerId::new());
        let parent = database.claimed(worker).await;
        database.started(child_of(database, parent.id)).await;
        ends(database, worker, &parent).await;
        let mut late = child_of(database, parent.id);
        late.start_key = start_key("late", "f");
        let same = NewExecution { id: ExecutionId::new(), ..late.clone() };
        let nobodys = child_of(database, ExecutionId::new());
        let unawaited = NewExecution { awaited: false, ..child_of(database, parent.id) };
        let starts = vec![late.clone(), nobodys.clone(), unawaited.clone(), database.new_execution(), same.clone()];
        let outcomes: Vec<_> = store.start_many(starts).await.unwrap().into_iter().map(Result::unwrap).collect();
        let new = StartOutcome::New { seq: 1 };
        assert_eq!(outcomes, [StartOutcome::ParentEnded, StartOutcome::ParentEnded, new, new, StartOutcome::ParentEnded]);
        let found = store.executions_by_ids(database.organization, &[late.id, nobodys.id, same.id, unawaited.id]).await.unwrap();
        assert_eq!(found.iter().map(|row| row.id).collect::<Vec<_>>(), [unawaited.id]);
        assert!(store.journal(database.organization, late.id, 0, 10).await.unwrap().is_empty());
        // The key of what was refused is free.
        let later = NewExecution { awaited: false, start_key: start_key("late", "g"), ..database.new_execution() };
        database.started(later).await;
    }

    async fn a_parent_of_another_organization_is_none(database: &Database) {
        let parent = database.started(database.new_execution()).await;
        let other = database.store.ensure_organization("other", "Other", 1).await.unwrap();
        let stranger = NewExecution { organization_id: other, ..child_of(database, parent) };
        assert_eq!(database.store.start(stranger).await.unwrap(), StartOutcome::ParentEnded);
    }

    async fn live_children_that_an_ended_parent_waited_for_are_found(database: &Database) {
        let (store, worker) = (&database.store, WorkerId::new());
        let parent = database.claimed(worker).await;
        let (organization, id) = (database.organization, parent.id);
        let mut awaited = Vec::new();
        for _child in 0..3 {
            awaited.push(database.started(child_of(database, id)).await);
        }
        awaited.sort_unstable();
        database.started(NewExecution { awaited: false, ..child_of(database, id) }).await;
        let done = database.ended(child_of(database, id), completed()).await;
        assert!(store.forsaken_children(organization, id, None, 10).await.unwrap().is_empty(), "their parent lives");
        assert!(!store.is_forsaken(organization, awaited[0]).await.unwrap());
        ends(database, worker, &parent).await;
        assert_eq!(store.forsaken_children(organization, id, None, 10).await.unwrap(), awaited);
        assert_eq!(store.forsaken_children(organization, id, Some(awaited[0]), 1).await.unwrap(), [awaited[1]]);
        assert!(store.forsaken_children(organization, done, None, 10).await.unwrap().is_empty());
        assert!(store.is_forsaken(organization, awaited[0]).await.unwrap());
    }

    async fn the_reconciler_finds_the_forsaken_page_by_page_and_leaves_those_that_were_told(database: &Database) {
        let (store, worker) = (&database.store, WorkerId::new());
        let (first, second) = (database.claimed(worker).await, database.claimed(worker).await);
        let mut wanted = Vec::new();
        for parent in [&first, &second] {
            for _child in 0..3 {
                wanted.push((parent.id, database.started(child_of(database, parent.id)).await));
            }
        }
        wanted.sort_unstable();
        ends(database, worker, &second).await;
        let told = wanted.iter().find(|(parent, _)| *parent == second.id).unwrap().1;
        let signal = store::NewSignal { organization_id: database.organization, execution_id: told, data: "end".to_owned() };
        store.send_signals(vec![signal], database.now()).await.unwrap();
        let all = all_awaited(database).await;
        assert_eq!(all.iter().map(|child| (child.parent_id, child.id)).collect::<Vec<_>>(), wanted);
        let of_second = |child: &AwaitedChild| child.parent_id == second.id && child.id != told;
        assert!(all.iter().all(|child| child.is_forsaken == of_second(child)), "{all:?}");
        store.deliver_signals(&[told], database.now()).await.unwrap();
        assert_eq!(all_awaited(database).await, all, "it has not taken it in");
    }

    async fn a_child_that_is_retried_is_awaited_by_nobody(database: &Database) {
        let (store, worker) = (&database.store, WorkerId::new());
        let parent = database.claimed(worker).await;
        let child = database.ended(child_of(database, parent.id), failed()).await;
        ends(database, worker, &parent).await;
        let ruling = Ruling {
            organization_id: database.organization,
            execution_id: child,
            seq: 2,
            events: r#"["retried"]"#.to_owned(),
            at_ms: database.now(),
            what: Ruled::Retried,
            sends: Vec::new(),
        };
        store.rule(&ruling).await.unwrap().unwrap();
        assert!(!store.is_forsaken(database.organization, child).await.unwrap());
        assert!(store.forsaken_children(database.organization, parent.id, None, 10).await.unwrap().is_empty());
        assert!(all_awaited(database).await.is_empty());
    }
}
