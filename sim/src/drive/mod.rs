//! One claimed execution in the hands of a worker, as a machine that is taken from one point at which the
//! real one could be interrupted to the next.
//!
//! The order of things is that of the worker crate's drive: what was decided is committed before an effect
//! leaves, outcomes are committed with the pure steps that follow, and a commit that misses its claim ends
//! the drive without a trace.

mod inbox;
mod point;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use engine::machine::{self, Command, Event, Origin, Refused, State, Status, StepPath, Unbegun, WaitRow};
use engine::plan::Plan;

pub use self::point::Stepped;
use self::point::{Point, Then, Writing};
use crate::calls::{Call, CallNo, Stage};
use crate::database::{Claimed, Commit, ExecutionNo, Patch, WorkerNo};
use crate::fault::Fault;
use crate::invariants;
use crate::told::Told;
use crate::world::World;

/// Claims without a commit after which an execution is failed.
const MAX_FRUITLESS_CLAIMS: u32 = 5;

/// One claimed execution.
#[derive(Debug)]
pub struct Drive {
    /// Tells drives apart, those of one execution too.
    pub number: u64,
    /// Which execution.
    pub execution: ExecutionNo,
    /// Under which claim.
    pub epoch: u32,
    worker: WorkerNo,
    lapses: u32,
    claimed: Claimed,
    plan: Arc<Plan>,
    origin: Arc<Origin>,
    state: State,
    seq: u32,
    pending: Vec<Event>,
    effects: Unbegun,
    goes_on: bool,
    sends: Vec<(ExecutionNo, Told)>,
    recorded: BTreeSet<(StepPath, (u32, u32))>,
    has_news: bool,
    read: BTreeSet<u64>,
    waiting: VecDeque<(u64, Told)>,
    taken: Vec<u64>,
    in_flight: Vec<CallNo>,
    point: Point,
}

impl Drive {
    /// Of a claim that was just made; nothing when there is no such execution.
    pub fn new(world: &mut World, worker: WorkerNo, claimed: Claimed) -> Option<Self> {
        let row = world.database.executions.get(claimed.execution)?;
        let (plan, origin) = (Arc::clone(&row.plan), Arc::clone(&row.origin));
        world.bells.remove(&(worker, claimed.execution));
        Some(Self {
            number: world.next_number(),
            execution: claimed.execution,
            epoch: claimed.epoch,
            worker,
            lapses: world.lapses(worker),
            plan,
            origin,
            state: State::new(),
            seq: claimed.seq,
            pending: Vec::new(),
            effects: Unbegun::new(),
            goes_on: false,
            sends: Vec::new(),
            recorded: BTreeSet::new(),
            has_news: claimed.signals > 0,
            read: BTreeSet::new(),
            waiting: VecDeque::new(),
            taken: Vec::new(),
            in_flight: Vec::new(),
            point: Point::Load,
            claimed,
        })
    }

    /// Whether a step would do something.
    #[must_use]
    pub fn can_move(&self, world: &World, hands_back: bool) -> bool {
        !matches!(self.point, Point::Select)
            || hands_back
            || world.bells.contains(&(self.worker, self.execution))
            || machine::next_due(&self.plan, &self.origin, &self.state).is_some_and(|due| due <= world.now)
            || self.in_flight.iter().any(|call| world.calls.get(call).is_none_or(Call::is_over))
    }

    /// Goes to the next point at which it could be interrupted.
    pub fn step(&mut self, world: &mut World, hands_back: bool) -> Stepped {
        let outcome = self.go(world, hands_back);
        match outcome {
            Ok(stepped) => {
                if stepped != Stepped::On {
                    self.drop_calls(world);
                }
                stepped
            }
            Err(refused) => {
                world.violate(invariants::NOTHING_REFUSED, || format!("exe_{}: {refused}", self.execution));
                self.drop_calls(world);
                Stepped::GaveUp
            }
        }
    }

    /// The calls that it let go stop where they are.
    pub fn drop_calls(&mut self, world: &mut World) {
        for call in self.in_flight.drain(..) {
            world.calls.remove(&call);
        }
    }

