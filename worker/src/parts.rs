//! What the organization of an execution has set up, as the service has it.

use std::collections::BTreeMap;

use futures::FutureExt;
use futures::future::BoxFuture;
use ids::OrganizationId;
use serde_json::{Map, Value};
use service::parts::{self, Recipient, Resource, Service, UsableSecret};
use service::{ServiceError, Services};

use crate::effects::{Parts, PartsError};

/// Services, secrets, variables and resources, from the database.
#[derive(Debug)]
pub struct ServiceParts(pub Services);

impl Parts for ServiceParts {
    fn service<'a>(
        &'a self,
        organization: OrganizationId,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<Service>, PartsError>> {
        async move { parts::service(&self.0, organization, name).await.map_err(problem) }.boxed()
    }

    fn services(&self, organization: OrganizationId) -> BoxFuture<'_, Result<Vec<Service>, PartsError>> {
        async move { parts::services(&self.0, organization).await.map_err(problem) }.boxed()
    }

    fn secrets<'a>(
        &'a self,
        organization: OrganizationId,
        names: &'a [String],
    ) -> BoxFuture<'a, Result<BTreeMap<String, UsableSecret>, PartsError>> {
        async move { parts::secrets(&self.0, organization, names).await.map_err(problem) }.boxed()
    }

    fn variables<'a>(
        &'a self,
        organization: OrganizationId,
        names: &'a [String],
    ) -> BoxFuture<'a, Result<Map<String, Value>, PartsError>> {
        async move { parts::variables(&self.0, organization, names).await.map_err(problem) }.boxed()
    }

    fn resource<'a>(
        &'a self,
        organization: OrganizationId,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<Resource>, PartsError>> {
        async move { parts::resource(&self.0, organization, name).await.map_err(problem) }.boxed()
    }

    fn addresses<'a>(
        &'a self,
        organization: OrganizationId,
        who: Recipient<'a>,
    ) -> BoxFuture<'a, Result<Vec<String>, PartsError>> {
        async move { parts::addresses(&self.0, organization, who).await.map_err(problem) }.boxed()
    }
}

/// Whether asking again may help.
fn problem(error: ServiceError) -> PartsError {
    match error {
        ServiceError::Unavailable(_) | ServiceError::Overloaded | ServiceError::RateLimited { .. } => {
            PartsError::Unavailable(Box::new(error))
        }
        ServiceError::Unauthenticated
        | ServiceError::Forbidden(_)
        | ServiceError::Mistakes(_)
        | ServiceError::Internal { .. } => PartsError::Unreadable(Box::new(error)),
    }
}
