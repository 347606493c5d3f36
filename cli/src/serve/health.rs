//! What readiness asks: the parts that must work before anything can be served.

use std::sync::Arc;

use api::HealthPart;
use futures::FutureExt;
use futures::future::BoxFuture;
use service::Services;
use worker::context::Context;

type Checked<'a> = BoxFuture<'a, Result<(), Box<dyn std::error::Error + Send + Sync>>>;

/// The database answers.
pub struct DatabasePart(pub Services);

impl HealthPart for DatabasePart {
    fn name(&self) -> &'static str {
        "database"
    }

    fn check(&self) -> Checked<'_> {
        async { Ok(self.0.store().ping().await?) }.boxed()
    }
}

/// Redis answers. Without it starts are accepted and workers look into the database, so it is shown
/// and not required.
pub struct QueuePart(pub Services);

impl HealthPart for QueuePart {
    fn name(&self) -> &'static str {
        "queue"
    }

    fn is_required(&self) -> bool {
        false
    }

    fn check(&self) -> Checked<'_> {
        async { Ok(self.0.queue().ping().await?) }.boxed()
    }
}

/// The worker holds its lease, so it can claim and run.
pub struct WorkerPart(pub Arc<Context>);

impl HealthPart for WorkerPart {
    fn name(&self) -> &'static str {
        "worker"
    }

    fn check(&self) -> Checked<'_> {
        async {
            if self.0.lease.safe_term().is_some() {
                Ok(())
            } else {
                Err("the lease could not be renewed in time".into())
            }
        }
        .boxed()
    }
}
