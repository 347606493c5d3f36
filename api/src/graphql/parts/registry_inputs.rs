//! What services and loaders are made and changed with.

use async_graphql::{ID, InputObject, Result};
use service::parts::{resources, services as registered};

use super::called::{AuthenticationKind, ServiceKind};
use crate::graphql::filters::parse_id;
use crate::graphql::scalars::{Duration, Json, Url};

/// How long the answer of a loader is kept, unless it says.
const DEFAULT_TIME_TO_LIVE: Duration = Duration(std::time::Duration::from_mins(5));

/// How a service is called.
#[derive(InputObject)]
pub struct ServiceAuthenticationInput {
    /// Way.
    kind: AuthenticationKind,
    /// Stored secret.
    secret_id: Option<ID>,
    /// For API_KEY; `x-api-key` when absent.
    header_name: Option<String>,
}

impl ServiceAuthenticationInput {
    fn parsed(self) -> Result<registered::ServiceAuthenticationInput> {
        Ok(registered::ServiceAuthenticationInput {
            kind: self.kind.into(),
            secret_id: self.secret_id.as_ref().map(parse_id).transpose()?,
            header_name: self.header_name,
        })
    }
}

/// A service.
#[derive(InputObject)]
pub struct ServiceCreateInput {
    /// Name in definitions.
    name: String,
    /// Title; the name when absent.
    title: Option<String>,
    /// Sort of system.
    kind: ServiceKind,
    /// Where it is.
    base_url: Option<Url>,
    /// How it is called; openly when absent.
    authentication: Option<ServiceAuthenticationInput>,
    /// Headers, time limit, entities, templates and the like.
    settings: Option<Json>,
}

impl ServiceCreateInput {
    pub(super) fn parsed(self) -> Result<registered::ServiceCreateInput> {
        Ok(registered::ServiceCreateInput {
            name: self.name,
            title: self.title,
            kind: self.kind.into(),
            base_url: self.base_url.map(|url| url.0),
            authentication: self.authentication.map(ServiceAuthenticationInput::parsed).transpose()?,
            settings: self.settings.map(|settings| settings.0),
        })
    }
}

/// Changes to a service; absent fields stay.
#[derive(InputObject)]
pub struct ServiceUpdateInput {
    /// Which.
    pub(super) id: ID,
    /// Revision the change is based on.
    expected_revision: Option<i32>,
    /// Title.
    title: Option<String>,
    /// Where it is.
    base_url: Option<Url>,
    /// How it is called, as a whole.
    authentication: Option<ServiceAuthenticationInput>,
    /// Headers, time limit, entities, templates and the like, as a whole.
    settings: Option<Json>,
}

impl ServiceUpdateInput {
    pub(super) fn parsed(self) -> Result<registered::ServiceUpdateInput> {
        Ok(registered::ServiceUpdateInput {
            expected_revision: self.expected_revision,
            title: self.title,
            base_url: self.base_url.map(|url| url.0),
            authentication: self.authentication.map(ServiceAuthenticationInput::parsed).transpose()?,
            settings: self.settings.map(|settings| settings.0),
        })
    }
}

/// A service to remove.
#[derive(InputObject)]
pub struct ServiceDeleteInput {
    /// Which.
    pub(super) id: ID,
}

/// A loader.
#[derive(InputObject)]
pub struct ResourceLoaderCreateInput {
    /// Name in `context.load`.
    resource: String,
    /// What it gives.
    description: Option<String>,
    /// Where it asks.
    service_id: ID,
    /// Request with templates: `path`, `query`, `key` and `params`, as in the object form of `context.load`.
    request: Json,
    /// Which part of the answer to keep.
    result_path: Option<String>,
    /// JSON Schema that the result has to fit.
    output_schema: Option<Json>,
    /// True: without it the execution fails.
    #[graphql(default = false)]
    is_required: bool,
    /// How long an answer is kept; zero: not at all.
    #[graphql(default_with = "DEFAULT_TIME_TO_LIVE")]
    time_to_live: Duration,
}

impl ResourceLoaderCreateInput {
    pub(super) fn parsed(self) -> Result<resources::ResourceLoaderCreateInput> {
        Ok(resources::ResourceLoaderCreateInput {
            resource: self.resource,
            description: self.description,
            service_id: parse_id(&self.service_id)?,
            request: self.request.0,
            result_path: self.result_path,
            output_schema: self.output_schema.map(|schema| schema.0),
            is_required: self.is_required,
            time_to_live_ms: millis(self.time_to_live),
        })
    }
}

/// Changes to a loader; absent fields stay.
#[derive(InputObject)]
pub struct ResourceLoaderUpdateInput {
    /// Which.
    pub(super) id: ID,
    /// Revision the change is based on.
    expected_revision: Option<i32>,
    /// What it gives.
    description: Option<String>,
    /// Where it asks.
    service_id: Option<ID>,
    /// Request with templates.
    request: Option<Json>,
    /// Which part of the answer to keep.
    result_path: Option<String>,
    /// JSON Schema that the result has to fit.
    output_schema: Option<Json>,
    /// True: without it the execution fails.
    is_required: Option<bool>,
    /// How long an answer is kept; zero: not at all.
    time_to_live: Option<Duration>,
}

impl ResourceLoaderUpdateInput {
    pub(super) fn parsed(self) -> Result<resources::ResourceLoaderUpdateInput> {
        Ok(resources::ResourceLoaderUpdateInput {
            expected_revision: self.expected_revision,
            description: self.description,
            service_id: self.service_id.as_ref().map(parse_id).transpose()?,
            request: self.request.map(|request| request.0),
            result_path: self.result_path,
            output_schema: self.output_schema.map(|schema| schema.0),
            is_required: self.is_required,
            time_to_live_ms: self.time_to_live.map(millis),
        })
    }
}

/// A loader to remove.
#[derive(InputObject)]
pub struct ResourceLoaderDeleteInput {
    /// Which.
    pub(super) id: ID,
}

/// A length of time in milliseconds; one that is out of all bounds is refused for its size.
fn millis(length: Duration) -> i64 {
    i64::try_from(length.0.as_millis()).unwrap_or(i64::MAX)
}
