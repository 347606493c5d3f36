//! A definition ready to run: steps by id, the input schema compiled, time-outs with their defaults.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Map, Value};

use crate::definition::{Action, ActionKind, Definition, Step, StepKind, standard_retry};
use crate::expr::{INTEGRATIONS, VARIABLES, names_below};
use crate::rule::Rule;

/// Id of the step that loads what the definition reads of the organization. No definition has it: the plan does.
pub const LOADING_STEP: &str = "$context";

/// Bound on one attempt of it.
const LOADING_TIMEOUT: Duration = Duration::from_secs(30);

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

/// A step with its place in the list that it stands in.
#[derive(Debug)]
struct Place {
    step: Step,
    /// The step listed after it, where listed order counts: in branches and loop bodies (D-12).
    follows: Option<String>,
    is_nested: bool,
}

/// A compiled definition.
#[derive(Debug)]
pub struct Plan {
    definition: Definition,
    /// Every step, nested ones too.
    places: Vec<Place>,
    /// Position of each step in `places`.
    by_id: BTreeMap<String, usize>,
    input: Option<jsonschema::Validator>,
    timeout: Duration,
    /// The rules that steps name, as far as they were given.
    rules: BTreeMap<String, PinnedRule>,
    /// What is loaded before the first step.
    loading: Option<Loading>,
}

/// What is loaded before the first step, beside the definition's `context.load`.
#[derive(Debug)]
pub(crate) struct Loading {
    /// Names of the organization's variables.
    pub(crate) variables: BTreeSet<String>,
    /// Names of its services.
    pub(crate) integrations: BTreeSet<String>,
    step: Step,
}

/// A rule as it was when an execution was started.
#[derive(Debug, Clone)]
pub struct PinnedRule {
    /// The rule.
    pub rule: Rule,
    /// Number of its version.
    pub version: i32,
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
        let mut places = Vec::new();
        collect(&definition.steps, false, &mut places);
        let by_id = places.iter().enumerate().map(|(index, place)| (place.step.id.clone(), index)).collect();
        let timeout = definition.timeout.unwrap_or(settings.default_timeout);
        let loading = loading(&definition, &BTreeMap::new());
        Ok(Self { definition, places, by_id, input, timeout, rules: BTreeMap::new(), loading })
    }

    /// The plan with the rules that its steps name, by slug.
    #[must_use]
    pub fn with_rules(mut self, rules: BTreeMap<String, PinnedRule>) -> Self {
        self.loading = loading(&self.definition, &rules);
        self.rules = rules;
        self
    }

    /// What is loaded before the first step; nothing when the definition and its rules read nothing of that sort.
    pub(crate) const fn loading(&self) -> Option<&Loading> {
        self.loading.as_ref()
    }

    /// A step as [`Self::step`] finds it, or the one that loads.
    pub(crate) fn find(&self, id: &str) -> Option<&Step> {
        if id == LOADING_STEP {
            return self.loading.as_ref().map(|loading| &loading.step);
        }
        self.step(id)
    }

    /// The rule with this slug, if the plan was given it.
    #[must_use]
    pub fn rule(&self, slug: &str) -> Option<&PinnedRule> {
        self.rules.get(slug)
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

    /// A step by its id, nested ones included.
    #[must_use]
    pub fn step(&self, id: &str) -> Option<&Step> {
        self.place(id).map(|place| &place.step)
    }

    /// Every step, nested ones included, in the order written.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.places.iter().map(|place| &place.step)
    }

    /// The step listed after a step, where listed order counts.
    #[must_use]
    pub fn follows(&self, id: &str) -> Option<&str> {
        self.place(id)?.follows.as_deref()
    }

    /// Whether a step belongs to a branch or a loop.
    #[must_use]
    pub fn is_nested(&self, id: &str) -> bool {
        self.place(id).is_some_and(|place| place.is_nested)
    }

    /// Whether there are steps that start an execution and wait for its end.
    #[must_use]
    pub fn awaits_children(&self) -> bool {
        self.steps().any(|step| matches!(step.kind, StepKind::Workflow { wait: true, .. }))
    }

    fn place(&self, id: &str) -> Option<&Place> {
        self.by_id.get(id).and_then(|index| self.places.get(*index))
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
        self.input.as_ref().map_or(Ok(()), |schema| fit(schema, input))
    }
}

/// Whether a value fits a schema; else what does not, twenty problems at most.
pub(crate) fn fit(schema: &jsonschema::Validator, value: &Value) -> Result<(), Vec<InputProblem>> {
    if schema.is_valid(value) {
        return Ok(());
    }
    let problems = schema.iter_errors(value).take(MAX_INPUT_PROBLEMS);
    Err(problems
        .map(|problem| InputProblem {
            pointer: problem.instance_path().to_string(),
            message: problem.to_string().chars().take(300).collect(),
        })
        .collect())
}

