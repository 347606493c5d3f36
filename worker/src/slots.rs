//! How many executions this worker drives at once. A slot is taken before a claim, so a worker
//! never claims more than it can run.

use std::sync::Arc;

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

/// The slots of one worker.
#[derive(Debug, Clone)]
pub struct Slots {
    semaphore: Arc<Semaphore>,
    size: usize,
}

/// One slot; given back when dropped.
#[derive(Debug)]
pub struct Slot(#[expect(dead_code, reason = "held for its Drop")] OwnedSemaphorePermit);

impl Slots {
    /// `size` slots, at least one.
    #[must_use]
    pub fn new(size: usize) -> Self {
        let size = size.max(1);
        Self { semaphore: Arc::new(Semaphore::new(size)), size }
    }

    /// Waits for one slot, then takes as many more as are free, up to `wanted`.
    ///
    /// # Errors
    /// When the worker has begun to shut down.
    pub async fn take(&self, wanted: usize) -> Result<Vec<Slot>, AcquireError> {
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
        let two = slots.take(2).await.unwrap();
        assert_eq!(two.len(), 2);
        assert_eq!(slots.take(5).await.unwrap().len(), 1, "only one was left, and it is given back at once");
        let rest = slots.take_free(5);
        assert_eq!((rest.len(), slots.in_use()), (1, 3));
        drop(two);
        assert_eq!(slots.in_use(), 1);
    }

    #[tokio::test]
    async fn closed_slots_are_refused() {
        let slots = Slots::new(1);
        slots.close();
        assert!(slots.take(1).await.is_err());
        assert!(slots.take_free(1).is_empty());
    }
}
