//! Rules of an organization: conditions, checks and additions that several workflows share.
//!
//! A rule is read by [`check()`] and evaluated over a [`Scope`], as purely as everything else here. Which version of
//! a rule an execution uses is decided when it is started: the plan that it runs has the rules with it.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::check::secrets::of_rule;
use crate::definition::rule::decode;
use crate::definition::schema_check::check as check_as_schema;
use crate::definition::text::too_deep;
use crate::definition::{At, Definition, MAX_DEPTH, Sink, Step, StepKind, Test};
use crate::expr::measure::{is_deeper, take};
use crate::expr::{Condition, EvalError, Explanation, MAX_OUTPUT, Scope, Template, cut_to};
use crate::plan::bodies;
use crate::problem::Problem;

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RuleKind {
    /// Answers true or false.
    Condition,
    /// Answers a list of failed checks.
    Validation,
    /// Adds data.
    Enrichment,
}

impl RuleKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Condition, Self::Validation, Self::Enrichment];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Condition => "condition",
            Self::Validation => "validation",
            Self::Enrichment => "enrichment",
        }
    }

    /// The kind with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether it answers true or false, as a condition or a case needs it.
    #[must_use]
    pub const fn decides(self) -> bool {
        match self {
            Self::Condition | Self::Validation => true,
            Self::Enrichment => false,
        }
    }
}

/// A rule, compiled.
#[derive(Debug, Clone)]
pub struct Rule {
    body: Body,
}

/// What a rule consists of.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    /// All conditions, as one.
    Condition(Condition),
    Checks(Vec<Check>),
    Enrichment(Enrichment),
}

/// One check of a validation.
#[derive(Debug, Clone)]
pub(crate) struct Check {
    /// The check is left out when this is false.
    pub(crate) when: Option<Condition>,
    pub(crate) condition: Condition,
    pub(crate) message: Template,
}

/// What an enrichment adds.
#[derive(Debug, Clone)]
pub struct Enrichment {
    /// Nothing is added when this is false.
    pub when: Option<Condition>,
    /// Path and value, in the order of the paths.
    pub values: Vec<(String, Template)>,
}

/// What a rule answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Whether it holds: all conditions or checks do, or something is added.
    pub passed: bool,
    /// Messages of the checks that failed.
    pub failures: Vec<String>,
    /// What an enrichment adds, by path.
    pub output: Option<Map<String, Value>>,
    /// Why.
    pub why: Explanation,
}

/// What checking a rule found.
#[derive(Debug, Clone)]
pub struct Checked {
    /// Errors and warnings; their pointers lead into the rule's definition.
    pub problems: Vec<Problem>,
    /// The rule; `None` when there are errors.
    pub rule: Option<Rule>,
}

/// Longest message of a failed check, in characters.
const MAX_FAILURE: usize = 500;

/// Reads the definition of a rule; all problems at once.
#[must_use]
pub fn check(kind: RuleKind, definition: &Value) -> Checked {
    if is_deeper(definition, MAX_DEPTH) {
        return Checked { problems: vec![too_deep()], rule: None };
    }
    let sink = Sink::default();
    let body = decode(kind, &At::root(definition, &sink));
    let found = sink.into_found();
    let mut problems = found.problems;
    let rule = body.filter(|_| !problems.iter().any(Problem::is_error)).map(|body| Rule { body });
    // One that was saved before this was looked at still runs, and finds no secret.
    problems.extend(of_rule(&found.reads));
    Checked { problems, rule }
}

/// What is wrong with the JSON Schema of the data that a rule reads; pointers lead into the schema.
#[must_use]
pub fn check_schema(schema: &Value) -> Vec<Problem> {
    if is_deeper(schema, MAX_DEPTH) {
        return vec![too_deep()];
    }
    let sink = Sink::default();
    check_as_schema(&At::root(schema, &sink));
    sink.into_found().problems
}

impl Rule {
    /// What it does.
    #[must_use]
    pub const fn kind(&self) -> RuleKind {
        match self.body {
            Body::Condition(_) => RuleKind::Condition,
            Body::Checks(_) => RuleKind::Validation,
            Body::Enrichment(_) => RuleKind::Enrichment,
        }
    }

    /// The paths that it reads, as far as they are fixed.
    #[must_use]
    pub fn reads(&self) -> Vec<String> {
        match &self.body {
            Body::Condition(condition) => condition.reads(),
            Body::Checks(checks) => {
                let of_check = |check: &Check| {
                    let when = check.when.as_ref().map(Condition::reads).unwrap_or_default();
                    when.into_iter().chain(check.condition.reads()).chain(check.message.reads()).collect::<Vec<_>>()
                };
                checks.iter().flat_map(of_check).collect()
            }
            Body::Enrichment(enrichment) => {
                let when = enrichment.when.as_ref().map(Condition::reads).unwrap_or_default();
                let values = enrichment.values.iter().flat_map(|(_, template)| template.reads());
                when.into_iter().chain(values).collect()
            }
        }
    }