    fn go(&mut self, world: &mut World, hands_back: bool) -> Result<Stepped, Refused> {
        match std::mem::replace(&mut self.point, Point::Top) {
            Point::Load => self.load(world)?,
            Point::TakeUp => self.take_up(world)?,
            Point::Top => return self.top(world),
            Point::LetGo => return self.after_letting_go(world),
            Point::Write(writing) => self.write(world, writing),
            Point::Answered { writing, answer } => return self.answered(world, writing, answer),
            Point::Deliver { writing } => return self.deliver(world, *writing),
            Point::Early { waits, then } => {
                self.take_early_events(world, &waits)?;
                // What an event of before has led to is not committed yet.
                let is_committed = self.pending.is_empty() || world.fault == Some(Fault::EarlyEffectsUncommitted);
                return self.go_on(world, if then == Then::LetGo && !is_committed { Then::Top } else { then });
            }
            Point::Select => self.select(world, hands_back)?,
            Point::Forget => {
                self.in_flight.retain(|call| world.calls.get(call).is_some_and(|call| !call.is_over()));
            }
        }
        Ok(Stepped::On)
    }

    fn load(&mut self, world: &mut World) -> Result<(), Refused> {
        if let Some(text) = &self.claimed.state {
            self.state = serde_json::from_str(text).expect("a state is read as it was written");
        }
        if world.fault == Some(Fault::EarlyEventsForgotten) && !self.state.is_running() {
            self.recorded = self.event_waits();
        }
        if self.claimed.claims > MAX_FRUITLESS_CLAIMS {
            let message = "its worker was lost too often".to_owned();
            return self.advance(world, Command::Interrupt { code: "QUARANTINED".to_owned(), message });
        }
        self.point = Point::TakeUp;
        Ok(())
    }

    fn take_up(&mut self, world: &mut World) -> Result<(), Refused> {
        if self.claimed.state.is_some() {
            self.effects.add(machine::outstanding(&self.plan, &self.origin, &self.state));
        }
        if self.has_news {
            self.look(world);
            let (control, others) =
                std::mem::take(&mut self.waiting).into_iter().partition(|(_, told)| told.is_control());
            self.waiting = others;
            for (position, told) in control {
                self.follow(world, position, told)?;
            }
        }
        if !self.state.has_ended() {
            self.advance(world, Command::TakeUp)?;
        }
        self.take_in(world)
    }

    fn top(&mut self, world: &mut World) -> Result<Stepped, Refused> {
        if self.state.has_ended() {
            self.end(world);
            return Ok(Stepped::On);
        }
        if let Ok(Some(rate)) = machine::rate(&self.plan, &self.origin, &self.state, world.now) {
            let begins_at = world.database.take_turn(&self.origin.workflow_id, &rate, world.now);
            return self.advance(world, Command::TakeTurn { key: rate.key, begins_at }).map(|()| Stepped::On);
        }
        if self.effects.is_empty() {
            return self.after_letting_go(world);
        }
        if world.fault == Some(Fault::EffectsBeforeCheckpoint) {
            self.let_go(world);
            return Ok(Stepped::On);
        }
        if world.fault != Some(Fault::GivenUpEffectsBegin) {
            // Before it is committed that they were given up.
            self.keep_awaited(world);
        }
        self.checkpoint(world, Then::LetGo)
    }

    fn after_letting_go(&mut self, world: &mut World) -> Result<Stepped, Refused> {
        self.keep_awaited(world);
        if self.goes_on && !self.has_news {
            return self.checkpoint(world, Then::Wake);
        }
        if self.has_news {
            self.look(world);
            return self.take_in(world).map(|()| Stepped::On);
        }
        if self.in_flight.is_empty() {
            return self.park(world);
        }
        self.checkpoint(world, Then::Select)
    }

    /// Gives up the calls that nobody waits for any more.
    fn keep_awaited(&mut self, world: &mut World) {
        let state = &self.state;
        self.in_flight.retain(|number| {
            let keeps = world.calls.get(number).is_some_and(|call| state.awaits(&call.effect.id));
            if !keeps {
                world.calls.remove(number);
            }
            keeps
        });
    }

    /// Goes on behind a checkpoint.
    fn go_on(&mut self, world: &mut World, then: Then) -> Result<Stepped, Refused> {
        match then {
            Then::LetGo if !self.state.has_ended() => {
                if !world.is_lease_safe(self.worker, self.lapses) {
                    world.note(|| format!("worker {} is in doubt about its lease", self.worker));
                    return Ok(Stepped::GaveUp);
                }
                self.let_go(world);
            }
            Then::LetGo | Then::Top => {}
            Then::Wake if !self.state.has_ended() => self.advance(world, Command::Wake)?,
            Then::Wake => {}
            Then::Select => {
                let is_settled = self.effects.is_empty() && self.pending.is_empty();
                if is_settled && !(self.state.has_ended() || self.goes_on || self.has_news) {
                    self.point = Point::Select;
                }
            }
            Then::Parked => {
                if self.has_news {
                    world.push(self.execution);
                }
                return Ok(Stepped::Done);
            }
            Then::Released => {
                world.push(self.execution);
                return Ok(Stepped::Done);
            }
            Then::Ended => return Ok(Stepped::Done),
        }
        Ok(Stepped::On)
    }

