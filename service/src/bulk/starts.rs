//! Accepts items that a bulk operation starts. They come in parts, and nothing begins before the last one: whoever is
//! cut off in between has started nothing, and may give a part twice.

use async_recursion::async_recursion as boxed;
use std::time::Duration;

use ids::{BulkOperationId, ExecutionId, WorkflowId};
use queue::Notice;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{BulkAdding, BulkKind, BulkOperationRow, NewBulkItem, NewBulkItems};

use super::start::{DEFAULT_RATE, check_rate, check_room, fresh, principal};
use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::executions::{self, Label, StartRequest, Trigger};
use crate::plans::WorkflowRef;
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// Items that are given at once, at most.
pub const MAX_ITEMS: usize = 10_000;
/// Items of one operation at most.
pub const MAX_TOTAL: i64 = 100_000;

/// How long an operation waits for its last items.
pub(super) const PATIENCE: Duration = Duration::from_hours(24);

/// Executions to start in the background.
#[derive(Debug, Clone)]
pub struct NewStarts {
    /// The first of them.
    pub items: Vec<StartRequest>,
    /// No more come, and the work begins.
    pub is_last: bool,
    /// Why.
    pub reason: String,
    /// Only check.
    pub is_dry_run: bool,
    /// Executions in a second at most.
    pub rate_per_second: Option<i32>,
}

/// More of them.
#[derive(Debug, Clone)]
pub struct MoreStarts {
    /// For which operation.
    pub operation: BulkOperationId,
    /// How many were given before.
    pub from: i64,
    /// They.
    pub items: Vec<StartRequest>,
    /// No more come, and the work begins.
    pub is_last: bool,
}

/// An item as it is stored.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    workflow: Named,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    input: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    labels: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    priority: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// A workflow as it was named: what it has published counts when its turn comes.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Named {
    Id(WorkflowId),
    Slug(String),
}

/// An item, to be stored until its turn comes.
fn stored(request: StartRequest) -> NewBulkItem {
    let reason = match request.trigger {
        Trigger::Manual { reason } => reason,
        Trigger::Event { .. }
        | Trigger::Webhook { .. }
        | Trigger::Schedule { .. }
        | Trigger::Workflow { .. }
        | Trigger::Rerun(_) => None,
    };
    let stored = Stored {
        workflow: match request.workflow {
            WorkflowRef::Id(id) => Named::Id(id),
            WorkflowRef::Slug(slug) => Named::Slug(slug),
        },
        version: request.version,
        input: request.input,
        key: request.key,
        idempotency_key: request.idempotency_key,
        labels: request.labels.into_iter().map(|label| (label.name, label.value)).collect(),
        priority: request.priority,
        reason,
    };
    let start = serde_json::to_string(&stored).expect("items are plain data");
    // Its id is given now: whoever starts it again starts nothing twice, however much later.
    NewBulkItem { execution_id: ExecutionId::new(), start }
}

/// What an item starts, for `reason` where it says none.
pub(super) fn request(text: &str, reason: &str) -> Result<StartRequest, ServiceError> {
    let stored: Stored = super::work::read(text)?;
    Ok(StartRequest {
        workflow: match stored.workflow {
            Named::Id(id) => WorkflowRef::Id(id),
            Named::Slug(slug) => WorkflowRef::Slug(slug),
        },
        version: stored.version,
        input: stored.input,
        key: stored.key,
        idempotency_key: stored.idempotency_key,
        labels: stored.labels.into_iter().map(|(name, value)| Label { name, value }).collect(),
        priority: stored.priority,
        trigger: Trigger::Manual { reason: Some(stored.reason.unwrap_or_else(|| reason.to_owned())) },
    })
}

/// Accepts an operation that starts executions, with its first items; durable when this returns. Nothing is started
/// before the last ones were given.
///
/// # Errors
/// `Forbidden`; mistakes, all at once; the database away or busy.
#[boxed]
pub async fn start_many(
    services: &Services,
    viewer: &Viewer,
    new: NewStarts,
) -> Result<BulkOperationRow, ServiceError> {
    viewer.require(Permission::ExecutionStart)?;
    let mut mistakes = Vec::new();
    if let Err(ServiceError::Mistakes(more)) = executions::check_reason(Some(&new.reason)) {
        mistakes.extend(more);
    }
    mistakes.extend(check_rate(new.rate_per_second));
    mistakes.extend(check_items(&new.items));
    if new.items.is_empty() && new.is_last {
        mistakes.push(Mistake::new(Code::Required, "items", "say what to start: give `items`"));
    }
    if mistakes.is_empty() {
        mistakes.extend(check_room(services, viewer).await?);
    }
    if !mistakes.is_empty() {
        return Err(ServiceError::Mistakes(mistakes));
    }
    let row = fresh(services, viewer, BulkKind::Start, new.reason);
    let patience_ms = i64::try_from(PATIENCE.as_millis()).unwrap_or(i64::MAX);
    let row = BulkOperationRow {
        is_dry_run: new.is_dry_run,
        rate_per_second: new.rate_per_second.unwrap_or(DEFAULT_RATE),
        due_at_ms: Some(row.created_at_ms.saturating_add(patience_ms)),
        ..row
    };
    let count = new.items.len();
    if !services.store().insert_bulk_operation(row.clone()).await? {
        return Err(ServiceError::Unauthenticated);
    }
    let given = given(services, viewer, row.id, 0, new.items, new.is_last).await?;
    let (row, _new_ones) = given.ok_or(ServiceError::Unauthenticated)?;
    let change =
        Change::of("bulk_operation", row.id, "").named("bulk_operation.started").because(Some(row.reason.clone()));
    viewer.origin.trail.note(change.after(json!({
        "kind": super::kinds::name(row.kind),
        "items": count,
        "isLast": new.is_last,
        "isDryRun": row.is_dry_run,
        "ratePerSecond": row.rate_per_second,
    })));
    Ok(row)
}

