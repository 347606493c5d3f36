//! How a resource is fetched: as the definition says, or as the organization registered it.

use std::time::Duration;

use engine::Timestamp;
use engine::definition::LoaderKind;
use engine::expr::{DataScope, Path, Template, to_text};
use engine::machine::{Load, LoadSource, StepError};
use engine::plan::check_value;
use ids::OrganizationId;
use serde_json::{Map, Value, json};
use service::parts::{Resource, Service, ServiceKind};

use super::cache;
use crate::effects::call::Call;
use crate::effects::record;
use crate::effects::service_call;
use crate::effects::templates::now;

/// A resource that can be fetched.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) source: LoadSource,
    /// The service that has it, when it is registered with one.
    pub(super) service: Option<Service>,
    /// Which part of the answer it is.
    pub(super) result_path: Option<Path>,
    /// JSON Schema of what is kept.
    pub(super) schema: Option<Value>,
    /// How long an answer may be kept; zero: not at all.
    pub(super) keep: Duration,
    /// The organization says that nothing goes without it.
    pub(super) is_required: bool,
}

impl Wanted {
    /// What an answer is kept under: everything that it depends on. `secret` tells the service's one from others.
    pub(super) fn question(
        &self,
        organization: OrganizationId,
        load: &Load,
        service: Option<&Service>,
        secret: Option<&str>,
    ) -> cache::Question {
        let LoadSource { kind, service: named, path, query, key, params, cache_ttl: _ } = &self.source;
        let request =
            json!([format!("{kind:?}"), named, path, query, key, params, self.result_path.as_ref().map(Path::as_str),]);
        let set_up = |service: &Service| {
            let address = service.base_url.as_deref().unwrap_or_default();
            let called = format!("{:?}", service.authentication);
            (service.id, json!([address, called, service.settings, secret]).to_string())
        };
        let resource = load.name.clone();
        cache::Question { organization, service: service.map(set_up), resource, request: request.to_string() }
    }
}

/// A resource that cannot be fetched, and whether the execution can do without it.
#[derive(Debug)]
pub(super) struct Unusable {
    pub(super) is_required: bool,
    pub(super) error: StepError,
}

/// The resource, rendered over the context; nothing when it is not registered.
pub(super) async fn wanted(call: &Call<'_>, load: &Load, context: &Value) -> Result<Option<Wanted>, Unusable> {
    if let Some(source) = &load.source {
        let keep = source.cache_ttl.unwrap_or_default();
        let source = source.clone();
        return Ok(Some(Wanted { source, service: None, result_path: None, schema: None, keep, is_required: false }));
    }
    // While nobody knows whether it is registered as required, it is.
    let found = call.resource(&load.name).await.map_err(|error| Unusable { is_required: true, error })?;
    let Some(resource) = found else { return Ok(None) };
    let is_required = resource.is_required;
    of_resource(call, resource, context).await.map(Some).map_err(|error| Unusable { is_required, error })
}

async fn of_resource(call: &Call<'_>, resource: Resource, context: &Value) -> Result<Wanted, StepError> {
    let service = call.service(&resource.service).await?;
    let source = registered(&resource, &service, context, now())?;
    let result_path = resource.result_path.as_deref().map(Path::parse).transpose();
    let result_path = result_path.map_err(|problem| unusable(&resource, &problem.to_string()))?;
    let (schema, keep, is_required) = (resource.output_schema, resource.time_to_live, resource.is_required);
    Ok(Wanted { source, service: Some(service), result_path, schema, keep, is_required })
}

/// What is fetched has to be what the organization said that it is.
pub(super) fn check(wanted: &Wanted, value: &Value) -> Result<(), StepError> {
    let Some(schema) = &wanted.schema else { return Ok(()) };
    let problems = check_value(schema, value).map_err(|problem| {
        StepError::other("INVALID_RESOURCE", format!("its `outputSchema` cannot be used: {problem}"))
    })?;
    let Some(first) = problems.first() else { return Ok(()) };
    let at = if first.pointer.is_empty() { "it" } else { first.pointer.as_str() };
    let message = format!("what was fetched does not fit its `outputSchema`: {at}: {}", first.message);
    Err(StepError::other("RESOURCE_MISMATCH", message))
}

/// The service of a request that the definition has itself: by name, or the only one of a kind that needs one.
pub(super) async fn service(call: &Call<'_>, source: &LoadSource) -> Result<Option<Service>, StepError> {
    if let Some(name) = &source.service {
        return call.service(name).await.map(Some);
    }
    let kind = match source.kind {
        LoaderKind::Sql => ServiceKind::Sql,
        LoaderKind::Redis => ServiceKind::Redis,
        // Whichever has the entity.
        LoaderKind::Record => {
            let Some(entity) = source.path.as_deref().filter(|entity| !entity.is_empty()) else { return Ok(None) };
            return record::that_has(entity, call.services().await?).map(Some);
        }
        // An address of its own.
        LoaderKind::Http | LoaderKind::Graphql => return Ok(None),
    };
    let mut of_kind = call.services().await?.into_iter().filter(|service| service.kind == kind);
    match (of_kind.next(), of_kind.next()) {
        (Some(only), None) => Ok(Some(only)),
        (None, _) => Err(service_call::unknown("there is no service of the loader's kind")),
        (Some(_), Some(_)) => {
            Err(StepError::other("UNKNOWN_SERVICE", "several services are of the loader's kind; name one in `service`"))
        }
    }
}

