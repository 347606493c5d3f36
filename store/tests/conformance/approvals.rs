use ids::{ApprovalId, ExecutionId, WorkerId};
use store::{
    ApprovalChange, ApprovalFilter, ApprovalNote, ApprovalOrder, ApprovalRow, ApprovalStatus, ApprovalTimes,
    ApprovalWrites, Checkpoint, Claimed, CommitOutcome, Decider, DecisionOutcome, ExecutionStatus, NewApproval,
    NewDecision, NewExecution, PageRequest, Patch,
};

use crate::harness::{Database, completed, parked};
use crate::on_both_databases;

/// Deciders of one race.
const DECIDERS: usize = 50;

/// Races of each sort: as many as the variable `SLUICE_RACES` says, otherwise eight.
fn races() -> usize {
    std::env::var("SLUICE_RACES").map_or(8, |number| number.parse().unwrap())
}

pub fn new_approval(database: &Database) -> NewApproval {
    NewApproval {
        id: ApprovalId::new(),
        step_path: "ask".to_owned(),
        status: ApprovalStatus::Pending,
        request: r#"{"reason":"\u0000 is a lot","quorum":1}"#.to_owned(),
        entity: Some("order".to_owned()),
        entity_id: Some("o-1".to_owned()),
        quorum: 1,
        allow_self: false,
        requested_at_ms: database.now(),
        expires_at_ms: None,
        remind_at_ms: Some(7),
        escalate_at_ms: Some(8),
        escalated_role: None,
        mail_at_ms: None,
        assignees: vec!["role:manager".to_owned(), "user:ada@example.com".to_owned()],
    }
}

pub fn opens(new: NewApproval) -> ApprovalWrites {
    ApprovalWrites { opened: vec![new], ..ApprovalWrites::default() }
}

fn closes(id: ApprovalId, status: ApprovalStatus, at_ms: i64) -> ApprovalWrites {
    let change = ApprovalChange { status: Some(status), ..ApprovalChange::of(id, at_ms) };
    ApprovalWrites { changed: vec![change], ..ApprovalWrites::default() }
}

/// An execution that waits for people.
pub async fn asks(database: &Database, new: NewApproval) -> (ExecutionId, ApprovalId) {
    let (worker, id) = (WorkerId::new(), new.id);
    let claimed = database.claimed(worker).await;
    let checkpoint = Checkpoint { approvals: opens(new), ..database.checkpoint(&claimed, worker, parked(&[])) };
    assert_eq!(
        database.store.commit(checkpoint).await.unwrap(),
        CommitOutcome::Committed { seq: claimed.seq + 1, signals: 0 }
    );
    (claimed.id, id)
}

pub fn says(database: &Database, id: ApprovalId, person: &str, approves: bool) -> NewDecision {
    NewDecision {
        organization_id: database.organization,
        approval_id: id,
        revision: 1,
        person: person.to_owned(),
        on_behalf_of: None,
        link: None,
        actor: person.to_owned(),
        approves,
        reason: Some(format!("{person} says so")),
        form: Some("{}".to_owned()),
        channel: "api",
        signal: format!("\"{person}\""),
        at_ms: database.now(),
    }
}

async fn found(database: &Database, id: ApprovalId) -> ApprovalRow {
    database.store.approval(database.organization, id).await.unwrap().unwrap()
}

async fn kinds(database: &Database, id: ApprovalId) -> Vec<String> {
    let events = database.store.approval_events(database.organization, &[id], 100).await.unwrap();
    events.into_iter().map(|event| event.kind).collect()
}

async fn listed(database: &Database, filter: ApprovalFilter) -> Vec<ApprovalId> {
    let (store, organization) = (&database.store, database.organization);
    let order = ApprovalOrder::default();
    let page = store.approvals(organization, &filter, order, &PageRequest::first(50)).await.unwrap();
    let ids: Vec<_> = page.rows.into_iter().map(|(_cursor, row)| row.id).collect();
    assert_eq!(store.count_approvals(organization, &filter).await.unwrap(), (ids.len() as u64, true));
    ids
}

async fn claim_again(database: &Database, worker: WorkerId, id: ExecutionId) -> Claimed {
    database.store.claim(worker, &[id], database.now()).await.unwrap().remove(0)
}

