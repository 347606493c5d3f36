//! Runs a definition against case files or a single input, without starting anything.

use async_recursion::async_recursion as boxed;
use std::time::{Duration, Instant};

use engine::Timestamp;
use engine::check::{Checked, part_names};
use engine::definition::Format;
use engine::plan::{Plan, Settings};
use serde_json::{Map, Value, json};
use testing::{Case, Coverage, Covered};

use super::check::checked_with;
use super::import::format_from_name;
use super::read::{workflow, workflow_by_slug};
use crate::code::Code;
use crate::error::{Mistake, ServiceError, chain};
use crate::plans::WorkflowRef;
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// Most cases of one request.
const MAX_CASES: usize = 200;
/// Longest case file, in bytes.
const MAX_BYTES: usize = 1024 * 1024;
/// Turns of the machine in one case: a server has other things to do.
const MOST_TURNS: u32 = 2_000;

/// What is run.
#[derive(Debug, Clone)]
pub struct TestRunRequest {
    /// A workflow: its draft, or its published version when it has none.
    pub workflow: Option<WorkflowRef>,
    /// Or a text.
    pub source: Option<(String, Format)>,
    /// A case file, JSON or YAML.
    pub cases: Option<String>,
    /// Or an input for a single trial.
    pub input: Option<Value>,
    /// Answers of steps in the trial, by step: one or a list of them.
    pub mocks: Option<Value>,
    /// When the trial begins.
    pub now: Option<Timestamp>,
}

/// What came of one case.
#[derive(Debug, Clone)]
pub struct TestResult {
    /// The case's id, or `trial`.
    pub name: String,
    /// What did not hold; of a trial, why it failed.
    pub failures: Vec<String>,
    /// How long it took.
    pub took: Duration,
    /// Paths of steps in the order in which they began.
    pub steps: Vec<String>,
    /// Where it stood in the end.
    pub status: String,
    /// What it came to.
    pub result: Option<String>,
    /// Its data in the end.
    pub context: Value,
}

/// What came of all.
#[derive(Debug, Clone)]
pub struct TestRun {
    /// Case by case.
    pub results: Vec<TestResult>,
    /// Steps that were reached.
    pub steps: Covered,
}

/// Runs the cases, in virtual time and with stubbed effects.
///
/// # Errors
/// `Forbidden`; mistakes of the caller; the database away.
#[boxed]
pub async fn test_run(services: &Services, viewer: &Viewer, request: TestRunRequest) -> Result<TestRun, ServiceError> {
    viewer.require(Permission::WorkflowWrite)?;
    let mut cases = cases(&request)?;
    let is_trial = request.cases.is_none();
    let (source, format) = source(services, viewer, request).await?;
    if is_trial {
        // A trial calls nobody, so it does without the values of what its calls would be made with.
        for name in part_names(&source, format).secrets {
            for case in &mut cases {
                case.stubs.secrets.entry(name.clone()).or_insert_with(|| HIDDEN.to_owned());
            }
        }
    }
    let default_timeout = services.settings().execution_timeout;
    let given = cases.iter().flat_map(|case| case.stubs.rules.iter().map(|(slug, rule)| (slug.clone(), rule.kind())));
    let given = given.collect();
    let (checked, known) = checked_with(services, viewer.organization, (&source, format), given).await?;
    let plan = plan(checked, default_timeout)?.with_rules(known.rules.current()?);
    // It may take a while, and must not hold up the others on this thread.
    let ran = tokio::task::spawn_blocking(move || run(&plan, &cases)).await;
    ran.map_err(|error| ServiceError::Internal { what: "a test run ended badly", source: error.into() })
}

fn run(plan: &Plan, cases: &[Case]) -> TestRun {
    let mut coverage = Coverage::default();
    let mut results = Vec::with_capacity(cases.len());
    for case in cases {
        let begun = Instant::now();
        let mut result = TestResult {
            name: case.id.clone(),
            failures: Vec::new(),
            took: Duration::ZERO,
            steps: Vec::new(),
            status: String::new(),
            result: None,
            context: Value::Null,
        };
        match testing::run_within(plan, case, MOST_TURNS) {
            Ok(seen) => {
                coverage.add(&seen);
                result.failures = testing::judge(case, &seen).iter().map(ToString::to_string).collect();
                result.steps.clone_from(&seen.steps_visited);
                result.status.clone_from(&seen.status);
                result.result.clone_from(&seen.result);
                result.context = seen.context;
                if let (Some(code), Some(message), true) = (seen.error_code, seen.error, case.id == TRIAL) {
                    result.failures.push(format!("{code}: {message}"));
                }
            }
            Err(problem) => result.failures.push(chain(&problem).to_string()),
        }
        result.took = begun.elapsed();
        results.push(result);
    }
    TestRun { results, steps: coverage.steps(plan) }
}

