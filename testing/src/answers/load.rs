//! What is loaded before the first step: `stubs.context`, `stubs.vars` and `stubs.integrations` have it.

use std::collections::BTreeMap;

use engine::machine::{EffectOutcome, Loads, StepError};
use serde_json::{Map, Value, json};

use crate::case::Stubs;

/// Everything that the case has; a resource that it does not have is absent, or fails the execution.
pub(super) fn answer(stubs: &Stubs, loads: &Loads) -> EffectOutcome {
    let mut resources = Map::new();
    let mut absent = Vec::new();
    for load in &loads.resources {
        match stubs.context.get(&load.name) {
            Some(value) => {
                resources.insert(load.name.clone(), value.clone());
            }
            None if load.is_optional => {
                absent.push(json!({ "name": load.name, "reason": "`stubs.context` does not have it" }));
            }
            None => {
                let message = format!("there is no resource `{0}`: give the case one in `stubs.context`", load.name);
                return EffectOutcome::Failed(StepError::other("RESOURCE_NOT_FOUND", message));
            }
        }
    }
    let variables = named(&loads.variables, &stubs.vars);
    let integrations = named(&loads.integrations, &stubs.integrations);
    EffectOutcome::Succeeded {
        output: json!({
            "resources": resources, "variables": variables, "integrations": integrations, "absent": absent,
        }),
    }
}

fn named(names: &[String], known: &BTreeMap<String, Value>) -> Map<String, Value> {
    names.iter().filter_map(|name| Some((name.clone(), known.get(name)?.clone()))).collect()
}
