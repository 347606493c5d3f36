//! The breaker as a pure state machine: no clock, no randomness, no I/O.

use std::time::Duration;

use tokio::time::Instant;

/// Whether calls may go to the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// They go; what has failed in a row weighs this much.
    Closed {
        /// Weight of the failures since the last success.
        weight: u32,
    },
    /// They are refused.
    Open {
        /// Since when nothing has worked.
        since: Instant,
        /// From when on one call may try.
        probe_at: Instant,
    },
    /// One call tries, the others are refused.
    HalfOpen {
        /// Since when nothing has worked.
        since: Instant,
    },
}

/// What a call may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Go to the database.
    Pass,
    /// Go, for all: what comes of it decides.
    Probe,
    /// Fail at once.
    Refuse,
}

/// A change that somebody should hear of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Calls are refused from now on.
    Opened,
    /// The probe failed.
    StaysOpen,
    /// Calls go again, after nothing had worked for so long.
    Closed(Duration),
}

/// The state, and how much it takes.
#[derive(Debug, Clone)]
pub struct Machine {
    tolerance: u32,
    state: State,
}

impl Machine {
    /// Closed; opens once failures in a row weigh `tolerance`.
    pub const fn new(tolerance: u32) -> Self {
        Self { tolerance, state: State::Closed { weight: 0 } }
    }

    pub const fn state(&self) -> State {
        self.state
    }

    /// What a call that begins at `now` may do.
    pub fn admit(&mut self, now: Instant) -> Admission {
        match self.state {
            State::Closed { .. } => Admission::Pass,
            State::Open { since, probe_at } if probe_at <= now => {
                self.state = State::HalfOpen { since };
                Admission::Probe
            }
            State::Open { .. } | State::HalfOpen { .. } => Admission::Refuse,
        }
    }

    /// The database has answered, whoever asked.
    pub fn succeeded(&mut self, now: Instant) -> Option<Change> {
        let before = std::mem::replace(&mut self.state, State::Closed { weight: 0 });
        match before {
            State::Closed { .. } => None,
            State::Open { since, .. } | State::HalfOpen { since } => Some(Change::Closed(now.duration_since(since))),
        }
    }

    /// A call that had been given `admission` failed; the next probe comes after `delay`.
    pub fn failed(&mut self, now: Instant, admission: Admission, weight: u32, delay: Duration) -> Option<Change> {
        match self.state {
            State::Closed { weight: before } => {
                let weight = before.saturating_add(weight);
                if weight < self.tolerance {
                    self.state = State::Closed { weight };
                    return None;
                }
                self.state = State::Open { since: now, probe_at: now + delay };
                Some(Change::Opened)
            }
            State::HalfOpen { since } if admission == Admission::Probe => {
                self.state = State::Open { since, probe_at: now + delay };
                Some(Change::StaysOpen)
            }
            // It had begun before, and says nothing new.
            State::Open { .. } | State::HalfOpen { .. } => None,
        }
    }

