//! Whatever is pushed arrives at least once, at whoever has room for it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use queue::{Backlog, Priority};
use tokio::sync::Semaphore;

use crate::harness::{Bed, CLAIM_IDLE, CONCURRENCY, Handling, all_of, eventually, executions, somebody};

crate::on_both_transports! {
    async fn all_that_is_pushed_arrives_at_one_of_the_workers(bed: &Bed) {
        let pushed = executions(1_000);
        let workers: Vec<_> = (0..3).map(|_| bed.worker(&["default"], Handling::Takes)).collect();
        let other = bed.another_process();
        for (number, part) in pushed.chunks(7).enumerate() {
            let queue = if number % 2 == 0 { &bed.queue } else { &other };
            queue.push(somebody(), "default", Priority::ALL[number % 3], part).unwrap();
        }
        let wanted: BTreeSet<_> = pushed.into_iter().collect();
        eventually("all arrived", || async { all_of(&workers) == wanted }).await;
        bed.emptied("default").await;
        for worker in workers {
            worker.drain().await;
        }
    }

    async fn what_was_pushed_before_anybody_listened_arrives(bed: &Bed) {
        let pushed = executions(20);
        bed.queue.push(somebody(), "default", Priority::Normal, &pushed).unwrap();
        eventually("it waits", || async { bed.backlog("default").await.waiting > 0 }).await;
        let workers = [bed.worker(&["default"], Handling::Takes)];
        eventually("all arrived", || async { all_of(&workers).len() == 20 }).await;
        bed.emptied("default").await;
    }

    async fn pushing_nothing_makes_no_task_and_pushing_twice_loses_nothing(bed: &Bed) {
        let pushed = executions(1);
        bed.queue.push(somebody(), "default", Priority::Normal, &[]).unwrap();
        for _ in 0..3 {
            bed.queue.push(somebody(), "default", Priority::Normal, &pushed).unwrap();
        }
        let workers = [bed.worker(&["default"], Handling::Takes)];
        eventually("it arrived", || async { all_of(&workers).len() == 1 }).await;
        bed.emptied("default").await;
        let deliveries: usize = workers[0].handled().iter().map(Vec::len).sum();
        assert_eq!(deliveries, 3, "a queue does not judge what is a duplicate: {:?}", workers[0].handled());
        assert!(workers[0].handled().iter().all(|task| !task.is_empty()), "no empty task");
    }

    async fn a_task_whose_handler_fails_is_delivered_again(bed: &Bed) {
        let pushed = executions(1);
        let failures = Arc::new(Mutex::new(3));
        let workers = [bed.worker(&["default"], Handling::FailsFirst(Arc::clone(&failures)))];
        bed.queue.push(somebody(), "default", Priority::High, &pushed).unwrap();
        eventually("it was taken in the end", || async { workers[0].handled() == [pushed.clone()] }).await;
        assert_eq!(*failures.lock().unwrap(), 0, "it failed three times before");
        bed.emptied("default").await;
    }

    async fn a_worker_that_dies_with_tasks_in_hand_leaves_them_to_others(bed: &Bed) {
        let pushed = executions(1);
        bed.queue.push(somebody(), "default", Priority::Normal, &pushed).unwrap();
        eventually("it waits", || async { bed.backlog("default").await.waiting == 1 }).await;
        bed.read_and_die("default").await;
        let workers = [bed.worker(&["default"], Handling::Takes)];
        eventually("another took it", || async { workers[0].handled() == [pushed.clone()] }).await;
        bed.emptied("default").await;
    }

    async fn a_slow_handler_does_not_lose_its_task_to_others(bed: &Bed) {
        let permits = Arc::new(Semaphore::new(0));
        let slow = bed.worker(&["default"], Handling::Waits(Arc::clone(&permits)));
        bed.queue.push(somebody(), "default", Priority::Normal, &executions(1)).unwrap();
        eventually("it is in hand", || async { bed.backlog("default").await.pending == 1 }).await;
        let other = bed.worker(&["default"], Handling::Takes);
        // The other takes what is pushed later, until the first one would count as left behind several times over.
        let (begun, mut pushed) = (Instant::now(), 1);
        eventually("some time has passed", || {
            bed.queue.push(somebody(), "default", Priority::Normal, &executions(1)).unwrap();
            pushed += 1;
            std::future::ready(begun.elapsed() > CLAIM_IDLE * 4)
        })
        .await;
        assert_eq!(slow.handled(), Vec::<Vec<_>>::new(), "it still waits");
        permits.add_permits(100);
        bed.emptied("default").await;
        let total: usize = slow.handled().len() + other.handled().len();
        assert_eq!(total, pushed, "each task was handled once");
    }

    async fn a_worker_without_room_leaves_the_rest_to_others(bed: &Bed) {
        let permits = Arc::new(Semaphore::new(0));
        let full = bed.worker(&["default"], Handling::Waits(Arc::clone(&permits)));
        for execution in executions(50) {
            bed.queue.push(somebody(), "default", Priority::Normal, &[execution]).unwrap();
        }
        eventually("it is full", || async { bed.backlog("default").await.pending > 0 }).await;
        // In hand, fetched ahead, and one on its way: the rest is not read.
        let bound = (CONCURRENCY + CONCURRENCY + 2) as u64;
        let pending = bed.backlog("default").await.pending;
        assert!(pending <= bound, "{pending} tasks are with a worker that has room for {CONCURRENCY}");
        permits.add_permits(1_000);
        bed.emptied("default").await;
        assert_eq!(all_of(&[full]).len(), 50);
    }

    async fn a_worker_that_drains_ends_what_it_began_and_gives_back_the_rest(bed: &Bed) {
        let permits = Arc::new(Semaphore::new(0));
        let worker = bed.worker(&["default"], Handling::Waits(Arc::clone(&permits)));
        let pushed = executions(30);
        for execution in &pushed {
            bed.queue.push(somebody(), "default", Priority::Normal, &[*execution]).unwrap();
        }
        eventually("it has begun", || async { bed.backlog("default").await.pending > 0 }).await;
        let draining = tokio::spawn(worker.drain());
        tokio::task::yield_now().await;
        permits.add_permits(1_000);
        let begun: BTreeSet<_> = draining.await.unwrap().into_iter().flatten().collect();
        assert!(!begun.is_empty(), "what was begun is ended");
        eventually("nothing is in hand any more", || async { bed.backlog("default").await.pending == 0 }).await;
        let others = [bed.worker(&["default"], Handling::Takes)];
        let wanted: BTreeSet<_> = pushed.into_iter().collect();
        eventually("the rest is done by others", || async { &all_of(&others) | &begun == wanted }).await;
        bed.emptied("default").await;
    }

    async fn queues_are_apart_and_their_backlogs_too(bed: &Bed) {
        let (mine, yours) = (executions(3), executions(1));
        bed.queue.push(somebody(), "mine", Priority::Normal, &mine[..1]).unwrap();
        bed.queue.push(somebody(), "mine", Priority::High, &mine[1..2]).unwrap();
        bed.queue.push(somebody(), "mine", Priority::Low, &mine[2..]).unwrap();
        bed.queue.push(somebody(), "yours", Priority::Normal, &yours).unwrap();
        let one = Backlog { waiting: 1, pending: 0, dead: 0 };
        eventually("all wait", || async { bed.backlog("mine").await.waiting == 3 && bed.backlog("yours").await == one }).await;
        assert_eq!(bed.backlog("nobody's").await, Backlog::default());
        let workers = [bed.worker(&["mine"], Handling::Takes)];
        bed.emptied("mine").await;
        assert_eq!(all_of(&workers), mine.into_iter().collect());
        assert_eq!(bed.backlog("yours").await, one);
    }

    async fn low_priorities_are_not_left_out_while_urgent_work_waits(bed: &Bed) {
        let (urgent, low) = (executions(2_000), executions(1));
        bed.queue.push(somebody(), "default", Priority::Low, &low).unwrap();
        bed.queue.push(somebody(), "default", Priority::High, &urgent).unwrap();
        // A task holds fifty of them at most.
        eventually("all wait", || async { bed.backlog("default").await.waiting > 40 }).await;
        let worker = bed.worker(&["default"], Handling::Takes);
        bed.emptied("default").await;
        let taken = worker.drain().await.concat();
        let before = taken.iter().position(|taken| *taken == low[0]).unwrap();
        assert!(before < 1_000, "{before} of the urgent went first");
    }
}
