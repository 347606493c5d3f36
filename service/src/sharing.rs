//! Looks that equal followers share: what many watch at once is read once in a process.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use futures::{Stream, StreamExt};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::error::ServiceError;

/// What is looked at now, by a text that says all that the answer depends on: organization, reach, filter, pace.
#[derive(Debug)]
pub(crate) struct Sharing<T>(Arc<Mutex<HashMap<String, Weak<Shared<T>>>>>);

/// Looks for as long as somebody follows.
#[derive(Debug)]
struct Shared<T> {
    /// What was seen last; nothing before the first look has ended.
    seen: watch::Receiver<Option<T>>,
    task: AbortHandle,
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<T> Default for Sharing<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> Clone for Sharing<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Clone + PartialEq + Send + Sync + 'static> Sharing<T> {
    /// What `looks` sees, at once and whenever it has changed. `looks` makes a stream whose first item is there at once;
    /// of followers with the same key one stream serves all. An error reaches everybody: each looks for itself then.
    pub(crate) fn follow<M, S>(
        &self,
        key: String,
        looks: M,
    ) -> impl Stream<Item = Result<T, ServiceError>> + Send + use<T, M, S>
    where
        M: Fn() -> S + Send,
        S: Stream<Item = Result<T, ServiceError>> + Send + 'static,
    {
        let begin = Follower { sharing: self.clone(), key, looks, joined: None, last: None };
        futures::stream::try_unfold(begin, |mut follower| async move {
            Ok(follower.next().await?.map(|value| (value, follower)))
        })
    }

    fn join<S>(&self, key: &str, looks: impl FnOnce() -> S) -> Joined<T>
    where
        S: Stream<Item = Result<T, ServiceError>> + Send + 'static,
    {
        // No code panics while holding it; a poisoned map would still be a valid one.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shared) = known.get(key).and_then(Weak::upgrade)
            && !shared.task.is_finished()
        {
            return Joined::of(shared);
        }
        known.retain(|_, shared| shared.strong_count() > 0);
        let (sender, seen) = watch::channel(None);
        let looks = looks();
        let task = tokio::spawn(async move {
            let mut looks = pin!(looks);
            // After an error there is no sender, and the followers find out themselves.
            while let Some(Ok(value)) = looks.next().await {
                sender.send_replace(Some(value));
            }
        });
        let shared = Arc::new(Shared { seen, task: task.abort_handle() });
        known.insert(key.to_owned(), Arc::downgrade(&shared));
        Joined::of(shared)
    }
}

struct Joined<T> {
    seen: watch::Receiver<Option<T>>,
    _shared: Arc<Shared<T>>,
}

impl<T> Joined<T> {
    fn of(shared: Arc<Shared<T>>) -> Self {
        let mut seen = shared.seen.clone();
        // Whoever joins sees what was seen last.
        seen.mark_changed();
        Self { seen, _shared: shared }
    }
}

struct Follower<T, M> {
    sharing: Sharing<T>,
    key: String,
    looks: M,
    joined: Option<Joined<T>>,
    last: Option<T>,
}

impl<T, M, S> Follower<T, M>
where
    T: Clone + PartialEq + Send + Sync + 'static,
    M: Fn() -> S + Send,
    S: Stream<Item = Result<T, ServiceError>> + Send + 'static,
{
    async fn next(&mut self) -> Result<Option<T>, ServiceError> {
        loop {
            let joined = self.joined.get_or_insert_with(|| self.sharing.join(&self.key, &self.looks));
            let value = if joined.seen.changed().await.is_ok() {
                let Some(value) = joined.seen.borrow_and_update().clone() else { continue };
                value
            } else {
                self.joined = None;
                let Some(value) = pin!((self.looks)()).next().await else { return Ok(None) };
                value?
            };
            if self.last.as_ref() != Some(&value) {
                self.last = Some(value.clone());
                return Ok(Some(value));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures::stream::BoxStream;
    use tokio::sync::broadcast;

    use super::*;

    struct Bed {
        sharing: Sharing<u32>,
        values: broadcast::Sender<Option<u32>>,
        streams: Arc<AtomicU32>,
    }

    impl Bed {
        fn new() -> Self {
            Self { sharing: Sharing::default(), values: broadcast::Sender::new(8), streams: Arc::default() }
        }

        /// Sees 0 first, then what is sent; nothing is an error.
        fn follow(&self, key: &str) -> BoxStream<'static, Result<u32, ServiceError>> {
            let (values, streams) = (self.values.clone(), Arc::clone(&self.streams));
            let looks = move || {
                streams.fetch_add(1, Ordering::SeqCst);
                let sent = futures::stream::unfold(values.subscribe(), |mut values| async move {
                    let value = values.recv().await.ok()?;
                    Some((value.ok_or(ServiceError::Overloaded), values))
                });
                futures::stream::iter([Ok(0)]).chain(sent)
            };
            self.sharing.follow(key.to_owned(), looks).boxed()
        }

        fn send(&self, value: Option<u32>) {
            self.values.send(value).unwrap();
        }

        fn streams(&self) -> u32 {
            self.streams.load(Ordering::SeqCst)
        }
    }

    #[tokio::test]
    async fn equal_followers_look_once_and_others_look_for_themselves() {
        let bed = Bed::new();
        let (mut one, mut two, mut other) = (bed.follow("a"), bed.follow("a"), bed.follow("b"));
        assert_eq!(one.next().await.unwrap().unwrap(), 0);
        bed.send(Some(7));
        assert_eq!(one.next().await.unwrap().unwrap(), 7);
        assert_eq!(two.next().await.unwrap().unwrap(), 7, "who joins sees what was seen last");
        assert_eq!(bed.streams(), 1);
        assert_eq!(other.next().await.unwrap().unwrap(), 0);
        assert_eq!(bed.streams(), 2);
    }

    #[tokio::test]
    async fn nobody_looks_when_the_last_follower_has_left() {
        let bed = Bed::new();
        let (mut one, mut two) = (bed.follow("a"), bed.follow("a"));
        assert_eq!((one.next().await.unwrap().unwrap(), two.next().await.unwrap().unwrap()), (0, 0));
        drop(one);
        bed.send(Some(7));
        assert_eq!(two.next().await.unwrap().unwrap(), 7);
        drop(two);
        while bed.values.receiver_count() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(bed.follow("a").next().await.unwrap().unwrap(), 0);
        assert_eq!(bed.streams(), 2);
    }

    #[tokio::test]
    async fn after_an_error_each_follower_looks_for_itself_and_then_together_again() {
        let bed = Bed::new();
        let (mut one, mut two) = (bed.follow("a"), bed.follow("a"));
        assert_eq!((one.next().await.unwrap().unwrap(), two.next().await.unwrap().unwrap()), (0, 0));
        bed.send(Some(7));
        assert_eq!((one.next().await.unwrap().unwrap(), two.next().await.unwrap().unwrap()), (7, 7));
        bed.send(None);
        assert_eq!((one.next().await.unwrap().unwrap(), two.next().await.unwrap().unwrap()), (0, 0));
        assert_eq!(bed.streams(), 3, "each looked for itself");
        let (first, second) =
            (tokio::spawn(async move { one.next().await }), tokio::spawn(async move { two.next().await }));
        // One stream again, for both.
        while bed.values.receiver_count() != 1 || bed.streams() != 4 {
            tokio::task::yield_now().await;
        }
        bed.send(Some(9));
        assert_eq!(first.await.unwrap().unwrap().unwrap(), 9);
        assert_eq!(second.await.unwrap().unwrap().unwrap(), 9);
    }
}
