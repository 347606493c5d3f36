//! Hears that executions were told something, and rings those that this worker has in hand.

use std::sync::Arc;

use queue::NoticeItem;
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::faults;

/// Listens until `stop`.
pub(crate) async fn run(context: Arc<Context>, stop: CancellationToken) {
    let mut notices = context.services.notices().subscribe();
    // What came before was not heard.
    context.driving.tell_all();
    while let Some(Some(item)) = stop.run_until_cancelled(notices.next()).await {
        faults::point(&context, "listen");
        match item {
            NoticeItem::Notice(notice) if notice.is_told() => context.driving.tell(notice.execution),
            NoticeItem::Notice(_) => {}
            // Some may have been missed.
            NoticeItem::Resync => context.driving.tell_all(),
        }
    }
}
