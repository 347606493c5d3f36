//! The writes of executions, in groups: starts, claims, checkpoints; and those of the audit log.

mod attempt;
mod audit;
mod checkpoint;
mod claim;
mod committer;
pub mod rollup;
mod start;

use std::sync::Arc;

use crate::backend::{ANSWER_GRACE, Backend};
use crate::breaker::Breaker;
use crate::config::StoreConfig;

use audit::Audits;
use checkpoint::Checkpoints;
use claim::Claims;
use committer::{Bounds, Committer};
use start::Starts;

/// One committer for each kind of write.
#[derive(Debug)]
pub struct Committers {
    audits: Committer<Audits>,
    starts: Committer<Starts>,
    claims: Committer<Claims>,
    checkpoints: Committer<Checkpoints>,
}

impl Committers {
    pub fn start(backend: &Arc<Backend>, config: &StoreConfig, breaker: &Breaker) -> Self {
        let bounds = Bounds {
            // A new connection may have to be made first.
            group: config.acquire_timeout + config.commit_timeout + ANSWER_GRACE,
            place: config.acquire_timeout,
            breaker: breaker.clone(),
        };
        Self {
            audits: Committer::spawn(Audits::new(Arc::clone(backend), config.audit_key), bounds.clone()),
            starts: Committer::spawn(Starts(Arc::clone(backend)), bounds.clone()),
            claims: Committer::spawn(Claims::new(Arc::clone(backend)), bounds.clone()),
            checkpoints: Committer::spawn(Checkpoints(Arc::clone(backend)), bounds),
        }
    }

    /// Writes what was handed in and ends.
    pub async fn close(&self) {
        tokio::join!(self.audits.close(), self.starts.close(), self.claims.close(), self.checkpoints.close());
    }
}