    fn let_go(&mut self, world: &mut World) {
        let begins_all = world.fault == Some(Fault::GivenUpEffectsBegin);
        let effects = if begins_all { self.effects.take_all() } else { self.effects.take(&self.state) };
        // A step around a call was given up and tried again: the call of before is another one under the same id.
        self.in_flight.retain(|number| {
            let is_anew =
                world.calls.get(number).is_some_and(|call| effects.iter().any(|effect| effect.id == call.effect.id));
            if is_anew {
                world.calls.remove(number);
            }
            !is_anew
        });
        for effect in effects {
            let row = world.database.executions.get(self.execution);
            if row.is_some_and(|row| row.epoch != self.epoch || row.worker != Some(self.worker)) {
                let (key, epoch) = (&effect.key, self.epoch);
                world.violate(invariants::EFFECT_UNDER_LEASE, || format!("{key} in epoch {epoch}"));
            }
            let number = world.next_number();
            let (worker, drive, execution, epoch) = (self.worker, self.number, self.execution, self.epoch);
            world.calls.insert(number, Call { worker, drive, execution, epoch, effect, stage: Stage::Spawned });
            self.in_flight.push(number);
        }
        self.point = Point::LetGo;
    }

    fn event_waits(&self) -> BTreeSet<(StepPath, (u32, u32))> {
        let waits = machine::waits(&self.plan, &self.origin, &self.state);
        waits.into_iter().filter(|wait| wait.event.is_some()).map(|wait| (wait.step_path, wait.visit)).collect()
    }

    fn unrecorded(&self, waits: &[WaitRow]) -> Vec<WaitRow> {
        let is_new =
            |wait: &&WaitRow| wait.event.is_some() && !self.recorded.contains(&(wait.step_path.clone(), wait.visit));
        waits.iter().filter(is_new).cloned().collect()
    }

    fn checkpoint(&mut self, world: &mut World, then: Then) -> Result<Stepped, Refused> {
        let waits = machine::waits(&self.plan, &self.origin, &self.state);
        let new = self.unrecorded(&waits);
        if self.pending.is_empty() && new.is_empty() && self.taken.is_empty() {
            return self.go_on(world, then);
        }
        let patch = self.running(if new.is_empty() { &[] } else { &waits });
        let mut writing = self.writing(world, patch, then);
        writing.new = new;
        self.point = Point::Write(Box::new(writing));
        Ok(Stepped::On)
    }

    fn running(&self, waits: &[WaitRow]) -> Patch {
        Patch::Running { state: self.state_text(), waits: waits.to_vec() }
    }

    fn park(&mut self, world: &mut World) -> Result<Stepped, Refused> {
        let waits = machine::waits(&self.plan, &self.origin, &self.state);
        if !self.unrecorded(&waits).is_empty() {
            return self.checkpoint(world, Then::Top);
        }
        if waits.iter().filter_map(|wait| wait.due_at).min().is_some_and(|due| due <= world.now) {
            return self.advance(world, Command::Wake).map(|()| Stepped::On);
        }
        let status = match self.state.status() {
            // Parked before its first step, it waits for its turn.
            Status::Queued => Status::Waiting,
            other => other,
        };
        if !crate::database::is_at_rest(status) {
            world.violate(invariants::PARKED_AT_REST, || format!("exe_{} is {}", self.execution, status.name()));
        }
        let patch = Patch::Parked { status, state: self.state_text(), waits };
        self.point = Point::Write(Box::new(self.writing(world, patch, Then::Parked)));
        Ok(Stepped::On)
    }

    fn end(&mut self, world: &mut World) {
        self.drop_calls(world);
        self.effects = Unbegun::new();
        let waits = self.origin.trigger["waits"] == true;
        let parent = world.database.executions.get(self.execution).and_then(|row| row.parent).filter(|_| waits);
        if let Some(parent) = parent {
            let told = Told::Signal { what: machine::ended_child(&self.origin, &self.state) };
            match world.fault {
                Some(Fault::ChildEndUntold) => {}
                Some(Fault::ChildEndToldEarly) => world.tell(parent, &told),
                _as_it_should => self.sends.push((parent, told)),
            }
        }
        let patch = Patch::Ended { status: self.state.status() };
        self.point = Point::Write(Box::new(self.writing(world, patch, Then::Ended)));
    }

