//! One history: chaos first, then quiet, then everything has to have ended.

use std::sync::Arc;
use std::time::Duration;

use engine::Timestamp;
use engine::definition::{ResumeWhen, resume_when};
use engine::machine::{self, Signal, Status};
use engine::plan::{Plan, Settings};
use serde_json::{Value, json};

use crate::database::{Database, ExecutionNo, is_at_rest};
use crate::definitions::{EVENTS, Extras, definition};
use crate::fault::Fault;
use crate::fleet::{Fleet, Step};
use crate::invariants::{self, Violation};
use crate::rng::Rng;
use crate::told::Told;
use crate::world::{LEASE, START, World};

/// What is due from here on is never due, Unix milliseconds.
const END_OF_TIME: i64 = i64::MAX - 1_000_000_000;
/// Steps of the quiet phase within which everything has to end.
const QUIET_STEPS: usize = 30_000;

/// Leaps through time after which those who wait are helped although something will still be due.
const PATIENCE_IN_LEAPS: u32 = 25;

/// One of so many histories has rates: the others are drawn as they always were, so that their seeds stay good.
const WITH_RATES: u64 = 5;

/// One of so many histories has definitions that load what they read, for the same reason.
const WITH_PARTS: u64 = 10;

/// In one of so many people retry what failed, for the same reason.
const WITH_RETRIES: u64 = 5;

/// Retries of one execution at most: everything has to end.
const MOST_RETRIES: u32 = 3;

/// What came of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The number that it follows from.
    pub seed: u64,
    /// The first invariant that did not hold.
    pub violation: Option<Violation>,
    /// What happened, when it was asked for.
    pub lines: Vec<String>,
    /// Executions that were accepted.
    pub executions: usize,
    /// Commits that were written.
    pub commits: usize,
    /// Calls that reached the other side.
    pub calls: usize,
}

/// Runs the history of `seed`.
#[must_use]
pub fn run(seed: u64, fault: Option<Fault>, recording: Recording) -> Outcome {
    let mut rng = Rng::new(seed);
    let extras = Extras { rates: seed % WITH_RATES == 3, parts: seed % WITH_PARTS == 1 };
    let workflows = 1 + rng.index(3);
    let workflows: Vec<Arc<Plan>> = (0..workflows)
        .filter_map(|own| {
            let settings = Settings { default_timeout: Duration::from_mins(5) };
            Plan::new(definition(&mut rng, own, workflows, extras), settings).ok().map(Arc::new)
        })
        .collect();
    let world = World {
        database: Database::new(fault),
        queue: Vec::new(),
        calls: std::collections::BTreeMap::new(),
        errands: Vec::new(),
        outside: std::collections::BTreeMap::new(),
        leases: std::collections::BTreeMap::new(),
        bells: std::collections::BTreeSet::new(),
        rng,
        now: START,
        workflows,
        fault,
        is_quiet: false,
        has_rates: extras.rates,
        has_retries: seed % WITH_RETRIES == 4,
        violation: None,
        lines: matches!(recording, Recording::Lines).then(Vec::new),
        last_number: 0,
    };
    let mut fleet = Fleet::new(world);
    chaos(&mut fleet);
    quiet(&mut fleet);
    let world = fleet.world;
    Outcome {
        seed,
        violation: world.violation,
        lines: world.lines.unwrap_or_default(),
        executions: world.database.executions.len(),
        commits: world.database.executions.iter().map(|row| row.journal.len()).sum(),
        calls: world.outside.values().map(|seen| seen.by.len()).sum(),
    }
}

/// Whether the lines of a history are kept: a long search does without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recording {
    /// Nobody reads them.
    None,
    /// For the tail that is printed.
    Lines,
}

fn input(rng: &mut Rng) -> Value {
    json!({ "n": rng.below(3), "names": ["a"], "order": { "id": 7 + rng.below(2) } })
}

fn chaos(fleet: &mut Fleet) {
    let workers = 1 + fleet.world.rng.index(3);
    (0..workers).for_each(|_| fleet.add_worker());
    let starts = 1 + fleet.world.rng.index(3);
    (0..starts).for_each(|_| start(&mut fleet.world));
    let steps = 100 + fleet.world.rng.below(400);
    for _ in 0..steps {
        if fleet.world.violation.is_some() {
            return;
        }
        match fleet.world.rng.below(100) {
            0..=17 => pass_time(fleet),
            18 | 19 => misfortune(fleet),
            20..=22 => people(&mut fleet.world),
            23 | 24 => event(&mut fleet.world),
            25 if fleet.world.rng.chance(30) => start(&mut fleet.world),
            _ => {
                let steps = fleet.steps();
                step(fleet, &steps);
            }
        }
    }
}

