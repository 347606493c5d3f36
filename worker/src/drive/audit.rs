//! Looks after the end whether everything held that always holds, for some executions.
//!
//! The tests hold the invariants against thousands of random histories; this holds them against real ones. It
//! changes nothing: what it finds is counted and logged, and means a fault of this program.

use std::sync::Arc;

use engine::machine::{self, Event};
use tracing::{error, warn};

use super::execution::Execution;
use crate::context::Context;

/// One execution in so many is looked at.
const ONE_IN: u128 = 256;
/// Journal rows that are read at most: longer histories are left out.
const ROWS: u64 = 1_000;

impl Execution {
    /// Begins to look, if it is this one's turn.
    pub(super) fn audit(&self, context: &Arc<Context>) {
        if !self.id().uuid().as_u128().is_multiple_of(ONE_IN) {
            return;
        }
        let (context, version) = (Arc::clone(context), Arc::clone(&self.version));
        let (origin, state) = (self.origin.clone(), self.state.clone());
        let (organization, id) = (self.organization(), self.id());
        tokio::spawn(async move {
            let rows = match context.store().journal(organization, id, 0, ROWS).await {
                Ok(rows) if (rows.len() as u64) < ROWS => rows,
                Ok(_too_many) => return,
                Err(problem) => return warn!(error = %service::chain(&problem), "an execution could not be audited"),
            };
            let mut journal: Vec<Event> = Vec::new();
            for row in rows {
                match service::executions::parse_events(&row.events) {
                    Ok(events) => journal.extend(events),
                    Err(problem) => {
                        return found(&id, &format!("its journal cannot be read: {}", service::chain(&problem)));
                    }
                }
            }
            for violation in machine::violations(&version.plan, &origin, &journal, &state, false) {
                found(&id, &format!("{}: {}", violation.invariant, violation.detail));
            }
            metrics::counter!("sluice_audits_total").increment(1);
        });
    }
}

fn found(execution: &ids::ExecutionId, what: &str) {
    metrics::counter!("sluice_invariant_violations_total").increment(1);
    error!(execution.id = %execution, "execution {execution} breaks an invariant: {what}");
}
