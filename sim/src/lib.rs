//! A deterministic simulation of the fleet around the engine: workers, database, queue, services outside and
//! people, driven by one seed and a clock of its own, without threads, time or input.
//!
//! A seed gives a history: random workflows, some hundred steps of chaos, a quiet phase. After every commit
//! and between all steps the [`invariants`] are looked at. The same seed gives the same history, so a seed
//! that finds a violation is all that is needed to see it again.

mod calls;
pub mod database;
pub mod definitions;
mod drive;
mod fault;
mod fleet;
mod history;
pub mod invariants;
mod rng;
mod rulings;
mod search;
mod told;
mod world;

pub use self::fault::Fault;
pub use self::history::{Outcome, Recording, run};
pub use self::rng::Rng;
pub use self::search::{Found, Summary, search};
