//! How long ended executions and events are kept, and deleting what is older.

use async_recursion::async_recursion as boxed;
use std::collections::{BTreeMap, VecDeque};

use ids::{ExecutionId, OrganizationId, WorkflowId};
use queue::Notice;
use store::{Retention, RetentionScope, Sweep};

use crate::audit::{self, Change};
use crate::bulk;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::reach;
use crate::services::Services;
use crate::statistics;
use crate::viewer::{Permission, Viewer};
use crate::webhooks;

/// Executions that are looked at in one group: a group is one transaction, which must be short.
const GROUP: u64 = 200;
/// Groups in one run, full ones or not.
const GROUPS: usize = 20;
/// Time between two passes through all workflows, in milliseconds.
const PAUSE_MS: i64 = 20_000;
/// Each so many passes one begins at the oldest executions again, for those that ended late.
const FULL_EVERY: u32 = 180;
/// Workflows whose policies are read at once.
const WORKFLOWS: u64 = 200;

/// Where retention goes on in this process; losing it costs looking again.
#[derive(Debug, Default)]
pub struct RetentionPlace {
    /// No pass is under way before this moment, Unix milliseconds.
    rests_until_ms: i64,
    /// Passes since the last full one.
    passes: u32,
    /// Workflows up to this one have been read.
    after: Option<WorkflowId>,
    /// Workflows whose executions are to be looked through.
    pending: VecDeque<(OrganizationId, WorkflowId, Retention)>,
    /// Executions before these were looked at and are kept.
    seen: BTreeMap<WorkflowId, ExecutionId>,
}

/// Deletes some of what is kept no longer; returns how many executions and events.
///
/// # Errors
/// When the database is away.
#[boxed]
pub async fn sweep(services: &Services, place: &mut RetentionPlace) -> Result<u64, ServiceError> {
    let now_ms = services.now().0;
    if now_ms < place.rests_until_ms {
        return Ok(0);
    }
    let mut deleted = 0;
    for _group in 0..GROUPS {
        let Some((organization, workflow, retention)) = place.pending.front().copied() else {
            if more_workflows(services, place).await? {
                continue;
            }
            deleted += sweep_events(services, now_ms).await?;
            deleted += crate::workflows::sweep(services, now_ms).await?;
            sweep_rates(services, now_ms).await?;
            deleted += audit::sweep(services, now_ms).await?;
            deleted += statistics::sweep(services, now_ms).await?;
            deleted += bulk::sweep(services, now_ms).await?;
            deleted += webhooks::sweep(services, now_ms).await?;
            *place = next_pass(std::mem::take(place), now_ms);
            return Ok(deleted);
        };
        let after = place.seen.get(&workflow).copied();
        let swept = services.store().sweep(&Sweep { organization, workflow, retention, after }, now_ms, GROUP).await?;
        metrics::counter!("sluice_retention_deleted_total", "what" => "executions").increment(swept.deleted);
        deleted += swept.deleted;
        if swept.deleted > 0 {
            services.notices().publish(vec![Notice::of(organization)]);
        }
        match swept.next {
            Some(next) => {
                place.seen.insert(workflow, next);
            }
            None => {
                place.pending.pop_front();
            }
        }
    }
    Ok(deleted)
}

fn next_pass(place: RetentionPlace, now_ms: i64) -> RetentionPlace {
    let is_full_next = place.passes + 1 >= FULL_EVERY;
    RetentionPlace {
        rests_until_ms: now_ms + PAUSE_MS,
        passes: if is_full_next { 0 } else { place.passes + 1 },
        after: None,
        pending: VecDeque::new(),
        seen: if is_full_next { BTreeMap::new() } else { place.seen },
    }
}

/// Reads the policies of the next workflows; false when there are no more workflows.
async fn more_workflows(services: &Services, place: &mut RetentionPlace) -> Result<bool, ServiceError> {
    let workflows = services.store().next_workflows(place.after, WORKFLOWS).await?;
    let Some((_, last)) = workflows.last().copied() else { return Ok(false) };
    let mut by_organization: BTreeMap<OrganizationId, Vec<WorkflowId>> = BTreeMap::new();
    for (organization, workflow) in workflows {
        by_organization.entry(organization).or_default().push(workflow);
    }
    for (organization, workflows) in by_organization {
        let policies = Policies::read(services, organization, &workflows).await?;
        let known = workflows.into_iter().map(|workflow| (organization, workflow, policies.of(workflow)));
        place.pending.extend(known.filter(|(_, _, retention)| retention.shortest_ms().is_some()));
    }
    place.after = Some(last);
    Ok(true)
}

