//! Which executions an operation looks at.

use store::{BulkKind, BulkOperationRow, ExecutionFilter, TimeFilter};

use super::kinds::states;
use super::start::Arguments;
use crate::reach;
use crate::viewer::Viewer;

/// The filter of an operation, within reach of whoever asked for it and of what was there when they did. What was
/// asked for by a filter is looked at only where there is something to do.
pub fn filter(
    row: &BulkOperationRow,
    asked: &ExecutionFilter,
    arguments: &Arguments,
    viewer: &Viewer,
) -> ExecutionFilter {
    let mut filter = reach::of_executions(viewer, asked).into_owned();
    let queued_at = filter.queued_at.unwrap_or_default();
    // What the operation itself starts is accepted at that moment at the earliest.
    let last_ms = if row.kind == BulkKind::Rerun { row.created_at_ms - 1 } else { row.created_at_ms };
    let lte = queued_at.lte.map_or(last_ms, |lte| Ord::min(lte, last_ms));
    filter.queued_at = Some(TimeFilter { lte: Some(lte), ..queued_at });
    if !arguments.is_named {
        let possible = states(row.kind);
        let wanted = filter.statuses.unwrap_or_else(|| possible.to_vec());
        filter.statuses = Some(wanted.into_iter().filter(|status| possible.contains(status)).collect());
    }
    filter
}
