//! Names of keys. The queue is a hash tag, so that all keys of one queue lie in one slot.

use super::super::{Lane, Priority};

/// The consumer group of every work stream.
pub(super) const GROUP: &str = "workers";

/// The stream of a queue's priority and lane.
pub(super) fn stream(prefix: &str, queue: &str, priority: Priority, lane: Lane) -> String {
    format!("{{{prefix}:{queue}}}:{}:{}", priority.name(), lane.name())
}

/// All streams of a queue.
pub(super) fn streams(prefix: &str, queue: &str) -> impl Iterator<Item = String> {
    let each = Priority::ALL.into_iter().flat_map(|priority| Lane::ALL.map(|lane| (priority, lane)));
    each.map(move |(priority, lane)| stream(prefix, queue, priority, lane))
}

/// Where what cannot be read is put aside.
pub(super) fn dead_letters(prefix: &str, queue: &str) -> String {
    format!("{{{prefix}:{queue}}}:dead")
}
