//! Makes a version the published one again.

use entity::workflow::{Column, Entity};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::publish::{check_version, replace_triggers};
use super::record::workflow_row;
use crate::error::StoreError;
use crate::hooks::replace_hooks;
use crate::model::workflow::{NewVersion, Republication, WorkflowChanges, WorkflowRow};
use crate::parts::{check_part_uses, replace_part_uses};
use crate::rules::{check_uses, replace_uses};
use crate::schedules::replace_managed;
use crate::store::Store;

impl Store {
    /// Makes a version of before the one that new executions use, with its triggers, hooks and schedules. Neither the
    /// draft nor a version is touched. `None` when the workflow has moved on from the expected revision, or is
    /// archived.
    ///
    /// # Errors
    /// As [`Self::publish`].
    pub async fn republish(&self, republication: Republication) -> Result<Option<WorkflowRow>, StoreError> {
        let Republication { version, hooks, schedules, rules, parts, triggers, expected_revision, now_ms } =
            republication;
        let again = NewVersion {
            id: version.id,
            organization_id: version.organization_id,
            workflow_id: version.workflow_id,
            label: None,
            changelog: None,
            definition: String::new(),
            source: String::new(),
            format: String::new(),
            checksum: String::new(),
            problems: String::new(),
            // Its schedules count from now on.
            published_at_ms: now_ms,
            published_by: version.published_by.clone(),
            hooks,
            schedules,
            rules: Vec::new(),
            parts: Vec::new(),
            head: WorkflowChanges::default(),
        };
        check_version(&again, &triggers)?;
        check_uses(&rules)?;
        check_part_uses(&parts)?;
        let transaction = self.backend.begin().await?;
        let models = Entity::update_many()
            .col_expr(Column::Revision, Column::Revision.into_expr().add(1))
            .col_expr(Column::UpdatedAtMs, Expr::val(now_ms))
            .col_expr(Column::PublishedVersionId, Expr::val(version.id.uuid()))
            .col_expr(Column::PublishedNumber, Expr::val(version.number))
            .filter(Column::Id.eq(version.workflow_id.uuid()))
            .filter(Column::OrganizationId.eq(version.organization_id.uuid()))
            .filter(Column::Revision.eq(expected_revision))
            .filter(Column::ArchivedAtMs.is_null())
            .exec_with_returning(&*transaction)
            .await?;
        let Some(workflow) = models.into_iter().next() else { return Ok(None) };
        replace_uses(&transaction, version.organization_id, version.workflow_id, rules).await?;
        replace_part_uses(&transaction, version.organization_id, version.workflow_id, parts).await?;
        replace_managed(&transaction, &again, workflow.is_enabled).await?;
        replace_triggers(&transaction, &version, triggers, workflow.is_enabled).await?;
        replace_hooks(&transaction, &version, again.hooks, workflow.is_enabled).await?;
        transaction.commit().await?;
        workflow_row(workflow).map(Some)
    }
}