fn start(world: &mut World) {
    let workflow = world.rng.index(world.workflows.len());
    let input = input(&mut world.rng);
    let _execution = world.start(workflow, input, None, None);
}

fn step(fleet: &mut Fleet, steps: &[(u64, Step)]) {
    let mut at = fleet.world.rng.below(steps.iter().map(|(weight, _)| weight).sum());
    for (weight, step) in steps {
        if at < *weight {
            return fleet.take(*step);
        }
        at -= weight;
    }
}

fn pass_time(fleet: &mut Fleet) {
    let rng = &mut fleet.world.rng;
    let millis = match rng.below(40) {
        0..=24 => rng.millis(1, 200),
        25..=36 => rng.millis(200, 3_000),
        37 | 38 => rng.millis(3_000, 20_000),
        _ => rng.millis(20_000, 4 * 60 * 60 * 1_000),
    };
    fleet.world.now.0 += millis;
    // Heartbeats are a task of their own: only a stall or a leap keeps a worker from them.
    if millis < 5_000 {
        beat_all(fleet);
    }
}

fn beat_all(fleet: &mut Fleet) {
    let now = fleet.world.now;
    for worker in &fleet.workers {
        if worker.stalled_until.is_none_or(|until| until <= now) {
            fleet.world.beat(worker.number);
        }
    }
}

fn misfortune(fleet: &mut Fleet) {
    let kind = fleet.world.rng.below(6);
    if fleet.workers.is_empty() || kind == 0 {
        if fleet.workers.len() < 4 {
            fleet.add_worker();
        }
        return;
    }
    let at = fleet.world.rng.index(fleet.workers.len());
    match kind {
        1 | 2 => fleet.crash(at),
        3 => {
            let until = Timestamp(fleet.world.now.0 + fleet.world.rng.millis(1_000, 30_000));
            let worker = &mut fleet.workers[at];
            worker.stalled_until = Some(until);
            fleet.world.note(|| format!("worker {} stalls", worker.number));
        }
        4 => {
            fleet.world.note(|| "the queue is emptied".to_owned());
            fleet.world.queue.clear();
        }
        _ => {
            let worker = &mut fleet.workers[at];
            worker.hands_back = worker.is_leaving;
            worker.is_leaving = true;
            fleet.world.note(|| format!("worker {} shuts down", worker.number));
        }
    }
}

fn people(world: &mut World) {
    if world.has_retries && world.rng.chance(30) {
        return match world.rng.below(10) {
            0..=4 => retry(world),
            5 => skip(world),
            6 => terminate(world),
            7 | 8 => pause_for_a_while(world),
            _ => signal(world),
        };
    }
    let live: Vec<(ExecutionNo, Status)> = world.database.live().map(|(number, row)| (number, row.status)).collect();
    let Some((execution, status)) = world.rng.pick(&live) else { return };
    match world.rng.below(10) {
        0..=2 => world.tell(execution, &pause(execution)),
        3..=5 if status == Status::Paused || world.rng.chance(20) => {
            let at_step = if world.rng.chance(20) { first_step(world, execution) } else { None };
            world.tell(execution, &Told::Resume { at_step });
        }
        6 => world.tell(execution, &Told::Cancel),
        _ => decide(world, execution),
    }
}

/// Somebody retries one that has failed.
fn retry(world: &mut World) {
    let rows = world.database.executions.iter().enumerate();
    let failed = rows.filter(|(_, row)| row.status == Status::Failed && row.retries < MOST_RETRIES);
    let failed: Vec<ExecutionNo> = failed.map(|(number, _)| number).collect();
    let Some(execution) = world.rng.pick(&failed) else { return };
    if world.database.retry(execution, world.now) {
        world.note(|| format!("exe_{execution} is retried"));
        world.push(execution);
    }
}

/// To begin no further step. Drawn without chance, so that seeds of before stay good.
const fn pause(execution: ExecutionNo) -> Told {
    Told::Pause { freezes: !execution.is_multiple_of(4) }
}

