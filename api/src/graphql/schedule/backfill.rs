//! Past times of a schedule that are made up for.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::dataloader::Loader;
use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use ids::BackfillId;
use service::schedules::{self, Backfill, NewBackfill};
use service::{ServiceError, Services};
use store::{BackfillProgress, BackfillRow};

use super::spec::OverlapPolicy;
use crate::graphql::directives::authorized;
use crate::graphql::errors::{UserError, or_null, user_errors};
use crate::graphql::filters::parse_id;
use crate::graphql::loaders::{Reader, loader, shared};
use crate::graphql::scalars::{DateTime, int};
use crate::graphql::viewer::{Actor, Permission};
use crate::graphql::viewer_of;

/// How far a backfill is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct ProgressOf(BackfillId);

#[async_graphql::async_trait::async_trait]
impl Loader<ProgressOf> for Reader {
    type Value = BackfillProgress;
    type Error = Arc<ServiceError>;

    async fn load(&self, keys: &[ProgressOf]) -> Result<HashMap<ProgressOf, Self::Value>, Self::Error> {
        let ids: Vec<BackfillId> = keys.iter().map(|key| key.0).collect();
        let found = schedules::backfill_progress(&self.services, &self.viewer, &ids).await?;
        Ok(found.into_iter().map(|(id, progress)| (ProgressOf(id), progress)).collect())
    }
}

/// Past times of a schedule that are made up for together.
pub struct ScheduleBackfill(pub(super) BackfillRow);

impl ScheduleBackfill {
    async fn progress(&self, ctx: &Context<'_>) -> Result<BackfillProgress> {
        let found = loader(ctx)?.load_one(ProgressOf(self.0.id)).await.map_err(|error| shared(&error))?;
        Ok(found.unwrap_or_default())
    }
}

/// Past times of a schedule that are made up for together.
#[Object]
impl ScheduleBackfill {
    /// Global id, prefix `bkf_`.
    async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// From when, included.
    async fn from(&self) -> DateTime {
        DateTime::from_ms(self.0.from_ms)
    }

    /// To when, left out.
    async fn to(&self) -> DateTime {
        DateTime::from_ms(self.0.to_ms)
    }

    /// How they follow each other.
    async fn overlap_policy(&self) -> OverlapPolicy {
        if self.0.overlap == "allow_all" { OverlapPolicy::AllowAll } else { OverlapPolicy::BufferAll }
    }

    /// How many times are made up for.
    async fn total(&self) -> i32 {
        self.0.total
    }

    /// How many times of the range were left out, because they were started before.
    async fn existing(&self) -> i32 {
        self.0.known
    }

    /// How many are to be started yet.
    async fn waiting(&self, ctx: &Context<'_>) -> Result<i32> {
        Ok(int(self.progress(ctx).await?.waiting))
    }

    /// How many were started, as long as the history of the schedule has them.
    async fn started(&self, ctx: &Context<'_>) -> Result<i32> {
        Ok(int(self.progress(ctx).await?.started))
    }

    /// How many could not be started, as long as the history of the schedule has them.
    async fn failed(&self, ctx: &Context<'_>) -> Result<i32> {
        Ok(int(self.progress(ctx).await?.failed))
    }

    /// True when nothing waits any more.
    async fn is_done(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(self.progress(ctx).await?.waiting == 0)
    }

    /// Why.
    async fn reason(&self) -> &str {
        &self.0.reason
    }

    /// When somebody asked for it.
    async fn created_at(&self) -> DateTime {
        DateTime::from_ms(self.0.created_at_ms)
    }

    /// Who asked for it.
    async fn created_by(&self) -> Actor {
        Actor::from_id(&self.0.created_by)
    }
}

/// Past times to make up for.
#[derive(InputObject)]
pub struct ScheduleBackfillInput {
    /// Schedule.
    id: ID,
    /// From when, included; ninety days back at most.
    from: DateTime,
    /// To when, left out; not in the future.
    to: DateTime,
    /// How they follow each other: `BUFFER_ALL` or `ALLOW_ALL`.
    #[graphql(default_with = "OverlapPolicy::BufferAll")]
    overlap_policy: OverlapPolicy,
    /// True: only count.
    #[graphql(default = false)]
    dry_run: bool,
    /// Why.
    reason: String,
}

/// Answer of `scheduleBackfill`.
#[derive(SimpleObject)]
pub struct ScheduleBackfillPayload {
    /// What was recorded; null for a dry run.
    backfill: Option<ScheduleBackfill>,
    /// How many times are made up for, or would be.
    count: Option<i32>,
    /// How many times of the range are left out, because they were started before.
    existing: Option<i32>,
    /// What the caller can correct; empty on success.
    user_errors: Vec<UserError>,
}

impl ScheduleBackfillPayload {
    fn of(outcome: Result<Backfill, ServiceError>) -> Result<Self> {
        Ok(match user_errors(outcome)? {
            Ok(made) => Self {
                backfill: made.row.map(ScheduleBackfill),
                count: Some(int(made.count)),
                existing: Some(int(made.known)),
                user_errors: Vec::new(),
            },
            Err(user_errors) => Self { backfill: None, count: None, existing: None, user_errors },
        })
    }
}

/// Past times of schedules.
#[derive(Default)]
pub struct BackfillMutation;

/// Past times of schedules.
#[Object]
impl BackfillMutation {
    /// Starts executions for past times, a thousand at most, one for each; times that were started before are left
    /// out. Needs `EXECUTION_START` too.
    #[graphql(directive = authorized::apply(Permission::ScheduleWrite))]
    async fn schedule_backfill(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ScheduleBackfillInput,
    ) -> Option<ScheduleBackfillPayload> {
        let run = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let new = NewBackfill {
                from: input.from.0,
                to: input.to.0,
                overlap: input.overlap_policy.into(),
                is_dry_run: input.dry_run,
                reason: input.reason,
            };
            let id = parse_id(&input.id)?;
            ScheduleBackfillPayload::of(schedules::backfill(services, viewer, id, new).await)
        };
        or_null(ctx, run.await)
    }
}
