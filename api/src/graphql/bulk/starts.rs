//! What is given to bulk operations that start executions.

use async_graphql::{ID, InputObject, Result};
use service::bulk::{MoreStarts, NewStarts};
use service::executions::StartRequest;

use crate::graphql::filters::parse_id;
use crate::graphql::mutations::ExecutionStartInput;

/// What to start in the background.
#[derive(InputObject)]
pub struct ExecutionStartManyInput {
    /// What to start, at most 10,000 and as many as a request holds; `wait` is ignored.
    items: Vec<ExecutionStartInput>,
    /// False: more are to come with `bulkOperationAdd`, and nothing is started before the last of them.
    #[graphql(default = true)]
    is_last: bool,
    /// Why.
    reason: String,
    /// True: only check.
    #[graphql(default = false)]
    dry_run: bool,
    /// Not faster than this, at most 10,000; 1,000 when absent.
    rate_per_second: Option<i32>,
}

impl ExecutionStartManyInput {
    pub(super) fn resolve(self) -> Result<NewStarts> {
        Ok(NewStarts {
            items: requests(self.items)?,
            is_last: self.is_last,
            reason: self.reason,
            is_dry_run: self.dry_run,
            rate_per_second: self.rate_per_second,
        })
    }
}

/// More to start.
#[derive(InputObject)]
pub struct BulkOperationAddInput {
    /// Which.
    id: ID,
    /// How many items were given before; those that are there already are left as they are.
    from: i32,
    /// They, at most 10,000 and as many as a request holds, and 100,000 of one operation.
    items: Vec<ExecutionStartInput>,
    /// True: no more come, and the work begins.
    #[graphql(default = false)]
    is_last: bool,
}

impl BulkOperationAddInput {
    pub(super) fn resolve(self) -> Result<MoreStarts> {
        Ok(MoreStarts {
            operation: parse_id(&self.id)?,
            from: i64::from(self.from),
            items: requests(self.items)?,
            is_last: self.is_last,
        })
    }
}

fn requests(items: Vec<ExecutionStartInput>) -> Result<Vec<StartRequest>> {
    items.into_iter().map(ExecutionStartInput::request).collect()
}
