//! What comes of writes that fail, panic, hang, or lose their answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use futures::future::join_all;

use super::*;

/// What happens to one write after another; what is not listed works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Works,
    Panics,
    /// Nothing is written, and nobody hears so.
    Breaks,
    /// It is written, and nobody hears so.
    WrittenUnheard,
    Hangs,
}

#[derive(Debug, Default)]
struct State {
    fates: Vec<Fate>,
    /// How often each was written.
    written: BTreeMap<u32, u32>,
    writes: u32,
}

/// Numbers; writing one twice is refused, and 13 panics.
#[derive(Debug, Clone)]
struct Numbers {
    state: Arc<Mutex<State>>,
    can_settle: bool,
}

impl Numbers {
    fn with(fates: &[Fate]) -> Self {
        let fates = fates.iter().rev().copied().collect();
        Self { state: Arc::new(Mutex::new(State { fates, ..State::default() })), can_settle: true }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn written(&self) -> BTreeSet<u32> {
        let state = self.lock();
        assert!(state.written.values().all(|times| *times == 1), "nothing is written twice: {:?}", state.written);
        state.written.keys().copied().collect()
    }
}

fn broken() -> StoreError {
    sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into()).into()
}

impl Group for Numbers {
    type Item = u32;
    type Outcome = u32;
    const NAME: &'static str = "numbers";

    async fn write(&self, items: &[u32]) -> Result<Vec<u32>, StoreError> {
        let fate = {
            let mut state = self.lock();
            state.writes += 1;
            state.fates.pop().unwrap_or(Fate::Works)
        };
        assert!(!items.contains(&13), "thirteen");
        match fate {
            Fate::Panics => panic!("the fate of this write"),
            Fate::Breaks => return Err(broken()),
            Fate::Hangs => std::future::pending().await,
            Fate::Works | Fate::WrittenUnheard => {}
        }
        for item in items {
            *self.lock().written.entry(*item).or_default() += 1;
        }
        if fate == Fate::WrittenUnheard { Err(broken()) } else { Ok(items.to_vec()) }
    }

    async fn settle(&self, items: &[u32]) -> Option<Result<Vec<u32>, StoreError>> {
        if !self.can_settle {
            return None;
        }
        let missing: Vec<u32> = items.iter().copied().filter(|item| !self.lock().written.contains_key(item)).collect();
        Some(if missing.is_empty() {
            Ok(items.to_vec())
        } else {
            self.write(&missing).await.map(|_outcomes| items.to_vec())
        })
    }
}

fn bounds() -> Bounds {
    let seconds = Duration::from_secs;
    Bounds { group: seconds(10), place: seconds(5), breaker: Breaker::new("test database".to_owned()) }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_panics_is_an_error_for_its_caller_and_the_next_one_works() {
    let group = Numbers { can_settle: false, ..Numbers::with(&[Fate::Panics]) };
    let committer = Committer::spawn(group, bounds());
    let outcome = committer.write(1).await;
    assert!(
        matches!(&outcome, Err(StoreError::Internal(cause)) if cause.is::<crate::error::Panicked>()),
        "{outcome:?}"
    );
    assert_eq!(committer.write(2).await.unwrap(), 2);
    committer.close().await;
}

#[tokio::test(start_paused = true)]
async fn one_member_that_panics_does_not_harm_the_others_of_its_group() {
    let group = Numbers::with(&[]);
    let committer = Committer::spawn(group.clone(), bounds());
    let outcomes = join_all((0..30).map(|number| committer.write(number))).await;
    for (number, outcome) in (0_u32..).zip(outcomes) {
        assert_eq!(outcome.is_ok(), number != 13, "{number}: {outcome:?}");
    }
    assert_eq!(group.written(), (0..30).filter(|number| *number != 13).collect());
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_decided_by_what_is_written_never_twice_and_never_not_at_all() {
    for fates in [
        &[Fate::WrittenUnheard][..],
        &[Fate::Breaks],
        &[Fate::Breaks, Fate::Breaks, Fate::WrittenUnheard],
        &[Fate::WrittenUnheard, Fate::Breaks, Fate::Panics],
    ] {
        let group = Numbers::with(fates);
        let committer = Committer::spawn(group.clone(), bounds());
        let outcomes = join_all((20..40).map(|number| committer.write(number))).await;
        assert!(outcomes.iter().all(Result::is_ok), "{fates:?}: {outcomes:?}");
        assert_eq!(group.written(), (20..40).collect(), "{fates:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_decided_is_told_as_retryable() {
    let group = Numbers { can_settle: false, ..Numbers::with(&[Fate::Breaks]) };
    let committer = Committer::spawn(group.clone(), bounds());
    assert!(committer.write(1).await.unwrap_err().is_retryable());
    assert_eq!(group.lock().writes, 1);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_hangs_is_given_up_and_opens_the_breaker() {
    let group = Numbers { can_settle: false, ..Numbers::with(&[Fate::Hangs]) };
    let bounds = bounds();
    let breaker = bounds.breaker.clone();
    let committer = Committer::spawn(group, bounds);
    let problem = committer.write(1).await.unwrap_err();
    assert!(problem.is_retryable(), "{problem:?}");
    assert_eq!(breaker.status().last_error.as_deref(), Some("no_answer"));
    assert_eq!(committer.write(2).await.unwrap(), 2, "the committer goes on");
}

#[tokio::test(start_paused = true)]
async fn who_finds_no_place_is_refused_in_bounded_time_and_may_try_again() {
    let group = Numbers { can_settle: false, ..Numbers::with(&[Fate::Hangs]) };
    let committer = Arc::new(Committer::spawn(group, bounds()));
    let hanging = tokio::spawn({
        let committer = Arc::clone(&committer);
        async move { committer.write(1).await }
    });
    tokio::task::yield_now().await;
    let count = u32::try_from(MAX_WAITING).unwrap();
    let waiting: Vec<_> = (0..=count)
        .map(|number| {
            let committer = Arc::clone(&committer);
            tokio::spawn(async move { committer.write(100 + number).await })
        })
        .collect();
    let mut refused = 0;
    for waiting in waiting {
        if let Err(problem) = waiting.await.unwrap() {
            assert!(problem.is_retryable(), "{problem:?}");
            assert!(format!("{problem:?}").contains("QueueFull"), "{problem:?}");
            refused += 1;
        }
    }
    assert_eq!(refused, 1, "one more than there is room for");
    assert!(hanging.await.unwrap().is_err());
}
