//! The queue inside one process: lists by queue, priority and lane. What it loses with the process, the
//! requeue reconciler finds in the database at the next start.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use ids::ExecutionId;
use tokio::sync::Notify;

use super::ack::{Receipt, Settle};
use super::{Backlog, Consumer, ConsumerConfig, Lane, Priority, WorkItem};
use crate::message::MAX_IDS;

/// The lists; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct MemoryQueue {
    lists: Arc<Mutex<Lists>>,
    arrived: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Lists {
    waiting: BTreeMap<(String, Priority, Lane), VecDeque<ExecutionId>>,
    pending: BTreeMap<String, u64>,
}

/// How often an idle consumer looks.
const LOOK: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct InHand {
    queue: MemoryQueue,
    name: String,
    priority: Priority,
    lane: Lane,
    executions: Vec<ExecutionId>,
}

impl Settle for InHand {
    fn acknowledge(&self) {
        self.queue.settle(&self.name);
    }

    fn give_back(&self) {
        self.queue.settle(&self.name);
        self.queue.push(&self.name, self.priority, self.lane, &self.executions);
    }
}

impl MemoryQueue {
    fn lock(&self) -> std::sync::MutexGuard<'_, Lists> {
        // No code panics while holding it; a poisoned list would still be a valid one.
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, queue: &str, priority: Priority, lane: Lane, executions: &[ExecutionId]) {
        if executions.is_empty() {
            return;
        }
        self.lock().waiting.entry((queue.to_owned(), priority, lane)).or_default().extend(executions);
        self.arrived.notify_waiters();
    }

    fn settle(&self, queue: &str) {
        if let Some(pending) = self.lock().pending.get_mut(queue) {
            *pending = pending.saturating_sub(1);
        }
    }

    pub(super) fn backlog(&self, queue: &str) -> Backlog {
        let lists = self.lock();
        let pending = lists.pending.get(queue).copied().unwrap_or(0);
        let waiting = lists
            .waiting
            .iter()
            .filter(|((name, ..), _)| name == queue)
            .map(|(_, list)| list.len() as u64)
            .sum::<u64>();
        Backlog { waiting: waiting + pending, pending, dead: 0 }
    }

    /// Takes up to [`MAX_IDS`] executions, the most urgent first; each eighth turn of a consumer the other way
    /// round, so that low ones are never left out.
    fn take(&self, queues: &[String], lane: Lane, turn: u64) -> Option<WorkItem> {
        let mut lists = self.lock();
        let mut priorities = Priority::ALL;
        if turn.is_multiple_of(8) {
            priorities.reverse();
        }
        // Queues take turns as well.
        let first = usize::try_from(turn).unwrap_or(0) % queues.len().max(1);
        for priority in priorities {
            for queue in queues.iter().cycle().skip(first).take(queues.len()) {
                let Some(list) =
                    lists.waiting.get_mut(&(queue.clone(), priority, lane)).filter(|list| !list.is_empty())
                else {
                    continue;
                };
                let count = list.len().min(MAX_IDS);
                let executions: Vec<ExecutionId> = list.drain(..count).collect();
                *lists.pending.entry(queue.clone()).or_default() += 1;
                let (name, ids) = (queue.clone(), executions.clone());
                let in_hand = InHand { queue: self.clone(), name, priority, lane, executions: ids };
                return Some(WorkItem { executions, receipt: Receipt::new(Arc::new(in_hand)) });
            }
        }
        None
    }

    pub(super) fn consumer(&self, config: &ConsumerConfig) -> Consumer {
        let (queue, queues, pulse) = (self.clone(), config.queues.clone(), config.pulse.clone());
        let lane = config.lane;
        // One item is fetched ahead: everything else stays where priorities still count.
        Consumer::new(
            1,
            Box::new(move |items, stop| {
                async move {
                    let mut turn = 0_u64;
                    loop {
                        turn += 1;
                        let Some(Ok(place)) = stop.run_until_cancelled(items.reserve()).await else { return };
                        let item = loop {
                            let arrived = queue.arrived.notified();
                            tokio::pin!(arrived);
                            // Registered before looking, so that a push in between is not missed.
                            arrived.as_mut().enable();
                            pulse.beat();
                            if let Some(item) = queue.take(&queues, lane, turn) {
                                break item;
                            }
                            // It looks again by itself, so that it is seen to be there.
                            let looked = tokio::time::timeout(LOOK, arrived);
                            if stop.run_until_cancelled(looked).await.is_none() {
                                return;
                            }
                        };
                        place.send(item);
                    }
                }
                .boxed()
            }),
        )
    }
}
