//! What executions of a schedule start with.

use std::borrow::Cow;

use engine::Timestamp;
use engine::definition::TriggerKind;
use engine::expr::Scope;
use serde_json::{Value, json};
use store::ScheduleRow;

use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::plans::WorkflowRef;
use crate::services::Services;

/// What an input template may read: `trigger`, and the present.
struct TriggerScope {
    trigger: Value,
    now: Timestamp,
}

impl Scope for TriggerScope {
    fn root(&self, name: &str) -> Option<Cow<'_, Value>> {
        (name == "trigger").then_some(Cow::Borrowed(&self.trigger))
    }

    fn now(&self) -> Timestamp {
        self.now
    }
}

/// The input for the point in time `at`: what the schedule holds, or what the trigger of the published definition
/// makes of it.
pub(super) async fn of(services: &Services, row: &ScheduleRow, at: Timestamp) -> Result<Option<Value>, ServiceError> {
    let Some(ordinal) = row.trigger_ordinal else {
        let input = row.input.as_deref().map(serde_json::from_str).transpose();
        return input
            .map_err(|error| ServiceError::Internal { what: "a stored input cannot be read", source: error.into() });
    };
    let reference = WorkflowRef::Id(row.workflow_id);
    let published = services.plans().published(services.store(), row.organization_id, &reference).await?;
    let version = published.and_then(|published| published.version.clone());
    let trigger = version.as_ref().and_then(|version| {
        let ordinal = usize::try_from(ordinal).ok()?;
        version.plan.definition().triggers.get(ordinal)
    });
    let Some(TriggerKind::Schedule(schedule)) = trigger.map(|trigger| &trigger.kind) else { return Ok(None) };
    let Some(template) = &schedule.input else { return Ok(None) };
    let trigger = json!({ "type": "schedule", "schedule_id": row.id, "scheduled_for": at.to_rfc3339() });
    let input = template.render(&TriggerScope { trigger, now: services.now() }).map_err(|problem| {
        let message = format!("the input of the trigger cannot be made: {problem}");
        ServiceError::mistake(Mistake::new(Code::Invalid, "input", message))
    })?;
    Ok(Some(input))
}
