//! Executions that others wait for, and what becomes of them when those live no more.

use ids::{ExecutionId, OrganizationId};
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};
use uuid::Uuid;

use crate::error::StoreError;
use crate::model::execution::AwaitedChild;
use crate::store::Store;

impl Store {
    /// Whether an execution was started for one that waited for its end and lives no more.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn is_forsaken(&self, organization: OrganizationId, execution: ExecutionId) -> Result<bool, StoreError> {
        let values: [Value; 2] = [execution.uuid().into(), organization.uuid().into()];
        let on = self.backend.reads_of(organization);
        Ok(!rows(&on, include_str!("children/is_forsaken.sql"), values).await?.is_empty())
    }

    /// Up to `limit` executions that live, and for whose end `parent` waited, which lives no more: by id, behind
    /// `after`.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn forsaken_children(
        &self,
        organization: OrganizationId,
        parent: ExecutionId,
        after: Option<ExecutionId>,
        limit: u64,
    ) -> Result<Vec<ExecutionId>, StoreError> {
        let values: [Value; 4] = [
            parent.uuid().into(),
            organization.uuid().into(),
            after.map_or(Uuid::nil(), ExecutionId::uuid).into(),
            i64::try_from(limit).unwrap_or(i64::MAX).into(),
        ];
        let on = self.backend.reads_of(organization);
        let found = rows(&on, include_str!("children/of_parent.sql"), values).await?;
        found.into_iter().map(|row| Ok(ExecutionId::from_uuid(row.try_get("", "id")?))).collect()
    }

    /// Up to `limit` live executions that are awaited, or were, by parent and id, behind `after`.
    ///
    /// Serves all organizations.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn awaited_children(
        &self,
        after: Option<(ExecutionId, ExecutionId)>,
        limit: u64,
    ) -> Result<Vec<AwaitedChild>, StoreError> {
        let (parent, child) = after.map_or((Uuid::nil(), Uuid::nil()), |(parent, id)| (parent.uuid(), id.uuid()));
        let values: [Value; 3] = [parent.into(), child.into(), i64::try_from(limit).unwrap_or(i64::MAX).into()];
        let found = rows(self.backend.reads(), include_str!("children/awaited.sql"), values).await?;
        found.into_iter().map(|row| awaited(&row)).collect()
    }
}

fn awaited(row: &QueryResult) -> Result<AwaitedChild, StoreError> {
    let (hopes, signals): (i64, i32) = (row.try_get("", "hopes")?, row.try_get("", "signals")?);
    Ok(AwaitedChild {
        organization_id: OrganizationId::from_uuid(row.try_get("", "organization_id")?),
        parent_id: ExecutionId::from_uuid(row.try_get("", "parent_id")?),
        id: ExecutionId::from_uuid(row.try_get("", "id")?),
        is_forsaken: hopes == 0 && signals == 0,
    })
}

/// Rows of a statement that means the same on both databases.
async fn rows(
    on: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<QueryResult>, StoreError> {
    let statement = Statement::from_sql_and_values(on.get_database_backend(), sql, values);
    Ok(on.query_all_raw(statement).await?)
}
