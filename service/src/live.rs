//! Who waits for news of an execution or an organization, and the one task that tells them.
//!
//! News says only *that* something was committed; whoever is told reads the database. So a notice
//! that is lost costs nothing but the time until the next one, or until the transport admits that
//! it may have lost some: then everybody who listens looks again.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ids::{ExecutionId, OrganizationId};
use queue::{NoticeItem, Notices};
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// What was last heard about something. Compared, never counted on: news may be skipped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct News {
    /// Changes with every notice.
    pub tick: u64,
    /// The execution has ended.
    pub ended: bool,
    /// The execution has decided or changed its status; also set when notices may have been lost.
    pub look_again: bool,
}

type Listeners<K> = Arc<Mutex<HashMap<K, watch::Sender<News>>>>;

/// The listeners of this process.
#[derive(Debug, Clone)]
pub struct Live {
    executions: Listeners<ExecutionId>,
    organizations: Listeners<OrganizationId>,
    _task: Arc<StopOnDrop>,
}

#[derive(Debug)]
struct StopOnDrop(AbortHandle);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// News of one execution or organization, from the moment of asking on.
#[derive(Debug)]
pub struct Listener<K: Eq + Hash> {
    key: K,
    news: watch::Receiver<News>,
    listeners: Listeners<K>,
}

impl<K: Eq + Hash> Listener<K> {
    /// Waits until something was committed since the last call.
    pub async fn changed(&mut self) -> News {
        // The sender lives in the map for as long as a listener does, so this cannot fail.
        if self.news.changed().await.is_err() {
            return News { look_again: true, ..News::default() };
        }
        *self.news.borrow_and_update()
    }

    /// Passes over what was told so far: whoever looks now sees it.
    pub(crate) fn pass(&mut self) {
        self.news.mark_unchanged();
    }
}

/// How often to look again after a notice that told of nothing visible.
const LOOKS: u8 = 4;
/// How long to wait before each of these looks.
const LOOK_AGAIN: Duration = Duration::from_millis(150);

/// When to look into the database for what comes next of an organization, in the order in which it was committed.
#[derive(Debug)]
pub(crate) struct Looks {
    news: Listener<OrganizationId>,
    left: u8,
}

impl Looks {
    pub(crate) const fn at(news: Listener<OrganizationId>) -> Self {
        Self { news, left: 0 }
    }

    /// Waits until there may be something that the last look did not see.
    pub(crate) async fn next(&mut self) {
        if self.left == 0 {
            self.news.changed().await;
            self.left = LOOKS;
            return;
        }
        // What a notice told of stays invisible while an older transaction is open, and that one may end without a
        // notice for this organization: so look again, a few times.
        self.left -= 1;
        if tokio::time::timeout(LOOK_AGAIN, self.news.changed()).await.is_ok() {
            self.left = LOOKS;
        }
    }
}

impl<K: Eq + Hash> Drop for Listener<K> {
    fn drop(&mut self) {
        let mut listeners = lock(&self.listeners);
        // This listener's own receiver is still counted.
        if listeners.get(&self.key).is_some_and(|sender| sender.receiver_count() <= 1) {
            listeners.remove(&self.key);
        }
    }
}

fn lock<K>(listeners: &Listeners<K>) -> std::sync::MutexGuard<'_, HashMap<K, watch::Sender<News>>> {
    // No code panics while holding it; a poisoned map would still be a valid one.
    listeners.lock().unwrap_or_else(PoisonError::into_inner)
}

fn listen<K: Eq + Hash + Copy>(listeners: &Listeners<K>, key: K) -> Listener<K> {
    let news = lock(listeners).entry(key).or_insert_with(|| watch::Sender::new(News::default())).subscribe();
    Listener { key, news, listeners: Arc::clone(listeners) }
}

fn tell<K: Eq + Hash>(listeners: &Listeners<K>, key: &K, ended: bool) {
    if let Some(sender) = lock(listeners).get(key) {
        sender.send_modify(|news| {
            news.tick += 1;
            news.ended |= ended;
        });
    }
}

fn tell_all<K: Eq + Hash>(listeners: &Listeners<K>) {
    for sender in lock(listeners).values() {
        sender.send_modify(|news| {
            news.tick += 1;
            news.look_again = true;
        });
    }
}

impl Live {
    /// Begins to listen to `notices`; ends when the last clone is dropped.
    #[must_use]
    pub fn start(notices: &Notices) -> Self {
        let executions: Listeners<ExecutionId> = Arc::default();
        let organizations: Listeners<OrganizationId> = Arc::default();
        let mut stream = notices.subscribe();
        let (of_executions, of_organizations) = (Arc::clone(&executions), Arc::clone(&organizations));
        let task = tokio::spawn(async move {
            loop {
                match stream.next().await {
                    Some(NoticeItem::Notice(notice)) => {
                        tell(&of_executions, &notice.execution, notice.ended);
                        tell(&of_organizations, &notice.organization, false);
                    }
                    Some(NoticeItem::Resync) => {
                        tell_all(&of_executions);
                        tell_all(&of_organizations);
                    }
                    None => break,
                }
            }
        });
        Self { executions, organizations, _task: Arc::new(StopOnDrop(task.abort_handle())) }
    }

    /// News of one execution. Ask before reading its state, or a change in between is missed.
    #[must_use]
    pub fn execution(&self, id: ExecutionId) -> Listener<ExecutionId> {
        listen(&self.executions, id)
    }

    /// News of every execution of an organization.
    #[must_use]
    pub fn organization(&self, id: OrganizationId) -> Listener<OrganizationId> {
        listen(&self.organizations, id)
    }
}
