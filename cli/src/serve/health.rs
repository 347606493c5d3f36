//! What readiness asks: the parts that must work before anything can be served.

use std::sync::Arc;

use api::{Condition, HealthPart};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use service::Services;
use store::TenantWall;
use worker::Consuming;
use worker::context::Context;

type Checked<'a> = BoxFuture<'a, Result<Condition, Box<dyn std::error::Error + Send + Sync>>>;

/// The database answers. While the breaker in front of it is open, asking is what closes it.
pub struct DatabasePart(pub Services);

impl HealthPart for DatabasePart {
    fn name(&self) -> &'static str {
        "database"
    }

    fn check(&self) -> Checked<'_> {
        async {
            self.0.store().ping().await?;
            Ok(match self.0.store().last_tenant_wall() {
                Some(TenantWall::Missing { .. }) => Condition::Degraded("row-level security is missing"),
                Some(TenantWall::Stands | TenantWall::NotOffered) | None => Condition::Well,
            })
        }
        .boxed()
    }

    fn shows(&self) -> Option<Value> {
        let breaker = self.0.store().breaker();
        Some(json!({
            "breaker": breaker.state.name(),
            "since_ms": breaker.since.map(|since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX)),
            "last_error": breaker.last_error,
            "refused": breaker.refused,
            "row_level_security": self.0.store().last_tenant_wall().map(|wall| wall.name()),
        }))
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
        async {
            self.0.queue().ping().await?;
            Ok(if self.0.queue().is_up() {
                Condition::Well
            } else {
                Condition::Degraded("it answers, but takes no work")
            })
        }
        .boxed()
    }
}

/// The worker holds its lease, its reconcilers run, and it takes work or was told that there is none.
pub struct WorkerPart(pub Arc<Context>);

impl HealthPart for WorkerPart {
    fn name(&self) -> &'static str {
        "worker"
    }

    fn check(&self) -> Checked<'_> {
        async {
            Ok(match self.0.works()? {
                Consuming::FromQueue | Consuming::Full => Condition::Well,
                Consuming::FromDatabase => Condition::Degraded("without the queue it looks into the database"),
            })
        }
        .boxed()
    }

    fn shows(&self) -> Option<Value> {
        let age = |pulse: &queue::Pulse| pulse.age().map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
        let signs = &self.0.signs;
        Some(json!({
            "fetched_ms_ago": age(&signs.fetched),
            "polled_ms_ago": age(&signs.polled),
            "ticked_ms_ago": age(&signs.ticked),
            "slots_in_use": self.0.slots.in_use(),
            "slots": self.0.slots.size(),
        }))
    }
}
