//! Follows one execution, or a filtered list of them, live: query first, then what is committed
//! after the cursor, without gap or repeat.
//!
//! Both streams read the database after their own cursor and are only *woken* by notices, so a
//! notice that is lost, doubled or late changes nothing but the delay.

use async_recursion::async_recursion as boxed;
use std::collections::{HashSet, VecDeque};
use std::hash::Hash;
use std::sync::Arc;

use engine::machine::Event;
use futures::Stream;
use ids::ExecutionId;
use store::{ChangeCursor, ExecutionFilter, ExecutionRow};

use super::read::parse_events;
use crate::code::Code;
use crate::cursor::Seal;
use crate::error::{Mistake, ServiceError};
use crate::live::Looks;
use crate::reach;
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// One item of a followed execution.
#[derive(Debug, Clone)]
pub struct Update {
    /// Position, for `after`.
    pub cursor: String,
    /// Entry of the journal; absent in the first item when there was no `after`.
    pub event: Option<JournalEvent>,
    /// The execution as it was when this item was read.
    pub execution: Arc<ExecutionRow>,
}

/// One event with its place in the journal.
#[derive(Debug, Clone)]
pub struct JournalEvent {
    /// Number of the journal row.
    pub seq: i32,
    /// Place in that row.
    pub index: usize,
    /// When the row was committed, Unix milliseconds.
    pub at_ms: i64,
    /// What happened.
    pub event: Event,
}

/// Journal rows read at a time.
const PAGE: u64 = 200;

/// Follows execution `id` from `after`, or from its present state when absent; ends when the
/// execution has ended and everything was delivered.
///
/// # Errors
/// `Forbidden`, an unknown execution, a cursor of something else, the database away.
#[boxed]
pub async fn updates(
    services: &Services,
    viewer: &Viewer,
    id: ExecutionId,
    after: Option<&str>,
) -> Result<impl Stream<Item = Result<Update, ServiceError>> + Send + use<>, ServiceError> {
    viewer.require(Permission::ExecutionRead)?;
    let list = format!("journal:{id}");
    let seal = Seal::of(services, viewer);
    let position =
        after.map(|text| seal.read::<(i32, usize)>(&list, text, "after")).transpose().map_err(ServiceError::mistake)?;
    let news = services.live().execution(id);
    let row = services.store().execution(viewer.organization, id).await?;
    let row = reach::execution(services, viewer, row).await?;
    let Some(row) = row.map(Arc::new) else {
        let mistake = Mistake::new(Code::NotFound, "id", format!("there is no execution `{id}`"));
        return Err(ServiceError::mistake(mistake));
    };
    let mut ready = VecDeque::new();
    // Rows up to `seq` are delivered whole; of the next one, events before `skip` are.
    let (seq, skip) = match position {
        Some((0, _)) => (0, 0),
        // The cursor of an event means that its row is delivered up to and including it.
        Some((seq, index)) => (seq.saturating_sub(1), index.saturating_add(1)),
        None => {
            let at_end = seal.write(&list, &(row.seq, usize::MAX - 1));
            ready.push_back(Update { cursor: at_end, event: None, execution: Arc::clone(&row) });
            (row.seq, 0)
        }
    };
    let follower = Follower {
        services: services.clone(),
        viewer: viewer.clone(),
        id,
        list,
        seal,
        seq,
        skip,
        ready,
        news,
        is_over: false,
    };
    Ok(futures::stream::try_unfold(follower, |mut follower| async move {
        Ok(follower.next().await?.map(|update| (update, follower)))
    }))
}

/// The cursor before everything that happens in `id`.
#[must_use]
pub fn beginning(services: &Services, viewer: &Viewer, id: ExecutionId) -> String {
    // Behind every event of row 0, which does not exist.
    Seal::of(services, viewer).write(&format!("journal:{id}"), &(0, usize::MAX - 1))
}

struct Follower {
    services: Services,
    viewer: Viewer,
    id: ExecutionId,
    list: String,
    seal: Seal,
    seq: i32,
    skip: usize,
    ready: VecDeque<Update>,
    news: crate::live::Listener<ExecutionId>,
    is_over: bool,
}

impl Follower {
    async fn next(&mut self) -> Result<Option<Update>, ServiceError> {
        loop {
            if let Some(update) = self.ready.pop_front() {
                return Ok(Some(update));
            }
            if self.is_over {
                return Ok(None);
            }
            if !self.read().await? && !self.is_over {
                self.news.changed().await;
            }
        }
    }

    /// Reads what comes after the cursor; false when there was nothing.
    async fn read(&mut self) -> Result<bool, ServiceError> {
        let store = self.services.store();
        // The row first: if it says that all is over, the journal read after it is complete.
        let mut row = store.execution(self.viewer.organization, self.id).await?;
        let entries = store.journal(self.viewer.organization, self.id, self.seq, PAGE).await?;
        // What was committed between the two reads: nobody is told of an event with a state from before it.
        let newest = entries.last().map_or(0, |entry| entry.seq);
        if row.as_ref().is_some_and(|row| row.seq < newest) {
            row = store.execution(self.viewer.organization, self.id).await?;
        }
        let Some(row) = row.map(Arc::new) else {
            self.is_over = true;
            return Ok(false);
        };
        let mut last = self.seq;
        for entry in &entries {
            for (index, event) in parse_events(&entry.events)?.into_iter().enumerate().skip(self.skip) {
                let cursor = self.seal.write(&self.list, &(entry.seq, index));
                let event = JournalEvent { seq: entry.seq, index, at_ms: entry.at_ms, event };
                self.ready.push_back(Update { cursor, event: Some(event), execution: Arc::clone(&row) });
            }
            self.skip = 0;
            last = entry.seq;
        }
        self.seq = last;
        self.is_over = row.status.is_ended() && self.seq >= row.seq;
        Ok(!entries.is_empty())
    }
}

