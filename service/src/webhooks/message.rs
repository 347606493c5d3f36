//! What is told of what happens: types, and messages without the data of executions.

use std::collections::HashMap;

use engine::Timestamp;
use engine::machine::Event;
use ids::WorkflowId;
use serde_json::{Map, Value, json};
use store::{ApprovalRow, ExecutionRow, WorkflowRow};

/// Everything that can be told.
pub const EVENT_TYPES: [&str; 14] = [
    "execution.started",
    "execution.paused",
    "execution.resumed",
    "execution.retried",
    "execution.completed",
    "execution.failed",
    "execution.cancelled",
    "approval.requested",
    "approval.reminded",
    "approval.escalated",
    "approval.approved",
    "approval.rejected",
    "approval.expired",
    "approval.cancelled",
];

/// What a test of an address tells, whatever it is told otherwise.
pub const TEST: &str = "webhook.test";

/// Whether `pattern` is a type, or all types of a sort: `execution.*`, `approval.*`, `*`.
#[must_use]
pub fn is_pattern(pattern: &str) -> bool {
    EVENT_TYPES.iter().any(|known| fits(pattern, known))
}

/// Whether a type fits a pattern.
#[must_use]
pub fn fits(pattern: &str, event_type: &str) -> bool {
    match pattern.strip_suffix('*') {
        None => pattern == event_type,
        Some("") => true,
        Some(sort) => sort.ends_with('.') && event_type.starts_with(sort),
    }
}

/// One thing to tell.
#[derive(Debug, Clone, PartialEq)]
pub struct News {
    /// What happened.
    pub event_type: String,
    /// When.
    pub at: Timestamp,
    /// What is known of it beside the execution.
    pub detail: Map<String, Value>,
}

/// What an event of a journal tells; nothing for what is nobody's business outside.
///
/// Reasons are the words of people about what they did. Data, outputs and messages of errors may hold secrets of
/// users, and stay here: whoever may see them asks for them by the id.
pub fn of(event: &Event) -> Option<News> {
    let (event_type, detail) = match event {
        Event::Started { .. } => ("execution.started", json!({})),
        Event::Paused { by, reason, .. } => ("execution.paused", json!({ "by": by, "reason": reason })),
        Event::Unpaused { by, at_step, event, .. } => {
            let event = event.as_ref().map(|event| json!({ "id": event.id, "type": event.name }));
            ("execution.resumed", json!({ "by": by, "fromStep": at_step, "event": event }))
        }
        Event::Retried { by, reason, step, .. } => {
            ("execution.retried", json!({ "by": by, "reason": reason, "fromStep": step }))
        }
        Event::Completed { .. } => ("execution.completed", json!({})),
        Event::Failed { error, step, .. } => {
            ("execution.failed", json!({ "error": { "code": error.code }, "stepPath": step }))
        }
        Event::Cancelled { by, reason, .. } => ("execution.cancelled", json!({ "by": by, "reason": reason })),
        Event::ApprovalOpened { path, approval, .. } => {
            ("approval.requested", json!({ "approval": { "id": approval }, "stepPath": path }))
        }
        Event::ApprovalReminded { path, approval, next_at, .. } => {
            let approval = json!({ "id": approval, "remindAt": next_at.to_rfc3339() });
            ("approval.reminded", json!({ "approval": approval, "stepPath": path }))
        }
        Event::ApprovalEscalated { path, approval, role, .. } => {
            ("approval.escalated", json!({ "approval": { "id": approval, "role": role }, "stepPath": path }))
        }
        Event::ApprovalDecided { path, approval, verdict } => {
            let event_type = format!("approval.{}", verdict.ruling.name());
            let approval = json!({ "id": approval, "decidedBy": verdict.by, "reason": verdict.reason });
            let detail = json!({ "approval": approval, "stepPath": path });
            return Some(News { event_type, at: verdict.at, detail: fields(detail) });
        }
        _not_told => return None,
    };
    let at = event.at()?;
    Some(News { event_type: event_type.to_owned(), at, detail: fields(detail) })
}