    /// Everything that is to be written; from now on it is on its way.
    fn writing(&mut self, world: &World, patch: Patch, then: Then) -> Writing {
        let events = serde_json::to_string(&std::mem::take(&mut self.pending)).expect("events are plain data");
        let commit = Commit {
            execution: self.execution,
            worker: self.worker,
            epoch: self.epoch,
            seq: self.seq,
            events,
            at: world.now,
            patch,
            taken: std::mem::take(&mut self.taken),
            sends: std::mem::take(&mut self.sends),
        };
        Writing { commit, new: Vec::new(), then }
    }

    fn state_text(&self) -> String {
        serde_json::to_string(&self.state).expect("a state is plain data")
    }

    fn write(&mut self, world: &mut World, writing: Box<Writing>) {
        if world.mishap(2) {
            // The database is away, or its answer gets lost.
            if world.rng.chance(50) {
                self.written(world, &writing);
            }
            world.note(|| format!("worker {} does not know what became of its commit", self.worker));
            self.point = Point::Answered { writing, answer: None };
            return;
        }
        let answer = self.written(world, &writing);
        if answer.is_none() {
            world.note(|| format!("exe_{} belongs to another worker than {}", self.execution, self.worker));
        }
        self.point = Point::Answered { writing, answer };
    }

    fn written(&self, world: &mut World, writing: &Writing) -> Option<(u32, usize)> {
        let commit = &writing.commit;
        let has_ended = world.database.executions.get(commit.execution).is_some_and(|row| row.ended_at.is_some());
        let answer = world.database.commit(commit)?;
        world.note(|| {
            let kind = match &commit.patch {
                Patch::Running { waits, .. } if waits.is_empty() => "checkpoint",
                Patch::Running { .. } => "checkpoint with waits",
                Patch::Parked { .. } => "park",
                Patch::Released { .. } => "release",
                Patch::Ended { .. } => "end",
            };
            format!("worker {} commits exe_{} #{}: {kind} {}", self.worker, commit.execution, answer.0, commit.events)
        });
        invariants::after_commit(world, commit, &self.state, self.goes_on, has_ended);
        Some(answer)
    }

    fn answered(
        &mut self,
        world: &mut World,
        writing: Box<Writing>,
        answer: Option<(u32, usize)>,
    ) -> Result<Stepped, Refused> {
        let Some((seq, signals)) = answer else { return Ok(Stepped::GaveUp) };
        self.seq = seq;
        self.has_news |= signals > self.waiting.len();
        if writing.commit.sends.is_empty() {
            return self.deliver(world, *writing);
        }
        self.point = Point::Deliver { writing };
        Ok(Stepped::On)
    }

    fn deliver(&mut self, world: &mut World, writing: Writing) -> Result<Stepped, Refused> {
        for (execution, _) in &writing.commit.sends {
            world.deliver(*execution);
        }
        if writing.new.is_empty() {
            return self.go_on(world, writing.then);
        }
        self.recorded = self.event_waits();
        self.point = Point::Early { waits: writing.new, then: writing.then };
        Ok(Stepped::On)
    }

    fn select(&mut self, world: &mut World, hands_back: bool) -> Result<(), Refused> {
        let over: Vec<CallNo> =
            self.in_flight.iter().copied().filter(|call| world.calls.get(call).is_none_or(Call::is_over)).collect();
        if !over.is_empty() {
            self.in_flight.retain(|call| !over.contains(call));
            for call in over {
                if let Some(Call { effect, stage: Stage::Over(outcome), .. }) = world.calls.remove(&call)
                    && !self.state.has_ended()
                    && !self.effects.has(&effect.id)
                {
                    self.advance(world, Command::EffectDone { effect: effect.id, outcome })?;
                }
            }
            if world.fault == Some(Fault::FinishedCallUnseen) {
                self.point = Point::Forget;
            }
            return self.take_in(world);
        }
        if machine::next_due(&self.plan, &self.origin, &self.state).is_some_and(|due| due <= world.now) {
            return self.advance(world, Command::Wake);
        }
        if world.bells.remove(&(self.worker, self.execution)) {
            self.look(world);
            return self.take_in(world);
        }
        if hands_back {
            self.drop_calls(world);
            let patch = Patch::Released { state: self.state_text() };
            self.point = Point::Write(Box::new(self.writing(world, patch, Then::Released)));
            return Ok(());
        }
        self.point = Point::Select;
        Ok(())
    }
}
