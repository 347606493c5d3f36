//! Use cases of events: accepting them, routing them to the workflows they start, reading them.

mod emit;
mod matches;
mod read;
mod route;
mod waits;

pub use emit::{EmitRequest, Emitted, emit};
pub use matches::{Match, MatchOutcome, parse_matches};
pub use read::{count, event, events_by_ids, page};
pub use route::{RouteError, route_forgotten};
pub use waits::signal;
