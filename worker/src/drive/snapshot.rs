//! The stored state and the journal behind it.
//!
//! While an execution is in hand nobody reads its stored state, so a checkpoint writes what has happened and
//! leaves the state. After a crash the journal rows behind the stored state are applied to it. Written now and
//! then, the state keeps that short, at a price in proportion to the journal.

use engine::machine::{Event, Origin, State, apply};
use store::Claimed;

use super::execution::LoadError;
use crate::context::Context;

/// Bytes of journal that are always cheap to read again.
const FEW: usize = 64 * 1_024;

/// How many times its own size of journal a state is worth.
const WORTH: usize = 4;

/// Journal rows read at a time.
const PAGE: u64 = 200;

/// How much of the journal the stored state does not include.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Unsaved {
    /// Bytes of the journal behind the stored state.
    journal: usize,
    /// Bytes of the stored state.
    state: usize,
}

impl Unsaved {
    /// Whether the state should be written with the next checkpoint.
    pub(super) const fn is_much(self) -> bool {
        self.journal > FEW.saturating_add(self.state.saturating_mul(WORTH))
    }

    /// A journal row of this size was written, and with it perhaps a state of that size.
    pub(super) const fn written(&mut self, journal: usize, state: Option<usize>) {
        match state {
            Some(state) => *self = Self { journal: 0, state },
            None => self.journal = self.journal.saturating_add(journal),
        }
    }
}

/// The state of a claimed execution: what is stored, and what the journal has behind it.
pub(super) async fn load(context: &Context, claimed: &Claimed, origin: &Origin) -> Result<(State, Unsaved), LoadError> {
    let (mut state, mut unsaved) = (State::new(), Unsaved::default());
    let mut seq = 0;
    if let Some(text) = &claimed.state {
        state = serde_json::from_str(text).map_err(LoadError::State)?;
        unsaved.written(0, Some(text.len()));
        seq = claimed.state_seq;
    }
    // The first row says that it was accepted, which a new state knows; and what it has taken over, if it repeats
    // another one from a step on.
    let known = i32::from(!origin.trigger["from_step"].is_string());
    while seq.max(known) < claimed.seq {
        let rows = context.store().journal(claimed.organization_id, claimed.id, seq, PAGE).await?;
        let Some(last) = rows.last() else { return Err(LoadError::Gap { after: seq }) };
        let found = last.seq;
        for row in rows {
            let events: Vec<Event> = serde_json::from_str(&row.events).map_err(LoadError::State)?;
            for event in &events {
                apply(&mut state, event);
            }
            unsaved.written(row.events.len(), None);
        }
        seq = found;
    }
    Ok((state, unsaved))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_written_when_the_journal_behind_it_is_several_times_as_long() {
        let mut unsaved = Unsaved::default();
        unsaved.written(FEW, None);
        assert!(!unsaved.is_much());
        unsaved.written(1, None);
        assert!(unsaved.is_much());
        unsaved.written(10, Some(100_000));
        unsaved.written(400_000, None);
        assert!(!unsaved.is_much());
        unsaved.written(FEW + 1, None);
        assert!(unsaved.is_much());
    }
}