/// Somebody pauses one until a moment, until an event, or until whichever comes first.
fn pause_for_a_while(world: &mut World) {
    let live: Vec<ExecutionNo> = world.database.live().map(|(number, _)| number).collect();
    let Some(execution) = world.rng.pick(&live) else { return };
    let due_at = world.now.0 + world.rng.millis(1, 20_000);
    let ends = world.rng.below(3);
    let (due_at, when) = ((ends != 1).then_some(due_at), (ends != 0).then(|| event_that_resumes(world)));
    world.tell(execution, &pause(execution));
    world.tell(execution, &Told::ScheduleResume { due_at, when });
}

fn event_that_resumes(world: &mut World) -> ResumeWhen {
    let event = world.rng.word(&["order.paid", "job.done", "order.*"]);
    let matching = if world.rng.chance(50) { Some(json!({ "order.id": 7 })) } else { None };
    let condition = if world.rng.chance(30) { Some(json!({ "expression": "event.order.id > 7" })) } else { None };
    let when = resume_when(event, matching.as_ref(), condition.as_ref()).expect("it is written as it has to be");
    ResumeWhen { since: Some(world.now), ..when }
}

/// Somebody sends one a signal, perhaps one that was sent before.
fn signal(world: &mut World) {
    let live: Vec<ExecutionNo> = world.database.live().map(|(number, _)| number).collect();
    let Some(execution) = world.rng.pick(&live) else { return };
    let (id, name) = (format!("sig_{}", world.rng.below(4)), world.rng.word(&EVENTS).to_owned());
    let what = Signal::Named { id, name, data: json!({ "order": { "id": 7 } }), at: Some(world.now) };
    world.tell(execution, &Told::Signal { what });
}

/// Somebody lets one go on without a step that waits.
fn skip(world: &mut World) {
    let live: Vec<ExecutionNo> = world.database.live().map(|(number, _)| number).collect();
    let Some(execution) = world.rng.pick(&live) else { return };
    let Some(row) = world.database.executions.get(execution) else { return };
    let waits = machine::waits(&row.plan, &row.origin, &row.fold());
    let paths: Vec<String> =
        waits.into_iter().map(|wait| wait.step_path.to_string()).filter(|path| !path.is_empty()).collect();
    let Some(path) = paths.get(world.rng.index(paths.len())).cloned() else { return };
    world.tell(execution, &Told::SkipStep { path });
}

/// Somebody ends one that no worker has.
fn terminate(world: &mut World) {
    let since = Timestamp(world.now.0 - i64::try_from(LEASE.as_millis()).unwrap_or(i64::MAX));
    let live: Vec<ExecutionNo> = world.database.live().map(|(number, _)| number).collect();
    let Some(execution) = world.rng.pick(&live) else { return };
    let Some((children, parent)) = world.database.terminate(execution, since, world.now) else { return };
    world.note(|| format!("exe_{execution} is terminated"));
    for child in crate::calls::numbers(&children) {
        world.tell(child, &Told::Cancel);
    }
    if let Some((parent, what)) = parent {
        world.tell(parent, &Told::Signal { what });
    }
}

fn first_step(world: &World, execution: ExecutionNo) -> Option<String> {
    world.database.executions.get(execution).map(|row| row.plan.entry().id.clone())
}

/// Somebody answers an approval, perhaps one that another answers too.
fn decide(world: &mut World, execution: ExecutionNo) {
    let Some(row) = world.database.executions.get(execution) else { return };
    let open: Vec<String> = row.fold().approvals().keys().cloned().collect();
    let Some(approval) = open.get(world.rng.index(open.len())).cloned() else { return };
    let approved = world.rng.chance(60);
    let by = world.rng.word(&["ann", "bob"]).to_owned();
    let what = Signal::Approval { approval, approved, by, reason: None, form: Value::Null, at: None };
    world.tell(execution, &Told::Signal { what });
}

fn event(world: &mut World) {
    let name = world.rng.word(&EVENTS);
    let payload = if world.rng.chance(80) { json!({ "order": { "id": 7 + world.rng.below(2) } }) } else { json!({}) };
    world.emit(name, &payload);
}