/// What a change means for a filtered list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// The item fits the filter now.
    Entered,
    /// The item changed and still fits.
    Updated,
    /// The item does not fit any more.
    Left,
}

/// One item of a followed list.
#[derive(Debug, Clone)]
pub struct Change {
    /// Position, for `after`.
    pub cursor: String,
    /// What it means for the list.
    pub kind: ChangeKind,
    /// The execution as it was when this item was read.
    pub execution: Arc<ExecutionRow>,
}

const CHANGES: &str = "execution-changes";

/// How many items a subscription remembers having told about.
const REMEMBERED: usize = 10_000;

/// Follows the executions that fit `filter` from `after`, or from now on when absent; never ends.
///
/// # Errors
/// `Forbidden`, a cursor of something else, a bad filter, the database away.
#[boxed]
pub async fn changes(
    services: &Services,
    viewer: &Viewer,
    filter: ExecutionFilter,
    after: Option<&str>,
) -> Result<impl Stream<Item = Result<Change, ServiceError>> + Send + use<>, ServiceError> {
    viewer.require(Permission::ExecutionRead)?;
    let seal = Seal::of(services, viewer);
    let resumed = after
        .map(|text| seal.read::<ChangeCursor>(CHANGES, text, "after"))
        .transpose()
        .map_err(ServiceError::mistake)?;
    let looks = Looks::at(services.live().organization(viewer.organization));
    let is_resumed = resumed.is_some();
    let position = match resumed {
        Some(position) => position,
        None => services.store().current_change_cursor(viewer.organization).await?,
    };
    let watcher = Watcher {
        services: services.clone(),
        viewer: viewer.clone(),
        filter,
        seal,
        position,
        is_resumed,
        known: Known::default(),
        ready: VecDeque::new(),
        looks,
    };
    Ok(futures::stream::try_unfold(watcher, |mut watcher| async move { Ok(Some((watcher.next().await?, watcher))) }))
}

/// What the subscriber was told fits; bounded, the oldest are forgotten first.
pub struct Known<K> {
    members: HashSet<K>,
    order: VecDeque<K>,
}

impl<K> Default for Known<K> {
    fn default() -> Self {
        Self { members: HashSet::new(), order: VecDeque::new() }
    }
}

impl<K: Copy + Eq + Hash> Known<K> {
    /// True when it was not known.
    pub fn insert(&mut self, id: K) -> bool {
        if !self.members.insert(id) {
            return false;
        }
        self.order.push_back(id);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.members.remove(&oldest);
        }
        true
    }

    /// True when it was known.
    pub fn remove(&mut self, id: K) -> bool {
        let was_member = self.members.remove(&id);
        if was_member {
            self.order.retain(|member| *member != id);
        }
        was_member
    }
}

struct Watcher {
    services: Services,
    viewer: Viewer,
    filter: ExecutionFilter,
    seal: Seal,
    position: ChangeCursor,
    is_resumed: bool,
    known: Known<ExecutionId>,
    ready: VecDeque<Change>,
    looks: Looks,
}

impl Watcher {
    async fn next(&mut self) -> Result<Change, ServiceError> {
        loop {
            if let Some(change) = self.ready.pop_front() {
                return Ok(change);
            }
            if self.read().await? {
                continue;
            }
            self.looks.next().await;
        }
    }

    /// Reads what was committed after the cursor; false when there was nothing.
    async fn read(&mut self) -> Result<bool, ServiceError> {
        let store = self.services.store();
        let changed = store.changes_after(self.viewer.organization, &self.position, PAGE).await?;
        let Some(last) = changed.last() else { return Ok(false) };
        self.position = last.cursor;
        let mut ids: Vec<ExecutionId> = changed.iter().map(|change| change.execution_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let ids = reach::executions(&self.services, &self.viewer, &ids).await?;
        // Judged first, read then: what left is shown as it is since it left, never as it was before.
        let fitting = store.filter_executions(self.viewer.organization, &ids, &self.filter).await?;
        let fitting: HashSet<ExecutionId> = fitting.into_iter().collect();
        let rows = store.executions_by_ids(self.viewer.organization, &ids).await?;
        let rows: std::collections::HashMap<ExecutionId, Arc<ExecutionRow>> =
            rows.into_iter().map(|row| (row.id, Arc::new(row))).collect();
        for change in changed {
            let Some(row) = rows.get(&change.execution_id) else { continue };
            let kind = if fitting.contains(&row.id) {
                if self.known.insert(row.id) { ChangeKind::Entered } else { ChangeKind::Updated }
            } else if self.known.remove(row.id) || (self.is_resumed && change.seq > 1) {
                // Before a reconnection the subscriber may have been told of it.
                ChangeKind::Left
            } else {
                continue;
            };
            let cursor = self.seal.write(CHANGES, &change.cursor);
            self.ready.push_back(Change { cursor, kind, execution: Arc::clone(row) });
        }
        Ok(true)
    }
}
