//! An execution with all that is known of it, for use cases that decide over it themselves.

use std::sync::Arc;

use engine::machine::{Event, Origin, State, apply};
use ids::ExecutionId;
use store::ExecutionRow;

use super::read::{Facts, origin, parse_events};
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::plans::LoadedVersion;
use crate::reach;
use crate::services::Services;
use crate::viewer::Viewer;

/// Journal rows read at a time.
const PAGE: u64 = 200;

/// The execution with this id, if the viewer reaches it.
///
/// # Errors
/// `NOT_FOUND`, or the database is away.
pub(super) async fn found(services: &Services, viewer: &Viewer, id: ExecutionId) -> Result<ExecutionRow, ServiceError> {
    let row = services.store().execution(viewer.organization, id).await?;
    let row = reach::execution(services, viewer, row).await?;
    row.ok_or_else(|| ServiceError::mistake(Mistake::new(Code::NotFound, "id", format!("there is no execution {id}"))))
}

/// An execution as its journal tells it.
pub(super) struct Known {
    /// As it was before the journal was read.
    pub(super) row: ExecutionRow,
    pub(super) version: Arc<LoadedVersion>,
    pub(super) origin: Origin,
    pub(super) journal: Vec<Event>,
    /// Number of the last journal row that was read.
    pub(super) seq: i32,
    pub(super) state: State,
}

impl Known {
    /// Reads the whole journal.
    pub(super) async fn read(services: &Services, row: ExecutionRow) -> Result<Self, ServiceError> {
        let version = services
            .plans()
            .runnable(services.store(), row.organization_id, row.version_id, row.rules.as_deref())
            .await?;
        let version = version.ok_or_else(|| ServiceError::Internal {
            what: "the version of an execution is missing",
            source: format!("{} of {}", row.version_id, row.id).into(),
        })?;
        let facts = Facts {
            id: row.id,
            organization: row.organization_id,
            version_number: row.version_number,
            input: &row.input,
            trigger: &row.trigger,
            queued_at_ms: row.queued_at_ms,
        };
        let name = version.plan.definition().name.as_deref();
        let origin = origin(&facts, &version.slug, name, &services.settings().public_url)?;
        let (mut journal, mut state, mut seq) = (Vec::new(), State::new(), 0);
        loop {
            let rows = services.store().journal(row.organization_id, row.id, seq, PAGE).await?;
            let Some(last) = rows.last() else { break };
            seq = last.seq;
            for entry in &rows {
                let events = parse_events(&entry.events)?;
                for event in &events {
                    apply(&mut state, event);
                }
                journal.extend(events);
            }
        }
        Ok(Self { row, version, origin, journal, seq, state })
    }
}
