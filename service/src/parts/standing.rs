//! What an organization has of the parts that a definition names.

use async_recursion::async_recursion as boxed;
use std::collections::BTreeSet;

use engine::check::{Existence, PartNames, part_names};
use engine::definition::{Format, is_slug};
use ids::OrganizationId;
use store::{PartKind, PartName, SERVICE_GONE, StoreError};

use super::checks::{is_name, is_resource};
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::rules;
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// Words without one of which a text names no part, as long as nothing in it is escaped.
const WORDS: [&str; 7] = ["secret", "vars", "integrations", "service", "provider", "load", "\\"];

/// The parts of an organization, as far as a text names them.
#[derive(Debug, Default)]
pub struct Known {
    names: PartNames,
    secrets: BTreeSet<String>,
    variables: BTreeSet<String>,
    services: BTreeSet<String>,
    resources: BTreeSet<String>,
}

impl Known {
    /// Reads what `source` names: one question for each kind that it names any of.
    #[boxed]
    pub async fn read(
        services: &Services,
        organization: OrganizationId,
        source: &str,
        format: Format,
    ) -> Result<Self, ServiceError> {
        // Most texts name none, and need not be read twice.
        if !WORDS.iter().any(|word| source.contains(word)) {
            return Ok(Self::default());
        }
        let names = part_names(source, format);
        let store = services.store();
        // What can be no name is not looked for: PostgreSQL would refuse to.
        let wanted = |names: &BTreeSet<String>, is_name: fn(&str) -> bool| -> Vec<String> {
            names.iter().filter(|name| is_name(name)).cloned().collect()
        };
        let secrets = store.secrets_by_names(organization, &wanted(&names.secrets, is_name)).await?;
        let variables = store.variables_by_names(organization, &wanted(&names.variables, is_name)).await?;
        let called: BTreeSet<String> = names.services.union(&names.integrations).cloned().collect();
        let found = store.services_by_names(organization, &wanted(&called, is_slug)).await?;
        let resources = store.resource_loaders_by_names(organization, &wanted(&names.resources, is_resource)).await?;
        Ok(Self {
            secrets: secrets.into_iter().map(|row| row.name).collect(),
            variables: variables.into_iter().map(|row| row.name).collect(),
            services: found.into_iter().map(|row| row.name).collect(),
            resources: resources.into_iter().map(|row| row.name).collect(),
            names,
        })
    }

    /// Whether there is a secret of this name.
    pub fn secret(&self, name: &str) -> Existence {
        existence(&self.secrets, [&self.names.secrets], name, is_name)
    }

    /// Whether there is a variable of this name.
    pub fn variable(&self, name: &str) -> Existence {
        existence(&self.variables, [&self.names.variables], name, is_name)
    }

    /// Whether there is a service of this name.
    pub fn service(&self, name: &str) -> Existence {
        existence(&self.services, [&self.names.services, &self.names.integrations], name, is_slug)
    }

    /// Whether there is a resource of this name.
    pub fn resource(&self, name: &str) -> Existence {
        existence(&self.resources, [&self.names.resources], name, is_resource)
    }

    /// What a version with this text is recorded to use. A secret that there is not yet is used too: it may come.
    pub fn uses(&self) -> Vec<PartName> {
        let names = &self.names;
        let described = names.integrations.intersection(&self.services);
        let all = [
            (PartKind::Secret, names.secrets.iter().filter(|name| is_name(name)).collect::<Vec<_>>()),
            (PartKind::Variable, names.variables.iter().filter(|name| is_name(name)).collect()),
            (PartKind::Service, names.services.iter().filter(|name| is_slug(name)).chain(described).collect()),
            (PartKind::Resource, names.resources.iter().filter(|name| is_resource(name)).collect()),
        ];
        let named = |kind| move |name: &String| PartName { kind, name: name.clone() };
        let mut uses: Vec<PartName> =
            all.into_iter().flat_map(|(kind, names)| names.into_iter().map(named(kind)).collect::<Vec<_>>()).collect();
        uses.sort_unstable();
        uses.dedup();
        uses
    }

    /// Whoever lets a definition run that names secrets may use them.
    pub fn allow(&self, viewer: &Viewer) -> Result<(), ServiceError> {
        if self.names.secrets.is_empty() { Ok(()) } else { Ok(viewer.require(Permission::SecretUse)?) }
    }
}

fn existence<const N: usize>(
    found: &BTreeSet<String>,
    asked: [&BTreeSet<String>; N],
    name: &str,
    is_name: fn(&str) -> bool,
) -> Existence {
    if found.contains(name) {
        Existence::Yes
    } else if !is_name(name) || asked.iter().any(|names| names.contains(name)) {
        Existence::No
    } else {
        Existence::Unknown
    }
}

/// The mistake behind a publication that others stand in the way of by what they deleted or switched off; other errors
/// as they are.
pub fn unusable(error: StoreError) -> ServiceError {
    match error {
        StoreError::Conflict { constraint, source } if constraint == SERVICE_GONE => {
            let mistake = Mistake::new(Code::Conflict, "", source.to_string());
            ServiceError::mistake(mistake.with_help("Check the definition again: it names the service."))
        }
        error => rules::unusable(error),
    }
}
