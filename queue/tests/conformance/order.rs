//! Urgent work goes first, and nothing is left out. More order than that is not promised.

use std::sync::Arc;

use queue::Priority;
use tokio::sync::Semaphore;

use crate::harness::{Bed, Handling, all_of, eventually, executions, somebody};

crate::on_both_transports! {
    async fn urgent_work_overtakes_what_waits(bed: &Bed) {
        let (low, high) = (executions(1_000), executions(10));
        // The order is that of one lane.
        let organization = somebody();
        bed.queue.push(organization, "default", Priority::Low, &low).unwrap();
        bed.queue.push(organization, "default", Priority::High, &high).unwrap();
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
        let organization = somebody();
        bed.queue.push(organization, "default", Priority::High, &high).unwrap();
        bed.queue.push(organization, "default", Priority::Low, &low).unwrap();
        eventually("both wait", || async { bed.backlog("default").await.waiting > 100 }).await;
        let workers = [bed.worker(&["default"], Handling::Takes)];
        eventually("all are done", || async { all_of(&workers).len() == 5_005 }).await;
        let order: Vec<_> = workers[0].handled().into_iter().flatten().collect();
        let last_low = order.iter().rposition(|execution| low.contains(execution)).unwrap();
        assert!(last_low < 4_000, "the last low one was number {last_low} of 5,005");
    }

    async fn whoever_pushed_much_does_not_stand_in_front_of_others(bed: &Bed) {
        let (much, single) = (executions(10_000), executions(1));
        bed.queue.push(somebody(), "default", Priority::Normal, &much).unwrap();
        let permits = Arc::new(Semaphore::new(40));
        let workers = [bed.worker(&["default"], Handling::Waits(Arc::clone(&permits)))];
        eventually("it is in the middle of them", || async { workers[0].handled().len() == 40 }).await;
        bed.queue.push(somebody(), "default", Priority::Normal, &single).unwrap();
        eventually("it has arrived", || async {
            permits.add_permits(1);
            all_of(&workers).contains(&single[0])
        })
        .await;
        let handled = workers[0].handled();
        let place = handled.iter().position(|task| task.contains(&single[0])).unwrap();
        assert!(place - 40 <= 50, "{} tasks were handled before it, of {}", place - 40, handled.len());
    }
}