    /// What it adds, if it is an enrichment.
    #[must_use]
    pub const fn enrichment(&self) -> Option<&Enrichment> {
        match &self.body {
            Body::Enrichment(enrichment) => Some(enrichment),
            Body::Condition(_) | Body::Checks(_) => None,
        }
    }

    /// What it answers for the values of `scope`.
    ///
    /// # Errors
    /// When an expression cannot be computed or exceeds a limit; with `missing_fields: error` also when a field is
    /// missing or two values cannot be compared.
    pub fn evaluate(&self, scope: &dyn Scope) -> Result<Outcome, EvalError> {
        match &self.body {
            Body::Condition(condition) => {
                let why = condition.evaluate(scope)?;
                Ok(Outcome { passed: why.result, failures: Vec::new(), output: None, why })
            }
            Body::Checks(checks) => all(checks, scope),
            Body::Enrichment(enrichment) => enrichment.evaluate(scope),
        }
    }
}

/// Every check is looked at, whatever the others say: who corrects their data wants the whole list.
fn all(checks: &[Check], scope: &dyn Scope) -> Result<Outcome, EvalError> {
    let (mut failures, mut parts) = (Vec::new(), Vec::new());
    for check in checks {
        if let Some(when) = &check.when
            && !when.evaluate(scope)?.result
        {
            continue;
        }
        let part = check.condition.evaluate(scope)?;
        if !part.result {
            failures.push(cut_to(&check.message.render_text(scope)?, MAX_FAILURE));
        }
        parts.push(part);
    }
    let why = Explanation::all_of(parts, scope.now());
    Ok(Outcome { passed: why.result, failures, output: None, why })
}

impl Enrichment {
    /// Whether anything is added, and why.
    ///
    /// # Errors
    /// As [`Rule::evaluate`].
    pub fn applies(&self, scope: &dyn Scope) -> Result<Explanation, EvalError> {
        match &self.when {
            Some(when) => when.evaluate(scope),
            None => Ok(Explanation::all_of(Vec::new(), scope.now())),
        }
    }

    fn evaluate(&self, scope: &dyn Scope) -> Result<Outcome, EvalError> {
        let why = self.applies(scope)?;
        let mut output = Map::new();
        let mut left = MAX_OUTPUT;
        for (path, template) in self.values.iter().filter(|_| why.result) {
            let value = template.render(scope)?;
            if !take(&value, &mut left) {
                let limit = "the values that are added have more than 1 MiB together";
                return Err(EvalError::Limit { expression: path.clone(), limit });
            }
            output.insert(path.clone(), value);
        }
        Ok(Outcome { passed: why.result, failures: Vec::new(), output: Some(output), why })
    }
}

/// A place of a definition that names a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleUse {
    /// Slug of the rule.
    pub rule: String,
    /// Id of the step.
    pub step: String,
    /// JSON Pointer of the name in the definition.
    pub pointer: String,
}

/// Every place of a definition that names a rule, in the order written.
#[must_use]
pub fn uses(definition: &Definition) -> Vec<RuleUse> {
    let mut found = Vec::new();
    collect(&definition.steps, &mut found);
    found
}

/// The rules that a definition names.
#[must_use]
pub fn names(definition: &Definition) -> BTreeSet<String> {
    uses(definition).into_iter().map(|used| used.rule).collect()
}

fn collect(steps: &[Step], found: &mut Vec<RuleUse>) {
    for step in steps {
        let mut add = |rule: &str, place: &str| {
            let (rule, step_id) = (rule.to_owned(), step.id.clone());
            found.push(RuleUse { rule, step: step_id, pointer: format!("{}{place}", step.pointer) });
        };
        match &step.kind {
            StepKind::Condition { test: Test::Rule(rule), .. } | StepKind::Enrich { rule } => add(rule, "/rule_id"),
            StepKind::Switch { cases, .. } => {
                for (index, case) in cases.iter().enumerate() {
                    if let Test::Rule(rule) = &case.when {
                        add(rule, &format!("/cases/{index}/rule_id"));
                    }
                }
            }
            _names_none => {}
        }
        for body in bodies(step) {
            collect(body, found);
        }
    }
}

#[cfg(test)]
mod tests;
