//! Reads schedules and their histories on behalf of one organization.

use entity::schedule::{Column, Entity, Model};
use entity::{schedule, schedule_run, workflow};
use ids::{OrganizationId, ScheduleId};
use sea_orm::sea_query::{Alias, Condition, Expr, ExprTrait, Func, Query, SimpleExpr};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, Select};

use super::record::{run_row, schedule_row};
use crate::backend::Dialect;
use crate::error::StoreError;
use crate::filter::in_folders;
use crate::model::schedule::{ScheduleFilter, ScheduleRow, ScheduleRunRow};
use crate::page::{self, Cursor, Direction, Page, PageRequest, Sort, SortKey};
use crate::store::Store;

impl ScheduleFilter {
    fn condition(&self, organization: OrganizationId, dialect: Dialect) -> Condition {
        let of_folders = |folders: &Vec<String>| {
            let workflows = Query::select()
                .column((workflow::Entity, workflow::Column::Id))
                .from(workflow::Entity)
                .and_where(workflow::Column::OrganizationId.eq(organization.uuid()))
                .cond_where(in_folders(folders, dialect))
                .to_owned();
            Column::WorkflowId.in_subquery(workflows)
        };
        let paused = |is: bool| if is { Column::PausedAtMs.is_not_null() } else { Column::PausedAtMs.is_null() };
        Condition::all()
            .add_option(self.workflow_id.map(|id| Column::WorkflowId.eq(id.uuid())))
            .add_option(self.is_paused.map(paused))
            .add_option(self.name.as_ref().map(|name| name.condition(&Column::Name.into_expr(), dialect)))
            .add_option(self.folders.as_ref().map(of_folders))
    }
}

fn of(organization: OrganizationId) -> Select<Entity> {
    Entity::find().filter(Column::OrganizationId.eq(organization.uuid()))
}

fn runs_of(organization: OrganizationId, schedule: ScheduleId) -> Select<schedule_run::Entity> {
    schedule_run::Entity::find()
        .filter(schedule_run::Column::OrganizationId.eq(organization.uuid()))
        .filter(schedule_run::Column::ScheduleId.eq(schedule.uuid()))
}

impl Store {
    /// Several schedules, in any order; unknown ones are left out.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn schedules_by_ids(
        &self,
        organization: OrganizationId,
        ids: &[ScheduleId],
    ) -> Result<Vec<ScheduleRow>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let select = of(organization).filter(Column::Id.is_in(ids.iter().map(|id| id.uuid())));
        Ok(select.all(&self.backend.reads_of(organization)).await?.into_iter().map(schedule_row).collect())
    }

    /// A page of the schedules that fit, newest first.
    ///
    /// # Errors
    /// `Invalid` for a cursor of another list, or the database is away.
    pub async fn schedules(
        &self,
        organization: OrganizationId,
        filter: &ScheduleFilter,
        request: &PageRequest,
    ) -> Result<Page<ScheduleRow>, StoreError> {
        let select = of(organization).filter(filter.condition(organization, self.backend.dialect()));
        let sort = Sort { key: None, table: "schedule", direction: Direction::Descending };
        let cursor = |row: &ScheduleRow| Cursor { key: SortKey::None(()), id: row.id.uuid() };
        let row = |model: Model| Ok(schedule_row(model));
        page::read(&self.backend.reads_of(organization), select, &sort, request, row, cursor).await
    }

    /// How many schedules fit, counted up to ten thousand; false when counting stopped there.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn count_schedules(
        &self,
        organization: OrganizationId,
        filter: &ScheduleFilter,
    ) -> Result<(u64, bool), StoreError> {
        let select = of(organization).filter(filter.condition(organization, self.backend.dialect()));
        page::count(&self.backend.reads_of(organization), select).await
    }

    /// A page of what came of a schedule's points in time, newest first.
    ///
    /// # Errors
    /// `Invalid` for a cursor of another list, or the database is away.
    pub async fn schedule_runs(
        &self,
        organization: OrganizationId,
        schedule: ScheduleId,
        request: &PageRequest,
    ) -> Result<Page<ScheduleRunRow>, StoreError> {
        let time = Expr::col((schedule_run::Entity, schedule_run::Column::ScheduledForMs));
        let sort = Sort { key: Some(time), table: "schedule_run", direction: Direction::Descending };
        let cursor = |row: &ScheduleRunRow| Cursor { key: SortKey::Number(row.scheduled_for_ms), id: row.id.uuid() };
        page::read(
            &self.backend.reads_of(organization),
            runs_of(organization, schedule),
            &sort,
            request,
            run_row,
            cursor,
        )
        .await
    }

    /// How many there are, counted up to ten thousand; false when counting stopped there.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn count_schedule_runs(
        &self,
        organization: OrganizationId,
        schedule: ScheduleId,
    ) -> Result<(u64, bool), StoreError> {
        page::count(&self.backend.reads_of(organization), runs_of(organization, schedule)).await
    }

    /// The last point in time of each of `schedules` that came.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn last_schedule_runs(
        &self,
        organization: OrganizationId,
        schedules: &[ScheduleId],
    ) -> Result<Vec<ScheduleRunRow>, StoreError> {
        if schedules.is_empty() {
            return Ok(Vec::new());
        }
        // From the schedules on: a step into the key of each, however long its history is.
        let newest = Alias::new("newest");
        let last = Query::select()
            .expr(Func::max(Expr::col((newest.clone(), schedule_run::Column::ScheduledForMs))))
            .from_as(schedule_run::Entity, newest.clone())
            .and_where(
                Expr::col((newest, schedule_run::Column::ScheduleId)).equals((schedule::Entity, schedule::Column::Id)),
            )
            .to_owned();
        let lasts = Query::select()
            .column((schedule::Entity, schedule::Column::Id))
            .expr(SimpleExpr::SubQuery(None, Box::new(last.into())))
            .from(schedule::Entity)
            .and_where(schedule::Column::OrganizationId.eq(organization.uuid()))
            .and_where(schedule::Column::Id.is_in(schedules.iter().map(|id| id.uuid())))
            .to_owned();
        let key = Expr::tuple([
            schedule_run::Column::ScheduleId.into_expr(),
            schedule_run::Column::ScheduledForMs.into_expr(),
        ]);
        let models = schedule_run::Entity::find()
            .filter(schedule_run::Column::OrganizationId.eq(organization.uuid()))
            .filter(key.in_subquery(lasts))
            .all(&self.backend.reads_of(organization))
            .await?;
        models.into_iter().map(run_row).collect()
    }
}
