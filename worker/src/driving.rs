//! Which executions this worker drives right now, so that a claim nobody drives is noticed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ids::ExecutionId;
use tokio::sync::Notify;

/// Executions with the epoch under which each was claimed, and its bell.
type Epochs = HashMap<ExecutionId, (i32, Arc<Notify>)>;

/// The executions in hand, with the epoch under which each was claimed.
#[derive(Debug, Clone, Default)]
pub struct Driving {
    in_hand: Arc<Mutex<Epochs>>,
    emptied: Arc<Notify>,
}

/// One execution in hand; leaves the set when dropped, also after a panic.
#[derive(Debug)]
pub struct InHand {
    id: ExecutionId,
    epoch: i32,
    driving: Driving,
    told: Arc<Notify>,
}

impl InHand {
    /// Waits until the execution was told something, or may have been.
    pub async fn told(&self) {
        self.told.notified().await;
    }
}

impl Driving {
    /// Notes that `id` is driven from now on.
    #[must_use]
    pub fn begin(&self, id: ExecutionId, epoch: i32) -> InHand {
        let told = Arc::new(Notify::new());
        self.lock().insert(id, (epoch, Arc::clone(&told)));
        InHand { id, epoch, driving: self.clone(), told }
    }

    /// Lets the drive of `id` look for what it was told, if this worker has it.
    pub fn tell(&self, id: ExecutionId) {
        if let Some((_, told)) = self.lock().get(&id) {
            told.notify_one();
        }
    }

    /// Lets every drive look.
    pub fn tell_all(&self) {
        for (_, told) in self.lock().values() {
            told.notify_one();
        }
    }

    /// Whether `id` is in hand under `epoch`.
    #[must_use]
    pub fn contains(&self, id: ExecutionId, epoch: i32) -> bool {
        self.lock().get(&id).is_some_and(|(known, _)| *known == epoch)
    }

    /// How many are in hand.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether none is in hand.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Waits until none is in hand.
    pub async fn emptied(&self) {
        loop {
            let emptied = self.emptied.notified();
            tokio::pin!(emptied);
            // Registered before looking, so that a drive ending in between is not missed.
            emptied.as_mut().enable();
            if self.is_empty() {
                return;
            }
            emptied.await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Epochs> {
        // No code panics while holding it; a poisoned map would still be a valid one.
        self.in_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        let mut in_hand = self.driving.lock();
        // A later claim of the same execution may have replaced this one.
        if in_hand.get(&self.id).is_some_and(|(epoch, _)| *epoch == self.epoch) {
            in_hand.remove(&self.id);
        }
        if in_hand.is_empty() {
            drop(in_hand);
            self.driving.emptied.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_set_is_empty_again_when_all_are_done() {
        let driving = Driving::default();
        let (id, other) = (ExecutionId::new(), ExecutionId::new());
        let first = driving.begin(id, 1);
        let second = driving.begin(other, 4);
        assert!(driving.contains(id, 1) && !driving.contains(id, 2));
        let waiting = tokio::spawn({
            let driving = driving.clone();
            async move { driving.emptied().await }
        });
        drop(first);
        drop(second);
        waiting.await.unwrap();
        assert!(driving.is_empty());
    }

    #[test]
    fn an_earlier_claim_that_ends_late_does_not_hide_the_later_one() {
        let driving = Driving::default();
        let id = ExecutionId::new();
        let early = driving.begin(id, 1);
        let late = driving.begin(id, 2);
        drop(early);
        assert!(driving.contains(id, 2));
        drop(late);
        assert!(driving.is_empty());
    }
}
