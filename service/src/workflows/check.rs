//! Checks a definition against what its organization has.

use async_recursion::async_recursion as boxed;
use std::collections::BTreeMap;

use engine::check::{Checked, Existence, Registry, RuleStanding};
use engine::definition::Format;
use engine::rule::RuleKind;
use ids::OrganizationId;

use crate::error::ServiceError;
use crate::parts::standing as parts;
use crate::rules;
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// What an organization has of what a text names.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Rules.
    pub rules: rules::Known,
    /// Secrets, variables, services and resources.
    pub parts: parts::Known,
}

impl Registry for Known {
    fn rule(&self, slug: &str) -> RuleStanding {
        self.rules.standing(slug)
    }

    fn workflow_exists(&self, _workflow_id: &str) -> Existence {
        Existence::Unknown
    }

    fn service_exists(&self, name: &str) -> Existence {
        self.parts.service(name)
    }

    fn resource_exists(&self, name: &str) -> Existence {
        self.parts.resource(name)
    }

    fn secret_exists(&self, name: &str) -> Existence {
        self.parts.secret(name)
    }

    fn variable_exists(&self, name: &str) -> Existence {
        self.parts.variable(name)
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

/// What checking found, and what the organization has of what the text names.
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
    let rules = rules::Known::read(services, organization, source, format, given).await?;
    let parts = parts::Known::read(services, organization, source, format).await?;
    let known = Known { rules, parts };
    let checked = engine::check::check(source, format, &known);
    Ok((checked, known))
}
