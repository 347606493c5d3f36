//! Leaves an entry in the audit log for each root field of a mutation, whatever became of it.

use std::sync::Arc;

use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextResolve, ResolveInfo};
use async_graphql::{ServerResult, Value};
use service::audit::{Change, NewEntry, Outcome};
use service::viewer::Actor;
use service::{Code, Origin, Services, Viewer};

use super::attempt::Attempt;

/// Records mutations.
pub(in crate::graphql) struct AuditMutations;

impl ExtensionFactory for AuditMutations {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_graphql::async_trait::async_trait]
impl Extension for AuditMutations {
    async fn resolve(
        &self,
        ctx: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> ServerResult<Option<Value>> {
        if info.path_node.parent.is_some() || info.parent_type != "Mutation" {
            return next.run(ctx, info).await;
        }
        let (Some(services), Some(origin)) = (ctx.data_opt::<Services>(), ctx.data_opt::<Origin>()) else {
            return next.run(ctx, info).await;
        };
        let unfinished = Unfinished(Some(Field {
            services: services.clone(),
            viewer: ctx.data_opt::<Viewer>().cloned(),
            origin: origin.clone(),
            name: info.name.to_owned(),
            attempt: Attempt::default(),
        }));
        let attempt = unfinished.attempt();
        let resolved = attempt.scope(next.run(ctx, info)).await;
        if let Err(error) = &resolved {
            attempt.fail(error.extensions.as_ref());
        }
        unfinished.finish().await;
        resolved
    }
}

/// One root field that is being resolved.
struct Field {
    services: Services,
    viewer: Option<Viewer>,
    origin: Origin,
    name: String,
    attempt: Attempt,
}

/// A field that was not recorded yet. Dropped, it was cut off: by its time limit, by a client that is gone, by a
/// panic. What it had done by then is recorded all the same.
struct Unfinished(Option<Field>);

impl Unfinished {
    fn attempt(&self) -> Attempt {
        self.0.as_ref().map(|field| field.attempt.clone()).unwrap_or_default()
    }

    async fn finish(mut self) {
        if let Some(field) = self.0.take() {
            let outcome = field.attempt.outcome();
            // In a task of its own, so that the entry does not go when the client does.
            let written = tokio::spawn(write(field, outcome));
            if written.await.is_err() {
                // The panic hook has logged it.
                metrics::counter!("sluice_audit_lost_total").increment(1);
            }
        }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let Some(field) = self.0.take() else { return };
        let code = if std::thread::panicking() { Code::Internal } else { Code::Unavailable };
        let outcome = match field.attempt.outcome() {
            Outcome::Ok => Outcome::Failed(code),
            known => known,
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(write(field, outcome))),
            Err(_no_runtime) => metrics::counter!("sluice_audit_lost_total").increment(1),
        }
    }
}

async fn write(field: Field, outcome: Outcome) {
    let Field { services, viewer, origin, name, attempt } = field;
    let mut changes = origin.trail.take();
    let known = viewer.map(|viewer| (viewer.organization, viewer.actor)).or_else(|| origin.trail.acting());
    let (organization, actor) = known.map_or((None, Actor::anonymous()), |(id, actor)| (Some(id), actor));
    if changes.is_empty() {
        changes.push(match attempt.target() {
            Some(id) => Change::of(kind_of(&id), &id, ""),
            // What names nothing is about the organization as a whole.
            None => Change::of("organization", organization.unwrap_or_else(|| services.default_organization()), ""),
        });
    }
    let entries = changes.into_iter().map(|change| NewEntry {
        organization,
        actor: actor.clone(),
        action: name.clone(),
        outcome,
        change,
        origin: origin.clone(),
    });
    let entries: Vec<NewEntry> = entries.collect();
    let count = entries.len() as u64;
    if let Err(problem) = service::audit::record_all(&services, entries).await {
        metrics::counter!("sluice_audit_lost_total").increment(count);
        tracing::error!(
            error = %service::chain(&problem),
            mutation = %name,
            actor = %actor.id,
            request.id = %origin.request_id,
            outcome = ?outcome,
            "the audit log could not be written; this line stands in for its entry"
        );
    }
}

/// Sort of object that an id names.
fn kind_of(id: &str) -> &'static str {
    const KINDS: [(&str, &str); 18] = [
        ("org", "organization"),
        ("usr", "user"),
        ("mem", "membership"),
        ("rol", "role"),
        ("inv", "invitation"),
        ("ses", "session"),
        ("key", "api_key"),
        ("idp", "identity_provider"),
        ("aud", "audit_entry"),
        ("wf", "workflow"),
        ("wfv", "workflow_version"),
        ("exe", "execution"),
        ("evt", "event"),
        ("wrk", "worker"),
        ("sec", "secret"),
        ("var", "variable"),
        ("svc", "service"),
        ("ldr", "resource_loader"),
    ];
    let prefix = id.split_once('_').map_or("", |(prefix, _)| prefix);
    KINDS.iter().find(|(known, _)| *known == prefix).map_or("object", |(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_the_sort_of_its_object() {
        assert_eq!(kind_of(&ids::WorkflowId::new().to_string()), "workflow");
        assert_eq!(kind_of(&ids::WorkflowVersionId::new().to_string()), "workflow_version");
        assert_eq!(kind_of("something"), "object");
    }
}
