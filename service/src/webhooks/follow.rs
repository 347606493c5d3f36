//! Writes down what is to be told: each row of a journal once.

use async_recursion::async_recursion as boxed;
use std::collections::HashMap;

use ids::{ApprovalId, ExecutionId, OrganizationId, WorkflowId};
use store::{ChangeCursor, ExecutionRow, JournalRow, WebhookDeliveryRow, WebhookEndpointRow, WorkflowRow};
use tracing::error;

use super::endpoints::delivery;
use super::message::{self, News};
use crate::error::{ServiceError, chain};
use crate::executions::parse_events;
use crate::services::Services;

/// Organizations that are looked at in one tick; the next tick goes on behind them.
const ORGANIZATIONS: u64 = 200;
/// Rows of journals that are told at a time.
const ROWS: u64 = 200;
/// Parts of one organization in one tick at most.
const PARTS: usize = 10;

/// Writes down messages for what happened since it was done last; returns how many. `turn` is where this process goes
/// on among the organizations; losing it costs nothing.
///
/// Any number of processes may do it at once, and each of them may die anywhere: each row is told once.
///
/// # Errors
/// When the database is away; the next tick goes on.
#[boxed]
pub async fn follow(services: &Services, turn: &mut Option<OrganizationId>) -> Result<u64, ServiceError> {
    let mut count = 0;
    let followed = services.store().followed_webhooks(*turn, ORGANIZATIONS).await?;
    let is_last = (followed.len() as u64) < ORGANIZATIONS;
    *turn = if is_last { None } else { followed.last().map(|(organization, _)| *organization) };
    for (organization, place) in followed {
        match tell(services, organization, place).await {
            Ok(told) => count += told,
            Err(problem @ ServiceError::Unavailable(_)) => return Err(problem),
            // The others must not wait for what is wrong with one.
            Err(problem) => {
                error!(organization = %organization, error = %chain(&problem), "what happened in organization {organization} is not told to its addresses: {}", chain(&problem));
            }
        }
    }
    Ok(count)
}

/// Writes down messages for what happened in one organization behind `place` and to its approvals; returns how many.
async fn tell(services: &Services, organization: OrganizationId, place: ChangeCursor) -> Result<u64, ServiceError> {
    // Each for itself: what cannot be read of the one does not keep the other back.
    let (told, withdrawn) = (journals(services, organization, place).await, approvals(services, organization).await);
    Ok(told? + withdrawn?)
}

async fn journals(
    services: &Services,
    organization: OrganizationId,
    mut place: ChangeCursor,
) -> Result<u64, ServiceError> {
    let mut count = 0;
    for _part in 0..PARTS {
        let changed = services.store().changes_after(organization, &place, ROWS).await?;
        let Some(last) = changed.last().map(|change| change.cursor) else { break };
        let rows: Vec<(ExecutionId, i32)> = changed.iter().map(|change| (change.execution_id, change.seq)).collect();
        let deliveries = messages(services, organization, &rows).await?;
        if !services.store().tell_webhooks(organization, &place, &last, &deliveries).await? {
            // Somebody else is at it.
            break;
        }
        count += deliveries.len() as u64;
        place = last;
        if (rows.len() as u64) < ROWS {
            break;
        }
    }
    Ok(count)
}

/// The same for approvals that were withdrawn.
async fn approvals(services: &Services, organization: OrganizationId) -> Result<u64, ServiceError> {
    let store = services.store();
    let Some(mut place) = store.webhook_approval_place(organization).await? else {
        // Followed since before this was told: from now on.
        let now = store.current_approval_cursor(organization).await?;
        store.tell_approval_webhooks(organization, None, &now, &[]).await?;
        return Ok(0);
    };
    let mut count = 0;
    for _part in 0..PARTS {
        let changed = store.approval_changes_after(organization, &place, ROWS).await?;
        let Some(last) = changed.last().map(|change| change.cursor) else { break };
        let ids: Vec<ApprovalId> =
            changed.iter().filter(|change| change.withdraws).map(|change| change.approval_id).collect();
        let withdrawn = store.approvals_by_ids(organization, &ids).await?;
        let all: Vec<_> = withdrawn.iter().map(|row| (row.execution_id, message::withdrawn(row))).collect();
        let endpoints = listeners(services, organization).await?;
        let deliveries = deliveries(services, organization, &endpoints, &all).await?;
        if !store.tell_approval_webhooks(organization, Some(&place), &last, &deliveries).await? {
            // Somebody else is at it.
            break;
        }
        count += deliveries.len() as u64;
        place = last;
        if (changed.len() as u64) < ROWS {
            break;
        }
    }
    Ok(count)
}

