//! Work and notices: what wakes workers and whoever listens. Only hints; the database is the truth.
//!
//! Two transports with one meaning: in memory for one process, Redis (Streams and pub/sub) for
//! many. Work arrives at least once and in no order that anybody may rely on; what is lost, doubled
//! or late costs nothing but time, because a claim in the database decides what runs.

mod delays;
mod error;
pub mod limits;
mod message;
mod notice;
mod pulse;
mod supervise;
mod work;

pub use error::QueueError;
pub use notice::{Notice, NoticeItem, NoticeStream, Notices};
pub use pulse::Pulse;
pub use supervise::keep_running;
pub use work::{
    AckLayer, AckService, Backlog, Consumer, ConsumerConfig, Lane, NeverFails, Priority, RedisConfig, WorkItem,
    WorkQueue,
};
