//! Follows a workflow live: who saved, published, switched or moved it, in the order in which it happened.
//!
//! What happened is read from the audit log, after the cursor, and the workflow as it is then. Notices only wake.

use async_recursion::async_recursion as boxed;
use std::collections::VecDeque;
use std::time::Duration;

use futures::Stream;
use ids::WorkflowId;
use store::{AuditFilter, AuditRow, Cursor, PageRequest, WorkflowRow};

use super::state::reached;
use crate::audit::actor_of;
use crate::cursor::Seal;
use crate::error::ServiceError;
use crate::pace::Pace;
use crate::reach;
use crate::services::Services;
use crate::viewer::{Actor, Permission, Viewer};

/// Entries that are read at a time.
const PAGE: u64 = 100;
/// The log is read once in so long at most, however much happens elsewhere.
const EVERY: Duration = Duration::from_secs(1);
/// It is read without news after so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// What can happen to a workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateKind {
    /// A draft was saved, the first one too.
    DraftSaved,
    /// A draft was thrown away.
    DraftDiscarded,
    /// A version was published, or is the published one again.
    Published,
    /// It was enabled.
    Enabled,
    /// It was disabled.
    Disabled,
    /// What is said of it changed, or how long its executions are kept, or it was brought back.
    Updated,
    /// It was archived.
    Archived,
}

/// What the use cases call what they do, as it stands in the audit log.
const ACTIONS: [(&str, UpdateKind); 11] = [
    ("workflow.created", UpdateKind::DraftSaved),
    ("workflow.drafted", UpdateKind::DraftSaved),
    ("workflow.draft_discarded", UpdateKind::DraftDiscarded),
    ("workflow.published", UpdateKind::Published),
    ("workflow.rolled_back", UpdateKind::Published),
    ("workflow.enabled", UpdateKind::Enabled),
    ("workflow.disabled", UpdateKind::Disabled),
    ("workflow.updated", UpdateKind::Updated),
    ("workflow.retention_set", UpdateKind::Updated),
    ("workflow.restored", UpdateKind::Updated),
    ("workflow.archived", UpdateKind::Archived),
];

/// Something that happened to a workflow.
#[derive(Debug, Clone)]
pub struct Update {
    /// Position, for `after`.
    pub cursor: String,
    /// What happened.
    pub kind: UpdateKind,
    /// The workflow when this item was read.
    pub workflow: WorkflowRow,
    /// Who did it, as they were called then.
    pub actor: Actor,
}

/// Follows a workflow from `after`, or from now on when absent, until it is deleted or out of reach.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; a cursor of something else; the database away.
#[boxed]
pub async fn updates(
    services: &Services,
    viewer: &Viewer,
    id: WorkflowId,
    after: Option<&str>,
) -> Result<impl Stream<Item = Result<Update, ServiceError>> + Send + use<>, ServiceError> {
    viewer.require(Permission::WorkflowRead)?;
    let (list, seal) = (format!("workflow-updates:{id}"), Seal::of(services, viewer));
    let resumed =
        after.map(|text| seal.read::<Cursor>(&list, text, "after")).transpose().map_err(ServiceError::mistake)?;
    let pace = Pace::new(services.live().organization(viewer.organization), EVERY, PATIENCE);
    reached(services, viewer, id).await?;
    let filter = AuditFilter {
        target_id: Some(id.to_string()),
        actions: Some(ACTIONS.iter().map(|(action, _)| (*action).to_owned()).collect()),
        ..AuditFilter::default()
    };
    let mut position = resumed;
    if position.is_none() {
        let newest = services.store().audit_entries(viewer.organization, &filter, &PageRequest::first(1)).await?;
        position = newest.rows.into_iter().next().map(|(cursor, _)| cursor);
    }
    let (services, viewer) = (services.clone(), viewer.clone());
    let follower =
        Follower { services, viewer, id, list, seal, filter, position, pace, ready: VecDeque::new(), is_behind: false };
    Ok(futures::stream::try_unfold(follower, |mut follower| async move {
        Ok(follower.next().await?.map(|update| (update, follower)))
    }))
}

struct Follower {
    services: Services,
    viewer: Viewer,
    id: WorkflowId,
    list: String,
    seal: Seal,
    filter: AuditFilter,
    /// The last entry that was told; none before the first.
    position: Option<Cursor>,
    pace: Pace,
    ready: VecDeque<Update>,
    /// There was more than is read at a time.
    is_behind: bool,
}

impl Follower {
    async fn next(&mut self) -> Result<Option<Update>, ServiceError> {
        loop {
            if let Some(update) = self.ready.pop_front() {
                return Ok(Some(update));
            }
            if !self.is_behind {
                self.pace.turn().await;
            }
            let (services, viewer) = (self.services.clone(), self.viewer.clone());
            let request = PageRequest { before: self.position.clone(), ..PageRequest::last(PAGE) };
            let (id, filter) = (self.id, self.filter.clone());
            let looked = self.pace.look(async move { read(&services, &viewer, id, &filter, &request).await }).await?;
            let Some((entries, workflow)) = looked else { return Ok(None) };
            self.is_behind = entries.len() as u64 >= PAGE;
            for (cursor, row) in entries.into_iter().rev() {
                self.ready.push_back(Update {
                    cursor: self.seal.write(&self.list, &cursor),
                    kind: kind(&row.entry.action),
                    workflow: workflow.clone(),
                    actor: actor_of(&row.entry),
                });
                self.position = Some(cursor);
            }
        }
    }
}

/// What happened since, newest first, and the workflow after it; none when it is gone or out of reach.
async fn read(
    services: &Services,
    viewer: &Viewer,
    id: WorkflowId,
    filter: &AuditFilter,
    request: &PageRequest,
) -> Result<Option<(Vec<(Cursor, AuditRow)>, WorkflowRow)>, ServiceError> {
    let store = services.store();
    // The log first: nobody is told of a change with a state from before it.
    let entries = store.audit_entries(viewer.organization, filter, request).await?;
    let workflow = store.workflow(viewer.organization, id).await?;
    Ok(workflow.filter(|row| reach::has(viewer, row)).map(|workflow| (entries.rows, workflow)))
}

fn kind(action: &str) -> UpdateKind {
    let known = ACTIONS.iter().find(|(known, _)| *known == action);
    // Whatever else is asked for is a change of the record.
    known.map_or(UpdateKind::Updated, |(_, kind)| *kind)
}

#[cfg(test)]
mod tests;
