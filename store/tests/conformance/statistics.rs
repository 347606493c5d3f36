//! What committers count is what the journal tells, whatever happens to those who write.

use std::collections::BTreeMap;

use futures::future::join_all;
use ids::{ExecutionId, OrganizationId, WorkerId, WorkflowId};
use store::{
    Bucket, Checkpoint, Measured, Measures, NewExecution, Patch, RollupBy, RollupQuery, RollupRow, Ruled, Ruling,
    SLICE_MS, Store, Sum, slice_of,
};

use crate::harness::{Database, EPOCH_MS, completed, failed, running};
use crate::line::Line;
use crate::on_both_databases;

/// Journal rows that each execution of the random run gets.
const ROWS: i32 = 7;
const STEPS: [&str; 3] = ["charge", "ship", "tell"];

/// Numbers that look random and are the same in each run.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (mixed ^ (mixed >> 27)) % below
    }

    fn index(&mut self, below: usize) -> usize {
        usize::try_from(self.throw(u64::try_from(below).unwrap())).unwrap()
    }
}

/// One thing that is counted, as the journal of these tests tells it.
type Told = (i16, String, Option<i64>);

fn all() -> Vec<Measured> {
    Measured::ALL.to_vec()
}

fn everything(by: RollupBy) -> RollupQuery {
    let (from, to) = (slice_of(EPOCH_MS) - 1, slice_of(EPOCH_MS) + 100);
    RollupQuery { from, to, workflows: None, folders: None, steps: None, what: all(), by }
}

fn counted(told: &[Told]) -> Measures {
    let mut measures = Measures::default();
    for (what, step, ms) in told {
        measures.count_step(Measured::try_from(*what).unwrap(), step, *ms);
    }
    measures
}

fn some(dice: &mut Dice) -> Vec<Told> {
    let one = |dice: &mut Dice| {
        let what = [Measured::StepSucceeded, Measured::StepFailed, Measured::StepRetried][dice.index(3)];
        let doublings = dice.throw(20) + 1;
        let ms = i64::try_from(dice.throw(1 << doublings)).unwrap();
        let ms = (what != Measured::StepRetried).then_some(ms);
        (what.code(), STEPS[dice.index(3)].to_owned(), ms)
    };
    (0..dice.throw(5)).map(|_| one(dice)).collect()
}

fn row_of(told: &[Told], checkpoint: Checkpoint) -> Checkpoint {
    Checkpoint { events: serde_json::to_string(told).unwrap(), measures: counted(told), ..checkpoint }
}

/// Writes one execution to its end through any of `stores`: some writes come twice, and some writers die.
async fn drive(database: &Database, stores: &[Store], line: Option<&Line>, new: NewExecution, seed: u64) {
    let (mut dice, worker) = (Dice(seed), WorkerId::new());
    let id = database.started(new).await;
    let claimed = database.store.claim(worker, &[id], database.now()).await.unwrap().remove(0);
    loop {
        let row = database.store.execution(claimed.organization_id, id).await.unwrap().unwrap();
        if row.status.is_ended() {
            return;
        }
        let patch = if row.seq >= ROWS - 1 { Patch::Ended(completed()) } else { running() };
        let told = some(&mut dice);
        let at_ms = EPOCH_MS + i64::try_from(dice.throw(4)).unwrap() * SLICE_MS;
        let checkpoint =
            Checkpoint { seq: row.seq, at_ms, ..row_of(&told, database.checkpoint(&claimed, worker, patch)) };
        let store = stores[dice.index(stores.len())].clone();
        match dice.throw(6) {
            // Whoever waits for it dies.
            0 => {
                let write = tokio::spawn(async move { store.commit(checkpoint).await });
                tokio::task::yield_now().await;
                write.abort();
                drop(write.await);
            }
            // Somebody writes the same, and one of both is too late.
            1 => {
                let other = stores[dice.index(stores.len())].clone();
                drop(tokio::join!(store.commit(checkpoint.clone()), other.commit(checkpoint)));
            }
            2 => {
                line.inspect(|line| line.lose_an_answer());
                drop(store.commit(checkpoint).await);
            }
            _nothing_happens => drop(store.commit(checkpoint).await),
        }
    }
}

type Numbers = BTreeMap<(WorkflowId, String, Measured, Bucket), Sum>;

