//! The whole system from outside, as the binary that people run. One program of tests: linking one takes seconds,
//! linking one for each file took minutes and gigabytes.

mod accounts;
mod approvals;
mod bad_definitions;
mod bad_input;
mod bulk;
mod case_files;
mod cli;
mod clocks;
mod concurrency;
mod control_and_kills;
mod events;
mod examples;
mod faults;
mod faults_of_waiting;
mod hooks;
mod http_action;
mod language;
mod lifecycle;
mod live;
mod namesakes;
mod operations;
mod organizations;
mod outages;
mod pauses;
mod rates;
mod rules;
mod schedules;
mod sign_in;
mod statements;
mod statistics;
mod subscriptions;
mod test_runs;
mod versions;
mod vocabulary;
mod webhooks;
