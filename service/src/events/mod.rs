//! Use cases of events: accepting them, routing them to the workflows they start, reading them.

mod batch;
pub mod cloud;
mod emit;
mod follow;
mod matches;
mod read;
mod replay;
mod route;
mod waits;

pub use batch::{MAX_BATCH, emit_batch};
pub use emit::{EmitRequest, Emitted, emit};
pub(crate) use emit::{MAX_NAME, is_event_name};
pub use follow::{Received, follow};
pub use matches::{Match, MatchOutcome, parse_matches};
pub use read::{count, count_told, event, events_by_ids, page, told};
pub use replay::{ReplayRequest, replay};
pub use route::{RouteError, route_forgotten};
pub use waits::signal;