/// A request that the organization registered, with the context in its templates.
fn registered(
    resource: &Resource,
    service: &Service,
    context: &Value,
    now: Timestamp,
) -> Result<LoadSource, StepError> {
    let kind = match service.kind {
        ServiceKind::Http => LoaderKind::Http,
        ServiceKind::Graphql => LoaderKind::Graphql,
        ServiceKind::Sql => LoaderKind::Sql,
        ServiceKind::Redis => LoaderKind::Redis,
        ServiceKind::Records => LoaderKind::Record,
        ServiceKind::Email | ServiceKind::Chat | ServiceKind::Ai => {
            return Err(unusable(resource, &format!("the service `{}` is of a kind that has no data", service.name)));
        }
    };
    let faulty = |faults: Vec<engine::expr::Fault>| {
        let first = faults.first().map_or("a template cannot be read", |fault| fault.message.as_str());
        unusable(resource, first)
    };
    if matches!(kind, LoaderKind::Sql | LoaderKind::Graphql)
        && !Template::compile(&resource.request["query"]).map_err(faulty)?.is_literal()
    {
        // Data within a statement could become a part of it.
        return Err(unusable(resource, "`query` has a template; put values into `params`"));
    }
    let template = Template::compile(&resource.request).map_err(faulty)?;
    let scope = DataScope { data: context, now };
    let rendered = template.render(&scope).map_err(|problem| {
        StepError::other(problem.code(), format!("the request of resource `{}`: {problem}", resource.name))
    })?;
    let Value::Object(mut request) = rendered else {
        return Err(unusable(resource, "its request is no object"));
    };
    Ok(LoadSource {
        kind,
        service: Some(service.name.clone()),
        path: text(&mut request, "path").or_else(|| text(&mut request, "entity")),
        query: request.remove("query").unwrap_or_default(),
        key: text(&mut request, "key").or_else(|| text(&mut request, "entity_id")),
        params: request.remove("params").unwrap_or_default(),
        cache_ttl: None,
    })
}

fn text(request: &mut Map<String, Value>, name: &str) -> Option<String> {
    request.remove(name).filter(|value| !value.is_null()).map(|value| to_text(&value))
}

fn unusable(resource: &Resource, what: &str) -> StepError {
    StepError::other("INVALID_RESOURCE", format!("the resource `{}` is registered wrongly: {what}", resource.name))
}

/// The failure of a request that lacks something.
pub(super) fn incomplete(what: &str) -> StepError {
    StepError::other("INVALID_ACTION", what)
}

#[cfg(test)]
mod tests {
    use ids::{ResourceLoaderId, ServiceId};
    use service::parts::{Authentication, AuthenticationKind};

    use super::*;

    fn resource(request: Value) -> Resource {
        Resource {
            id: ResourceLoaderId::new(),
            name: "order.details".to_owned(),
            service: "shop".to_owned(),
            request,
            result_path: None,
            output_schema: None,
            is_required: false,
            time_to_live: Duration::ZERO,
        }
    }

    fn service(kind: ServiceKind) -> Service {
        Service {
            id: ServiceId::new(),
            name: "shop".to_owned(),
            kind,
            base_url: Some("https://shop.example.com".to_owned()),
            authentication: Authentication { kind: AuthenticationKind::None, secret: None, header_name: None },
            settings: Map::new(),
        }
    }

    fn of(kind: ServiceKind, request: Value) -> Result<LoadSource, StepError> {
        let context = json!({ "order": { "id": "o-1", "lines": [1, 2] } });
        registered(&resource(request), &service(kind), &context, Timestamp(0))
    }

    #[test]
    fn a_registered_request_is_rendered_over_the_context() {
        let source = of(
            ServiceKind::Http,
            json!({ "path": "/orders/{{order.id}}", "query": { "lines": "{{order.lines}}" }, "params": null }),
        );
        let source = source.unwrap();
        assert_eq!((source.kind, source.path.as_deref()), (LoaderKind::Http, Some("/orders/o-1")));
        assert_eq!((source.query, source.params), (json!({ "lines": [1, 2] }), Value::Null));
        let source = of(ServiceKind::Records, json!({ "path": "order", "key": "{{order.id}}" })).unwrap();
        assert_eq!((source.kind, source.key.as_deref()), (LoaderKind::Record, Some("o-1")));
    }

    #[test]
    fn a_statement_takes_values_as_parameters_alone() {
        let good = json!({ "query": "values ($1)", "params": { "id": "{{order.id}}" } });
        assert_eq!(of(ServiceKind::Sql, good).unwrap().params, json!({ "id": "o-1" }));
        let bad = json!({ "query": "values ('{{order.id}}')" });
        assert_eq!(of(ServiceKind::Sql, bad.clone()).unwrap_err().code, "INVALID_RESOURCE");
        assert_eq!(of(ServiceKind::Graphql, bad).unwrap_err().code, "INVALID_RESOURCE");
    }

    #[test]
    fn a_resource_of_a_service_without_data_and_a_broken_template_are_told() {
        for (kind, request) in [(ServiceKind::Chat, json!({})), (ServiceKind::Http, json!({ "path": "{{" }))] {
            let error = of(kind, request).unwrap_err();
            assert!(error.message.contains("`order.details`"), "{error:?}");
        }
    }
}