on_both_databases! {
    async fn an_approval_is_there_with_the_checkpoint_that_opened_it(database: &Database) {
        let (execution, id) = asks(database, new_approval(database)).await;
        let row = found(database, id).await;
        assert_eq!((row.execution_id, row.status, row.votes, row.revision), (execution, ApprovalStatus::Pending, 0, 1));
        assert_eq!((row.requester.as_str(), row.entity_id.as_deref()), ("usr_test", Some("o-1")));
        assert_eq!((row.remind_at_ms, row.escalate_at_ms, row.decided_at_ms), (Some(7), Some(8), None));
        assert_eq!(row.request, r#"{"reason":"\u0000 is a lot","quorum":1}"#);
        let assignees = database.store.approval_assignees(database.organization, &[id]).await.unwrap();
        assert_eq!(assignees, [(id, "role:manager".to_owned()), (id, "user:ada@example.com".to_owned())]);
        assert_eq!(kinds(database, id).await, ["requested"]);

        // A checkpoint that comes too late opens nothing.
        let (worker, late) = (WorkerId::new(), new_approval(database));
        let claimed = database.claimed(worker).await;
        let late_id = late.id;
        let checkpoint = Checkpoint {
            epoch: claimed.epoch + 1, approvals: opens(late), ..database.checkpoint(&claimed, worker, parked(&[]))
        };
        assert_eq!(database.store.commit(checkpoint).await.unwrap(), CommitOutcome::Fenced);
        assert_eq!(database.store.approval(database.organization, late_id).await.unwrap(), None);
    }

    async fn on_whose_behalf_is_told_by_whoever_started_the_first_of_several_executions(database: &Database) {
        let root = NewExecution { started_by: "usr_ada".to_owned(), ..database.new_execution() };
        let child = NewExecution { parent_id: Some(root.id), started_by: "sys_engine".to_owned(), ..database.new_execution() };
        let grandchild = NewExecution { parent_id: Some(child.id), ..child.clone() };
        let grandchild = NewExecution { id: ExecutionId::new(), ..grandchild };
        for new in [root, child, grandchild.clone()] {
            database.started(new).await;
        }
        let (worker, new) = (WorkerId::new(), new_approval(database));
        let claimed = claim_again(database, worker, grandchild.id).await;
        let id = new.id;
        let checkpoint = Checkpoint { approvals: opens(new), ..database.checkpoint(&claimed, worker, parked(&[])) };
        database.store.commit(checkpoint).await.unwrap();
        assert_eq!(found(database, id).await.requester, "usr_ada");
    }

    async fn a_decision_is_recorded_with_what_wakes_the_execution(database: &Database) {
        let (execution, id) = asks(database, new_approval(database)).await;
        let outcome = database.store.decide_approval(says(database, id, "usr_ada", true)).await.unwrap();
        let DecisionOutcome::Recorded { approval, woken } = outcome else { panic!("{outcome:?}") };
        assert_eq!((approval.status, approval.decided_by.as_deref()), (ApprovalStatus::Approved, Some("usr_ada")));
        assert_eq!((woken.runnable.len(), woken.runnable[0].id, woken.running.len()), (1, execution, 0));
        assert_eq!(found(database, id).await, *approval);
        let row = database.store.execution(database.organization, execution).await.unwrap().unwrap();
        assert_eq!(row.status, ExecutionStatus::Queued);
        let signals = database.store.signals(database.organization, execution).await.unwrap();
        assert_eq!(signals.iter().map(|signal| signal.data.as_str()).collect::<Vec<_>>(), ["\"usr_ada\""]);
        let claimed = claim_again(database, WorkerId::new(), execution).await;
        assert_eq!(claimed.signals, 1, "it is counted, so nobody has to deliver it");
        assert_eq!(kinds(database, id).await, ["requested", "decided"]);

        let second = database.store.decide_approval(says(database, id, "usr_bob", false)).await.unwrap();
        assert_eq!(second, DecisionOutcome::Closed(approval), "one decision, ever");
        let decisions = database.store.approval_decisions(database.organization, &[id], 10).await.unwrap();
        assert_eq!(decisions.iter().map(|one| (one.person.as_str(), one.closes)).collect::<Vec<_>>(), [("usr_ada", true)]);
    }

    async fn of_fifty_who_decide_at_once_one_does(database: &Database) {
        for _race in 0..races() {
            let (execution, id) = asks(database, new_approval(database)).await;
            // An SQLite file has one process.
            let other = if database.is_postgresql() { database.another_process().await } else { database.store.clone() };
            let deciding = (0..DECIDERS).map(|number| {
                let decision = says(database, id, &format!("usr_{number}"), number % 2 == 0);
                let store = if number % 3 == 0 { other.clone() } else { database.store.clone() };
                tokio::spawn(async move { (decision.person.clone(), store.decide_approval(decision).await.unwrap()) })
            });
            let deciding: Vec<_> = deciding.collect();
            let (mut winners, mut told) = (Vec::new(), Vec::new());
            for decided in deciding {
                match decided.await.unwrap() {
                    (person, DecisionOutcome::Recorded { .. }) => winners.push(person),
                    (_loser, DecisionOutcome::Closed(row)) => told.push(row.decided_by.unwrap()),
                    (_person, other) => panic!("{other:?}"),
                }
            }
            assert_eq!((winners.len(), told.len()), (1, DECIDERS - 1));
            assert!(told.iter().all(|winner| *winner == winners[0]), "each loser is told who was first");
            assert_eq!(found(database, id).await.decided_by.as_ref(), Some(&winners[0]));
            assert_eq!(database.store.signals(database.organization, execution).await.unwrap().len(), 1);
            if database.is_postgresql() {
                other.close().await;
            }
        }
    }

    async fn of_a_decision_and_an_expiry_at_the_same_moment_one_counts(database: &Database) {
        let (races, mut decided, mut expired) = (races() * 4, 0, 0);
        for race in 0..races {
            let (execution, id) = asks(database, new_approval(database)).await;
            let worker = WorkerId::new();
            // Its time wakes it.
            database.damage("update execution set status = 0 where status = 2").await;
            let claimed = claim_again(database, worker, execution).await;
            let expiry = Checkpoint {
                approvals: closes(id, ApprovalStatus::Expired, database.now()),
                told_at_most: Some(0),
                ..database.checkpoint(&claimed, worker, parked(&[]))
            };
            let decision = database.store.decide_approval(says(database, id, "usr_ada", true));
            let (committed, outcome) = if race % 2 == 0 {
                tokio::join!(database.store.commit(expiry), decision)
            } else {
                let (outcome, committed) = tokio::join!(decision, database.store.commit(expiry));
                (committed, outcome)
            };
            let row = found(database, id).await;
            match (committed.unwrap(), outcome.unwrap()) {
                (CommitOutcome::Committed { .. }, DecisionOutcome::Closed(closed)) => {
                    assert_eq!((closed.status, row.status), (ApprovalStatus::Expired, ApprovalStatus::Expired));
                    expired += 1;
                }
                (CommitOutcome::Fenced, DecisionOutcome::Recorded { .. }) => {
                    assert_eq!(row.status, ApprovalStatus::Approved);
                    decided += 1;
                }
                both => panic!("{both:?}"),
            }
        }
        assert_eq!(decided + expired, races);
    }

    async fn as_many_people_as_it_takes_have_to_agree_and_one_can_refuse(database: &Database) {
        let quorum = NewApproval { quorum: 2, ..new_approval(database) };
        let (execution, id) = asks(database, quorum.clone()).await;
        let first = database.store.decide_approval(says(database, id, "usr_ada", true)).await.unwrap();
        assert!(matches!(&first, DecisionOutcome::Recorded { approval, .. }
            if approval.status == ApprovalStatus::Pending && approval.votes == 1), "{first:?}");
        let again = database.store.decide_approval(says(database, id, "usr_ada", true)).await.unwrap();
        assert!(matches!(again, DecisionOutcome::DecidedBefore(_)), "{again:?}");
        let second = database.store.decide_approval(says(database, id, "usr_bob", true)).await.unwrap();
        assert!(matches!(&second, DecisionOutcome::Recorded { approval, .. }
            if approval.status == ApprovalStatus::Approved && approval.votes == 2), "{second:?}");
        assert_eq!(database.store.signals(database.organization, execution).await.unwrap().len(), 2);

        let (_execution, id) = asks(database, NewApproval { id: ApprovalId::new(), ..quorum }).await;
        database.store.decide_approval(says(database, id, "usr_ada", true)).await.unwrap();
        let refused = database.store.decide_approval(says(database, id, "usr_bob", false)).await.unwrap();
        assert!(matches!(&refused, DecisionOutcome::Recorded { approval, .. }
            if approval.status == ApprovalStatus::Rejected), "{refused:?}");
    }

    async fn what_is_over_ended_unknown_or_has_moved_on_is_not_decided(database: &Database) {
        let (store, moment) = (&database.store, database.now() + 1_000);
        let expires = NewApproval { expires_at_ms: Some(moment), ..new_approval(database) };
        let (_execution, id) = asks(database, expires).await;
        let on_time = NewDecision { at_ms: moment, ..says(database, id, "usr_ada", true) };
        let outcome = store.decide_approval(on_time.clone()).await.unwrap();
        assert!(matches!(&outcome, DecisionOutcome::Closed(row) if row.status == ApprovalStatus::Pending), "{outcome:?}");
        let moved = NewDecision { revision: 0, at_ms: moment - 1, ..on_time.clone() };
        assert_eq!(store.decide_approval(moved).await.unwrap(), DecisionOutcome::Moved);
        let unknown = NewDecision { approval_id: ApprovalId::new(), ..on_time.clone() };
        assert_eq!(store.decide_approval(unknown).await.unwrap(), DecisionOutcome::Unknown);
        assert_eq!(found(database, id).await.votes, 0);
        let in_time = NewDecision { at_ms: moment - 1, ..on_time };
        assert!(matches!(store.decide_approval(in_time).await.unwrap(), DecisionOutcome::Recorded { .. }));

        // One whose execution has ended without taking it back.
        let (execution, id) = asks(database, new_approval(database)).await;
        database.damage("update execution set status = 0 where status = 2").await;
        let worker = WorkerId::new();
        let claimed = claim_again(database, worker, execution).await;
        store.commit(database.checkpoint(&claimed, worker, Patch::Ended(completed()))).await.unwrap();
        let outcome = store.decide_approval(says(database, id, "usr_ada", true)).await.unwrap();
        assert!(matches!(outcome, DecisionOutcome::Closed(_)), "{outcome:?}");
    }

    async fn a_checkpoint_reminds_escalates_and_withdraws(database: &Database) {
        let (execution, id) = asks(database, new_approval(database)).await;
        database.damage("update execution set status = 0 where status = 2").await;
        let worker = WorkerId::new();
        let claimed = claim_again(database, worker, execution).await;
        let role = Some("director".to_owned());
        assert_eq!(database.store.approvals_to_mail(i64::MAX, 10).await.unwrap(), []);
        let change = ApprovalChange { escalated_role: role.clone(), remind_at_ms: Some(99), mail_at_ms: Some(50), ..ApprovalChange::of(id, 50) };
        let noted = ApprovalNote { id, kind: "escalated", detail: role, at_ms: 50 };
        let approvals = ApprovalWrites { changed: vec![change], noted: vec![noted], ..ApprovalWrites::default() };
        let checkpoint = Checkpoint { approvals, ..database.checkpoint(&claimed, worker, crate::harness::running()) };
        database.store.commit(checkpoint).await.unwrap();
        let row = found(database, id).await;
        assert_eq!((row.status, row.revision), (ApprovalStatus::Pending, 2));
        assert_eq!((row.remind_at_ms, row.escalate_at_ms, row.escalated_role.as_deref()), (Some(99), None, Some("director")));
        let assignees = database.store.approval_assignees(database.organization, &[id]).await.unwrap();
        assert!(assignees.contains(&(id, "role:director".to_owned())), "{assignees:?}");
        assert_eq!(database.store.approvals_to_mail(49, 10).await.unwrap(), []);
        assert_eq!(database.store.approvals_to_mail(50, 10).await.unwrap(), [row], "whoever may decide is owed a mail");

        let withdraws = ApprovalWrites { withdraws_all: true, ..ApprovalWrites::default() };
        let end = Checkpoint {
            seq: claimed.seq + 1, approvals: withdraws,
            ..database.checkpoint(&claimed, worker, Patch::Ended(completed()))
        };
        database.store.commit(end).await.unwrap();
        let row = found(database, id).await;
        assert_eq!(row.status, ApprovalStatus::Cancelled);
        assert!(row.decided_at_ms.is_some());
        assert_eq!(kinds(database, id).await, ["requested", "escalated", "cancelled"]);
    }

    async fn what_is_due_of_an_approval_stands_still_and_is_due_later(database: &Database) {
        let (execution, id) = asks(database, new_approval(database)).await;
        let before = found(database, id).await;
        let put_off = async |at_ms: i64, times: ApprovalTimes| {
            database.damage("update execution set status = 0 where status = 2").await;
            let worker = WorkerId::new();
            let claimed = claim_again(database, worker, execution).await;
            let change = ApprovalChange { times: Some(times), ..ApprovalChange::of(id, at_ms) };
            let approvals = ApprovalWrites { changed: vec![change], ..ApprovalWrites::default() };
            let checkpoint = Checkpoint { approvals, ..database.checkpoint(&claimed, worker, parked(&[])) };
            database.store.commit(checkpoint).await.unwrap();
            found(database, id).await
        };
        let row = put_off(50, ApprovalTimes::default()).await;
        assert_eq!((row.expires_at_ms, row.remind_at_ms, row.escalate_at_ms), (None, None, None));
        assert!(row.is_open(i64::MAX), "nobody is too late while it stands still");
        let times = ApprovalTimes { expires_at_ms: Some(900), remind_at_ms: None, escalate_at_ms: Some(700) };
        let row = put_off(60, times).await;
        assert_eq!((row.expires_at_ms, row.remind_at_ms, row.escalate_at_ms), (Some(900), None, Some(700)));
        assert_eq!((row.status, row.decided_at_ms, row.requested_at_ms), (before.status, None, before.requested_at_ms));
    }

    async fn people_find_what_they_may_decide(database: &Database) {
        let (_execution, id) = asks(database, new_approval(database)).await;
        let over = NewApproval { expires_at_ms: Some(1), entity_id: Some("o-2".to_owned()), ..new_approval(database) };
        let (other, over) = asks(database, NewApproval { id: ApprovalId::new(), ..over }).await;
        let ada = Decider {
            assignees: Some(vec!["role:manager".to_owned()]),
            person: "usr_ada".to_owned(),
            own: vec!["usr_ada".to_owned()],
            stands_for: Vec::new(),
            now_ms: database.now(),
        };
        let mine = |decider: &Decider| ApprovalFilter { decidable: Some(decider.clone()), ..ApprovalFilter::default() };
        assert_eq!(listed(database, mine(&ada)).await, [id], "what is over is nobody's");
        let clerk = Decider { assignees: Some(vec!["role:clerk".to_owned()]), ..ada.clone() };
        assert!(listed(database, mine(&clerk)).await.is_empty());
        let starter = Decider { own: vec!["usr_test".to_owned()], ..ada.clone() };
        assert!(listed(database, mine(&starter)).await.is_empty(), "it is their own");
        let everybody = Decider { assignees: None, own: vec!["usr_test".to_owned()], ..ada.clone() };
        assert_eq!(listed(database, mine(&everybody)).await, [id]);

        let all = ApprovalFilter::default();
        assert_eq!(listed(database, all.clone()).await.len(), 2);
        assert_eq!(listed(database, ApprovalFilter { execution_id: Some(other), ..all.clone() }).await, [over]);
        assert_eq!(listed(database, ApprovalFilter { entity_id: Some("o-1".to_owned()), ..all.clone() }).await, [id]);
        assert_eq!(listed(database, ApprovalFilter { search: Some("ORDER o-2".to_owned()), ..all.clone() }).await, [over]);
        let now_ms = database.now();
        assert_eq!(listed(database, ApprovalFilter { overdue: Some((true, now_ms)), ..all.clone() }).await, [over]);
        assert_eq!(listed(database, ApprovalFilter { overdue: Some((false, now_ms)), ..all.clone() }).await, [id]);
        database.store.decide_approval(says(database, id, "usr_ada", true)).await.unwrap();
        assert!(listed(database, mine(&ada)).await.is_empty());
        let approved = ApprovalFilter { statuses: Some(vec![ApprovalStatus::Approved]), ..all };
        assert_eq!(listed(database, approved).await, [id]);
    }
}
