//! The API from outside its crate. One program of tests, because each would be linked with everything below it.

mod audit;
mod authorization;
mod front_door;
mod hooks;
mod parts;
mod schema;
mod single_sign_on;
mod threat_model;