/// What the journals of `executions` tell, by step and by part of time.
async fn brute_force(
    database: &Database,
    executions: &[(ExecutionId, WorkflowId)],
) -> (Numbers, BTreeMap<(i32, Measured, Bucket), Sum>) {
    let (mut by_step, mut by_time) = (Numbers::new(), BTreeMap::new());
    for (id, workflow) in executions {
        let rows = database.store.journal(database.organization, *id, 1, 100).await.unwrap();
        assert_eq!(rows.len(), usize::try_from(ROWS - 1).unwrap());
        for row in rows {
            let told: Vec<Told> = serde_json::from_str(&row.events).unwrap();
            let slice = slice_of(row.at_ms) - everything(RollupBy::Nothing).from;
            for (what, step, bucket, sum) in counted(&told).iter() {
                let add = |known: &mut Sum| *known = known.and(sum);
                by_step.entry((*workflow, step.to_owned(), what, bucket)).and_modify(add).or_insert(sum);
                let add = |known: &mut Sum| *known = known.and(sum);
                by_time.entry((slice, what, bucket)).and_modify(add).or_insert(sum);
            }
        }
    }
    (by_step, by_time)
}

async fn read(database: &Database, query: &RollupQuery) -> Vec<RollupRow> {
    database.store.rollups(database.organization, query).await.unwrap()
}

/// An execution of `workflow` that ends with these measures at this moment.
async fn ended(database: &Database, organization: OrganizationId, workflow: WorkflowId, told: &[Told], at_ms: i64) {
    let worker = WorkerId::new();
    let new = NewExecution { organization_id: organization, workflow_id: workflow, ..database.new_execution() };
    let id = database.started(new).await;
    let claimed = database.store.claim(worker, &[id], at_ms).await.unwrap().remove(0);
    let end = row_of(told, database.checkpoint(&claimed, worker, Patch::Ended(completed())));
    database.store.commit(Checkpoint { at_ms, ..end }).await.unwrap();
}

fn told(what: Measured, step: &str, ms: Option<i64>) -> Told {
    (what.code(), step.to_owned(), ms)
}

