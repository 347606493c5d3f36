//! Pages by key: a cursor names the row it follows, so rows that come or go do not shift pages.

use sea_orm::sea_query::{Alias, Asterisk, Expr, ExprTrait, Func, Query, SimpleExpr};
use sea_orm::{
    ConnectionTrait, EntityTrait, FromQueryResult, Order, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
};
use serde::{Deserialize, Serialize};
use sqlx::types::Uuid;

use crate::error::StoreError;

/// A place in a list: right at the row that it was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// What the list is ordered by, as that row has it.
    #[serde(rename = "k")]
    pub key: SortKey,
    /// Id of that row.
    #[serde(rename = "i")]
    pub id: Uuid,
}

/// What a list is ordered by before the id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SortKey {
    /// By nothing: the ids alone are the order.
    None(()),
    /// By a number or a time.
    Number(i64),
    /// By a text.
    Text(String),
}

/// Which way a list is ordered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Smallest or oldest first.
    Ascending,
    /// Largest or newest first.
    #[default]
    Descending,
}

/// Which end of the rows between the cursors is wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Side {
    /// The first ones.
    #[default]
    First,
    /// The last ones.
    Last,
}

/// Which part of a list is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// How many rows at most.
    pub limit: u64,
    /// From which side.
    pub side: Side,
    /// Only rows after this one.
    pub after: Option<Cursor>,
    /// Only rows before this one.
    pub before: Option<Cursor>,
}

impl PageRequest {
    /// The first `limit` rows.
    #[must_use]
    pub const fn first(limit: u64) -> Self {
        Self { limit, side: Side::First, after: None, before: None }
    }

    /// The last `limit` rows.
    #[must_use]
    pub const fn last(limit: u64) -> Self {
        Self { limit, side: Side::Last, after: None, before: None }
    }

    /// Only rows after `cursor`.
    #[must_use]
    pub fn after(self, cursor: Cursor) -> Self {
        Self { after: Some(cursor), ..self }
    }

    /// Only rows before `cursor`.
    #[must_use]
    pub fn before(self, cursor: Cursor) -> Self {
        Self { before: Some(cursor), ..self }
    }
}

/// A part of a list, in the list's order whichever side it was taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows, each with its place.
    pub rows: Vec<(Cursor, T)>,
    /// Whether rows follow; when paging from the end, whether there was a `before` to come from.
    pub has_next: bool,
    /// Whether rows precede; when paging from the start, whether there was an `after` to come from.
    pub has_previous: bool,
}

/// What executions are ordered by. Absent times come last when ascending.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum ExecutionOrderField {
    /// Acceptance.
    #[default]
    QueuedAt,
    /// First claim.
    StartedAt,
    /// End.
    EndedAt,
    /// From first claim to end.
    Duration,
    /// Priority.
    Priority,
}

/// What workflows are ordered by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum WorkflowOrderField {
    /// Title.
    #[default]
    Name,
    /// Creation.
    CreatedAt,
    /// Last change.
    UpdatedAt,
}

/// What events are ordered by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum EventOrderField {
    /// Acceptance.
    #[default]
    ReceivedAt,
    /// When they happened.
    OccurredAt,
}

/// What approvals are ordered by. Absent times come last when ascending.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum ApprovalOrderField {
    /// Opening.
    RequestedAt,
    /// When it closes by itself.
    #[default]
    DueAt,
    /// Closing.
    DecidedAt,
}