/// No fault, no people, only time: everything must come to its end, with help where it waits for somebody.
fn quiet(fleet: &mut Fleet) {
    fleet.world.is_quiet = true;
    fleet.world.note(|| "nothing goes wrong any more".to_owned());
    for worker in &mut fleet.workers {
        (worker.stalled_until, worker.hands_back) = (None, worker.is_leaving);
    }
    fleet.add_worker();
    let mut leaps = 0_u32;
    for _ in 0..QUIET_STEPS {
        if fleet.world.violation.is_some() || fleet.world.database.live().next().is_none() {
            return finish(fleet);
        }
        let steps = fleet.steps();
        let moving: Vec<(u64, Step)> =
            steps.into_iter().filter(|(_, step)| !matches!(step, Step::Reconcile(_) | Step::Beat(_))).collect();
        if !moving.is_empty() {
            step(fleet, &moving);
            continue;
        }
        for reconciler in crate::fleet::Reconciler::ALL {
            fleet.take(Step::Reconcile(reconciler));
        }
        if fleet.steps().len() > crate::fleet::Reconciler::ALL.len() + fleet.workers.len() {
            continue;
        }
        let has_leapt = leap(fleet);
        leaps += u32::from(has_leapt);
        // Reminders never end by themselves: after a while somebody helps in any case.
        if !has_leapt || leaps.is_multiple_of(PATIENCE_IN_LEAPS) {
            help(&mut fleet.world);
        }
    }
    let left = fleet.world.database.live().map(|(number, row)| format!("exe_{number} is {}", row.status.name()));
    let left = left.collect::<Vec<_>>().join(", ");
    fleet.world.violate(invariants::EVERYTHING_ENDS, || left);
}

/// Lets time pass until something is due; whether there was such a time.
fn leap(fleet: &mut Fleet) -> bool {
    let world = &mut fleet.world;
    let now = world.now;
    let is_settled = fleet.workers.iter().all(|worker| worker.stalled_until.is_none());
    let rests = world.database.live().all(|(_, row)| is_at_rest(row.status));
    let waits = world
        .database
        .waits
        .iter()
        .filter(|(owner, _)| world.database.executions.get(*owner).is_some_and(|row| row.ended_at.is_none()));
    // What would come at the end of time never comes.
    let due = waits.filter_map(|(_, wait)| wait.due_at).filter(|due| due.0 < END_OF_TIME).min();
    let is_idle = rests && is_settled && world.calls.is_empty() && world.signals_settled();
    if !is_idle {
        // Somebody's patience is what is waited for.
        let next = world.calls.values().filter_map(|call| match &call.stage {
            crate::calls::Stage::Asked { answers_at, .. } => Some(*answers_at),
            _others_move => None,
        });
        let next = next.min().unwrap_or(Timestamp(now.0.saturating_add(1_000)));
        world.now = Timestamp(next.0.clamp(now.0 + 1, now.0 + 1_000));
        beat_all(fleet);
        return true;
    }
    invariants::at_rest(world);
    match due {
        Some(due) => {
            world.now = Timestamp(due.0.max(now.0 + 1));
            beat_all(fleet);
            true
        }
        None => false,
    }
}

/// Does what those who rest wait for: a resume, an event, an answer, and in the end a cancellation.
fn help(world: &mut World) {
    let live: Vec<ExecutionNo> = world.database.live().map(|(number, _)| number).collect();
    for execution in live {
        let Some(row) = world.database.executions.get(execution) else { continue };
        if row.status == Status::Paused {
            world.tell(execution, &Told::Resume { at_step: None });
            continue;
        }
        let waits = machine::waits(&row.plan, &row.origin, &row.fold());
        if waits.iter().any(|wait| wait.kind == machine::WaitKind::Approval) {
            decide(world, execution);
        } else if let Some(name) = waits.iter().find_map(|wait| wait.event.clone()).filter(|_| world.rng.chance(70)) {
            let order = world.rng.below(2) + 7;
            world.emit(&name.replace('*', "paid"), &json!({ "order": { "id": order } }));
        } else if waits.iter().all(|wait| wait.kind != machine::WaitKind::Child) || world.rng.chance(5) {
            world.tell(execution, &Told::Cancel);
        }
    }
}

fn finish(fleet: &mut Fleet) {
    if fleet.world.violation.is_some() {
        return;
    }
    let untold = fleet.world.database.signals.values().find(|signal| signal.is_delivered);
    if let Some(untold) = untold.map(|signal| format!("{signal:?}")) {
        fleet.world.violate(invariants::SIGNALS_ARE_TAKEN, || untold);
    }
}

impl World {
    /// Whether nobody has to be told anything any more, and the clock has only waits to wait for.
    fn signals_settled(&self) -> bool {
        self.errands.is_empty()
            && self.database.signals.is_empty()
            && self.database.events.iter().all(|event| event.is_routed)
    }
}
