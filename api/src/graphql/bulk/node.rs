//! A bulk operation.

use async_graphql::{Context, Enum, ID, Object, Result, SimpleObject};
use service::{Code, Services, bulk};
use store::{BulkFailureRow, BulkItemRow, BulkOperationRow};

use crate::graphql::connection::{CountOf, PageArguments, Paged, paged};
use crate::graphql::errors::{IntoGraphql, UserError};
use crate::graphql::scalars::{DateTime, int};
use crate::graphql::viewer::Actor;
use crate::graphql::viewer_of;

/// What can be done to many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "store::BulkKind")]
pub enum BulkOperationKind {
    /// Cancel executions.
    Cancel,
    /// Terminate executions.
    Terminate,
    /// Pause executions.
    Pause,
    /// Resume executions.
    Resume,
    /// Retry failed executions.
    Retry,
    /// Rerun executions that have ended.
    Rerun,
    /// Move executions to another version.
    Migrate,
    /// Delete executions that have ended.
    Delete,
    /// Start executions, from items: `executionStartMany`.
    Start,
}

/// Where a bulk operation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "store::BulkStatus")]
pub enum BulkOperationStatus {
    /// Not begun: the executions are being counted, or more items are to come.
    Pending,
    /// At work.
    Running,
    /// Held.
    Paused,
    /// Done.
    Completed,
    /// Stopped; what is done stays done.
    Cancelled,
    /// Could not go on.
    Failed,
}

/// What came of an item that is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "store::BulkItemStatus")]
pub enum BulkItemStatus {
    /// Nothing yet.
    Open,
    /// It became an execution; of a dry run: it would.
    Started,
    /// Its idempotency key stood for an execution that was there.
    Found,
    /// It could not be started.
    Refused,
}

/// Work on many objects, in the background.
#[derive(Debug, Clone)]
pub struct BulkOperation(pub(super) BulkOperationRow);

/// Work on many objects, in the background.
#[Object]
impl BulkOperation {
    /// Global id, prefix `blk_`.
    async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// What is done.
    async fn kind(&self) -> BulkOperationKind {
        self.0.kind.into()
    }

    /// Where it stands.
    async fn status(&self) -> BulkOperationStatus {
        self.0.status.into()
    }

    /// Why it could not go on.
    async fn status_reason(&self) -> Option<&str> {
        self.0.status_reason.as_deref()
    }

    /// Why.
    async fn reason(&self) -> &str {
        &self.0.reason
    }

    /// True: only counts and checks; what succeeded would succeed.
    async fn is_dry_run(&self) -> bool {
        self.0.is_dry_run
    }

    /// Items in a second at most.
    async fn rate_per_second(&self) -> i32 {
        self.0.rate_per_second
    }

    /// Items to work on, as far as they are counted.
    async fn total(&self) -> i32 {
        int(self.0.total)
    }

    /// True once all items are counted.
    async fn is_total_exact(&self) -> bool {
        self.0.is_counted
    }

    /// Done.
    async fn succeeded(&self) -> i32 {
        int(self.0.succeeded)
    }

    /// Not possible.
    async fn failed(&self) -> i32 {
        int(self.0.failed)
    }

    /// In a state where nothing was to be done.
    async fn skipped(&self) -> i32 {
        int(self.0.skipped)
    }

    /// Items that failed and why, oldest item first; the first 1,000 are kept.
    #[graphql(complexity = "first.or(last).unwrap_or(25).clamp(1, 100) as usize * child_complexity")]
    async fn failures(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take the last n items, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
    ) -> Result<Paged<BulkFailure>> {
        let list = format!("bulk_failures:{}", self.0.id);
        let request = PageArguments { first, after, last, before }.request(ctx, &list)?;
        let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
        let page = bulk::failures(services, viewer, self.0.id, &request).await.graphql()?;
        paged(ctx, page, &list, CountOf::BulkFailures(self.0.id), BulkFailure::stored)
    }

    /// Of START: what came of each item, in their order.
    #[graphql(complexity = "first.or(last).unwrap_or(25).clamp(1, 100) as usize * child_complexity")]
    async fn items(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Those alone of which this came.")] status: Option<BulkItemStatus>,
        #[graphql(desc = "Take the first n items, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take the last n items, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
    ) -> Result<Paged<BulkItem>> {
        let list = format!("bulk_items:{}", self.0.id);
        let request = PageArguments { first, after, last, before }.request(ctx, &list)?;
        let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
        let status = status.map(Into::into);
        let page = bulk::items(services, viewer, self.0.id, status, &request).await.graphql()?;
        let is_dry_run = self.0.is_dry_run;
        paged(ctx, page, &list, CountOf::BulkItems(self.0.id, status), |row| BulkItem::of(row, is_dry_run))
    }

    /// Who asked for it.
    async fn created_by(&self) -> Actor {
        Actor::from_id(&self.0.created_by)
    }

    /// When.
    async fn created_at(&self) -> DateTime {
        DateTime::from_ms(self.0.created_at_ms)
    }

    /// End.
    async fn ended_at(&self) -> Option<DateTime> {
        self.0.ended_at_ms.map(DateTime::from_ms)
    }
}

/// An item that a bulk operation starts.
#[derive(Debug, Clone, SimpleObject)]
pub struct BulkItem {
    /// Its place among the items, from 0.
    index: i32,
    /// What came of it.
    status: BulkItemStatus,
    /// Id of the execution that it became, or that its key stood for.
    execution_id: Option<ID>,
    /// Why it was refused.
    error: Option<UserError>,
}

impl BulkItem {
    fn of(row: BulkItemRow, is_dry_run: bool) -> Self {
        let is_there = matches!(row.status, store::BulkItemStatus::Started | store::BulkItemStatus::Found);
        let error = row.code.map(|code| UserError::stored(code_of(&code), row.message.unwrap_or_default()));
        Self {
            index: int(row.number),
            status: row.status.into(),
            execution_id: (is_there && !is_dry_run).then(|| ID(row.execution_id.to_string())),
            error,
        }
    }
}

/// A code as it was kept.
fn code_of(kept: &str) -> Code {
    Code::ALL.iter().find(|code| code.as_str() == kept).copied().unwrap_or(Code::WrongState)
}

/// One of many that could not be done.
#[derive(Debug, Clone, SimpleObject)]
pub struct BulkFailure {
    /// Which: the id of the execution; of START the index of the item.
    item_id: ID,
    /// Why.
    error: UserError,
}

impl BulkFailure {
    pub(in crate::graphql) const fn of(item_id: ID, error: UserError) -> Self {
        Self { item_id, error }
    }

    fn stored(row: BulkFailureRow) -> Self {
        let item = row.item.map_or_else(|| row.execution_id.to_string(), |item| item.to_string());
        Self::of(ID(item), UserError::stored(code_of(&row.code), row.message))
    }
}
