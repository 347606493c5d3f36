//! Filters of approvals.

use entity::approval::Column;
use entity::workflow;
use ids::{ApprovalId, ExecutionId, OrganizationId, WorkflowId};
use sea_orm::ColumnTrait;
use sea_orm::sea_query::{Condition, Expr, Query, SimpleExpr};

use super::decider::Decider;
use super::parts::{TimeFilter, contains};
use super::workflow::in_folders;
use crate::backend::Dialect;
use crate::model::approval::ApprovalStatus;

/// Which approvals; all conditions that are set must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApprovalFilter {
    /// In one of these states.
    pub statuses: Option<Vec<ApprovalStatus>>,
    /// That these may decide at this moment.
    pub decidable: Option<Decider>,
    /// Asked for on behalf of this actor.
    pub requester: Option<String>,
    /// Of this execution.
    pub execution_id: Option<ExecutionId>,
    /// Of these workflows.
    pub workflow_ids: Option<Vec<WorkflowId>>,
    /// Of workflows in one of these folders or below; none when empty.
    pub folders: Option<Vec<String>>,
    /// About this sort of thing.
    pub entity: Option<String>,
    /// About this one.
    pub entity_id: Option<String>,
    /// Those that are open and past their time at this moment, Unix milliseconds, or those that are not.
    pub overdue: Option<(bool, i64)>,
    /// By time of opening.
    pub requested_at: Option<TimeFilter>,
    /// Words, each of which is the id, or part of the step, or of what it is about.
    pub search: Option<String>,
}

/// Most words of a search.
const MAX_WORDS: usize = 10;

impl ApprovalFilter {
    pub(crate) fn condition(&self, organization: OrganizationId, dialect: Dialect) -> Condition {
        let mut all = Condition::all()
            .add_option(
                self.statuses
                    .as_ref()
                    .map(|statuses| Column::Status.is_in(statuses.iter().map(|status| status.code()))),
            )
            .add_option(self.decidable.as_ref().map(|decider| decider.condition(organization, dialect)))
            .add_option(self.requester.as_ref().map(|requester| Column::Requester.eq(requester)))
            .add_option(self.execution_id.map(|id| Column::ExecutionId.eq(id.uuid())))
            .add_option(self.workflow_ids.as_ref().map(|ids| Column::WorkflowId.is_in(ids.iter().map(|id| id.uuid()))))
            .add_option(self.folders.as_ref().map(|folders| of_folders(organization, folders, dialect)))
            .add_option(self.entity.as_ref().map(|entity| Column::Entity.eq(entity)))
            .add_option(self.entity_id.as_ref().map(|id| Column::EntityId.eq(id)))
            .add_option(self.requested_at.map(|time| time.condition(&Column::RequestedAtMs.into_expr())));
        if let Some((is_overdue, now_ms)) = self.overdue {
            let open = Column::Status.eq(ApprovalStatus::Pending.code());
            let over = Condition::all().add(open).add(Column::ExpiresAtMs.is_not_null());
            let over = over.add(Column::ExpiresAtMs.lte(now_ms));
            all = all.add(if is_overdue { over } else { over.not() });
        }
        for word in self.search.iter().flat_map(|search| search.split_whitespace()).take(MAX_WORDS) {
            let any = Condition::any()
                .add_option(word.parse::<ApprovalId>().ok().map(|id| Column::Id.eq(id.uuid())))
                .add(contains(Column::StepPath.into_expr(), word, dialect))
                .add(contains(or_empty(Column::Entity), word, dialect))
                .add(contains(or_empty(Column::EntityId), word, dialect));
            all = all.add(any);
        }
        all
    }
}

fn or_empty(column: Column) -> SimpleExpr {
    sea_orm::sea_query::Func::coalesce([column.into_expr(), Expr::val("")]).into()
}

pub(super) fn of_folders(organization: OrganizationId, folders: &[String], dialect: Dialect) -> SimpleExpr {
    let workflows = Query::select()
        .column((workflow::Entity, workflow::Column::Id))
        .from(workflow::Entity)
        .and_where(workflow::Column::OrganizationId.eq(organization.uuid()))
        .cond_where(in_folders(folders, dialect))
        .to_owned();
    Column::WorkflowId.in_subquery(workflows)
}
