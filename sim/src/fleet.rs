//! The workers, and what each can do next.

use crate::calls::CallNo;
use crate::database::{ExecutionNo, WorkerNo};
use crate::drive::{Drive, Stepped};
use crate::invariants;
use crate::world::{Errand, LEASE, Routing, World};
use engine::Timestamp;

/// Executions that a worker drives at once.
const SLOTS: usize = 3;
/// How long an execution may stay unclaimed before it is pushed again, in milliseconds.
const PATIENCE_MS: i64 = 5_000;
/// How long delivering a signal may take before somebody else does it, in milliseconds.
const DELIVERY_MS: i64 = 2_000;

/// One start of one process.
#[derive(Debug)]
pub struct Worker {
    /// Never used again.
    pub number: WorkerNo,
    drives: Vec<Drive>,
    /// Taken from the queue, not claimed.
    claiming: Option<ExecutionNo>,
    /// It does nothing until then, and knows nothing of it.
    pub stalled_until: Option<Timestamp>,
    /// It claims no more.
    pub is_leaving: bool,
    /// Its grace time is over.
    pub hands_back: bool,
    /// The database may hold claims that it does not drive.
    in_doubt: bool,
}

/// Something that can happen next.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// A worker takes an id from the queue.
    Take(usize, usize),
    /// A worker claims what it took.
    Claim(usize),
    /// A drive goes on.
    Drive(usize, usize),
    /// A call goes on.
    Call(CallNo),
    /// An errand goes on.
    Errand(usize),
    /// A worker's heartbeat.
    Beat(usize),
    /// A reconciler runs.
    Reconcile(Reconciler),
    /// A worker hands back claims that it does not drive.
    OwnClaims(usize),
    /// A worker that drives nothing any more signs off.
    SignOff(usize),
}

/// What puts right what was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reconciler {
    /// Takes back the executions of silent workers.
    LostWorkers,
    /// Wakes what is due.
    DueWaits,
    /// Routes forgotten events.
    UnroutedEvents,
    /// Delivers forgotten signals.
    UndeliveredSignals,
    /// Pushes again what nobody claimed.
    Requeue,
}

impl Reconciler {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::LostWorkers, Self::DueWaits, Self::UnroutedEvents, Self::UndeliveredSignals, Self::Requeue];
}

/// The world with its workers.
#[derive(Debug)]
pub struct Fleet {
    /// All but the workers.
    pub world: World,
    /// Those that live.
    pub workers: Vec<Worker>,
    last_worker: WorkerNo,
}

impl Fleet {
    /// A fleet without workers.
    #[must_use]
    pub const fn new(world: World) -> Self {
        Self { world, workers: Vec::new(), last_worker: 0 }
    }

    /// A worker starts.
    pub fn add_worker(&mut self) {
        self.last_worker += 1;
        let number = self.last_worker;
        self.world.note(|| format!("worker {number} starts"));
        self.world.beat(number);
        self.workers.push(Worker {
            number,
            drives: Vec::new(),
            claiming: None,
            stalled_until: None,
            is_leaving: false,
            hands_back: false,
            in_doubt: false,
        });
    }

    /// A worker dies: what it had in memory is gone.
    pub fn crash(&mut self, index: usize) {
        let mut worker = self.workers.swap_remove(index);
        self.world.note(|| format!("worker {} dies", worker.number));
        worker.drives.iter_mut().for_each(|drive| drive.drop_calls(&mut self.world));
        self.world.leases.remove(&worker.number);
        // An id that was taken and not claimed goes to another worker, unless the queue forgets it.
        if let Some(execution) = worker.claiming {
            self.world.push(execution);
        }
    }

    /// What can happen next, each with a weight.
    pub fn steps(&self) -> Vec<(u64, Step)> {
        let world = &self.world;
        let mut steps: Vec<(u64, Step)> = Reconciler::ALL.into_iter().map(|one| (1, Step::Reconcile(one))).collect();
        steps.extend((0..world.errands.len()).map(|errand| (4, Step::Errand(errand))));
        for (at, worker) in self.workers.iter().enumerate() {
            if worker.stalled_until.is_some_and(|until| until > world.now) {
                continue;
            }
            steps.push((2, Step::Beat(at)));
            // While its lease is in doubt a worker claims nothing.
            let is_safe = world.is_lease_safe(worker.number, world.lapses(worker.number));
            if worker.claiming.is_some() {
                steps.extend(is_safe.then_some((8, Step::Claim(at))));
            } else if worker.drives.len() < SLOTS && !worker.is_leaving {
                let ready = world.queue.iter().enumerate().filter(|(_, (_, from))| *from <= world.now);
                steps.extend(ready.map(|(place, _)| (4, Step::Take(at, place))));
            }
            if worker.in_doubt {
                steps.push((1, Step::OwnClaims(at)));
            }
            if worker.is_leaving && worker.drives.is_empty() && worker.claiming.is_none() {
                steps.push((3, Step::SignOff(at)));
            }
            for (place, drive) in worker.drives.iter().enumerate() {
                if drive.can_move(world, worker.hands_back) {
                    steps.push((6, Step::Drive(at, place)));
                }
            }
        }
        let is_stalled = |number: WorkerNo| {
            let worker = self.workers.iter().find(|worker| worker.number == number);
            worker.is_none_or(|worker| worker.stalled_until.is_some_and(|until| until > world.now))
        };
        let calls = world.calls.iter().filter(|(_, call)| call.can_move(world.now) && !is_stalled(call.worker));
        steps.extend(calls.map(|(number, _)| (5, Step::Call(*number))));
        steps
    }

