//! Executions that were started by a schedule.

use async_graphql::{Context, Object, Result};
use engine::Timestamp;
use ids::ScheduleId;
use serde_json::Value;

use super::node::Schedule;
use crate::graphql::directives::authorized;
use crate::graphql::loaders::{loader, shared};
use crate::graphql::scalars::DateTime;
use crate::graphql::viewer::Permission;

/// Started by a schedule.
#[derive(Debug, Clone)]
pub struct ScheduleTrigger {
    schedule: Option<ScheduleId>,
    fire_time: Timestamp,
    is_catch_up: bool,
}

impl ScheduleTrigger {
    pub(in crate::graphql) fn of(trigger: &Value) -> Self {
        let fire_time = trigger["scheduled_for"].as_str().unwrap_or_default();
        let fire_time = chrono::DateTime::parse_from_rfc3339(fire_time).map_or(0, |moment| moment.timestamp_millis());
        Self {
            schedule: trigger["schedule_id"].as_str().and_then(|id| id.parse().ok()),
            fire_time: Timestamp(fire_time),
            is_catch_up: trigger["is_catch_up"] == true,
        }
    }
}

/// Started by a schedule.
#[Object]
impl ScheduleTrigger {
    /// The schedule, unless deleted.
    #[graphql(directive = authorized::apply(Permission::ScheduleRead))]
    async fn schedule(&self, ctx: &Context<'_>) -> Result<Option<Schedule>> {
        let Some(id) = self.schedule else { return Ok(None) };
        let row = loader(ctx)?.load_one(id).await.map_err(|error| shared(&error))?;
        row.map(Schedule::of).transpose()
    }

    /// The point in time it stands for.
    async fn fire_time(&self) -> DateTime {
        DateTime(self.fire_time)
    }

    /// True when it was started late, to make up for a point in time that was missed.
    async fn is_catch_up(&self) -> bool {
        self.is_catch_up
    }
}
