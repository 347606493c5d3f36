//! Everything but the workers: clock, chance, tables, queue, calls under way, services outside.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use engine::Timestamp;
use engine::machine::{EffectId, EffectRequest, Origin, Signal, Status, agrees, correlations};
use engine::pattern::EventPattern;
use engine::plan::Plan;
use serde_json::{Value, json};

use crate::calls::{Call, CallNo};
use crate::database::{Database, ExecutionNo, NewExecution, WorkerNo};
use crate::fault::Fault;
use crate::invariants::{self, Violation};
use crate::rng::Rng;
use crate::told::Told;

/// When every history begins: 2026-03-01T12:00:00Z.
pub const START: Timestamp = Timestamp(1_772_366_400_000);
/// How long a worker may be silent.
pub const LEASE: Duration = Duration::from_secs(10);
/// A worker begins no effect this long before its lease ends.
const MARGIN: Duration = Duration::from_secs(2);

/// What a worker knows of its lease.
#[derive(Debug, Clone, Copy)]
pub struct Lease {
    renewed_at: Timestamp,
    /// How often it has lapsed: what was claimed before a lapse may belong to others.
    pub lapses: u32,
}

/// What an outside service has seen under one idempotency key.
#[derive(Debug, Default)]
pub struct Seen {
    /// What was asked, by attempt and by how often it had been decided to ask.
    pub asked: BTreeMap<(EffectId, usize), EffectRequest>,
    /// Which drive asked, by the same and by epoch.
    pub by: BTreeMap<(EffectId, usize, u32), u64>,
}

/// A step of somebody who is no worker; lost when his process dies.
#[derive(Debug, Clone)]
pub enum Errand {
    /// Tells those who wait for an event.
    Route(Routing),
    /// Wakes executions for what was recorded for them.
    Deliver(Vec<ExecutionNo>),
}

/// How far the routing of an event has come.
#[derive(Debug, Clone)]
pub struct Routing {
    /// Which event.
    pub event: usize,
    /// Transactions done.
    stage: u8,
    told: Vec<ExecutionNo>,
}

impl Routing {
    /// Of an event that has been recorded.
    #[must_use]
    pub const fn of(event: usize) -> Self {
        Self { event, stage: 0, told: Vec::new() }
    }
}

/// All but the workers.
#[derive(Debug)]
pub struct World {
    /// The tables.
    pub database: Database,
    /// Ids on their way to workers, each with the moment from which it can be taken.
    pub queue: Vec<(ExecutionNo, Timestamp)>,
    /// Effects that were let go and whose outcome nobody has read.
    pub calls: BTreeMap<CallNo, Call>,
    /// What people and reconcilers are in the middle of.
    pub errands: Vec<Errand>,
    /// By idempotency key.
    pub outside: BTreeMap<String, Seen>,
    /// Of the live workers.
    pub leases: BTreeMap<WorkerNo, Lease>,
    /// News for executions that a worker may have in hand.
    pub bells: BTreeSet<(WorkerNo, ExecutionNo)>,
    /// All chance comes from here.
    pub rng: Rng,
    /// The present.
    pub now: Timestamp,
    /// By number.
    pub workflows: Vec<Arc<Plan>>,
    /// What was planted.
    pub fault: Option<Fault>,
    /// Nothing is lost any more.
    pub is_quiet: bool,
    /// Executions and calls may begin only so often.
    pub has_rates: bool,
    /// People retry what failed.
    pub has_retries: bool,
    /// The first invariant that did not hold.
    pub violation: Option<Violation>,
    /// Lines of what happened, when somebody wants to read them.
    pub lines: Option<Vec<String>>,
    /// The last number given to a call or a drive.
    pub last_number: u64,
}

