//! What an execution is told while a worker has it.
//!
//! Signals stay in the database until a commit says that they were taken in. Each is taken in once, in
//! the order in which they came; one that fits nothing is taken in too, and changes nothing.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use engine::machine::{self, Signal};
use service::signals::Told;
use store::SignalRow;
use tracing::error;

use super::DriveError;
use super::execution::Execution;
use crate::context::Context;

/// Signals of one execution.
pub(super) struct Inbox {
    /// There may be some that were not read yet.
    news: bool,
    /// Positions of those that were read.
    read: BTreeSet<i64>,
    /// Read, not taken in.
    waiting: VecDeque<(i64, Told)>,
    /// Taken in, not committed.
    taken: Vec<i64>,
}

impl Inbox {
    pub(super) const fn new(news: bool) -> Self {
        Self { news, read: BTreeSet::new(), waiting: VecDeque::new(), taken: Vec::new() }
    }

    pub(super) const fn has_news(&self) -> bool {
        self.news
    }

    /// After a commit, which says how many there are that it did not take in.
    pub(super) fn counted(&mut self, signals: i32) {
        let known = i32::try_from(self.waiting.len()).unwrap_or(i32::MAX);
        self.news |= signals > known;
    }

    /// How much it has been told that is known here, taken in or not.
    pub(super) fn known(&self) -> i32 {
        i32::try_from(self.taken.len() + self.waiting.len()).unwrap_or(i32::MAX)
    }

    pub(super) fn taken(&mut self) -> Vec<i64> {
        std::mem::take(&mut self.taken)
    }

    pub(super) const fn has_taken(&self) -> bool {
        !self.taken.is_empty()
    }

    fn add(&mut self, row: &SignalRow) {
        if !self.read.insert(row.position) {
            return;
        }
        match Told::parse(row) {
            Ok(told) => self.waiting.push_back((row.position, told)),
            Err(problem) => {
                metrics::counter!("sluice_signals_unreadable_total").increment(1);
                error!(execution.id = %row.execution_id, error = %problem, "a signal cannot be read, it is dropped");
                self.taken.push(row.position);
            }
        }
    }
}

impl Execution {
    /// Reads what it was told.
    pub(super) async fn look(&mut self, context: &Arc<Context>) -> Result<(), DriveError> {
        self.inbox.news = false;
        for row in context.store().signals(self.organization(), self.id()).await? {
            self.inbox.add(&row);
        }
        Ok(())
    }

    /// Takes in what people want of it, before anything else: it may not have begun yet.
    pub(super) fn take_in_control(&mut self, context: &Arc<Context>) -> Result<(), DriveError> {
        let (control, others) =
            std::mem::take(&mut self.inbox.waiting).into_iter().partition(|(_, told)| told.is_control());
        self.inbox.waiting = others;
        for (position, told) in control {
            self.follow(context, position, told)?;
        }
        Ok(())
    }

    /// Takes in whatever can be.
    pub(super) fn take_in(&mut self, context: &Arc<Context>) -> Result<(), DriveError> {
        let mut later = VecDeque::new();
        while let Some((position, told)) = self.inbox.waiting.pop_front() {
            if self.has_ended() {
                // Its end removes them all.
                return Ok(());
            }
            if self.comes_too_early(&told) {
                later.push_back((position, told));
                continue;
            }
            self.follow(context, position, told)?;
            if self.goes_on() {
                // The next one is heard when this part of a long loop is committed.
                later.append(&mut self.inbox.waiting);
                self.inbox.news = !later.is_empty();
                break;
            }
        }
        self.inbox.waiting = later;
        Ok(())
    }

    /// Whether a child has ended before the call that started it has come back.
    fn comes_too_early(&self, told: &Told) -> bool {
        match told {
            Told::Signal { what: Signal::ChildEnded { execution, .. } } => {
                self.state.has_effect_under_way() && !machine::children(&self.state).contains(execution)
            }
            _other => false,
        }
    }

    fn follow(&mut self, context: &Arc<Context>, position: i64, told: Told) -> Result<(), DriveError> {
        self.inbox.taken.push(position);
        if self.has_ended() {
            return Ok(());
        }
        if self.is_overtaken_by(&told) {
            return Err(DriveError::Overtaken);
        }
        match self.advance(context, told.into_command()) {
            // Whoever asked has an answer already; the history says why nothing came of it.
            Err(DriveError::Refused(problem)) => {
                self.warn(problem.to_string());
                Ok(())
            }
            done => done,
        }
    }
}
