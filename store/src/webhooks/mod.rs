//! Addresses that are told of what happens.
//!
//! For each organization with such addresses there is a place in the order of its journals. Whoever moves it on writes
//! the messages for what lies between in the same transaction, and names the place it began at: each row of a journal
//! is told once, whatever dies when. What happens to approvals and stands in no journal has a place of its own. Messages are claimed, sent, and settled one by one.

mod approvals;
mod endpoints;
mod follow;
mod read;
mod record;
mod send;
