//! What an organization has set up, from memory.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use engine::machine::{Effect, EffectId, EffectOutcome, EffectRequest, SecretMarks};
use futures::future::{BoxFuture, FutureExt};
use ids::{ExecutionId, OrganizationId, ServiceId};
use serde_json::{Map, Value};
use service::parts::{Authentication, AuthenticationKind, Recipient, Resource, Service, ServiceKind, UsableSecret};
use service::sealed::Secret;
use sluice_worker::effects::{
    EffectOwner, Effects, EmitError, EmitEvent, EmittedEvent, Parts, PartsError, StartError, StartWorkflow,
    StartedWorkflow,
};
use tokio_util::sync::CancellationToken;

use crate::local;

const MARK: &str = "\u{fdd0}0:";
const END: &str = "\u{fdd1}";

/// How a secret stands in a request.
pub fn marked(name: &str) -> String {
    format!("{MARK}{name}{END}")
}

/// Services and secrets; the first questions may meet an outage.
#[derive(Debug, Default)]
pub struct Known {
    pub services: Vec<Service>,
    pub secrets: BTreeMap<String, UsableSecret>,
    pub outages: AtomicUsize,
    pub is_unreadable: bool,
    pub asked: AtomicUsize,
    /// How often every secret was given another value of the same look.
    pub rotations: AtomicUsize,
    pub variables: Map<String, Value>,
    pub resources: Vec<Resource>,
    /// By `user:NAME` and `role:NAME`.
    pub addresses: BTreeMap<String, Vec<String>>,
}

impl Known {
    pub fn secret(mut self, name: &str, value: &str, hosts: &[&str]) -> Self {
        let allowed_hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        let fingerprint = format!("of {value}");
        self.secrets.insert(name.to_owned(), UsableSecret { value: Secret::new(value), allowed_hosts, fingerprint });
        self
    }

    pub fn service(mut self, service: Service) -> Self {
        self.services.push(service);
        self
    }

    fn answer<T>(&self, answer: T) -> Result<T, PartsError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.is_unreadable {
            return Err(PartsError::Unreadable("sealed under the key s3cr3t-key".into()));
        }
        let less = |left: usize| left.checked_sub(1);
        match self.outages.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less) {
            Ok(_left) => Err(PartsError::Unavailable("connection refused".into())),
            Err(_none_left) => Ok(answer),
        }
    }
}

impl Parts for Known {
    fn service<'a>(
        &'a self,
        _organization: OrganizationId,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<Service>, PartsError>> {
        async move { self.answer(self.services.iter().find(|service| service.name == name).cloned()) }.boxed()
    }

    fn services(&self, _organization: OrganizationId) -> BoxFuture<'_, Result<Vec<Service>, PartsError>> {
        async move { self.answer(self.services.clone()) }.boxed()
    }

    fn secrets<'a>(
        &'a self,
        _organization: OrganizationId,
        names: &'a [String],
    ) -> BoxFuture<'a, Result<BTreeMap<String, UsableSecret>, PartsError>> {
        async move {
            let rotations = self.rotations.load(Ordering::SeqCst);
            let wanted = self.secrets.iter().filter(|(name, _)| names.contains(name));
            let usable = wanted.map(|(name, secret)| {
                let fingerprint = format!("{rotations} {}", secret.fingerprint);
                (name.clone(), UsableSecret { fingerprint, ..secret.clone() })
            });
            self.answer(usable.collect())
        }
        .boxed()
    }

    fn variables<'a>(
        &'a self,
        _organization: OrganizationId,
        names: &'a [String],
    ) -> BoxFuture<'a, Result<Map<String, Value>, PartsError>> {
        async move {
            let wanted = self.variables.iter().filter(|(name, _)| names.contains(name));
            self.answer(wanted.map(|(name, value)| (name.clone(), value.clone())).collect())
        }
        .boxed()
    }

    fn resource<'a>(
        &'a self,
        _organization: OrganizationId,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<Resource>, PartsError>> {
        async move { self.answer(self.resources.iter().find(|resource| resource.name == name).cloned()) }.boxed()
    }

    fn addresses<'a>(
        &'a self,
        _organization: OrganizationId,
        who: Recipient<'a>,
    ) -> BoxFuture<'a, Result<Vec<String>, PartsError>> {
        let who = match who {
            Recipient::User(name) => format!("user:{name}"),
            Recipient::Role(name) => format!("role:{name}"),
        };
        async move { self.answer(self.addresses.get(&who).cloned().unwrap_or_default()) }.boxed()
    }
}

#[derive(Debug)]
struct Nobody;

impl EmitEvent for Nobody {
    fn emit<'a>(&'a self, _event: EmittedEvent<'a>) -> BoxFuture<'a, Result<String, EmitError>> {
        async { Ok("evt_1".to_owned()) }.boxed()
    }
}

impl StartWorkflow for Nobody {
    fn start<'a>(&'a self, _workflow: StartedWorkflow<'a>) -> BoxFuture<'a, Result<String, StartError>> {
        async { Ok("exe_2".to_owned()) }.boxed()
    }
}

/// A service at `base_url`, called with the secret `KEY` unless `kind` is none.
pub fn service(name: &str, base_url: &str, kind: AuthenticationKind, settings: &Value) -> Service {
    let secret = (kind != AuthenticationKind::None).then(|| "KEY".to_owned());
    Service {
        id: ServiceId::new(),
        name: name.to_owned(),
        kind: ServiceKind::Http,
        base_url: Some(base_url.to_owned()),
        authentication: Authentication { kind, secret, header_name: None },
        settings: settings.as_object().cloned().unwrap_or_default(),
    }
}

/// Runs `request`, in which the secrets `names` are marked, with what is `known`.
pub async fn run(known: &Arc<Known>, request: EffectRequest, names: &[&str]) -> EffectOutcome {
    run_within(known, request, names, Duration::from_secs(20)).await
}

pub async fn run_within(
    known: &Arc<Known>,
    request: EffectRequest,
    names: &[&str],
    timeout: Duration,
) -> EffectOutcome {
    try_once(&effects(known), request, names, timeout).await
}

/// The effects of a worker, with what is `known`.
pub fn effects(known: &Arc<Known>) -> Effects {
    let nobody = Arc::new(Nobody);
    Effects::new(local(), Arc::clone(&nobody) as Arc<dyn EmitEvent>, nobody, Arc::clone(known) as Arc<dyn Parts>)
}

/// One try of an effect, always of the same organization and with the same key.
pub async fn try_once(effects: &Effects, request: EffectRequest, names: &[&str], timeout: Duration) -> EffectOutcome {
    static ORGANIZATION: LazyLock<OrganizationId> = LazyLock::new(OrganizationId::new);
    let owner = EffectOwner { organization: *ORGANIZATION, execution: ExecutionId::new(), depth: 0 };
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let marks = SecretMarks { mark: MARK.to_owned(), end: END.to_owned(), names };
    let effect = Effect {
        id: EffectId { step: "tell".into(), attempt: 1, action: 0 },
        key: "exe_1/tell/0/0".into(),
        timeout,
        request,
        secrets: (!marks.names.is_empty()).then_some(marks),
        has_turn: false,
    };
    effects.run(&owner, &effect, &CancellationToken::new()).await
}

pub fn succeeded(outcome: EffectOutcome) -> Value {
    match outcome {
        EffectOutcome::Succeeded { output } => output,
        EffectOutcome::Failed(error) => panic!("{error:?}"),
        EffectOutcome::PutOff { .. } => panic!("put off"),
    }
}