/// The addresses that are switched on.
async fn listeners(services: &Services, organization: OrganizationId) -> Result<Vec<Listener>, ServiceError> {
    let endpoints = services.store().all_webhook_endpoints(organization).await?;
    Ok(endpoints.into_iter().filter_map(Listener::of).collect())
}

/// What these rows of journals tell, to each address that wants to know it.
async fn messages(
    services: &Services,
    organization: OrganizationId,
    rows: &[(ExecutionId, i32)],
) -> Result<Vec<WebhookDeliveryRow>, ServiceError> {
    let endpoints = listeners(services, organization).await?;
    if endpoints.is_empty() {
        return Ok(Vec::new());
    }
    let found = services.store().journal_rows(organization, rows).await?;
    let mut found: HashMap<(ExecutionId, i32), JournalRow> =
        found.into_iter().map(|row| ((row.execution_id, row.seq), row)).collect();
    let mut all: Vec<(ExecutionId, News)> = Vec::new();
    for key in rows {
        // One that was deleted meanwhile tells nothing.
        let Some(row) = found.remove(key) else { continue };
        let events = parse_events(&row.events)?;
        all.extend(events.iter().filter_map(message::of).map(|news| (key.0, news)));
    }
    deliveries(services, organization, &endpoints, &all).await
}

/// What is written down of news, for each address that wants to know it.
async fn deliveries(
    services: &Services,
    organization: OrganizationId,
    endpoints: &[Listener],
    all: &[(ExecutionId, News)],
) -> Result<Vec<WebhookDeliveryRow>, ServiceError> {
    if endpoints.is_empty() || all.is_empty() {
        return Ok(Vec::new());
    }
    let known = Known::read(services, organization, all).await?;
    let now_ms = services.now().0;
    let mut deliveries = Vec::new();
    for (id, news) in all {
        let Some(execution) = known.executions.get(id) else { continue };
        let mut body = None;
        for endpoint in endpoints.iter().filter(|endpoint| endpoint.wants(news, execution)) {
            let body = body.get_or_insert_with(|| message::body(news, execution, &known.workflows));
            deliveries.push(delivery(&endpoint.row, &news.event_type, body.clone(), now_ms));
        }
    }
    Ok(deliveries)
}

/// The executions that news are about, and their workflows.
struct Known {
    executions: HashMap<ExecutionId, ExecutionRow>,
    workflows: HashMap<WorkflowId, WorkflowRow>,
}

impl Known {
    async fn read(
        services: &Services,
        organization: OrganizationId,
        all: &[(ExecutionId, News)],
    ) -> Result<Self, ServiceError> {
        let mut ids: Vec<ExecutionId> = all.iter().map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids.dedup();
        let executions = services.store().executions_by_ids(organization, &ids).await?;
        let mut workflows: Vec<WorkflowId> = executions.iter().map(|row| row.workflow_id).collect();
        workflows.sort_unstable();
        workflows.dedup();
        let workflows = services.store().workflows_by_ids(organization, &workflows).await?;
        Ok(Self {
            executions: executions.into_iter().map(|row| (row.id, row)).collect(),
            workflows: workflows.into_iter().map(|row| (row.id, row)).collect(),
        })
    }
}

/// An address that is switched on, readable.
struct Listener {
    row: WebhookEndpointRow,
    event_types: Vec<String>,
    workflows: Option<Vec<WorkflowId>>,
}

impl Listener {
    /// One that cannot be read is told nothing: guessing would tell too much.
    fn of(row: WebhookEndpointRow) -> Option<Self> {
        let event_types = serde_json::from_str(&row.event_types).ok()?;
        let workflows = row.workflow_ids.as_deref().map(serde_json::from_str).transpose().ok()?;
        row.is_enabled.then_some(Self { row, event_types, workflows })
    }

    fn wants(&self, news: &News, execution: &ExecutionRow) -> bool {
        news.at.0 >= self.row.created_at_ms
            && self.event_types.iter().any(|pattern| message::fits(pattern, &news.event_type))
            && self.workflows.as_ref().is_none_or(|workflows| workflows.contains(&execution.workflow_id))
    }
}
