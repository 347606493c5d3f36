//! Points in time of schedules: those that will fire, and what came of those that did.

use async_graphql::{Context, Enum, Object, Result, SimpleObject};
use service::schedules;
use store::{ScheduleRunRow, ScheduleRunState};

use crate::graphql::directives::authorized;
use crate::graphql::errors::UserError;
use crate::graphql::execution::Execution;
use crate::graphql::loaders::{loader, shared};
use crate::graphql::scalars::DateTime;
use crate::graphql::viewer::Permission;

/// A point in time that will fire.
#[derive(Debug, Clone, SimpleObject)]
pub struct FireTime {
    /// In UTC.
    at: DateTime,
    /// In the schedule's zone, with offset.
    local: String,
    /// What a clock change has to do with it, such as "02:30:00 does not exist on 28 March 2027: moved to 03:00:00".
    note: Option<String>,
}

impl From<schedules::FireTime> for FireTime {
    fn from(fire: schedules::FireTime) -> Self {
        Self { at: DateTime(fire.at), local: fire.local, note: fire.note }
    }
}

/// What a schedule would do.
#[derive(Debug, SimpleObject)]
pub struct FirePreview {
    /// Points in time.
    pub(super) fires: Vec<FireTime>,
    /// The spec in words.
    pub(super) text: String,
    /// What is wrong with it.
    pub(super) user_errors: Vec<UserError>,
}

/// What came of a point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum FireOutcome {
    /// An execution is about to be started.
    Planned,
    /// An execution was started.
    Started,
    /// The last one still ran.
    SkippedOverlap,
    /// Waits for the last one.
    Buffered,
    /// Came too late for the catch-up policy.
    Missed,
    /// Could not be started.
    Failed,
}

impl From<ScheduleRunState> for FireOutcome {
    fn from(state: ScheduleRunState) -> Self {
        match state {
            ScheduleRunState::Planned => Self::Planned,
            ScheduleRunState::Started => Self::Started,
            ScheduleRunState::SkippedOverlap => Self::SkippedOverlap,
            ScheduleRunState::Buffered => Self::Buffered,
            ScheduleRunState::Missed => Self::Missed,
            ScheduleRunState::Failed => Self::Failed,
        }
    }
}

/// A point in time that came.
#[derive(Debug, Clone)]
pub struct ScheduleFire(pub(super) ScheduleRunRow);

/// A point in time that came.
#[Object]
impl ScheduleFire {
    /// Planned.
    async fn scheduled_at(&self) -> DateTime {
        DateTime::from_ms(self.0.scheduled_for_ms)
    }

    /// Actual.
    async fn fired_at(&self) -> Option<DateTime> {
        self.0.fired_at_ms.map(DateTime::from_ms)
    }

    /// What came of it.
    async fn outcome(&self) -> FireOutcome {
        self.0.state.into()
    }

    /// What it started.
    #[graphql(directive = authorized::apply(Permission::ExecutionRead))]
    async fn execution(&self, ctx: &Context<'_>) -> Result<Option<Execution>> {
        let Some(id) = self.0.execution_id else { return Ok(None) };
        Ok(loader(ctx)?.load_one(id).await.map_err(|error| shared(&error))?.map(Execution::of))
    }

    /// Why nothing was started; it may quote the input.
    #[graphql(directive = authorized::apply(Permission::ExecutionDataRead))]
    async fn note(&self) -> Option<&str> {
        self.0.note.as_deref()
    }
}
