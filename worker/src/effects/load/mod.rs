//! Effect `load`: what the organization and its services have for an execution, before its first step.
//!
//! Resources are fetched several at the same time, each within its own time: one that hangs takes none of the others
//! with it. A resource that the execution can do without is absent when it cannot be fetched; any other fails the
//! effect.

mod cache;
mod graphql;
mod http;
mod problem;
mod record;
mod redis;
mod source;
mod sql;
mod tls;

use std::time::Duration;

use engine::Timestamp;
use engine::definition::LoaderKind;
use engine::machine::{EffectOutcome, Load, Loads, StepError};
use futures::StreamExt;
use futures::future::join3;
use futures::stream;
use reqwest::Url;
use serde_json::{Map, Value, json};
use service::parts::services::kind_name;
use service::parts::{Service, ServiceKind};
use service::sealed::Secret;

use self::cache::Cache;
use self::redis::Servers;
use self::source::Wanted;
use self::sql::{Databases, Question};
use super::call::Call;
use super::service_call;
use crate::egress::Guard;

/// Most bytes of one answer of a database.
const MOST_BYTES: u64 = 5 * 1024 * 1024;
/// Resources of one execution that are fetched at the same time: each answer is in memory until it is read.
const AT_ONCE: usize = 8;

/// Connections to databases, and answers that are kept. One per worker.
#[derive(Debug)]
pub(super) struct Loaders {
    databases: Databases,
    servers: Servers,
    cache: Cache,
}

impl Loaders {
    /// Loaders that connect through `guard`.
    pub(super) fn new(guard: Guard) -> Self {
        let (databases, servers) = (Databases::new(guard.clone()), Servers::new(guard));
        Self { databases, servers, cache: Cache::default() }
    }
}

/// Why there is no value.
#[derive(Debug)]
enum Missing {
    /// There is none, or it is not registered.
    Absent(String),
    /// It could not be fetched.
    Failed(StepError),
    /// The rate of calls to its service lets it be fetched later.
    PutOff { until: Timestamp, has_turn: bool },
}

impl From<StepError> for Missing {
    fn from(error: StepError) -> Self {
        Self::Failed(error)
    }
}

/// What came of one resource.
struct Fetched<'a> {
    name: &'a str,
    is_required: bool,
    value: Result<Value, Missing>,
}

pub(super) async fn run(call: &Call<'_>, loaders: &Loaders, loads: &Loads) -> EffectOutcome {
    let all = join3(
        all_fetched(call, loaders, loads),
        variables(call, &loads.variables),
        integrations(call, &loads.integrations),
    );
    let (resources, variables, integrations) = tokio::select! {
        biased;
        () = call.cancel.cancelled() => {
            return EffectOutcome::Failed(StepError::other("CANCELLED", "cancelled before all was fetched"));
        }
        all = all => all,
    };
    match (variables, integrations) {
        (Ok(variables), Ok(integrations)) => outcome(resources, loads, variables, integrations),
        (Err(error), _) | (_, Err(error)) => EffectOutcome::Failed(error),
    }
}

