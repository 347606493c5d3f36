//! What an execution is told while a worker has it, and what the engine says to it.

use std::collections::VecDeque;

use engine::machine::{self, Command, Decided, Event, Refused, Signal, StepPath, WaitRow};
use engine::pattern::EventPattern;

use super::Drive;
use crate::calls::numbers;
use crate::fault::Fault;
use crate::told::Told;
use crate::world::{World, number};

/// How long an event is kept for a wait that has not begun, in milliseconds.
const KEPT_MS: i64 = 24 * 60 * 60 * 1_000;

impl Drive {
    /// Looks for events that came before these waits were recorded.
    pub(super) fn take_early_events(&mut self, world: &mut World, waits: &[WaitRow]) -> Result<(), Refused> {
        let since = self.origin.accepted_at.0.max(world.now.0 - KEPT_MS);
        for wait in waits {
            let Some(Ok(pattern)) = wait.event.as_deref().map(EventPattern::parse) else { continue };
            for index in 0..world.database.events.len() {
                let event = &world.database.events[index];
                let fits = event.received_at.0 >= wait.since.map_or(since, |wanted| wanted.0.max(since))
                    && pattern.matches(&event.name)
                    && machine::agrees(&wait.keys, &event.payload, world.now);
                if !fits {
                    continue;
                }
                let command = event.told(index).into_command();
                self.advance(world, command)?;
                if self.state.has_ended() {
                    return Ok(());
                }
                if !self.event_waits().contains(&(wait.step_path.clone(), wait.visit)) {
                    break;
                }
            }
        }
        Ok(())
    }

    pub(super) fn look(&mut self, world: &World) {
        self.has_news = false;
        for (position, row) in world.database.delivered(self.execution) {
            if self.read.insert(position) {
                let told = serde_json::from_str(&row.data).expect("a signal is read as it was written");
                self.waiting.push_back((position, told));
            }
        }
    }

    pub(super) fn take_in(&mut self, world: &mut World) -> Result<(), Refused> {
        let mut later = VecDeque::new();
        while let Some((position, told)) = self.waiting.pop_front() {
            if self.state.has_ended() {
                return Ok(());
            }
            let comes_too_early = match &told {
                Told::Signal { what: Signal::ChildEnded { execution, .. } } => {
                    self.state.has_effect_under_way() && !machine::children(&self.state).contains(execution)
                }
                _other => false,
            };
            if comes_too_early {
                later.push_back((position, told));
            } else {
                self.follow(world, position, told)?;
            }
        }
        self.waiting = later;
        Ok(())
    }

    pub(super) fn follow(&mut self, world: &mut World, position: u64, told: Told) -> Result<(), Refused> {
        self.taken.push(position);
        if self.state.has_ended() {
            return Ok(());
        }
        world.check_told(&told);
        match self.advance(world, told.into_command()) {
            Err(problem) => {
                let event = Event::Warned { path: StepPath::default(), message: problem.to_string() };
                machine::apply(&mut self.state, &event);
                self.pending.push(event);
                Ok(())
            }
            done => done,
        }
    }

    pub(super) fn advance(&mut self, world: &mut World, command: Command) -> Result<(), Refused> {
        let before = numbers(&machine::children(&self.state));
        let ended = match &command {
            Command::Signal(Signal::ChildEnded { execution, .. }) => number(execution),
            _other => None,
        };
        let control = match &command {
            Command::Pause { freezes, .. } => Some(Told::Pause { freezes: *freezes }),
            Command::Resume { .. } => Some(Told::Resume { at_step: None }),
            _other => None,
        };
        let was_pausing = self.state.is_pausing();
        let decided = machine::advance(&self.plan, &self.origin, &mut self.state, command, world.now);
        let Decided { events, effects, goes_on } = match decided {
            Ok(decided) => decided,
            // The branch that it was made for has been given up meanwhile.
            Err(Refused::NotUnderWay { .. }) => return Ok(()),
            Err(problem) => return Err(problem),
        };
        self.pending.extend(events);
        self.effects.add(effects);
        self.goes_on = goes_on;
        if !self.recorded.is_empty() && world.fault != Some(Fault::RecordedWaitsLinger) {
            // A step around a wait may be tried again: then the wait looks the same and is another one.
            let waits = self.event_waits();
            self.recorded.retain(|wait| waits.contains(wait));
        }
        // It may go on by itself.
        let is_resumed = was_pausing && !self.state.is_pausing();
        let control = if is_resumed { Some(Told::Resume { at_step: None }) } else { control };
        let after = if self.state.has_ended() { Vec::new() } else { numbers(&machine::children(&self.state)) };
        let given_up = before.iter().filter(|child| !after.contains(child) && ended != Some(**child));
        self.sends.extend(given_up.map(|child| (*child, Told::Cancel)));
        for child in &after {
            let is_new = !before.contains(child);
            match &control {
                Some(told) => self.sends.push((*child, told.clone())),
                None if is_new && self.state.is_pausing() => {
                    self.sends.push((*child, Told::Pause { freezes: self.state.is_frozen() }));
                }
                None => {}
            }
        }
        Ok(())
    }
}
