//! Filters of executions.

use entity::execution::Column;
use entity::{execution_label, schedule_run, workflow};
use ids::{EventId, ExecutionId, OrganizationId, ScheduleId, WorkflowId};
use sea_orm::ColumnTrait;
use sea_orm::sea_query::{Condition, Expr, Query, SelectStatement, SimpleExpr};
use serde::{Deserialize, Serialize};

use super::check_depth;
use super::parts::{LabelFilter, StringFilter, TimeFilter, contains, not};
use super::workflow::in_folders;
use crate::backend::Dialect;
use crate::error::StoreError;
use crate::model::execution::{ExecutionResult, ExecutionStatus, TriggerType};

/// Which executions; all conditions that are set must hold.
///
/// Filters of work on many are stored: fields are added with defaults, and never change. One with a condition that
/// this release does not know is not read: without it, others would fit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExecutionFilter {
    /// These.
    pub ids: Option<Vec<ExecutionId>>,
    /// Of these workflows.
    pub workflow_ids: Option<Vec<WorkflowId>>,
    /// Of workflows in one of these folders or below; none when empty.
    pub folders: Option<Vec<String>>,
    /// Of this version of their workflow.
    pub version_number: Option<i32>,
    /// In one of these states.
    pub statuses: Option<Vec<ExecutionStatus>>,
    /// With one of these results.
    pub results: Option<Vec<ExecutionResult>>,
    /// By business key.
    pub key: Option<StringFilter>,
    /// With all of these labels.
    pub labels: Vec<LabelFilter>,
    /// Started by one of these.
    pub trigger_types: Option<Vec<TriggerType>>,
    /// Started by this event.
    pub event_id: Option<EventId>,
    /// Started by this schedule, as far as its history reaches back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule_id: Option<ScheduleId>,
    /// Started by a step of this execution.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<ExecutionId>,
    /// Repeats of this execution.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rerun_of: Option<ExecutionId>,
    /// True: not started by a step of another. False: only those.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_root: Option<bool>,
    /// Started by this actor.
    pub started_by: Option<String>,
    /// Failed by the cause with this fingerprint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_fingerprint: Option<String>,
    /// By time of acceptance.
    pub queued_at: Option<TimeFilter>,
    /// By end.
    pub ended_at: Option<TimeFilter>,
    /// Words, each of which is the id, or part of the key, a label's value or the workflow's slug.
    pub search: Option<String>,
    /// All of these.
    pub and: Vec<Self>,
    /// At least one of these; no condition when empty.
    pub or: Vec<Self>,
    /// Not this.
    pub not: Option<Box<Self>>,
}

/// States that the index `execution_notable_idx` covers, and its condition as it is written there:
/// a database uses the index only if the query repeats it.
const NOTABLE: [ExecutionStatus; 5] = [
    ExecutionStatus::Waiting,
    ExecutionStatus::Blocked,
    ExecutionStatus::Paused,
    ExecutionStatus::Failed,
    ExecutionStatus::Cancelled,
];
const IS_NOTABLE: &str = "execution.status in (2, 3, 4, 6, 7)";

/// Words that are looked for at most.
const MAX_WORDS: usize = 8;

impl ExecutionFilter {
    pub(crate) fn condition(&self, organization: OrganizationId, dialect: Dialect) -> Result<Condition, StoreError> {
        self.at_depth(organization, dialect, 0)
    }

    fn at_depth(&self, organization: OrganizationId, dialect: Dialect, depth: usize) -> Result<Condition, StoreError> {
        check_depth(depth)?;
        let mut all = Condition::all()
            .add_option(self.ids.as_ref().map(|ids| Column::Id.is_in(ids.iter().map(|id| id.uuid()))))
            .add_option(self.workflow_ids.as_ref().map(|ids| Column::WorkflowId.is_in(ids.iter().map(|id| id.uuid()))))
            .add_option(self.folders.as_ref().map(|folders| of_folders(organization, folders, dialect)))
            .add_option(self.version_number.map(|number| Column::VersionNumber.eq(number)))
            .add_option(self.statuses.as_deref().map(statuses))
            .add_option(
                self.results.as_ref().map(|results| Column::Result.is_in(results.iter().map(|result| result.code()))),
            )
            .add_option(
                self.trigger_types
                    .as_ref()
                    .map(|types| Column::TriggerType.is_in(types.iter().map(|kind| kind.code()))),
            )
            .add_option(self.event_id.map(|id| Column::EventId.eq(id.uuid())))
            .add_option(self.schedule_id.map(|id| Column::Id.in_subquery(of_schedule(organization, id))))
            .add_option(self.parent_id.map(|id| Column::ParentId.eq(id.uuid())))
            .add_option(self.rerun_of.map(|id| Column::RerunOf.eq(id.uuid())))
            .add_option(self.is_root.map(is_root))
            .add_option(self.started_by.as_ref().map(|actor| Column::StartedBy.eq(actor.as_str())))
            .add_option(self.error_fingerprint.as_ref().map(|cause| Column::ErrorFingerprint.eq(cause.as_str())))
            .add_option(self.key.as_ref().map(|key| key.condition(&column(Column::Key), dialect)))
            .add_option(self.queued_at.map(|time| time.condition(&column(Column::QueuedAtMs))))
            .add_option(self.ended_at.map(|time| time.condition(&column(Column::EndedAtMs))));
        for label in &self.labels {
            all = all.add(has_label(organization, label));
        }
        if let Some(search) = &self.search {
            for word in search.split_whitespace().take(MAX_WORDS) {
                all = all.add(holds_word(organization, word, dialect));
            }
        }
        for part in &self.and {
            all = all.add(part.at_depth(organization, dialect, depth + 1)?);
        }
        if !self.or.is_empty() {
            let mut any = Condition::any();
            for part in &self.or {
                any = any.add(part.at_depth(organization, dialect, depth + 1)?);
            }
            all = all.add(any);
        }
        if let Some(part) = &self.not {
            all = all.add(not(part.at_depth(organization, dialect, depth + 1)?));
        }
        Ok(all)
    }
}