/// What of a value does not fit a JSON Schema; nothing when it fits.
///
/// # Errors
/// When the schema does not compile.
pub fn check_value(schema: &Value, value: &Value) -> Result<Vec<InputProblem>, PlanError> {
    let compiled = crate::definition::compile_schema(schema);
    let compiled = compiled.map_err(|problem| PlanError::InputSchema { reason: problem.to_string() })?;
    Ok(fit(&compiled, value).err().unwrap_or_default())
}

/// The lists of steps that a step holds.
#[must_use]
pub fn bodies(step: &Step) -> Vec<&[Step]> {
    match &step.kind {
        StepKind::Parallel { branches, .. } => branches.iter().map(Vec::as_slice).collect(),
        StepKind::Foreach(foreach) => vec![&foreach.steps],
        StepKind::While { steps, .. } => vec![steps],
        _holds_none => Vec::new(),
    }
}

/// What a definition and the rules that it names read of the organization.
fn loading(definition: &Definition, rules: &BTreeMap<String, PinnedRule>) -> Option<Loading> {
    let (mut variables, mut integrations) = (definition.variables.clone(), definition.integrations.clone());
    for pinned in rules.values() {
        let reads = pinned.rule.reads();
        variables.extend(names_below(&reads, VARIABLES));
        integrations.extend(names_below(&reads, INTEGRATIONS));
    }
    let has_any = !(definition.context.is_empty() && variables.is_empty() && integrations.is_empty());
    has_any.then(|| Loading { variables, integrations, step: loading_step(&definition.steps[0]) })
}

fn loading_step(entry: &Step) -> Step {
    let action = Action { kind: ActionKind::Load, optional: false, save_as: None, pointer: String::new() };
    Step {
        id: LOADING_STEP.to_owned(),
        name: None,
        when: None,
        next: Some(entry.id.clone()),
        on_error: None,
        timeout: Some(LOADING_TIMEOUT),
        retry: Some(standard_retry()),
        save_as: None,
        keep_full_output: false,
        metadata: Map::new(),
        kind: StepKind::Execute { execute: vec![action] },
        pointer: String::new(),
    }
}

fn collect(steps: &[Step], is_nested: bool, places: &mut Vec<Place>) {
    for (index, step) in steps.iter().enumerate() {
        let follows = steps.get(index + 1).filter(|_| is_nested).map(|next| next.id.clone());
        places.push(Place { step: step.clone(), follows, is_nested });
        for body in bodies(step) {
            collect(body, true, places);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::definition::decode;

    fn plan(definition: &Value) -> Result<Plan, PlanError> {
        let definition = decode(definition).expect("the definitions of these tests are sound");
        Plan::new(definition, Settings { default_timeout: Duration::from_mins(5) })
    }

    #[test]
    fn an_input_that_does_not_fit_the_schema_is_told_with_pointers() {
        let schema = json!({
            "type": "object", "required": ["order"],
            "properties": { "order": { "type": "object", "required": ["total"], "properties": {
                "total": { "type": "number" }, "lines": { "type": "array", "items": { "type": "integer" } } } } },
        });
        let steps = json!([{ "id": "s", "type": "end" }]);
        let plan = plan(&json!({ "workflow_id": "w", "input": schema, "steps": steps })).unwrap();
        assert_eq!(plan.check_input(&json!({ "order": { "total": 5, "lines": [1] } })), Ok(()));
        let problems = plan.check_input(&json!({ "order": { "total": "5", "lines": [1, "x"] } })).unwrap_err();
        let mut pointers: Vec<&str> = problems.iter().map(|problem| problem.pointer.as_str()).collect();
        pointers.sort_unstable();
        assert_eq!(pointers, ["/order/lines/1", "/order/total"]);
        let many = json!({ "order": { "total": 5, "lines": vec!["x"; 1_000] } });
        assert_eq!(plan.check_input(&many).unwrap_err().len(), MAX_INPUT_PROBLEMS);
    }

    #[test]
    fn without_a_schema_any_input_fits_and_the_timeout_is_the_default() {
        let plan = plan(&json!({ "workflow_id": "w", "steps": [{ "id": "s", "type": "end" }] })).unwrap();
        assert_eq!(plan.check_input(&json!([null])), Ok(()));
        assert_eq!(plan.timeout(), Duration::from_mins(5));
        assert_eq!((plan.entry().id.as_str(), plan.step("none").is_none()), ("s", true));
    }
}
