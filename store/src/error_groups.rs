//! Failures by cause. How often and when they came is counted like all statistics; what a group is, and whether it is
//! looked after, is a row.

use std::collections::HashMap;

use entity::error_group::{Column, Entity, Model};
use entity::rollup;
use ids::{ErrorGroupId, ExecutionId, OrganizationId, WorkflowId};
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Func, Order, Query, SelectStatement};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use crate::error::StoreError;
use crate::filter::workflows_in;
use crate::model::failure::{ErrorGroupQuery, ErrorGroupRow, ErrorGroupStatus};
use crate::model::statistics::slice_of;
use crate::organizations::some_of;
use crate::store::Store;

/// Most groups of one answer: those with the most failures.
const MAX_GROUPS: u64 = 1_000;

/// The condition of the index `rollup_failure_idx`, as it is written there: a database uses the index only if the
/// query repeats it.
const IS_FAILURE: &str = "rollup.what = 30";

/// How often a cause came in a time, and the last time.
#[derive(Debug, Clone, Copy)]
struct Seen {
    count: i64,
    last_ms: i64,
}

impl Store {
    /// The causes of failures in a time, the most frequent first; a thousand at most.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn error_groups(
        &self,
        organization: OrganizationId,
        query: &ErrorGroupQuery,
    ) -> Result<Vec<ErrorGroupRow>, StoreError> {
        use rollup::Column as Counted;
        let workflows = query.workflows.as_ref().map(|ids| Counted::WorkflowId.is_in(ids.iter().map(|id| id.uuid())));
        let folders = query.folders.as_deref().map(|folders| {
            Counted::WorkflowId.in_subquery(workflows_in(organization, folders, self.backend.dialect()))
        });
        let select = failures(organization)
            .and_where(Counted::Slice.gte(query.from))
            .and_where(Counted::Slice.lt(query.to))
            .and_where_option(workflows)
            .and_where_option(folders)
            .and_where_option(query.status.map(|status| Counted::Step.in_subquery(marked(organization, status))))
            .order_by(Alias::new("seen"), Order::Desc)
            .order_by(Counted::Step, Order::Asc)
            .limit(MAX_GROUPS)
            .to_owned();
        let seen = self.seen(organization, &select).await?;
        let fingerprints: Vec<&str> = seen.iter().map(|(fingerprint, _)| fingerprint.as_str()).collect();
        let groups = self.groups(organization, Column::Fingerprint.is_in(fingerprints)).await?;
        let returned = self.returned(organization, &groups).await?;
        let mut groups: HashMap<String, Model> =
            groups.into_iter().map(|group| (group.fingerprint.clone(), group)).collect();
        let known = seen.into_iter().filter_map(|(fingerprint, seen)| Some((groups.remove(&fingerprint)?, seen)));
        let rows = known.map(|(group, seen)| row(group, Some(seen), &returned)).collect::<Result<Vec<_>, _>>()?;
        let is_asked = |row: &ErrorGroupRow| query.status.is_none_or(|status| row.status == status);
        Ok(rows.into_iter().filter(is_asked).collect())
    }

    /// One cause, with what is known of it in all the time that statistics are kept.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn error_group(
        &self,
        organization: OrganizationId,
        id: ErrorGroupId,
    ) -> Result<Option<ErrorGroupRow>, StoreError> {
        let groups = self.groups(organization, Column::Id.eq(id.uuid())).await?;
        let returned = self.returned(organization, &groups).await?;
        let Some(group) = groups.into_iter().next() else { return Ok(None) };
        let select = failures(organization).and_where(rollup::Column::Step.eq(group.fingerprint.as_str())).to_owned();
        let seen = self.seen(organization, &select).await?.into_iter().next();
        row(group, seen.map(|(_, seen)| seen), &returned).map(Some)
    }

    /// Says whether a cause is looked after, from `now_ms` on; false when there is no such.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn set_error_group_status(
        &self,
        organization: OrganizationId,
        id: ErrorGroupId,
        status: ErrorGroupStatus,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        let transaction = self.backend.begin().await?;
        let changed = Entity::update_many()
            .col_expr(Column::Status, Expr::val(status.code()))
            .col_expr(Column::StatusAtMs, Expr::val(now_ms))
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .filter(Column::Id.eq(id.uuid()))
            .exec(&*transaction)
            .await?;
        transaction.commit().await?;
        Ok(changed.rows_affected > 0)
    }

    /// Forgets up to `limit` causes that were first seen before a moment, Unix milliseconds, and of which nothing is
    /// counted any more; answers how many.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn forget_error_groups(
        &self,
        organization: OrganizationId,
        before_ms: i64,
        limit: u64,
    ) -> Result<u64, StoreError> {
        let counted = Query::select()
            .expr(Expr::val(1))
            .from(rollup::Entity)
            .and_where(Expr::cust(IS_FAILURE))
            .and_where(Expr::col((rollup::Entity, rollup::Column::OrganizationId)).eq(organization.uuid()))
            .and_where(
                Expr::col((rollup::Entity, rollup::Column::Step))
                    .equals((Alias::new("error_group"), Column::Fingerprint)),
            )
            .to_owned();
        let gone = Expr::col(Column::OrganizationId)
            .eq(organization.uuid())
            .and(Expr::col(Column::FirstSeenAtMs).lt(before_ms))
            .and(Expr::exists(counted).not());
        let statement = some_of("error_group", gone, limit, self.backend.dialect());
        let transaction = self.backend.begin().await?;
        let deleted = transaction.execute(&statement).await?.rows_affected();
        transaction.commit().await?;
        Ok(deleted)
    }

    async fn groups(
        &self,
        organization: OrganizationId,
        which: sea_orm::sea_query::SimpleExpr,
    ) -> Result<Vec<Model>, StoreError> {
        let select = Entity::find().filter(Column::OrganizationId.eq(organization.uuid())).filter(which);
        Ok(select.all(&self.backend.reads_of(organization)).await?)
    }

    /// The last time of each resolved group since the first of them was resolved.
    async fn returned(
        &self,
        organization: OrganizationId,
        groups: &[Model],
    ) -> Result<HashMap<String, i64>, StoreError> {
        let is_resolved = |group: &&Model| group.status == ErrorGroupStatus::Resolved.code();
        let resolved: Vec<&Model> = groups.iter().filter(is_resolved).collect();
        let Some(since) = resolved.iter().filter_map(|group| group.status_at_ms).min() else {
            return Ok(HashMap::new());
        };
        let select = failures(organization)
            .and_where(rollup::Column::Step.is_in(resolved.iter().map(|group| group.fingerprint.as_str())))
            .and_where(rollup::Column::Slice.gte(slice_of(since)))
            .to_owned();
        let seen = self.seen(organization, &select).await?;
        Ok(seen.into_iter().map(|(fingerprint, seen)| (fingerprint, seen.last_ms)).collect())
    }

    async fn seen(
        &self,
        organization: OrganizationId,
        select: &SelectStatement,
    ) -> Result<Vec<(String, Seen)>, StoreError> {
        let rows = self.backend.reads_of(organization).query_all(select).await?;
        let read = |row: sea_orm::QueryResult| {
            let seen = Seen { count: row.try_get("", "seen")?, last_ms: row.try_get("", "last_ms")? };
            Ok((row.try_get("", "step")?, seen))
        };
        rows.into_iter().map(read).collect()
    }
}

