//! Tells the fleet that executions can run.

use store::Runnable;

use crate::context::Context;

/// Pushes `runnable`. Only a hint: the requeue reconciler pushes again what nobody claimed.
pub(crate) fn push(context: &Context, runnable: Vec<Runnable>) {
    service::wake::push(&context.services, runnable);
}
