//! Checks a definition against what its organization has.

use async_recursion::async_recursion as boxed;
use std::collections::BTreeMap;

use engine::check::{Checked, Existence, Registry, RuleStanding};
use engine::definition::Format;
use engine::rule::RuleKind;
use ids::OrganizationId;

use crate::error::ServiceError;
use crate::rules::Known;
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// What an organization has, as far as it can have it: there are no services, resources and
/// secrets yet, so whatever a definition names of these does not exist.
struct Organization<'a> {
    rules: &'a Known,
}

impl Registry for Organization<'_> {
    fn rule(&self, slug: &str) -> RuleStanding {
        self.rules.standing(slug)
    }

    fn workflow_exists(&self, _workflow_id: &str) -> Existence {
        Existence::Unknown
    }

    fn service_exists(&self, _name: &str) -> Existence {
        Existence::No
    }

    fn resource_exists(&self, _name: &str) -> Existence {
        Existence::No
    }

    fn secret_exists(&self, _name: &str) -> Existence {
        Existence::No
    }
}

/// Finds everything that is wrong with `source`, without saving anything.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn check(
    services: &Services,
    viewer: &Viewer,
    source: &str,
    format: Format,
) -> Result<Checked, ServiceError> {
    viewer.require(Permission::WorkflowRead)?;
    Ok(checked(services, viewer.organization, source, format).await?.0)
}

/// What checking found, and the rules that the text names.
pub(super) async fn checked(
    services: &Services,
    organization: OrganizationId,
    source: &str,
    format: Format,
) -> Result<(Checked, Known), ServiceError> {
    checked_with(services, organization, (source, format), BTreeMap::new()).await
}

/// The same, where `given` rules count as if the organization had them.
pub(super) async fn checked_with(
    services: &Services,
    organization: OrganizationId,
    (source, format): (&str, Format),
    given: BTreeMap<String, RuleKind>,
) -> Result<(Checked, Known), ServiceError> {
    let rules = Known::read(services, organization, source, format, given).await?;
    let checked = engine::check::check(source, format, &Organization { rules: &rules });
    Ok((checked, rules))
}
