//! The writes of executions, in groups: starts, claims, checkpoints.

mod checkpoint;
mod claim;
mod committer;
mod start;

use std::sync::Arc;

use crate::backend::Backend;

use checkpoint::Checkpoints;
use claim::Claims;
use committer::Committer;
use start::Starts;

/// One committer for each kind of write.
#[derive(Debug)]
pub struct Committers {
    starts: Committer<Starts>,
    claims: Committer<Claims>,
    checkpoints: Committer<Checkpoints>,
}

impl Committers {
    pub fn start(backend: &Arc<Backend>) -> Self {
        Self {
            starts: Committer::spawn(Starts(Arc::clone(backend))),
            claims: Committer::spawn(Claims(Arc::clone(backend))),
            checkpoints: Committer::spawn(Checkpoints(Arc::clone(backend))),
        }
    }

    /// Writes what was handed in and ends.
    pub async fn close(&self) {
        tokio::join!(self.starts.close(), self.claims.close(), self.checkpoints.close());
    }
}