/// Gives more items to an operation of one's own; durable when this returns. Those that it has already are left as they
/// are.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`, also for operations of others; `INVALID` when items before them are missing; `TOO_LARGE`;
/// `WRONG_STATE` when it takes no more; the database away or busy.
#[boxed]
pub async fn add(services: &Services, viewer: &Viewer, more: MoreStarts) -> Result<BulkOperationRow, ServiceError> {
    viewer.require(Permission::ExecutionStart)?;
    let id = more.operation;
    let mut mistakes = check_items(&more.items);
    if more.from < 0 {
        mistakes.push(Mistake::new(Code::Invalid, "from", "`from` is a number of items, 0 or more"));
    }
    if !mistakes.is_empty() {
        return Err(ServiceError::Mistakes(mistakes));
    }
    let unknown = || {
        let message = format!("there is no bulk operation {id} of yours that starts executions");
        ServiceError::mistake(Mistake::new(Code::NotFound, "id", message))
    };
    // It has the rights of whoever began it: others give it nothing to do.
    let row = services.store().bulk_operation(viewer.organization, id).await?;
    let is_own = |row: &BulkOperationRow| row.kind == BulkKind::Start && row.acts_as == principal(viewer);
    if !row.as_ref().is_some_and(is_own) {
        return Err(unknown());
    }
    let count = more.items.len();
    let given = given(services, viewer, id, more.from, more.items, more.is_last).await?;
    let (row, adding) = given.ok_or_else(unknown)?;
    let mistake = match adding {
        BulkAdding::Added | BulkAdding::Known => None,
        BulkAdding::Gap => {
            let message = format!("bulk operation {id} has {} items: the next ones are from there", row.total);
            Some(Mistake::new(Code::Invalid, "from", message))
        }
        BulkAdding::Full => {
            let message = format!("a bulk operation starts at most {MAX_TOTAL} executions");
            Some(Mistake::new(Code::TooLarge, "items", message).with_help("Start a second one for the others."))
        }
        BulkAdding::Closed => {
            let message = format!("bulk operation {id} takes no more items: it was given the last ones, or has ended");
            Some(Mistake::new(Code::WrongState, "id", message))
        }
    };
    if let Some(mistake) = mistake {
        return Err(ServiceError::mistake(mistake));
    }
    let change = Change::of("bulk_operation", id, "").named("bulk_operation.items_added");
    viewer.origin.trail.note(change.after(json!({ "from": more.from, "items": count, "isLast": more.is_last })));
    services.notices().publish(vec![Notice::of(viewer.organization)]);
    Ok(row)
}

/// What is wrong with items before any of them is looked at: each is checked when its turn comes.
fn check_items(items: &[StartRequest]) -> Vec<Mistake> {
    /// Mistakes that are told of a list.
    const TOLD: usize = 20;
    if items.len() > MAX_ITEMS {
        let message = format!("`items` has at most {MAX_ITEMS} items at once, not {}", items.len());
        let mistake = Mistake::new(Code::TooLarge, "items", message);
        return vec![mistake.with_help("Give the others with `bulkOperationAdd`.")];
    }
    // No database looks for a name like this.
    let is_no_name = |item: &StartRequest| matches!(&item.workflow, WorkflowRef::Slug(slug) if slug.contains('\0'));
    let wrong = items.iter().enumerate().filter(|(_, item)| is_no_name(item)).take(TOLD);
    let told = wrong.map(|(index, _)| {
        let message = "the slug of a workflow holds no NUL character";
        Mistake::new(Code::Invalid, &format!("items.{index}.workflow.slug"), message)
    });
    told.collect()
}

async fn given(
    services: &Services,
    viewer: &Viewer,
    operation: BulkOperationId,
    from: i64,
    items: Vec<StartRequest>,
    is_last: bool,
) -> Result<Option<(BulkOperationRow, BulkAdding)>, ServiceError> {
    let items: Vec<NewBulkItem> = items.into_iter().map(stored).collect();
    let admitted = services.admission().admit(items.iter().map(|item| item.start.len()))?;
    let new = NewBulkItems { from, items, is_last, most: MAX_TOTAL, at_ms: services.now().0 };
    let given = services.store().add_bulk_items(viewer.organization, operation, new).await?;
    drop(admitted);
    Ok(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_of_an_item_starts_what_was_asked_for() {
        let asked = StartRequest {
            workflow: WorkflowRef::Slug("order".to_owned()),
            version: Some(3),
            input: Some(json!({ "id": 1 })),
            key: Some("o-1".to_owned()),
            idempotency_key: Some("i-1".to_owned()),
            labels: vec![Label { name: "region".to_owned(), value: "emea".to_owned() }],
            priority: Some(7),
            trigger: Trigger::Manual { reason: None },
        };
        let started = request(&stored(asked.clone()).start, "an import").unwrap();
        let Trigger::Manual { reason } = &started.trigger else { panic!("{started:?}") };
        assert_eq!(reason.as_deref(), Some("an import"));
        let without = |request: StartRequest| StartRequest { trigger: Trigger::Manual { reason: None }, ..request };
        assert_eq!(format!("{:?}", without(started)), format!("{asked:?}"));
    }
}