async fn sweep_events(services: &Services, now_ms: i64) -> Result<u64, ServiceError> {
    let Some(kept_ms) = services.settings().event_retention_ms else { return Ok(0) };
    let mut deleted = 0;
    let mut after = None;
    while let Some(organization) = services.store().next_organization(after).await? {
        after = Some(organization);
        // What is left over goes with the next pass.
        for _group in 0..GROUPS {
            let count = services.store().sweep_events(organization, now_ms - kept_ms, GROUP).await?;
            deleted += count;
            if count < GROUP {
                break;
            }
        }
    }
    metrics::counter!("sluice_retention_deleted_total", "what" => "events").increment(deleted);
    Ok(deleted)
}

/// Forgets rates that nobody asks for any more; they are nobody's data, and not counted.
async fn sweep_rates(services: &Services, now_ms: i64) -> Result<(), ServiceError> {
    for _group in 0..GROUPS {
        if services.store().sweep_rates(now_ms, GROUP).await? < GROUP {
            break;
        }
    }
    Ok(())
}

/// What holds for workflows of one organization.
struct Policies {
    default: Retention,
    by_workflow: BTreeMap<WorkflowId, Retention>,
}

impl Policies {
    async fn read(
        services: &Services,
        organization: OrganizationId,
        workflows: &[WorkflowId],
    ) -> Result<Self, ServiceError> {
        let mut policies = Self { default: services.settings().retention, by_workflow: BTreeMap::new() };
        for (scope, retention) in services.store().retentions(organization, workflows).await? {
            match scope {
                RetentionScope::Organization => policies.default = retention,
                RetentionScope::Workflow(workflow) => {
                    policies.by_workflow.insert(workflow, retention);
                }
            }
        }
        Ok(policies)
    }

    fn of(&self, workflow: WorkflowId) -> Retention {
        self.by_workflow.get(&workflow).copied().unwrap_or(self.default)
    }
}

/// How long the executions of each of `workflows` are kept: as the workflow says, else its organization, else the
/// installation.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn of_workflows(
    services: &Services,
    viewer: &Viewer,
    workflows: &[WorkflowId],
) -> Result<Vec<(WorkflowId, Retention)>, ServiceError> {
    viewer.require(Permission::WorkflowRead)?;
    let policies = Policies::read(services, viewer.organization, workflows).await?;
    Ok(workflows.iter().map(|workflow| (*workflow, policies.of(*workflow))).collect())
}

/// How long executions are kept whose workflow says nothing.
///
/// # Errors
/// When the database is away.
#[boxed]
pub async fn of_organization(services: &Services, viewer: &Viewer) -> Result<Retention, ServiceError> {
    Ok(Policies::read(services, viewer.organization, &[]).await?.default)
}

/// Says how long the executions of one workflow are kept.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; the database away.
#[boxed]
pub async fn set_for_workflow(
    services: &Services,
    viewer: &Viewer,
    workflow: WorkflowId,
    retention: Retention,
) -> Result<store::WorkflowRow, ServiceError> {
    viewer.require(Permission::WorkflowWrite)?;
    let row = services.store().workflows_by_ids(viewer.organization, &[workflow]).await?.pop();
    let row = row.filter(|row| reach::has(viewer, row)).ok_or_else(|| {
        ServiceError::mistake(Mistake::new(Code::NotFound, "id", format!("there is no workflow {workflow}")))
    })?;
    let before = Policies::read(services, viewer.organization, &[workflow]).await?.of(workflow);
    let scope = RetentionScope::Workflow(workflow);
    services.store().set_retention(viewer.organization, scope, Some(retention)).await?;
    note(viewer, Change::of("workflow", workflow, &row.slug).named("workflow.retention_set"), before, retention);
    Ok(row)
}

/// Says how long the executions are kept whose workflow says nothing.
///
/// # Errors
/// `Forbidden`; the database away.
#[boxed]
pub async fn set_for_organization(
    services: &Services,
    viewer: &Viewer,
    retention: Retention,
) -> Result<store::OrganizationRow, ServiceError> {
    viewer.require(Permission::OrganizationWrite)?;
    let before = Policies::read(services, viewer.organization, &[]).await?.default;
    services.store().set_retention(viewer.organization, RetentionScope::Organization, Some(retention)).await?;
    let row = crate::organization(services, viewer).await?;
    note(viewer, Change::of("organization", row.id, &row.slug).named("organization.retention_set"), before, retention);
    Ok(row)
}

fn note(viewer: &Viewer, change: Change, before: Retention, after: Retention) {
    let told = |retention: Retention| {
        serde_json::json!({
            "completedMs": retention.completed_ms,
            "failedMs": retention.failed_ms,
            "cancelledMs": retention.cancelled_ms,
        })
    };
    viewer.origin.trail.note(change.before(told(before)).after(told(after)));
}
