//! Reads what committers have counted. What a read costs grows with the time that it looks at, not with how much
//! happened then.

use entity::rollup::{Column, Entity};
use ids::{OrganizationId, WorkflowId};
use sea_orm::sea_query::{Alias, Condition, Expr, ExprTrait, Func, Order, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, QueryResult};
use uuid::Uuid;

use crate::error::StoreError;
use crate::filter::workflows_in;
use crate::model::statistics::{Bucket, Measured, RollupBy, RollupQuery, RollupRow, Sum, slice_of};
use crate::organizations::some_of;
use crate::store::Store;

/// Reads a row; what the numbers are not told apart by is not in it.
fn row(row: &QueryResult, by: RollupBy) -> Result<RollupRow, StoreError> {
    let (has_part, has_step) = (matches!(by, RollupBy::Time { .. }), by == RollupBy::Step);
    let has_workflow = has_step || by == RollupBy::Workflow;
    let workflow: Option<Uuid> = if has_workflow { Some(row.try_get("", "workflow_id")?) } else { None };
    Ok(RollupRow {
        part: if has_part { row.try_get("", "part")? } else { 0 },
        workflow: workflow.map(WorkflowId::from_uuid),
        step: if has_step { row.try_get("", "step")? } else { String::new() },
        what: Measured::try_from(row.try_get::<i16>("", "what")?)?,
        bucket: Bucket::from(row.try_get::<i16>("", "bucket")?),
        sum: Sum {
            count: row.try_get("", "sum_count")?,
            total_ms: row.try_get("", "sum_ms")?,
            least_ms: row.try_get("", "least_ms")?,
            most_ms: row.try_get("", "most_ms")?,
        },
    })
}

impl Store {
    /// What was counted, added up, in no particular order.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn rollups(
        &self,
        organization: OrganizationId,
        query: &RollupQuery,
    ) -> Result<Vec<RollupRow>, StoreError> {
        let mut select = Query::select();
        select.from(Entity).columns([Column::What, Column::Bucket]).cond_where(self.counted(organization, query));
        match query.by {
            RollupBy::Nothing => {}
            RollupBy::Time { width } => {
                let part = Expr::col(Column::Slice).sub(query.from).div(Ord::max(width, 1));
                select.expr_as(part, "part").group_by_col(Alias::new("part"));
            }
            RollupBy::Workflow => {
                select.column(Column::WorkflowId).group_by_col(Column::WorkflowId);
            }
            RollupBy::Step => {
                select.columns([Column::WorkflowId, Column::Step]);
                select.group_by_columns([Column::WorkflowId, Column::Step]);
            }
        }
        select
            .expr_as(sum(Column::Count), "sum_count")
            .expr_as(sum(Column::TotalMs), "sum_ms")
            .expr_as(Func::min(Expr::col(Column::LeastMs)), "least_ms")
            .expr_as(Func::max(Expr::col(Column::MostMs)), "most_ms")
            .group_by_columns([Column::What, Column::Bucket]);
        let rows = self.backend.reads_of(organization).query_all(&select).await?;
        rows.iter().map(|found| row(found, query.by)).collect()
    }

    /// The steps that took longest on average, the slowest first; `limit` at most.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn slowest_steps(
        &self,
        organization: OrganizationId,
        query: &RollupQuery,
        limit: u64,
    ) -> Result<Vec<(WorkflowId, String)>, StoreError> {
        let mean = sum(Column::TotalMs).div(sum(Column::Count));
        let select = Query::select()
            .from(Entity)
            .columns([Column::WorkflowId, Column::Step])
            .cond_where(self.counted(organization, query).add(Column::Bucket.gte(0)))
            .group_by_columns([Column::WorkflowId, Column::Step])
            .order_by_expr(mean, Order::Desc)
            .order_by(Column::WorkflowId, Order::Asc)
            .order_by(Column::Step, Order::Asc)
            .limit(limit)
            .to_owned();
        let rows = self.backend.reads_of(organization).query_all(&select).await?;
        let read =
            |row: QueryResult| Ok((WorkflowId::from_uuid(row.try_get("", "workflow_id")?), row.try_get("", "step")?));
        rows.into_iter().map(read).collect()
    }

    /// Forgets up to `limit` numbers of an organization from before a moment, Unix milliseconds; answers how many.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn forget_rollups(
        &self,
        organization: OrganizationId,
        before_ms: i64,
        limit: u64,
    ) -> Result<u64, StoreError> {
        let old = Expr::col(Column::OrganizationId)
            .eq(organization.uuid())
            .and(Expr::col(Column::Slice).lt(slice_of(before_ms)));
        let statement = some_of("rollup", old, limit, self.backend.dialect());
        let transaction = self.backend.begin().await?;
        let deleted = transaction.execute(&statement).await?.rows_affected();
        transaction.commit().await?;
        Ok(deleted)
    }

    /// The rows that are wanted.
    fn counted(&self, organization: OrganizationId, query: &RollupQuery) -> Condition {
        let workflows = query.workflows.as_ref().map(|ids| Column::WorkflowId.is_in(ids.iter().map(|id| id.uuid())));
        let steps = query.steps.as_ref().map(|steps| {
            let each = |(workflow, step): &(WorkflowId, String)| {
                Condition::all().add(Column::WorkflowId.eq(workflow.uuid())).add(Column::Step.eq(step.as_str()))
            };
            // None of nothing: an empty list of alternatives would be no condition.
            steps.iter().map(each).fold(Condition::any().add(Expr::val(1).eq(0)), Condition::add)
        });
        let folders = query
            .folders
            .as_deref()
            .map(|folders| Column::WorkflowId.in_subquery(workflows_in(organization, folders, self.backend.dialect())));
        Condition::all()
            .add(Column::OrganizationId.eq(organization.uuid()))
            .add(Column::Slice.gte(query.from))
            .add(Column::Slice.lt(query.to))
            .add(Column::What.is_in(query.what.iter().map(|what| what.code())))
            .add_option(workflows)
            .add_option(folders)
            .add_option(steps)
    }
}

/// Sums of big numbers are decimals on PostgreSQL.
fn sum(column: Column) -> Expr {
    Expr::from(Func::sum(Expr::col(column))).cast_as(Alias::new("bigint"))
}
