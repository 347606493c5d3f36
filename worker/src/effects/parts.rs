//! What the organization of an execution has set up for calls: services, secrets, variables, resources, people.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Debug;

use futures::future::BoxFuture;
use ids::OrganizationId;
use serde_json::{Map, Value};
use service::parts::{Recipient, Resource, Service, UsableSecret};

/// What the organization has set up for calls.
pub trait Parts: Debug + Send + Sync {
    /// The service of this name; none that is archived.
    fn service<'a>(
        &'a self,
        organization: OrganizationId,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<Service>, PartsError>>;

    /// All services: to find one by kind, entity or address. Few by nature.
    fn services(&self, organization: OrganizationId) -> BoxFuture<'_, Result<Vec<Service>, PartsError>>;

    /// The secrets of these names; one that does not exist is absent.
    fn secrets<'a>(
        &'a self,
        organization: OrganizationId,
        names: &'a [String],
    ) -> BoxFuture<'a, Result<BTreeMap<String, UsableSecret>, PartsError>>;

    /// The variables of these names; one that does not exist is absent.
    fn variables<'a>(
        &'a self,
        organization: OrganizationId,
        names: &'a [String],
    ) -> BoxFuture<'a, Result<Map<String, Value>, PartsError>>;

    /// The registered resource of this name.
    fn resource<'a>(
        &'a self,
        organization: OrganizationId,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<Resource>, PartsError>>;

    /// Mail addresses of a member, or of those who have a role; none when there is nobody.
    fn addresses<'a>(
        &'a self,
        organization: OrganizationId,
        who: Recipient<'a>,
    ) -> BoxFuture<'a, Result<Vec<String>, PartsError>>;
}

/// Why what the organization has set up was not told.
#[derive(Debug, thiserror::Error)]
pub enum PartsError {
    /// Our database is away; the same question may be answered later, so whoever asks waits.
    #[error("what the organization has set up cannot be read now")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// It is there and cannot be used, such as a secret that was sealed under another key.
    #[error("what the organization has set up cannot be read")]
    Unreadable(#[source] Box<dyn Error + Send + Sync>),
}