/// Name of the case that a single input makes.
const TRIAL: &str = "trial";
/// Stands in a trial for every secret.
const HIDDEN: &str = "***";

fn cases(request: &TestRunRequest) -> Result<Vec<Case>, ServiceError> {
    let refuse = |field: &str, message: String| Err(ServiceError::mistake(Mistake::new(Code::Invalid, field, message)));
    let text = match (&request.cases, &request.input) {
        (Some(text), None) if text.len() > MAX_BYTES => {
            return refuse("cases", format!("a case file has at most {MAX_BYTES} bytes"));
        }
        (Some(text), None) => text.clone(),
        (None, Some(input)) => trial(input, request.mocks.as_ref(), request.now).to_string(),
        _both_or_none => return refuse("cases", "give `cases` or `input`, and not both".to_owned()),
    };
    let is_json = text.trim_start().starts_with(['{', '[']);
    match testing::cases(&text, is_json) {
        Ok(cases) if cases.len() > MAX_CASES => {
            refuse("cases", format!("one request runs at most {MAX_CASES} cases, not {}", cases.len()))
        }
        Ok(cases) => Ok(cases),
        Err(problem) => refuse(if request.cases.is_some() { "cases" } else { "mocks" }, problem.to_string()),
    }
}

/// A case that expects nothing but an end that is no failure.
fn trial(input: &Value, mocks: Option<&Value>, now: Option<Timestamp>) -> Value {
    let (mut called, mut said) = (Vec::new(), Vec::new());
    for (step, answers) in mocks.and_then(Value::as_object).into_iter().flatten() {
        let answers = if answers.is_array() { answers.clone() } else { json!([answers]) };
        let stub = json!({ "step": step, "responses": answers });
        if is_of_model(&answers) { said.push(stub) } else { called.push(stub) }
    }
    let mut stubs = Map::new();
    stubs.insert("records".to_owned(), Value::Array(called.clone()));
    stubs.insert("http".to_owned(), Value::Array(called));
    stubs.insert("llm".to_owned(), Value::Array(said));
    if let Some(now) = now {
        stubs.insert("now".to_owned(), Value::String(now.to_rfc3339()));
    }
    json!({ "id": TRIAL, "workflow": "", "payload": input, "stubs": stubs })
}

/// Whether these are answers of a model: they say something, where others have a body.
fn is_of_model(answers: &Value) -> bool {
    let says = |answer: &Value| answer.get("text").is_some() || answer.get("json").is_some();
    answers.as_array().is_some_and(|answers| answers.iter().any(says))
}

async fn source(
    services: &Services,
    viewer: &Viewer,
    request: TestRunRequest,
) -> Result<(String, Format), ServiceError> {
    let reference = match (request.source, request.workflow) {
        (Some(source), None) => return Ok(source),
        (None, Some(reference)) => reference,
        _both_or_none => {
            let mistake = Mistake::new(Code::Invalid, "workflow", "give `workflow` or `source`, and not both");
            return Err(ServiceError::mistake(mistake));
        }
    };
    let row = match &reference {
        WorkflowRef::Id(id) => workflow(services, viewer, *id).await?,
        WorkflowRef::Slug(slug) => workflow_by_slug(services, viewer, slug).await?,
    };
    let unknown = || ServiceError::mistake(Mistake::new(Code::NotFound, "workflow", "there is no such workflow"));
    let row = row.ok_or_else(unknown)?;
    if let Some(source) = row.draft_source {
        let format = format_from_name(row.draft_format.as_deref().unwrap_or_default());
        return Ok((source, format));
    }
    let Some(number) = row.published_number else { return Err(unknown()) };
    let version = services.store().version_by_number(viewer.organization, row.id, number).await?.ok_or_else(unknown)?;
    let format = format_from_name(&version.format);
    Ok((version.source, format))
}

fn plan(checked: Checked, default_timeout: Duration) -> Result<Plan, ServiceError> {
    let invalid = |message: String| ServiceError::mistake(Mistake::new(Code::DefinitionInvalid, "source", message));
    let errors: Vec<String> =
        checked.problems.iter().filter(|problem| problem.is_error()).map(|problem| problem.message.clone()).collect();
    let Some(definition) = checked.definition.filter(|_| errors.is_empty()) else {
        return Err(invalid(errors.join("; ")));
    };
    Plan::new(definition, Settings { default_timeout }).map_err(|problem| invalid(problem.to_string()))
}
