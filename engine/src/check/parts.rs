//! The parts of the organization that a text names: what a [`Registry`](super::Registry) is asked about, and what a
//! published version is recorded to use.

use std::collections::BTreeSet;

use super::outline::{Outline, Used};
use crate::definition::{Format, decode_with_reads, text};
use crate::expr::{INTEGRATIONS, SECRETS, VARIABLES, names_below};

/// Names of secrets, variables, services and resources in a text, whether there are such or not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartNames {
    /// Secrets that templates name, and those of webhook triggers.
    pub secrets: BTreeSet<String>,
    /// Variables that are read.
    pub variables: BTreeSet<String>,
    /// Services that are called.
    pub services: BTreeSet<String>,
    /// Services of which only the description is read, as `integrations.NAME`.
    pub integrations: BTreeSet<String>,
    /// Resources that are loaded as the organization registered them.
    pub resources: BTreeSet<String>,
}

/// The parts that a text names, as far as it can be read.
pub fn part_names(text: &str, format: Format) -> PartNames {
    let Ok(read) = text::read(text, format) else { return PartNames::default() };
    let (_definition, found) = decode_with_reads(&read.value);
    let paths: Vec<&String> = found.reads.iter().flat_map(|read| &read.paths).collect();
    let mut names = PartNames {
        secrets: names_below(&paths, SECRETS),
        variables: names_below(&paths, VARIABLES),
        integrations: names_below(&paths, INTEGRATIONS),
        ..PartNames::default()
    };
    for used in Outline::of(&read.value).uses {
        match used.what {
            Used::HookSecret(name) => names.secrets.insert(name.to_owned()),
            Used::Service(name) => names.services.insert(name.to_owned()),
            Used::Resource(name) | Used::Loader { name, .. } => names.resources.insert(name.to_owned()),
            Used::Rule { .. } | Used::Workflow(_) => continue,
        };
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_that_a_text_names_is_found_once() {
        let text = r#"
workflow_id: orders
trigger: { type: webhook, path: orders, verify: { type: standard_webhooks, secret: hook_key } }
context:
  load: [order.details, { name: stock, loader: http, service: warehouse, path: /stock }]
steps:
  - id: call
    type: execute
    execute:
      - type: http_request
        url: "https://api.example.com/{{vars.region}}"
        headers: { authorization: "Bearer {{secrets.api_token}}", other: "{{secrets.api_token}}" }
      - { type: create_record, entity: order, service: crm, data: { at: "{{integrations.billing.base_url}}" } }
"#;
        let names = part_names(text, Format::Yaml);
        let of = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(" ");
        assert_eq!(of(&names.secrets), "api_token hook_key");
        assert_eq!(of(&names.variables), "region");
        assert_eq!(of(&names.services), "crm warehouse");
        assert_eq!(of(&names.integrations), "billing");
        assert_eq!(of(&names.resources), "order.details");
        assert_eq!(part_names("{", Format::Json), PartNames::default());
    }
}