/// The resources in their order. One that hangs keeps a place and none of those behind it from starting.
async fn all_fetched<'a>(call: &Call<'_>, loaders: &Loaders, loads: &'a Loads) -> Vec<Fetched<'a>> {
    let mut fetching = Vec::with_capacity(loads.resources.len());
    for (place, load) in loads.resources.iter().enumerate() {
        fetching.push(async move { (place, fetched(call, loaders, load, &loads.context).await) });
    }
    let mut fetched: Vec<(usize, Fetched<'a>)> = stream::iter(fetching).buffer_unordered(AT_ONCE).collect().await;
    fetched.sort_unstable_by_key(|(place, _fetched)| *place);
    fetched.into_iter().map(|(_place, fetched)| fetched).collect()
}

fn outcome(
    fetched: Vec<Fetched<'_>>,
    loads: &Loads,
    variables: Map<String, Value>,
    integrations: Map<String, Value>,
) -> EffectOutcome {
    let (mut resources, mut absent, mut failures) = (Map::new(), Vec::new(), Vec::new());
    let mut put_off: Option<(Timestamp, bool)> = None;
    for Fetched { name, is_required, value } in fetched {
        match value {
            Ok(value) => {
                resources.insert(name.to_owned(), value);
            }
            Err(Missing::PutOff { until, has_turn }) => {
                put_off = Some(put_off.map_or((until, has_turn), |(at, turn)| (at.max(until), turn && has_turn)));
            }
            Err(Missing::Absent(reason)) if is_required => {
                failures.push(StepError::other("RESOURCE_NOT_FOUND", format!("resource `{name}`: {reason}")));
            }
            Err(Missing::Failed(error)) if is_required => failures.push(problem::of_required(name, error)),
            Err(Missing::Absent(reason)) => absent.push(json!({ "name": name, "reason": reason })),
            Err(Missing::Failed(error)) => {
                absent.push(json!({ "name": name, "reason": format!("{}: {}", error.code, error.message) }));
            }
        }
    }
    if let Some(error) = problem::deciding(failures) {
        return EffectOutcome::Failed(error);
    }
    if let Some((until, has_turn)) = put_off {
        // Nothing is kept of what was fetched: fetching changes nothing, and all of it is of one moment then.
        return EffectOutcome::PutOff { until, has_turn };
    }
    for (root, wanted, found) in
        [("vars", &loads.variables, &variables), ("integrations", &loads.integrations, &integrations)]
    {
        let missing = wanted.iter().filter(|name| !found.contains_key(name.as_str()));
        absent.extend(missing.map(|name| json!({ "name": format!("{root}.{name}"), "reason": "it does not exist" })));
    }
    EffectOutcome::Succeeded {
        output: json!({
            "resources": resources, "variables": variables, "integrations": integrations, "absent": absent,
        }),
    }
}

async fn fetched<'a>(call: &Call<'_>, loaders: &Loaders, load: &'a Load, context: &Value) -> Fetched<'a> {
    let mut is_required = !load.is_optional;
    let value = match source::wanted(call, load, context).await {
        Ok(Some(wanted)) => {
            is_required |= wanted.is_required;
            kept_or_fetched(call, loaders, load, wanted).await
        }
        Ok(None) => Err(Missing::Absent("it is not registered".to_owned())),
        Err(unusable) => {
            is_required |= unusable.is_required;
            Err(Missing::Failed(unusable.error))
        }
    };
    Fetched { name: &load.name, is_required, value }
}

async fn kept_or_fetched(call: &Call<'_>, loaders: &Loaders, load: &Load, wanted: Wanted) -> Result<Value, Missing> {
    let service = match &wanted.service {
        Some(service) => Some(service.clone()),
        None => source::service(call, &wanted.source).await?,
    };
    let question = if wanted.keep.is_zero() {
        None
    } else {
        let secret = match service.as_ref().map(service_call::secret_name).transpose()?.flatten() {
            Some(name) => Some(call.secret_identity(name).await?),
            None => None,
        };
        Some(wanted.question(call.organization(), load, service.as_ref(), secret.as_deref()))
    };
    // One that does not fit any more is fetched anew: the schema may have changed since.
    let known = question.as_ref().and_then(|question| loaders.cache.get(question));
    if let Some(known) = known.filter(|known| source::check(&wanted, known).is_ok()) {
        return Ok(known);
    }
    // The rest is for the answer to be told, so that a resource that hangs is absent rather than the end.
    let limit = call.left().mul_f64(0.9);
    let key = format!("{}/{}", call.key(), load.name);
    let fetching = Box::pin(fetch(call, loaders, &wanted, service.as_ref(), (&key, limit)));
    let whole = tokio::time::timeout(limit, fetching).await;
    let whole = whole.map_err(|_elapsed| problem::slow(&load.name, limit))??;
    let value = match &wanted.result_path {
        Some(path) => path.find(&whole).cloned().ok_or_else(|| Missing::Absent(format!("nothing is at `{path}`")))?,
        None => whole,
    };
    source::check(&wanted, &value)?;
    if let Some(question) = question {
        // It outlives this effect, which alone knows the secrets that an answer may repeat.
        loaders.cache.keep(question, &call.hidden(value.clone()), wanted.keep);
    }
    Ok(value)
}

async fn fetch(
    call: &Call<'_>,
    loaders: &Loaders,
    wanted: &Wanted,
    service: Option<&Service>,
    (key, limit): (&str, Duration),
) -> Result<Value, Missing> {
    let source = &wanted.source;
    match source.kind {
        LoaderKind::Http => http::fetch(call, source, service, key).await,
        LoaderKind::Graphql => graphql::fetch(call, source, service, key).await,
        LoaderKind::Record => record::fetch(call, source, service, key).await,
        LoaderKind::Sql => {
            let service = needed(service, ServiceKind::Sql)?;
            let statement = source.query.as_str().filter(|statement| !statement.trim().is_empty());
            let statement = statement.ok_or_else(|| source::incomplete("`query`, the statement, is missing"))?;
            let question = Question { statement, params: &source.params, limit: limited(limit, service) };
            let rows = loaders.databases.ask(call, service, question).await?;
            rows.ok_or_else(|| Missing::Absent("the statement found no row".to_owned()))
        }
        LoaderKind::Redis => {
            let service = needed(service, ServiceKind::Redis)?;
            let key = source.key.as_deref().filter(|key| !key.is_empty());
            let key = key.ok_or_else(|| source::incomplete("`key` is missing"))?;
            let found = loaders.servers.get(call, service, key, limited(limit, service)).await?;
            found.ok_or_else(|| Missing::Absent("there is no such key".to_owned()))
        }
    }
}

/// The service of a loader that cannot do without one.
fn needed(service: Option<&Service>, kind: ServiceKind) -> Result<&Service, StepError> {
    let service = service.ok_or_else(|| source::incomplete("`service` is missing"))?;
    if service.kind != kind {
        return Err(service_call::invalid(service, "is of another kind than the loader"));
    }
    Ok(service)
}

fn limited(limit: Duration, service: &Service) -> Duration {
    service_call::timeout(service).map_or(limit, |own| own.min(limit))
}

/// The secret that a database is opened with.
async fn password(call: &Call<'_>, service: &Service, authority: &str) -> Result<Option<Secret>, StepError> {
    let Some(name) = service_call::secret_name(service)? else { return Ok(None) };
    let address = Url::parse(&format!("tcp://{authority}"));
    let address = address.map_err(|_problem| service_call::invalid(service, "has an address that is no URL"))?;
    Ok(Some(call.secret(name, &address).await?.value))
}

/// Whether a path is an address of its own. One that only holds an address, such as in its query, is none.
fn is_absolute(path: &str) -> bool {
    Url::parse(path).is_ok_and(|url| url.has_host())
}

/// The value of a call's answer.
fn body(outcome: EffectOutcome) -> Result<Value, Missing> {
    match outcome {
        EffectOutcome::Succeeded { mut output } => Ok(output["body"].take()),
        EffectOutcome::Failed(error) if matches!(error.status, Some(404 | 410)) => Err(Missing::Absent(error.message)),
        EffectOutcome::Failed(error) => Err(Missing::Failed(error)),
        EffectOutcome::PutOff { until, has_turn } => Err(Missing::PutOff { until, has_turn }),
    }
}

async fn variables(call: &Call<'_>, names: &[String]) -> Result<Map<String, Value>, StepError> {
    if names.is_empty() { Ok(Map::new()) } else { call.variables(names).await }
}

/// What definitions may read of services: where they are and what they are like; nothing that goes out with a call.
async fn integrations(call: &Call<'_>, names: &[String]) -> Result<Map<String, Value>, StepError> {
    let services = match names {
        [] => Vec::new(),
        [name] => call.find_service(name).await?.into_iter().collect(),
        _several => call.services().await?,
    };
    let wanted = services.into_iter().filter(|service| names.contains(&service.name));
    Ok(wanted.map(|service| (service.name.clone(), shown(service))).collect())
}

fn shown(service: Service) -> Value {
    let mut settings = service.settings;
    settings.retain(|name, _value| !matches!(name.as_str(), "headers" | "username"));
    json!({
        "name": service.name,
        "kind": kind_name(service.kind).to_ascii_lowercase(),
        "base_url": service.base_url.filter(|url| !url.contains('@')),
        "settings": settings,
    })
}

#[cfg(test)]
mod tests {
    use engine::machine::ErrorClass;

    use super::*;

    fn loads(variables: &[&str]) -> Loads {
        let variables = variables.iter().map(|name| (*name).to_owned()).collect();
        Loads { resources: Vec::new(), variables, integrations: Vec::new(), context: Value::Null }
    }

    fn of(fetched: Vec<Fetched<'_>>) -> EffectOutcome {
        outcome(fetched, &loads(&[]), Map::new(), Map::new())
    }

    fn optional(name: &str, value: Result<Value, Missing>) -> Fetched<'_> {
        Fetched { name, is_required: false, value }
    }

    fn required(name: &str, value: Result<Value, Missing>) -> Fetched<'_> {
        Fetched { name, is_required: true, value }
    }

    fn broken() -> Missing {
        Missing::Failed(problem::failed("CONNECTION_FAILED", "h:1", "it broke"))
    }

    #[test]
    fn what_can_be_done_without_is_absent_with_its_reason() {
        let outcome = of(vec![
            optional("a.b", Ok(json!({ "total": 5 }))),
            optional("c", Err(broken())),
            optional("d", Err(Missing::Absent("it is not registered".to_owned()))),
        ]);
        let EffectOutcome::Succeeded { output } = outcome else { panic!("{outcome:?}") };
        assert_eq!(
            output,
            json!({
                "resources": { "a.b": { "total": 5 } }, "variables": {}, "integrations": {},
                "absent": [
                    { "name": "c", "reason": "CONNECTION_FAILED: h:1: it broke" },
                    { "name": "d", "reason": "it is not registered" },
                ],
            })
        );
    }

    #[test]
    fn what_cannot_be_done_without_fails_the_effect() {
        let not_found = Missing::Absent("the statement found no row".to_owned());
        let outcome = of(vec![required("a", Err(broken())), required("b", Err(not_found))]);
        let EffectOutcome::Failed(error) = outcome else { panic!("{outcome:?}") };
        assert_eq!(error.code, "RESOURCE_NOT_FOUND", "no retry brings it back");
        let EffectOutcome::Failed(error) = of(vec![required("a", Err(broken()))]) else { panic!("it is required") };
        assert_eq!((error.code.as_str(), error.retryable_class), ("RESOURCE_UNAVAILABLE", ErrorClass::Connection));
    }

    #[test]
    fn when_one_is_put_off_all_are_until_the_last_of_the_moments() {
        let later = |at| Err(Missing::PutOff { until: Timestamp(at), has_turn: true });
        let outcome = of(vec![optional("a", later(5)), optional("b", Ok(json!(1))), optional("c", later(9))]);
        assert_eq!(outcome, EffectOutcome::PutOff { until: Timestamp(9), has_turn: true });
    }

    #[test]
    fn a_variable_that_does_not_exist_is_told() {
        let outcome = outcome(Vec::new(), &loads(&["region"]), Map::new(), Map::new());
        let EffectOutcome::Succeeded { output } = outcome else { panic!("{outcome:?}") };
        assert_eq!(output["absent"], json!([{ "name": "vars.region", "reason": "it does not exist" }]));
    }
}