/// What is told of an approval that was withdrawn, which stands in no journal.
pub fn withdrawn(row: &ApprovalRow) -> News {
    News {
        event_type: "approval.cancelled".to_owned(),
        at: Timestamp(row.decided_at_ms.unwrap_or(row.requested_at_ms)),
        detail: fields(json!({ "approval": { "id": row.id }, "stepPath": row.step_path })),
    }
}

/// Those that say something.
fn fields(detail: Value) -> Map<String, Value> {
    let Value::Object(mut fields) = detail else { return Map::new() };
    fields.retain(|_, value| !value.is_null());
    fields
}

/// The message about `news` of an execution, as it is signed and sent.
#[must_use]
pub fn body(news: &News, row: &ExecutionRow, workflows: &HashMap<WorkflowId, WorkflowRow>) -> String {
    let slug = workflows.get(&row.workflow_id).map(|workflow| workflow.slug.as_str());
    let mut data = news.detail.clone();
    data.insert("organizationId".to_owned(), json!(row.organization_id));
    data.insert(
        "execution".to_owned(),
        json!({
            "id": row.id,
            "key": row.key,
            "versionNumber": row.version_number,
            "workflow": { "id": row.workflow_id, "slug": slug },
        }),
    );
    whole(&news.event_type, news.at, data)
}

/// A message.
#[must_use]
pub fn whole(event_type: &str, at: Timestamp, data: Map<String, Value>) -> String {
    json!({ "type": event_type, "timestamp": at.to_rfc3339(), "data": data }).to_string()
}

#[cfg(test)]
mod tests {
    use engine::machine::{StepError, StepPath};

    use super::*;

    #[test]
    fn a_pattern_is_a_type_or_all_of_a_sort() {
        for pattern in ["execution.failed", "execution.*", "approval.*", "*"] {
            assert!(is_pattern(pattern), "{pattern}");
        }
        for wrong in ["", "execution", "execution.", "exec*", "execution.f*", "order.*", "webhook.test", "**"] {
            assert!(!is_pattern(wrong), "{wrong}");
        }
        assert!(fits("execution.*", "execution.paused") && !fits("execution.*", "approval.requested"));
    }

    #[test]
    fn a_failure_is_told_by_its_code_and_not_by_its_message() {
        let error = StepError::other("HTTP_STATUS", "the password is hunter2");
        let event = Event::Failed { error, step: Some("charge".into()), at: Timestamp(0) };
        let news = of(&event).unwrap();
        assert_eq!(news.event_type, "execution.failed");
        let told = Value::Object(news.detail);
        assert_eq!(told, json!({ "error": { "code": "HTTP_STATUS" }, "stepPath": "charge" }));
    }

    #[test]
    fn reminders_and_escalations_of_an_approval_are_told() {
        let (path, approval) = (StepPath::from("ask"), "apr_1".to_owned());
        let reminded = Event::ApprovalReminded {
            path: path.clone(),
            approval: approval.clone(),
            next_at: Timestamp(60_000),
            at: Timestamp(1),
        };
        let role = "director".to_owned();
        let escalated = Event::ApprovalEscalated { path, approval, role, at: Timestamp(2) };
        let told = [reminded, escalated].map(|event| {
            let News { event_type, at, detail } = of(&event).unwrap();
            assert!(is_pattern(&event_type), "an address can ask for {event_type}");
            (event_type, at.0, Value::Object(detail))
        });
        let remind_at = Timestamp(60_000).to_rfc3339();
        let expected = [
            ("approval.reminded", 1, json!({ "id": "apr_1", "remindAt": remind_at })),
            ("approval.escalated", 2, json!({ "id": "apr_1", "role": "director" })),
        ];
        let expected = expected.map(|(event_type, at, approval)| {
            (event_type.to_owned(), at, json!({ "approval": approval, "stepPath": "ask" }))
        });
        assert_eq!(told, expected);
    }

    #[test]
    fn what_steps_do_is_not_told() {
        assert_eq!(of(&Event::Accepted), None);
        assert_eq!(of(&Event::Resumed { at: Timestamp(0) }), None);
    }
}
