//! A definition ready to run: steps by id, the input schema compiled, time-outs with their defaults.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::definition::{Definition, Step};

/// Defaults of the process for what a definition leaves open.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Bound on running time.
    pub default_timeout: Duration,
}

/// Why a definition cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// It has no steps.
    #[error("workflow `{0}` has no steps")]
    Empty(String),
    /// The input schema does not compile.
    #[error("the input schema does not compile: {reason}")]
    InputSchema {
        /// Why.
        reason: String,
    },
}

/// What is wrong with an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputProblem {
    /// JSON Pointer into the input.
    pub pointer: String,
    /// One sentence.
    pub message: String,
}

/// A compiled definition.
#[derive(Debug)]
pub struct Plan {
    definition: Definition,
    /// Position of each top-level step.
    steps: BTreeMap<String, usize>,
    input: Option<jsonschema::Validator>,
    timeout: Duration,
}

/// Most problems that are told about one input.
const MAX_INPUT_PROBLEMS: usize = 20;

impl Plan {
    /// Compiles a definition that was checked.
    ///
    /// # Errors
    /// When it has no steps, or its input schema does not compile.
    pub fn new(definition: Definition, settings: Settings) -> Result<Self, PlanError> {
        if definition.steps.is_empty() {
            return Err(PlanError::Empty(definition.workflow_id));
        }
        let input = match &definition.input {
            None => None,
            Some(schema) => {
                // The same compiler as the check's: patterns in linear time, no remote references.
                let compiled = crate::definition::compile_schema(schema);
                Some(compiled.map_err(|problem| PlanError::InputSchema { reason: problem.to_string() })?)
            }
        };
        let steps = definition.steps.iter().enumerate().map(|(index, step)| (step.id.clone(), index)).collect();
        let timeout = definition.timeout.unwrap_or(settings.default_timeout);
        Ok(Self { definition, steps, input, timeout })
    }

    /// The definition.
    #[must_use]
    pub const fn definition(&self) -> &Definition {
        &self.definition
    }

    /// The first step.
    #[must_use]
    pub fn entry(&self) -> &Step {
        &self.definition.steps[0]
    }

    /// A step by its id.
    #[must_use]
    pub fn step(&self, id: &str) -> Option<&Step> {
        self.steps.get(id).and_then(|index| self.definition.steps.get(*index))
    }

    /// Bound on running time.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Checks a payload against the input schema.
    ///
    /// # Errors
    /// What does not fit, twenty problems at most.
    pub fn check_input(&self, input: &Value) -> Result<(), Vec<InputProblem>> {
        let Some(schema) = &self.input else { return Ok(()) };
        if schema.is_valid(input) {
            return Ok(());
        }
        let problems = schema.iter_errors(input).take(MAX_INPUT_PROBLEMS);
        Err(problems
            .map(|problem| InputProblem {
                pointer: problem.instance_path().to_string(),
                message: problem.to_string().chars().take(300).collect(),
            })
            .collect())
    }
}
