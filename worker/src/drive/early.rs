//! Events that came before the wait for them.
//!
//! A wait is recorded first and then the events since the start are looked through: an event that was accepted
//! meanwhile is either found here, or its sender has found the wait.

use std::collections::BTreeSet;
use std::sync::Arc;

use engine::Timestamp;
use engine::machine::{self, StepPath, WaitRow};
use engine::pattern::EventPattern;
use ids::EventId;
use ids::uuid::Builder;
use serde_json::Value;
use service::clock::APART_MS;
use store::ToldRow;

use super::DriveError;
use super::execution::Execution;
use crate::context::Context;

/// How long an event is kept for a wait that has not begun (reliability.md G11), in milliseconds.
const KEPT_MS: i64 = 24 * 60 * 60 * 1_000;
/// Events read at once.
const PAGE: u64 = 200;
/// Events looked through for one wait at most; older ones count, since the first that fits is taken.
const MOST: u64 = 20_000;

/// The least id of events from this moment on: ids are UUIDv7, of which the first 48 bits are the milliseconds.
fn first_of(at_ms: i64) -> EventId {
    let millis = u64::try_from(at_ms).unwrap_or(0);
    EventId::from_uuid(Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid())
}

/// The id behind which those events come that a wait may be for, and the earliest moment at which they were accepted.
/// Ids are of that moment too, on the clock that all processes share; theirs may be a little apart. An event for a
/// pause is one that came after the pause, so there no moment is given away.
fn bounds(since: i64, wanted: Option<Timestamp>) -> (EventId, i64) {
    let least = wanted.map_or(since.saturating_sub(APART_MS), |wanted| since.max(wanted.0));
    (first_of(least.saturating_sub(APART_MS)), least)
}

impl Execution {
    /// The waits for events, as the database knows them or should.
    pub(super) fn event_waits(&self) -> BTreeSet<(StepPath, (u32, u32))> {
        let waits = machine::waits(&self.version.plan, &self.origin, &self.state);
        waits.into_iter().filter(|wait| wait.event.is_some()).map(|wait| (wait.step_path, wait.visit)).collect()
    }

    /// Looks for events that came before these waits were recorded, and takes in those that fit.
    pub(super) async fn take_early_events(
        &mut self,
        context: &Arc<Context>,
        waits: Vec<WaitRow>,
    ) -> Result<(), DriveError> {
        let since = self.origin.accepted_at.0.max(context.now().0 - KEPT_MS);
        for wait in waits {
            let (first, least) = bounds(since, wait.since);
            let Some(event) = &wait.event else { continue };
            let Ok(pattern) = EventPattern::parse(event) else { continue };
            let exact = (!event.contains('*')).then_some(event.as_str());
            let entity = event.split('.').next().unwrap_or_default();
            let about = wait.correlation.as_deref().filter(|about| about.starts_with(&format!("{entity}.id=")));
            let (mut after, mut seen) = (first, 0);
            'looking: while seen < MOST {
                let store = context.store();
                let page = store.events_after(self.organization(), exact, about, after, least, PAGE).await?;
                let is_last = (page.len() as u64) < PAGE;
                seen += page.len() as u64;
                for row in page {
                    after = row.id;
                    if !pattern.matches(&row.event_type) {
                        continue;
                    }
                    let payload: Value = serde_json::from_str(&row.payload).map_err(DriveError::Event)?;
                    if !machine::agrees(&wait.keys, &payload, context.now()) {
                        continue;
                    }
                    let told = ToldRow { execution: self.claimed.id, is_fitting: true };
                    context.store().note_told(self.organization(), row.id, &[told]).await?;
                    self.advance(context, service::events::signal(&row, &payload).into_command())?;
                    let waits_still = self.event_waits().contains(&(wait.step_path.clone(), wait.visit));
                    if self.has_ended() || !waits_still {
                        break 'looking;
                    }
                }
                if is_last {
                    break;
                }
            }
            if self.has_ended() {
                return Ok(());
            }
        }
        Ok(())
    }
}
