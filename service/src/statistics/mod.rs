//! Use cases of statistics: what happened in a part of time, from what committers have counted.

mod follow;
mod numbers;
mod retention;
mod series;
mod window;

use async_recursion::async_recursion as boxed;
use std::collections::BTreeMap;

use chrono_tz::Tz;
use ids::WorkflowId;
use store::{ApprovalFilter, ApprovalStatus, Measured, RollupBy, RollupQuery, RollupRow, SLICE_MS};

use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

pub use follow::{DEFAULT_EVERY, MIN_EVERY, Update, updates};
pub use numbers::{Durations, Numbers};
pub(crate) use retention::sweep;
pub use series::{MAX_POINTS, Width};
pub use window::{Window, WindowRequest};

/// What is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The part of time.
    pub window: Window,
    /// These workflows; all when absent.
    pub workflows: Option<Vec<WorkflowId>>,
}

/// By what workflows are ranked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkflowRank {
    /// Executions that were started.
    Started,
    /// Executions that failed.
    Failed,
    /// The share that failed.
    FailureRate,
    /// The 95th percentile of the duration.
    P95,
}

/// A part of a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// When it begins, Unix milliseconds.
    pub at_ms: i64,
    /// What was counted in it.
    pub numbers: Numbers,
}

/// What was counted of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepNumbers {
    /// Its workflow.
    pub workflow: WorkflowId,
    /// Its id in the definition.
    pub step: String,
    /// What was counted.
    pub numbers: Numbers,
}

/// What totals consist of.
const OF_TOTALS: [Measured; 7] = [
    Measured::Started,
    Measured::Executed,
    Measured::Allowed,
    Measured::Blocked,
    Measured::Failed,
    Measured::Cancelled,
    Measured::StepRetried,
];

/// What was counted of executions as a whole, and attempts of steps beyond the first.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn totals(services: &Services, viewer: &Viewer, scope: &Scope) -> Result<Numbers, ServiceError> {
    let rows = read(services, viewer, scope, OF_TOTALS.to_vec(), RollupBy::Nothing).await?;
    Ok(folded(&rows))
}

/// The same over time, without gaps: the parts of `width` in `zone`, which is UTC when absent.
///
/// # Errors
/// `Forbidden`; `INVALID` for a zone that does not exist and for too many parts; the database is away.
#[boxed]
pub async fn series(
    services: &Services,
    viewer: &Viewer,
    scope: &Scope,
    width: Option<Width>,
    zone: Option<&str>,
) -> Result<Vec<Point>, ServiceError> {
    viewer.require(Permission::AnalyticsRead)?;
    let zone = zone
        .map(engine::schedule::zone)
        .transpose()
        .map_err(|problem| ServiceError::mistake(Mistake::new(Code::Invalid, "timeZone", problem.to_string())))?;
    let window = scope.window;
    let borders = series::borders(window, width.unwrap_or_else(|| Width::of(window)), zone.unwrap_or(Tz::UTC))?;
    let width = series::step(window, &borders);
    let what = Measured::OF_EXECUTIONS.to_vec();
    let rows = read(services, viewer, scope, what, RollupBy::Time { width }).await?;
    let point = |border: &i32| Point { at_ms: i64::from(*border) * SLICE_MS, numbers: Numbers::default() };
    let mut points: Vec<Point> = borders.iter().map(point).collect();
    for row in rows {
        let slice = row.part.saturating_mul(width).saturating_add(window.from);
        let after = borders.partition_point(|border| *border <= slice);
        if let Some(point) = after.checked_sub(1).and_then(|place| points.get_mut(place)) {
            point.numbers.add(&row);
        }
    }
    Ok(points)
}

/// The same by workflow: the first `limit` of the order.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn workflows(
    services: &Services,
    viewer: &Viewer,
    scope: &Scope,
    rank: WorkflowRank,
    limit: usize,
) -> Result<Vec<(WorkflowId, Numbers)>, ServiceError> {
    let rows = read(services, viewer, scope, Measured::OF_EXECUTIONS.to_vec(), RollupBy::Workflow).await?;
    let mut by_workflow: BTreeMap<WorkflowId, Numbers> = BTreeMap::new();
    for row in &rows {
        if let Some(workflow) = row.workflow {
            by_workflow.entry(workflow).or_default().add(row);
        }
    }
    let mut all: Vec<(WorkflowId, Numbers)> = by_workflow.into_iter().collect();
    // Stable, so ids break ties.
    all.sort_by(|(_, one), (_, other)| key(other, rank).total_cmp(&key(one, rank)));
    all.truncate(limit);
    Ok(all)
}