    /// The caller of the probe went away before anything came of it: the next call may try.
    pub fn abandoned(&mut self, now: Instant) {
        if let State::HalfOpen { since } = self.state {
            self.state = State::Open { since, probe_at: now };
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DELAY: Duration = Duration::from_millis(100);

    fn opened(at: Instant) -> Machine {
        let mut machine = Machine::new(3);
        assert_eq!(machine.failed(at, Admission::Pass, 1, DELAY), None);
        assert_eq!(machine.failed(at, Admission::Pass, 1, DELAY), None);
        assert_eq!(machine.failed(at, Admission::Pass, 1, DELAY), Some(Change::Opened));
        machine
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_not_after_as_many_with_a_success_between() {
        let now = Instant::now();
        let mut machine = Machine::new(3);
        for _round in 0..10 {
            assert_eq!(machine.failed(now, Admission::Pass, 2, DELAY), None);
            assert_eq!(machine.succeeded(now), None);
        }
        assert_eq!(opened(now).admit(now), Admission::Refuse);
        assert_eq!(machine.failed(now, Admission::Pass, 3, DELAY), Some(Change::Opened), "a heavy one is enough");
    }

    #[test]
    fn one_call_tries_when_it_is_time_and_what_comes_of_it_decides() {
        let begin = Instant::now();
        let mut machine = opened(begin);
        let due = begin + DELAY;
        assert_eq!(machine.admit(due), Admission::Probe);
        assert_eq!(machine.admit(due), Admission::Refuse, "one at a time");
        assert_eq!(machine.failed(due, Admission::Pass, 9, DELAY), None, "an older call decides nothing");
        assert_eq!(machine.failed(due, Admission::Probe, 1, DELAY * 2), Some(Change::StaysOpen));
        assert_eq!(machine.admit(due + DELAY), Admission::Refuse);
        assert_eq!(machine.admit(due + DELAY * 2), Admission::Probe);
        assert_eq!(machine.succeeded(due + DELAY * 3), Some(Change::Closed(DELAY * 4)));
        assert_eq!(machine.admit(due + DELAY * 3), Admission::Pass);
    }

    #[test]
    fn a_probe_that_nobody_waits_for_any_more_lets_the_next_call_try() {
        let now = Instant::now();
        let mut machine = opened(now);
        assert_eq!(machine.admit(now + DELAY), Admission::Probe);
        machine.abandoned(now + DELAY);
        assert_eq!(machine.admit(now + DELAY), Admission::Probe);
    }

    #[derive(Debug, Clone)]
    enum Move {
        Wait(u64),
        Ask,
        Ends { call: usize, works: bool, weight: u32 },
        GivesUp(usize),
    }

    fn moves() -> impl Strategy<Value = Vec<Move>> {
        let one = prop_oneof![
            (0_u64..300).prop_map(Move::Wait),
            Just(Move::Ask),
            (0_usize..8, any::<bool>(), 1_u32..4).prop_map(|(call, works, weight)| Move::Ends { call, works, weight }),
            (0_usize..8).prop_map(Move::GivesUp),
        ];
        prop::collection::vec(one, 0..120)
    }

    proptest! {
        #[test]
        fn at_most_one_call_probes_and_every_success_closes_and_somebody_always_may_try_in_the_end(moves in moves()) {
            let mut now = Instant::now();
            let mut machine = Machine::new(3);
            let mut under_way: Vec<Admission> = Vec::new();
            for step in moves {
                match step {
                    Move::Wait(millis) => now += Duration::from_millis(millis),
                    Move::Ask => {
                        let before = machine.state();
                        let admission = machine.admit(now);
                        match before {
                            State::Closed { .. } => prop_assert_eq!(admission, Admission::Pass),
                            State::Open { probe_at, .. } => {
                                prop_assert_eq!(admission == Admission::Probe, probe_at <= now);
                            }
                            State::HalfOpen { .. } => prop_assert_eq!(admission, Admission::Refuse),
                        }
                        if admission != Admission::Refuse {
                            under_way.push(admission);
                        }
                    }
                    Move::Ends { call, works, weight } if call < under_way.len() => {
                        let admission = under_way.swap_remove(call);
                        if works {
                            machine.succeeded(now);
                            prop_assert_eq!(machine.state(), State::Closed { weight: 0 });
                        } else {
                            machine.failed(now, admission, weight, DELAY);
                        }
                    }
                    Move::GivesUp(call) if call < under_way.len() => {
                        if under_way.swap_remove(call) == Admission::Probe {
                            machine.abandoned(now);
                        }
                    }
                    Move::Ends { .. } | Move::GivesUp(_) => {}
                }
                if let State::HalfOpen { .. } = machine.state() {
                    prop_assert!(under_way.contains(&Admission::Probe), "nobody would ever decide");
                }
            }
            for admission in under_way {
                machine.failed(now, admission, 1, DELAY);
            }
            prop_assert_ne!(machine.admit(now + DELAY), Admission::Refuse);
        }
    }
}