impl World {
    /// Adds a line.
    pub fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            let at = self.now.0 - START.0;
            lines.push(format!("{at:>9} ms  {}", line()));
        }
    }

    /// Notes that an invariant does not hold; the first one counts.
    pub fn violate(&mut self, invariant: &'static str, detail: impl FnOnce() -> String) {
        if self.violation.is_none() {
            let violation = Violation { invariant, detail: detail() };
            self.note(|| format!("VIOLATION {}: {}", violation.invariant, violation.detail));
            self.violation = Some(violation);
        }
    }

    /// A number that no other call or drive has.
    pub const fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// A misfortune, which happens in `percent` of a hundred cases until the quiet phase.
    pub const fn mishap(&mut self, percent: u64) -> bool {
        !self.is_quiet && self.rng.chance(percent)
    }

    /// Tells the fleet that an execution can run: perhaps late, twice or not at all.
    pub fn push(&mut self, execution: ExecutionNo) {
        if self.mishap(15) {
            return self.note(|| format!("the queue loses exe_{execution}"));
        }
        let late = if self.mishap(20) { self.rng.millis(0, 4_000) } else { 0 };
        self.queue.push((execution, Timestamp(self.now.0 + late)));
        if self.mishap(15) {
            let later = self.rng.millis(0, 9_000);
            self.queue.push((execution, Timestamp(self.now.0 + later)));
        }
    }

    /// Starts an execution of a workflow.
    pub fn start(
        &mut self,
        workflow: usize,
        input: Value,
        parent: Option<(ExecutionNo, bool)>,
        key: Option<&str>,
    ) -> Option<ExecutionNo> {
        let plan = Arc::clone(self.workflows.get(workflow)?);
        let number = self.database.executions.len();
        let origin = Origin {
            execution: format!("exe_{number}"),
            organization: "org_1".to_owned(),
            workflow_id: crate::definitions::slug(workflow),
            workflow_name: String::new(),
            version: 1,
            payload: input,
            trigger: json!({ "type": "manual", "waits": parent.is_some_and(|(_, waits)| waits) }),
            accepted_at: self.now,
            base_url: "https://sluice.test".to_owned(),
        };
        let parent = parent.map(|(parent, _)| parent);
        let execution = self.database.start(NewExecution { origin, plan, parent }, key);
        if execution == number {
            self.note(|| format!("exe_{execution} of {} is accepted", crate::definitions::slug(workflow)));
            self.push(execution);
        }
        Some(execution)
    }

    /// Records what somebody wants of an execution; it is delivered by an errand.
    pub fn tell(&mut self, execution: ExecutionNo, told: &Told) {
        self.note(|| format!("exe_{execution} is told: {}", told.name()));
        self.database.send(execution, told, self.now);
        self.errands.push(Errand::Deliver(vec![execution]));
    }

    /// Wakes an execution for what was recorded for it.
    pub fn deliver(&mut self, execution: ExecutionNo) {
        match self.database.deliver(execution, self.now) {
            Some(Status::Queued) => self.push(execution),
            Some(Status::Running) if !self.mishap(20) => {
                self.bells.extend(self.leases.keys().map(|worker| (*worker, execution)));
            }
            _told_nobody => {}
        }
    }

    /// One transaction of routing an event; whether it is routed.
    pub fn route(&mut self, routing: &mut Routing) -> bool {
        let Some(event) = self.database.events.get(routing.event) else { return true };
        match routing.stage {
            0 => {
                let about = correlations(&event.name, &event.payload);
                for (execution, wait) in &self.database.waits {
                    let Some(pattern) = &wait.event else { continue };
                    let found = pattern.contains('*')
                        || about.as_ref().is_none_or(|about| {
                            wait.correlation.as_ref().is_none_or(|correlation| about.contains(correlation))
                        });
                    let fits = EventPattern::parse(pattern).is_ok_and(|pattern| pattern.matches(&event.name))
                        && (wait.keys.is_empty() || agrees(&wait.keys, &event.payload, self.now));
                    if found && fits && !routing.told.contains(execution) {
                        routing.told.push(*execution);
                    }
                }
            }
            1 => {
                let told = event.told(routing.event);
                for execution in &routing.told {
                    self.database.send(*execution, &told, self.now);
                }
                let (event, told) = (routing.event, &routing.told);
                if !told.is_empty() {
                    let line = format!("evt_{event} is told to {told:?}");
                    self.note(|| line);
                }
            }
            2 => {
                for execution in std::mem::take(&mut routing.told) {
                    self.deliver(execution);
                }
            }
            _last => {
                if let Some(event) = self.database.events.get_mut(routing.event) {
                    event.is_routed = true;
                }
                return true;
            }
        }
        routing.stage += 1;
        false
    }

    /// Goes on with an errand.
    pub fn run_errand(&mut self, index: usize) {
        let errand = self.errands.swap_remove(index);
        if self.mishap(5) {
            return self.note(|| format!("a process dies in the middle of {errand:?}"));
        }
        match errand {
            Errand::Deliver(executions) => executions.into_iter().for_each(|execution| self.deliver(execution)),
            Errand::Route(mut routing) => {
                if !self.route(&mut routing) {
                    self.errands.push(Errand::Route(routing));
                }
            }
        }
    }

    /// Accepts an event from outside.
    pub fn emit(&mut self, name: &str, payload: &Value) {
        let event = self.database.insert_event(name, payload, None, self.now);
        self.note(|| format!("evt_{event} {name} {payload} is accepted"));
        self.errands.push(Errand::Route(Routing::of(event)));
    }

    /// A heartbeat of `worker`.
    pub fn beat(&mut self, worker: WorkerNo) {
        let now = self.now;
        self.database.heartbeats.insert(worker, now);
        let lease = self.leases.entry(worker).or_insert(Lease { renewed_at: now, lapses: 0 });
        if lease.renewed_at.plus(LEASE) <= now.plus(MARGIN) && self.fault != Some(Fault::LapsedLeaseRevives) {
            lease.lapses += 1;
        }
        lease.renewed_at = now;
    }

    /// How often the lease of `worker` has lapsed.
    #[must_use]
    pub fn lapses(&self, worker: WorkerNo) -> u32 {
        self.leases.get(&worker).map_or(0, |lease| lease.lapses)
    }

    /// Whether `worker` may begin an effect of a claim that it made after `lapses` lapses.
    #[must_use]
    pub fn is_lease_safe(&self, worker: WorkerNo, lapses: u32) -> bool {
        self.leases
            .get(&worker)
            .is_some_and(|lease| lease.lapses == lapses && self.now.plus(MARGIN) < lease.renewed_at.plus(LEASE))
    }

    /// A parent is told only of an end that is in the journal.
    pub fn check_told(&mut self, told: &Told) {
        if let Told::Signal { what: Signal::ChildEnded { execution, .. } } = told
            && let Some(row) = number(execution).and_then(|child| self.database.executions.get(child))
            && row.ended_at.is_none()
            // It had ended before it was retried.
            && row.retries == 0
        {
            self.violate(invariants::END_IS_COMMITTED_FIRST, || format!("{execution} lives"));
        }
    }
}

/// The number of an execution, from its id.
#[must_use]
pub fn number(id: &str) -> Option<ExecutionNo> {
    id.strip_prefix("exe_")?.parse().ok()
}
