//! How many executions this worker drives at once. A slot is taken before a claim, so a worker
//! never claims more than it can run.

use std::sync::Arc;

use queue::Lane;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

/// The slots of one worker.
#[derive(Debug, Clone)]
pub struct Slots {
    semaphore: Arc<Semaphore>,
    /// Places in the line before the slots for what is beyond somebody's share.
    excess: Arc<Semaphore>,
    size: usize,
}

/// How many tasks beyond somebody's share stand in the line at once: so many others may have in front of them when no
/// slot is free. The line is served in the order of arrival.
const EXCESS_IN_LINE: usize = 16;

/// One slot; given back when dropped.
#[derive(Debug)]
pub struct Slot(#[expect(dead_code, reason = "held for its Drop")] OwnedSemaphorePermit);

impl Slots {
    /// `size` slots, at least one.
    #[must_use]
    pub fn new(size: usize) -> Self {
        let size = size.max(1);
        Self { semaphore: Arc::new(Semaphore::new(size)), excess: Arc::new(Semaphore::new(EXCESS_IN_LINE)), size }
    }

    /// Waits for one slot, then takes as many more as are free, up to `wanted`.
    ///
    /// # Errors
    /// When the worker has begun to shut down.
    pub async fn take(&self, lane: Lane, wanted: usize) -> Result<Vec<Slot>, AcquireError> {
        let _place = match lane {
            Lane::Share => None,
            Lane::Excess => Some(self.excess.acquire().await?),
        };
        let first = Arc::clone(&self.semaphore).acquire_owned().await?;
        let mut slots = vec![Slot(first)];
        while slots.len() < wanted {
            match Arc::clone(&self.semaphore).try_acquire_owned() {
                Ok(permit) => slots.push(Slot(permit)),
                Err(_none_free) => break,
            }
        }
        Ok(slots)
    }

    /// Takes the free slots, up to `wanted`, without waiting.
    #[must_use]
    pub fn take_free(&self, wanted: usize) -> Vec<Slot> {
        std::iter::from_fn(|| Arc::clone(&self.semaphore).try_acquire_owned().ok().map(Slot)).take(wanted).collect()
    }

    /// Refuses slots from now on.
    pub fn close(&self) {
        self.semaphore.close();
        self.excess.close();
    }

    /// How many are taken.
    #[must_use]
    pub fn in_use(&self) -> usize {
        self.size - self.semaphore.available_permits()
    }

    /// How many there are.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_more_slots_are_taken_than_there_are() {
        let slots = Slots::new(3);
        let two = slots.take(Lane::Share, 2).await.unwrap();
        assert_eq!(two.len(), 2);
        assert_eq!(
            slots.take(Lane::Excess, 5).await.unwrap().len(),
            1,
            "only one was left, and it is given back at once"
        );
        let rest = slots.take_free(5);
        assert_eq!((rest.len(), slots.in_use()), (1, 3));
        drop(two);
        assert_eq!(slots.in_use(), 1);
    }

    #[tokio::test]
    async fn others_wait_behind_a_handful_of_what_is_beyond_somebodys_share() {
        let slots = Slots::new(1);
        let taken = slots.take(Lane::Excess, 1).await.unwrap();
        let begun = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        for _ in 0..200 {
            let (slots, begun) = (slots.clone(), Arc::clone(&begun));
            tokio::spawn(async move {
                let _slot = slots.take(Lane::Excess, 1).await.unwrap();
                begun.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            });
        }
        // Each of them runs until it waits: there is one thread, and a turn for all that are ready.
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        drop(taken);
        let _slot = slots.take(Lane::Share, 1).await.unwrap();
        let before = begun.load(std::sync::atomic::Ordering::SeqCst);
        assert!(before <= EXCESS_IN_LINE + 1, "{before} of 200 went first");
    }

    #[tokio::test]
    async fn closed_slots_are_refused() {
        let slots = Slots::new(1);
        slots.close();
        assert!(slots.take(Lane::Share, 1).await.is_err());
        assert!(slots.take(Lane::Excess, 1).await.is_err());
        assert!(slots.take_free(1).is_empty());
    }
}
