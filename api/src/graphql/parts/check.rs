//! Asks whether a service is there.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use service::identity::oidc::Transport;
use service::parts::reachable::{Reached, reach};
use service::{Code, Mistake, ServiceError, Services};

use super::called::Service;
use crate::graphql::directives::authorized;
use crate::graphql::errors::{UserError, or_null, user_errors};
use crate::graphql::filters::parse_id;
use crate::graphql::scalars::Duration;
use crate::graphql::viewer::Permission;
use crate::graphql::viewer_of;

/// What calls services for checks, as far as the egress policy allows.
pub struct Calling(pub Arc<dyn Transport>);

/// A service to check.
#[derive(InputObject)]
pub struct ServiceCheckInput {
    /// Which.
    id: ID,
}

/// What came of checking a service.
#[derive(SimpleObject)]
pub struct ServiceCheckPayload {
    /// The service.
    service: Option<Service>,
    /// True when it answered, whatever it answered.
    is_reachable: bool,
    /// Status of its answer.
    status_code: Option<i32>,
    /// Time until it answered.
    latency: Option<Duration>,
    /// Why it was not reached.
    problem: Option<String>,
    /// What the caller can correct; empty on success.
    user_errors: Vec<UserError>,
}

impl ServiceCheckPayload {
    fn of(outcome: Result<Reached, ServiceError>) -> Result<Self> {
        Ok(match user_errors(outcome)? {
            Ok(Reached { service, status, took, problem }) => Self {
                service: Some(Service(service)),
                is_reachable: problem.is_none(),
                status_code: status.map(i32::from),
                latency: problem.is_none().then_some(Duration(took)),
                problem,
                user_errors: Vec::new(),
            },
            Err(user_errors) => Self {
                service: None,
                is_reachable: false,
                status_code: None,
                latency: None,
                problem: None,
                user_errors,
            },
        })
    }
}

/// Asks whether services are there.
#[derive(Default)]
pub struct CheckMutation;

/// Asks whether services are there.
#[Object]
impl CheckMutation {
    /// Asks a service that is called over HTTP whether it is there: a GET of `settings.health_path`, or else of its
    /// address, without credentials.
    #[graphql(complexity = "50 + child_complexity", directive = authorized::apply(Permission::ServiceRead))]
    async fn service_check(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ServiceCheckInput,
    ) -> Option<ServiceCheckPayload> {
        let check = async {
            let id = parse_id(&input.id)?;
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let outcome = match ctx.data_opt::<Calling>() {
                Some(Calling(transport)) => reach(services, viewer, &**transport, id).await,
                None => Err(nothing_to_call_with()),
            };
            ServiceCheckPayload::of(outcome)
        };
        or_null(ctx, check.await)
    }
}

fn nothing_to_call_with() -> ServiceError {
    ServiceError::mistake(Mistake::new(Code::WrongState, "", "this server makes no calls to services"))
}