macro_rules! orders {
    ($($(#[$doc:meta])* $name:ident($field:ty);)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
        pub struct $name {
            /// By what.
            pub field: $field,
            /// Which way.
            pub direction: Direction,
        }
    )*};
}

orders! {
    /// An order of executions; ids break ties.
    ExecutionOrder(ExecutionOrderField);
    /// An order of workflows; ids break ties.
    WorkflowOrder(WorkflowOrderField);
    /// An order of events; ids break ties.
    EventOrder(EventOrderField);
    /// An order of approvals; ids break ties.
    ApprovalOrder(ApprovalOrderField);
}

/// How a query is ordered: by an expression that is never null and then by id, or by id alone.
pub struct Sort {
    pub key: Option<SimpleExpr>,
    /// A list ordered by id alone stands in this table's order of ids.
    pub table: &'static str,
    pub direction: Direction,
}

impl Sort {
    fn id(&self) -> SimpleExpr {
        Expr::col((Alias::new(self.table), Alias::new("id")))
    }

    /// Rows that come after `cursor` in the direction `is_ascending`.
    fn beyond(&self, cursor: &Cursor, is_ascending: bool) -> Result<SimpleExpr, StoreError> {
        let (left, right) = match (&self.key, &cursor.key) {
            (None, SortKey::None(())) => (self.id(), Expr::val(cursor.id)),
            (Some(key), SortKey::Number(number)) => {
                (pair(key.clone(), self.id()), pair(Expr::val(*number), Expr::val(cursor.id)))
            }
            (Some(key), SortKey::Text(text)) => {
                (pair(key.clone(), self.id()), pair(Expr::val(text.clone()), Expr::val(cursor.id)))
            }
            _of_another_order => {
                return Err(StoreError::Invalid { what: "the cursor belongs to another order".to_owned() });
            }
        };
        Ok(if is_ascending { left.gt(right) } else { left.lt(right) })
    }
}

fn pair(first: SimpleExpr, second: SimpleExpr) -> SimpleExpr {
    Expr::tuple([first, second])
}

/// Reads a page of `select`. `cursor` tells the place of a row, in the same order as `sort`.
pub async fn read<E, M, T>(
    database: &impl ConnectionTrait,
    mut select: Select<E>,
    sort: &Sort,
    request: &PageRequest,
    mut row: impl FnMut(M) -> Result<T, StoreError>,
    cursor: impl Fn(&T) -> Cursor,
) -> Result<Page<T>, StoreError>
where
    E: EntityTrait,
    M: FromQueryResult,
{
    let is_ascending = sort.direction == Direction::Ascending;
    if let Some(after) = &request.after {
        select = select.filter(sort.beyond(after, is_ascending)?);
    }
    if let Some(before) = &request.before {
        select = select.filter(sort.beyond(before, !is_ascending)?);
    }
    // From the end: walked backwards, and turned around afterwards.
    let walks_up = is_ascending == (request.side == Side::First);
    let order = if walks_up { Order::Asc } else { Order::Desc };
    if let Some(key) = &sort.key {
        select = select.order_by(key.clone(), order.clone());
    }
    // One more than wanted tells whether there are more.
    let wanted = usize::try_from(request.limit).unwrap_or(usize::MAX);
    let models = select
        .order_by(sort.id(), order)
        .limit(request.limit.saturating_add(1))
        .into_model::<M>()
        .all(database)
        .await?;
    let has_more = models.len() > wanted;
    let mut rows = Vec::with_capacity(models.len());
    for model in models.into_iter().take(wanted) {
        let row = row(model)?;
        rows.push((cursor(&row), row));
    }
    Ok(match request.side {
        Side::First => Page { rows, has_next: has_more, has_previous: request.after.is_some() },
        Side::Last => {
            rows.reverse();
            Page { rows, has_next: request.before.is_some(), has_previous: has_more }
        }
    })
}

/// Counting stops here.
const MAX_COUNT: u64 = 10_000;

/// How many rows `select` has, counted up to ten thousand; false when counting stopped there.
pub async fn count<E: EntityTrait>(
    database: &impl ConnectionTrait,
    select: Select<E>,
) -> Result<(u64, bool), StoreError> {
    let some = select.select_only().expr_as(Expr::val(1), "one").limit(MAX_COUNT + 1).into_query();
    let count =
        Query::select().expr_as(Func::count(Expr::col(Asterisk)), "count").from_subquery(some, "counted").to_owned();
    let row = database.query_one(&count).await?;
    let count = row.map_or(Ok(0), |row| row.try_get::<i64>("", "count"))?;
    let count = u64::try_from(count).unwrap_or(0);
    Ok((Ord::min(count, MAX_COUNT), count <= MAX_COUNT))
}