on_both_databases! {
    async fn numbers_are_what_the_journal_tells_though_writers_die_repeat_themselves_and_lose_answers(database: &Database) {
        let line = if database.is_postgresql() { Some(Line::to(database).await) } else { None };
        let mut stores = vec![database.store.clone()];
        if let Some(line) = &line {
            stores.extend([database.another_process().await, line.store(database).await]);
        }
        let workflows = [WorkflowId::new(), WorkflowId::new()];
        let new: Vec<NewExecution> = (0..40)
            .map(|number| NewExecution { workflow_id: workflows[number % 2], ..database.new_execution() })
            .collect();
        let executions: Vec<_> = new.iter().map(|new| (new.id, new.workflow_id)).collect();
        let runs = new.into_iter().zip(1..).map(|(new, seed)| drive(database, &stores, line.as_ref(), new, seed));
        join_all(runs).await;
        for store in &stores[1..] {
            store.close().await;
        }
        let (by_step, by_time) = brute_force(database, &executions).await;
        assert!(by_step.len() > 40, "much was counted: {by_step:?}");
        let read_steps = read(database, &everything(RollupBy::Step)).await.into_iter();
        let found: Numbers = read_steps.map(|row| ((row.workflow.unwrap(), row.step, row.what, row.bucket), row.sum)).collect();
        assert_eq!(found, by_step);
        let read_times = read(database, &everything(RollupBy::Time { width: 1 })).await.into_iter();
        let found: BTreeMap<_, _> = read_times.map(|row| ((row.part, row.what, row.bucket), row.sum)).collect();
        assert_eq!(found, by_time);
    }

    async fn numbers_are_told_of_the_time_the_workflows_and_the_steps_that_are_asked_for(database: &Database) {
        let (one, other) = (WorkflowId::new(), WorkflowId::new());
        let of = database.organization;
        let quick = [told(Measured::Allowed, "", Some(30)), told(Measured::StepSucceeded, "quick", Some(10))];
        let slow = [told(Measured::Failed, "", Some(3_000)), told(Measured::StepFailed, "slow", Some(2_000))];
        ended(database, of, one, &quick, EPOCH_MS).await;
        ended(database, of, one, &quick, EPOCH_MS + 2 * SLICE_MS).await;
        ended(database, of, other, &slow, EPOCH_MS + 3 * SLICE_MS).await;
        let from = slice_of(EPOCH_MS);
        let ends = RollupQuery { from, what: Measured::ENDS.to_vec(), ..everything(RollupBy::Nothing) };
        let count = async |query: &RollupQuery| -> i64 { read(database, query).await.iter().map(|row| row.sum.count).sum() };
        assert_eq!(count(&ends).await, 3);
        assert_eq!(count(&RollupQuery { to: from + 2, ..ends.clone() }).await, 1, "the end is left out");
        assert_eq!(count(&RollupQuery { from: from + 2, ..ends.clone() }).await, 2, "the start is not");
        assert_eq!(count(&RollupQuery { workflows: Some(vec![one]), ..ends.clone() }).await, 2);
        assert_eq!(count(&RollupQuery { workflows: Some(Vec::new()), ..ends.clone() }).await, 0);
        assert_eq!(count(&RollupQuery { folders: Some(vec!["nowhere".to_owned()]), ..ends.clone() }).await, 0);
        let parts = RollupQuery { by: RollupBy::Time { width: 2 }, ..ends.clone() };
        let mut parts: Vec<_> = read(database, &parts).await.iter().map(|row| (row.part, row.sum.count)).collect();
        parts.sort_unstable();
        assert_eq!(parts, [(0, 1), (1, 1), (1, 1)], "two parts, and two ways to end in the second");
        let of_steps = RollupQuery { what: Measured::OF_STEPS.to_vec(), by: RollupBy::Step, ..ends };
        let slowest = database.store.slowest_steps(of, &of_steps, 10).await.unwrap();
        assert_eq!(slowest, [(other, "slow".to_owned()), (one, "quick".to_owned())]);
        let of_one = RollupQuery { steps: Some(slowest[1..].to_vec()), ..of_steps.clone() };
        let rows = read(database, &of_one).await;
        let sum = Sum { count: 2, total_ms: 20, least_ms: 10, most_ms: 10 };
        assert_eq!(rows.iter().map(|row| (row.step.as_str(), row.sum)).collect::<Vec<_>>(), [("quick", sum)]);
        assert_eq!(count(&RollupQuery { steps: Some(Vec::new()), ..of_steps }).await, 0);
    }

    async fn what_is_older_than_a_moment_is_forgotten_in_small_groups(database: &Database) {
        let (of, workflow) = (database.organization, WorkflowId::new());
        let other = database.store.ensure_organization("other", "Other", 1).await.unwrap();
        for (organization, at_ms) in [(of, 0), (of, SLICE_MS), (of, 2 * SLICE_MS), (other, 0)] {
            let ends = [told(Measured::Executed, "", Some(1))];
            ended(database, organization, workflow, &ends, EPOCH_MS + at_ms).await;
        }
        let before = EPOCH_MS + 2 * SLICE_MS + 1;
        assert_eq!(database.store.forget_rollups(of, before, 1).await.unwrap(), 1);
        assert_eq!(database.store.forget_rollups(of, before, 10).await.unwrap(), 1);
        assert_eq!(database.store.forget_rollups(of, before, 10).await.unwrap(), 0, "the slice of the moment stays");
        assert_eq!(read(database, &everything(RollupBy::Nothing)).await.len(), 1);
        assert_eq!(database.store.rollups(other, &everything(RollupBy::Nothing)).await.unwrap().len(), 1);
    }

    async fn an_execution_that_people_end_is_counted_once(database: &Database) {
        let worker = WorkerId::new();
        let claimed = database.claimed(worker).await;
        let waiting = database.started(database.new_execution()).await;
        let at_ms = claimed.started_at_ms + 500;
        for (execution_id, what) in [(claimed.id, Ruled::Ended(failed())), (waiting, Ruled::Ended(failed()))] {
            let (organization_id, events, sends) = (database.organization, "[]".to_owned(), Vec::new());
            let ruling = Ruling { organization_id, execution_id, seq: 1, events, at_ms, what, sends };
            assert!(database.store.rule(&ruling).await.unwrap().is_some());
            assert!(database.store.rule(&ruling).await.unwrap().is_none(), "it has ended");
        }
        let rows = read(database, &everything(RollupBy::Nothing)).await;
        let mut found: Vec<_> = rows.iter().map(|row| (row.what, row.bucket, row.sum)).collect();
        found.sort_by_key(|(_, bucket, _)| *bucket);
        let expected = [
            (Measured::Failed, Bucket::NONE, Sum::one(0)),
            (Measured::Failed, Bucket::of_ms(500), Sum::one(500)),
        ];
        assert_eq!(found, expected, "one was never started, so it took no time");
    }
}
