//! Follows a list of approvals live: what is committed after the cursor, without gap or repeat.
//!
//! The stream reads the database after its own cursor and is only *woken* by notices.

use async_recursion::async_recursion as boxed;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use futures::Stream;
use ids::ApprovalId;
use store::{ApprovalFilter, ApprovalRow, ChangeCursor};

use super::read::{Inbox, approvals_by_ids, resolve};
use crate::cursor::Seal;
use crate::error::ServiceError;
use crate::executions::{ChangeKind, Known};
use crate::live::Looks;
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// One item of a followed list.
#[derive(Debug, Clone)]
pub struct Change {
    /// Position, for `after`.
    pub cursor: String,
    /// What it means for the list.
    pub kind: ChangeKind,
    /// The approval as it was when this item was read.
    pub approval: ApprovalRow,
}

const CHANGES: &str = "approval-changes";
/// Things that happened which are read at a time.
const PAGE: u64 = 200;

/// Follows the approvals that fit from `after`, or from now on when absent; never ends.
///
/// # Errors
/// `Forbidden`, a cursor of something else, the database away.
#[boxed]
pub async fn changes(
    services: &Services,
    viewer: &Viewer,
    filter: ApprovalFilter,
    inbox: Inbox,
    after: Option<&str>,
) -> Result<impl Stream<Item = Result<Change, ServiceError>> + Send + use<>, ServiceError> {
    viewer.require(Permission::ApprovalRead)?;
    let seal = Seal::of(services, viewer);
    let resumed = after
        .map(|text| seal.read::<ChangeCursor>(CHANGES, text, "after"))
        .transpose()
        .map_err(ServiceError::mistake)?;
    let looks = Looks::at(services.live().organization(viewer.organization));
    let is_resumed = resumed.is_some();
    let position = match resumed {
        Some(position) => position,
        None => services.store().current_approval_cursor(viewer.organization).await?,
    };
    let watcher = Watcher {
        services: services.clone(),
        viewer: viewer.clone(),
        filter,
        inbox,
        seal,
        position,
        is_resumed,
        known: Known::default(),
        ready: VecDeque::new(),
        looks,
    };
    Ok(futures::stream::try_unfold(watcher, |mut watcher| async move { Ok(Some((watcher.next().await?, watcher))) }))
}

struct Watcher {
    services: Services,
    viewer: Viewer,
    filter: ApprovalFilter,
    inbox: Inbox,
    seal: Seal,
    position: ChangeCursor,
    is_resumed: bool,
    known: Known<ApprovalId>,
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
        let (store, organization) = (self.services.store(), self.viewer.organization);
        let changed = store.approval_changes_after(organization, &self.position, PAGE).await?;
        let Some(last) = changed.last() else { return Ok(false) };
        self.position = last.cursor;
        let ids: HashSet<ApprovalId> = changed.iter().map(|change| change.approval_id).collect();
        let ids: Vec<ApprovalId> = ids.into_iter().collect();
        // Judged first, read then: what left is shown as it is since it left, never as it was before.
        let filter = resolve(&self.services, &self.viewer, &self.filter, self.inbox).await?;
        let fitting: HashSet<ApprovalId> =
            store.filter_approvals(organization, &ids, &filter).await?.into_iter().collect();
        let rows = approvals_by_ids(&self.services, &self.viewer, &ids).await?;
        let rows: HashMap<ApprovalId, Arc<ApprovalRow>> = rows.into_iter().map(|row| (row.id, Arc::new(row))).collect();
        for change in changed {
            let Some(row) = rows.get(&change.approval_id) else { continue };
            let kind = if fitting.contains(&row.id) {
                if self.known.insert(row.id) { ChangeKind::Entered } else { ChangeKind::Updated }
            } else if self.known.remove(row.id) || (self.is_resumed && !change.opens) {
                // Before a reconnection the subscriber may have been told of it.
                ChangeKind::Left
            } else {
                continue;
            };
            let cursor = self.seal.write(CHANGES, &change.cursor);
            self.ready.push_back(Change { cursor, kind, approval: row.as_ref().clone() });
        }
        Ok(true)
    }
}