fn key(numbers: &Numbers, rank: WorkflowRank) -> f64 {
    match rank {
        WorkflowRank::Started => numbers.of(Measured::Started) as f64,
        WorkflowRank::Failed => numbers.of(Measured::Failed) as f64,
        WorkflowRank::FailureRate => numbers.failure_rate().unwrap_or(-1.0),
        WorkflowRank::P95 => numbers.duration.percentile_ms(95).map_or(-1.0, |ms| ms as f64),
    }
}

/// What was counted of steps: the `limit` that took longest on average, the slowest first.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn steps(
    services: &Services,
    viewer: &Viewer,
    scope: &Scope,
    limit: u64,
) -> Result<Vec<StepNumbers>, ServiceError> {
    viewer.require(Permission::AnalyticsRead)?;
    let ended = query(viewer, scope, vec![Measured::StepSucceeded, Measured::StepFailed], RollupBy::Step);
    let slowest = services.store().slowest_steps(viewer.organization, &ended, limit).await?;
    let of_these = RollupQuery { steps: Some(slowest.clone()), what: Measured::OF_STEPS.to_vec(), ..ended };
    let rows = services.store().rollups(viewer.organization, &of_these).await?;
    let mut by_step: BTreeMap<(WorkflowId, String), Numbers> = BTreeMap::new();
    for row in &rows {
        if let Some(workflow) = row.workflow {
            by_step.entry((workflow, row.step.clone())).or_default().add(row);
        }
    }
    let numbers = |(workflow, step): (WorkflowId, String)| {
        let numbers = by_step.remove(&(workflow, step.clone())).unwrap_or_default();
        StepNumbers { workflow, step, numbers }
    };
    Ok(slowest.into_iter().map(numbers).collect())
}

/// What was counted of approvals, and how many are open and overdue now, each counted up to 10,000.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn approvals(
    services: &Services,
    viewer: &Viewer,
    scope: &Scope,
) -> Result<(Numbers, u64, u64), ServiceError> {
    viewer.require(Permission::ApprovalRead)?;
    let rows = read(services, viewer, scope, Measured::OF_APPROVALS.to_vec(), RollupBy::Nothing).await?;
    let open = ApprovalFilter {
        statuses: Some(vec![ApprovalStatus::Pending]),
        workflow_ids: scope.workflows.clone(),
        folders: viewer.folders.as_deref().map(<[String]>::to_vec),
        ..ApprovalFilter::default()
    };
    let overdue = ApprovalFilter { overdue: Some((true, services.now().0)), ..open.clone() };
    let (pending, _is_exact) = services.store().count_approvals(viewer.organization, &open).await?;
    let (overdue, _is_exact) = services.store().count_approvals(viewer.organization, &overdue).await?;
    Ok((folded(&rows), pending, overdue))
}

async fn read(
    services: &Services,
    viewer: &Viewer,
    scope: &Scope,
    what: Vec<Measured>,
    by: RollupBy,
) -> Result<Vec<RollupRow>, ServiceError> {
    viewer.require(Permission::AnalyticsRead)?;
    Ok(services.store().rollups(viewer.organization, &query(viewer, scope, what, by)).await?)
}

/// What is asked of the store: what the viewer does not reach is left out.
fn query(viewer: &Viewer, scope: &Scope, what: Vec<Measured>, by: RollupBy) -> RollupQuery {
    let Window { from, to } = scope.window;
    let folders = viewer.folders.as_deref().map(<[String]>::to_vec);
    RollupQuery { from, to, workflows: scope.workflows.clone(), folders, steps: None, what, by }
}

fn folded(rows: &[RollupRow]) -> Numbers {
    let mut numbers = Numbers::default();
    for row in rows {
        numbers.add(row);
    }
    numbers
}