    /// Lets it happen.
    pub fn take(&mut self, step: Step) {
        let world = &mut self.world;
        match step {
            Step::Reconcile(reconciler) => reconcile(world, reconciler),
            Step::Errand(errand) => world.run_errand(errand),
            Step::Call(number) => world.run_call(number),
            Step::Beat(at) => world.beat(self.workers[at].number),
            Step::Take(at, place) => {
                let (execution, _) = world.queue.swap_remove(place);
                self.workers[at].claiming = Some(execution);
            }
            Step::Claim(at) => claim(world, &mut self.workers[at]),
            Step::OwnClaims(at) => own_claims(world, &mut self.workers[at]),
            Step::SignOff(at) => {
                let worker = self.workers.swap_remove(at);
                let now = world.now;
                world.note(|| format!("worker {} signs off", worker.number));
                for execution in world.database.hand_back(worker.number, None, now) {
                    world.push(execution);
                }
                world.leases.remove(&worker.number);
                world.database.heartbeats.remove(&worker.number);
            }
            Step::Drive(at, place) => {
                let worker = &mut self.workers[at];
                match worker.drives[place].step(world, worker.hands_back) {
                    Stepped::On => {}
                    Stepped::Done => drop(worker.drives.swap_remove(place)),
                    Stepped::GaveUp => {
                        let drive = worker.drives.swap_remove(place);
                        world.note(|| format!("worker {} gives exe_{} up", worker.number, drive.execution));
                        worker.in_doubt = true;
                    }
                }
            }
        }
        let workers = &self.workers;
        invariants::between_steps(&mut self.world, |execution, row| {
            let owner = workers.iter().find(|worker| Some(worker.number) == row.worker);
            // Of a worker that is gone the lease will end, whatever it had.
            owner.is_none_or(|owner| {
                owner.in_doubt
                    || owner.drives.iter().any(|drive| drive.execution == execution && drive.epoch == row.epoch)
            })
        });
    }
}

fn claim(world: &mut World, worker: &mut Worker) {
    let Some(execution) = worker.claiming.take() else { return };
    let Some(claimed) = world.database.claim(worker.number, execution) else { return };
    if world.mishap(2) {
        worker.in_doubt = true;
        // Its task is still there, so it is claimed anew.
        world.queue.push((execution, world.now));
        return world.note(|| format!("worker {} does not know that it has exe_{execution}", worker.number));
    }
    world.note(|| format!("worker {} claims exe_{execution} in epoch {}", worker.number, claimed.epoch));
    worker.drives.extend(Drive::new(world, worker.number, claimed));
}

fn own_claims(world: &mut World, worker: &mut Worker) {
    worker.in_doubt = false;
    for (execution, epoch) in world.database.claims_of(worker.number) {
        if worker.drives.iter().any(|drive| drive.execution == execution && drive.epoch == epoch) {
            continue;
        }
        for freed in world.database.hand_back(worker.number, Some((execution, epoch)), world.now) {
            world.note(|| format!("worker {} hands exe_{freed} back", worker.number));
            world.push(freed);
        }
    }
}

fn reconcile(world: &mut World, reconciler: Reconciler) {
    let now = world.now;
    let before = |millis: i64| Timestamp(now.0 - millis);
    let lease_ms = i64::try_from(LEASE.as_millis()).unwrap_or(i64::MAX);
    let woken = match reconciler {
        Reconciler::LostWorkers => world.database.lost_workers(before(lease_ms), now),
        Reconciler::DueWaits => world.database.due_waits(now),
        Reconciler::Requeue => world.database.stale_queued(before(PATIENCE_MS), now),
        Reconciler::UndeliveredSignals => {
            let executions = world.database.undelivered(before(DELIVERY_MS));
            return executions.into_iter().for_each(|execution| world.deliver(execution));
        }
        Reconciler::UnroutedEvents => {
            let events = world.database.events.iter().enumerate();
            let forgotten = events.filter(|(_, event)| !event.is_routed && event.received_at < before(PATIENCE_MS));
            let routings: Vec<Errand> = forgotten.map(|(event, _)| Errand::Route(Routing::of(event))).collect();
            // Looked at every second: while one is under way there is no need for another.
            if world.errands.is_empty() {
                world.errands.extend(routings);
            }
            return;
        }
    };
    for execution in woken {
        world.note(|| format!("{reconciler:?} wakes exe_{execution}"));
        world.push(execution);
    }
}
