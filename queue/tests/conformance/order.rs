//! Urgent work goes first, and nothing is left out. More order than that is not promised.

use queue::Priority;

use crate::harness::{Bed, Handling, all_of, eventually, executions};

crate::on_both_transports! {
    async fn urgent_work_overtakes_what_waits(bed: &Bed) {
        let (low, high) = (executions(1_000), executions(10));
        bed.queue.push("default", Priority::Low, &low).unwrap();
        bed.queue.push("default", Priority::High, &high).unwrap();
        let full = || async { bed.backlog("default").await.waiting > 20 };
        eventually("both wait", full).await;
        let workers = [bed.worker(&["default"], Handling::Takes)];
        eventually("all are done", || async { all_of(&workers).len() == 1_010 }).await;
        let order: Vec<_> = workers[0].handled().into_iter().flatten().collect();
        let last_high = order.iter().rposition(|execution| high.contains(execution)).unwrap();
        assert!(last_high < 505, "the last urgent one was number {last_high} of 1,010");
    }

    async fn work_of_low_priority_is_done_while_urgent_work_keeps_waiting(bed: &Bed) {
        let (low, high) = (executions(5), executions(5_000));
        bed.queue.push("default", Priority::High, &high).unwrap();
        bed.queue.push("default", Priority::Low, &low).unwrap();
        eventually("both wait", || async { bed.backlog("default").await.waiting > 100 }).await;
        let workers = [bed.worker(&["default"], Handling::Takes)];
        eventually("all are done", || async { all_of(&workers).len() == 5_005 }).await;
        let order: Vec<_> = workers[0].handled().into_iter().flatten().collect();
        let last_low = order.iter().rposition(|execution| low.contains(execution)).unwrap();
        assert!(last_low < 4_000, "the last low one was number {last_low} of 5,005");
    }
}
