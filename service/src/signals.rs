//! Tells executions what happened outside: recorded first, then delivered, which wakes them.

use async_recursion::async_recursion as boxed;
use engine::Timestamp;
use engine::definition::ResumeWhen;
use engine::machine::{Command, Signal};
use ids::{ExecutionId, OrganizationId};
use queue::Notice;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{NewSignal, SignalRow};

use crate::error::ServiceError;
use crate::services::Services;
use crate::wake;

/// What an execution can be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "tell", rename_all = "snake_case")]
pub enum Told {
    /// Something that a wait may be for.
    Signal {
        /// What.
        what: Signal,
    },
    /// To begin no further step.
    Pause {
        /// Who wants it.
        by: Option<String>,
        /// Why.
        reason: Option<String>,
        /// Time limits stand still meanwhile. A release of before did not tell, and its limits went on: what it told
        /// means that still, whichever release takes it in.
        #[serde(default)]
        freezes: bool,
    },
    /// To go on.
    Resume {
        /// Who wants it.
        by: Option<String>,
        /// Merged over its data.
        data: Option<Value>,
        /// The step to go on at.
        at_step: Option<String>,
    },
    /// To go on by itself, once it is paused: at a moment, at an event, or at whichever comes first; without either,
    /// no more.
    ScheduleResume {
        /// Who wants it.
        by: Option<String>,
        /// When, Unix milliseconds.
        due_at_ms: Option<i64>,
        /// At which event.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        when: Option<Box<ResumeWhen>>,
        /// Merged over its data then.
        data: Option<Value>,
        /// The step to go on at then.
        at_step: Option<String>,
    },
    /// To go on without waiting for a step.
    SkipStep {
        /// Who wants it.
        by: Option<String>,
        /// Why.
        reason: Option<String>,
        /// Path of the step.
        path: String,
        /// What is taken for its output.
        output: Value,
    },
    /// To change its context.
    EditContext {
        /// Who wants it.
        by: Option<String>,
        /// Why.
        reason: Option<String>,
        /// Dotted paths, with what shall stand there.
        values: Vec<(String, Value)>,
    },
    /// To begin: one of the slots of its concurrency key is its own.
    Slot,
    /// To end.
    Cancel {
        /// Who wants it.
        by: Option<String>,
        /// Why.
        reason: Option<String>,
    },
}

impl Told {
    /// Whether it counts before anything else, also for an execution that has not begun.
    #[must_use]
    pub const fn is_control(&self) -> bool {
        !matches!(self, Self::Signal { .. })
    }

    /// The engine's word for it.
    #[must_use]
    pub fn into_command(self) -> Command {
        match self {
            Self::Signal { what } => Command::Signal(what),
            Self::Pause { by, reason, freezes } => Command::Pause { by, reason, freezes },
            Self::Resume { by, data, at_step } => Command::Resume { by, data, at_step },
            Self::ScheduleResume { by, due_at_ms, when, data, at_step } => {
                Command::ScheduleResume { by, due_at: due_at_ms.map(Timestamp), when, data, at_step }
            }
            Self::SkipStep { by, reason, path, output } => Command::SkipStep { by, reason, path, output },
            Self::EditContext { by, reason, values } => Command::EditContext { by, reason, values },
            Self::Slot => Command::TakeSlot,
            Self::Cancel { by, reason } => Command::Cancel { by, reason },
        }
    }

    /// The row that tells `execution` so.
    #[must_use]
    pub fn row(&self, organization: OrganizationId, execution: ExecutionId) -> NewSignal {
        let data = serde_json::to_string(self).expect("signals are plain data");
        NewSignal { organization_id: organization, execution_id: execution, data }
    }

    /// What a row tells.
    ///
    /// # Errors
    /// When the stored text is not what this program wrote.
    pub fn parse(row: &SignalRow) -> Result<Self, serde_json::Error> {
        serde_json::from_str(&row.data)
    }
}

/// Records `rows` and wakes their executions.
///
/// # Errors
/// When the database is away: then perhaps nothing was recorded. What was recorded is delivered by a
/// reconciler at the latest.
#[boxed]
pub async fn tell(services: &Services, rows: Vec<NewSignal>) -> Result<(), ServiceError> {
    let executions: Vec<ExecutionId> = rows.iter().map(|row| row.execution_id).collect();
    services.store().send_signals(rows, services.now().0).await?;
    deliver(services, &executions).await
}

/// Wakes `executions` for what was recorded for them.
///
/// # Errors
/// When the database is away; a reconciler delivers it then.
#[boxed]
pub async fn deliver(services: &Services, executions: &[ExecutionId]) -> Result<(), ServiceError> {
    let delivered = services.store().deliver_signals(executions, services.now().0).await?;
    wake::push(services, delivered.runnable);
    let notices = delivered.running.into_iter();
    services
        .notices()
        .publish(notices.map(|(organization, execution)| Notice::told(organization, execution)).collect());
    Ok(())
}

/// Delivers what was recorded before `older_than_ms` and nobody delivered; returns to how many executions.
///
/// # Errors
/// When the database is away.
#[boxed]
pub async fn deliver_forgotten(services: &Services, older_than_ms: i64, limit: u64) -> Result<u64, ServiceError> {
    let executions = services.store().undelivered_signals(older_than_ms, limit).await?;
    deliver(services, &executions).await?;
    Ok(executions.len() as u64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_release_of_before_told_is_read() {
        let paused: Told = serde_json::from_value(json!({ "tell": "pause", "by": "usr_1", "reason": null })).unwrap();
        assert_eq!(paused, Told::Pause { by: Some("usr_1".to_owned()), reason: None, freezes: false });
        let later = json!({ "tell": "schedule_resume", "by": null, "due_at_ms": 7, "data": null, "at_step": null });
        let (by, data, at_step) = (None, None, None);
        let wanted = Told::ScheduleResume { by, due_at_ms: Some(7), when: None, data, at_step };
        assert_eq!(serde_json::from_value::<Told>(later).unwrap(), wanted);
        let event =
            json!({ "tell": "signal", "what": { "signal": "event", "id": "e", "event": "a.b", "payload": {} } });
        let what = Signal::Event { id: "e".to_owned(), event: "a.b".to_owned(), payload: json!({}), at: None };
        assert_eq!(serde_json::from_value::<Told>(event).unwrap(), Told::Signal { what });
        let named = json!({ "tell": "signal", "what": { "signal": "named", "id": "s", "name": "a.b" } });
        let what = Signal::Named { id: "s".to_owned(), name: "a.b".to_owned(), data: Value::Null, at: None };
        assert_eq!(serde_json::from_value::<Told>(named).unwrap(), Told::Signal { what });
    }
}