fn column(column: Column) -> SimpleExpr {
    column.into_expr()
}

fn statuses(statuses: &[ExecutionStatus]) -> Condition {
    let is_one_of = Column::Status.is_in(statuses.iter().map(|status| status.code()));
    let is_notable = !statuses.is_empty() && statuses.iter().all(|status| NOTABLE.contains(status));
    // Who runs has a worker, and few do: the index of claims finds them.
    let is_claimed = statuses == [ExecutionStatus::Running];
    Condition::all()
        .add(is_one_of)
        .add_option(is_notable.then(|| Expr::cust(IS_NOTABLE)))
        .add_option(is_claimed.then(|| Column::WorkerId.is_not_null()))
}

fn is_root(is_root: bool) -> SimpleExpr {
    if is_root { Column::ParentId.is_null() } else { Column::ParentId.is_not_null() }
}

/// Executions that points in time of a schedule started.
fn of_schedule(organization: OrganizationId, schedule: ScheduleId) -> SelectStatement {
    use schedule_run::Column as Run;
    Query::select()
        .column((schedule_run::Entity, Run::ExecutionId))
        .from(schedule_run::Entity)
        .and_where(Run::OrganizationId.eq(organization.uuid()))
        .and_where(Run::ScheduleId.eq(schedule.uuid()))
        // Under `not`, one absent id among them would make the answer unknown.
        .and_where(Run::ExecutionId.is_not_null())
        .to_owned()
}

/// Executions of the organization with a label that fulfils `condition`.
fn labelled(organization: OrganizationId, condition: Condition) -> SelectStatement {
    Query::select()
        .column((execution_label::Entity, execution_label::Column::ExecutionId))
        .from(execution_label::Entity)
        .and_where(execution_label::Column::OrganizationId.eq(organization.uuid()))
        .cond_where(condition)
        .to_owned()
}

fn has_label(organization: OrganizationId, label: &LabelFilter) -> Condition {
    let named = || execution_label::Column::Name.eq(label.name.as_str());
    let with = |condition: Condition| Column::Id.in_subquery(labelled(organization, condition.add(named())));
    let value = execution_label::Column::Value;
    let mut all = Condition::all();
    if let Some(text) = &label.eq {
        all = all.add(with(Condition::all().add(value.eq(text.as_str()))));
    }
    if let Some(texts) = &label.in_list {
        all = all.add(with(Condition::all().add(value.is_in(texts.iter().map(String::as_str)))));
    }
    match label.exists {
        Some(true) => all.add(with(Condition::all())),
        Some(false) => all.add(Column::Id.not_in_subquery(labelled(organization, Condition::all().add(named())))),
        None => all,
    }
}

fn of_folders(organization: OrganizationId, folders: &[String], dialect: Dialect) -> SimpleExpr {
    Column::WorkflowId.in_subquery(workflows_in(organization, folders, dialect))
}

/// The workflows in one of these folders or below.
pub(crate) fn workflows_in(organization: OrganizationId, folders: &[String], dialect: Dialect) -> SelectStatement {
    Query::select()
        .column((workflow::Entity, workflow::Column::Id))
        .from(workflow::Entity)
        .and_where(workflow::Column::OrganizationId.eq(organization.uuid()))
        .cond_where(in_folders(folders, dialect))
        .to_owned()
}

fn holds_word(organization: OrganizationId, word: &str, dialect: Dialect) -> Condition {
    let in_label = contains(execution_label::Column::Value.into_expr(), word, dialect);
    let in_slug = Query::select()
        .column((workflow::Entity, workflow::Column::Id))
        .from(workflow::Entity)
        .and_where(workflow::Column::OrganizationId.eq(organization.uuid()))
        .and_where(contains(workflow::Column::Slug.into_expr(), word, dialect))
        .to_owned();
    Condition::any()
        .add_option(word.parse::<ExecutionId>().ok().map(|id| Column::Id.eq(id.uuid())))
        .add(contains(column(Column::Key), word, dialect))
        .add(Column::Id.in_subquery(labelled(organization, Condition::all().add(in_label))))
        .add(Column::WorkflowId.in_subquery(in_slug))
}