/// Fingerprints of the causes that may be in a state: of those that were resolved, some may have come back.
fn marked(organization: OrganizationId, status: ErrorGroupStatus) -> SelectStatement {
    let said: &[ErrorGroupStatus] = match status {
        ErrorGroupStatus::Open => &[ErrorGroupStatus::Open, ErrorGroupStatus::Resolved],
        ErrorGroupStatus::Resolved => &[ErrorGroupStatus::Resolved],
        ErrorGroupStatus::Ignored => &[ErrorGroupStatus::Ignored],
    };
    Query::select()
        .column(Column::Fingerprint)
        .from(Entity)
        .and_where(Column::OrganizationId.eq(organization.uuid()))
        .and_where(Column::Status.is_in(said.iter().map(|status| status.code())))
        .to_owned()
}

/// What was counted of failures, by fingerprint.
fn failures(organization: OrganizationId) -> SelectStatement {
    use rollup::Column as Counted;
    Query::select()
        .column(Counted::Step)
        .expr_as(Expr::from(Func::sum(Expr::col(Counted::Count))).cast_as(Alias::new("bigint")), "seen")
        .expr_as(Func::max(Expr::col(Counted::MostMs)), "last_ms")
        .from(rollup::Entity)
        .and_where(Counted::OrganizationId.eq(organization.uuid()))
        .and_where(Expr::cust(IS_FAILURE))
        .group_by_col(Counted::Step)
        .to_owned()
}

fn row(group: Model, seen: Option<Seen>, returned: &HashMap<String, i64>) -> Result<ErrorGroupRow, StoreError> {
    let said = ErrorGroupStatus::try_from(group.status)?;
    let last_ms = returned.get(&group.fingerprint);
    let is_back = last_ms.zip(group.status_at_ms).is_some_and(|(last_ms, said_ms)| *last_ms > said_ms);
    let status = if said == ErrorGroupStatus::Resolved && is_back { ErrorGroupStatus::Open } else { said };
    Ok(ErrorGroupRow {
        id: ErrorGroupId::from_uuid(group.id),
        workflow_id: WorkflowId::from_uuid(group.workflow_id),
        fingerprint: group.fingerprint,
        step: group.step,
        code: group.code,
        message: group.message,
        execution_id: ExecutionId::from_uuid(group.execution_id),
        status,
        count: seen.map_or(0, |seen| seen.count),
        first_seen_at_ms: group.first_seen_at_ms,
        last_seen_at_ms: seen.map_or(group.first_seen_at_ms, |seen| seen.last_ms),
    })
}
