//! Follows events live: what is committed after the cursor, each once, without gap.
//!
//! The stream reads the database after its own cursor and is only *woken* by notices.

use async_recursion::async_recursion as boxed;
use std::collections::{HashMap, VecDeque};

use futures::Stream;
use ids::{EventId, OrganizationId};
use store::{EventCursor, EventFilter, EventRow};

use crate::code::Code;
use crate::cursor::Seal;
use crate::error::{Mistake, ServiceError};
use crate::live::Looks;
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// One event of a followed list.
#[derive(Debug, Clone)]
pub struct Received {
    /// Position, for `after`.
    pub cursor: String,
    /// The event as it was when this item was read.
    pub event: EventRow,
}

const LIST: &str = "event-arrivals";
/// Events that are read at a time.
const PAGE: u64 = 200;
/// Follows the events that fit from `after`, or from now on when absent; never ends.
///
/// # Errors
/// `Forbidden`, a filter by what comes of events, a cursor of something else, the database away.
#[boxed]
pub async fn follow(
    services: &Services,
    viewer: &Viewer,
    filter: EventFilter,
    after: Option<&str>,
) -> Result<impl Stream<Item = Result<Received, ServiceError>> + Send + use<>, ServiceError> {
    viewer.require(Permission::EventRead)?;
    if filter.has_executions.is_some() || filter.outcomes.is_some() {
        let message = "what comes of an event is not known yet when it comes";
        let mistake = Mistake::new(Code::Invalid, "filter", message);
        return Err(ServiceError::mistake(mistake.with_help("Leave `hasExecutions` and `outcomes` out.")));
    }
    let seal = Seal::of(services, viewer);
    let resumed =
        after.map(|text| seal.read::<EventCursor>(LIST, text, "after")).transpose().map_err(ServiceError::mistake)?;
    let looks = Looks::at(services.live().organization(viewer.organization));
    let position = match resumed {
        Some(position) => position,
        None => services.store().current_event_cursor(viewer.organization).await?,
    };
    let organization = viewer.organization;
    let (services, ready) = (services.clone(), VecDeque::new());
    let watcher = Watcher { services, organization, filter, seal, position, ready, looks };
    Ok(futures::stream::try_unfold(watcher, |mut watcher| async move { Ok(Some((watcher.next().await?, watcher))) }))
}

struct Watcher {
    services: Services,
    organization: OrganizationId,
    filter: EventFilter,
    seal: Seal,
    position: EventCursor,
    ready: VecDeque<Received>,
    looks: Looks,
}

impl Watcher {
    async fn next(&mut self) -> Result<Received, ServiceError> {
        loop {
            if let Some(received) = self.ready.pop_front() {
                return Ok(received);
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
        let arrived = store.event_arrivals_after(self.organization, &self.position, PAGE).await?;
        let Some((last, _id)) = arrived.last() else { return Ok(false) };
        self.position = *last;
        let ids: Vec<EventId> = arrived.iter().map(|(_cursor, id)| *id).collect();
        let fitting = store.filter_events(self.organization, &ids, &self.filter).await?;
        let mut fitting: HashMap<EventId, EventRow> = fitting.into_iter().map(|row| (row.id, row)).collect();
        for (cursor, id) in arrived {
            let Some(event) = fitting.remove(&id) else { continue };
            self.ready.push_back(Received { cursor: self.seal.write(LIST, &cursor), event });
        }
        Ok(true)
    }
}
