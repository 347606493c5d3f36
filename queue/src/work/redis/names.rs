//! Names of keys. The queue is a hash tag, so that all keys of one queue lie in one slot.

use super::super::Priority;

/// The consumer group of every work stream.
pub(super) const GROUP: &str = "workers";

/// The stream of a queue's priority.
pub(super) fn stream(prefix: &str, queue: &str, priority: Priority) -> String {
    format!("{{{prefix}:{queue}}}:{}", priority.name())
}

/// Where what cannot be read is put aside.
pub(super) fn dead_letters(prefix: &str, queue: &str) -> String {
    format!("{{{prefix}:{queue}}}:dead")
}
