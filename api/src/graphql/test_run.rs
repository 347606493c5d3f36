//! Running a definition against case files or a single input.

use async_graphql::{Context, InputObject, Result, SimpleObject};
use service::Services;
use service::workflows::{self, TestRun, TestRunRequest};

use super::errors::{UserError, user_errors};
use super::filters::WorkflowRef;
use super::scalars::{DateTime, Duration, Json, int};
use super::viewer_of;
use super::workflow::DefinitionFormat;

/// What to run.
#[derive(Debug, InputObject)]
pub struct WorkflowTestRunInput {
    /// Workflow; its draft is used, or its published version when it has none.
    workflow: Option<WorkflowRef>,
    /// Or a text.
    source: Option<String>,
    /// Format of the text.
    #[graphql(default_with = "DefinitionFormat::Yaml")]
    format: DefinitionFormat,
    /// A case file, JSON or YAML, as `sluice test` reads it.
    cases: Option<String>,
    /// Or an input for a single trial.
    input: Option<Json>,
    /// Answers of steps in the trial, by step key: one, or a list of them.
    mocks: Option<Json>,
    /// Simulated time at which the trial begins.
    now: Option<DateTime>,
}

/// What came of one case.
#[derive(Debug, SimpleObject)]
pub struct TestResult {
    /// Name of the test.
    name: String,
    /// True when all expectations hold.
    passed: bool,
    /// What did not hold.
    failures: Vec<String>,
    /// Where it stood in the end, such as `completed`.
    status: String,
    /// What it came to, such as `allowed`.
    result: Option<String>,
    /// Its data in the end.
    context: Json,
    /// Time it took.
    duration: Duration,
    /// Steps that were reached, in the order in which they began.
    covered_steps: Vec<String>,
}

/// What came of all.
#[derive(Debug, SimpleObject)]
pub struct WorkflowTestRunPayload {
    /// Test by test.
    results: Vec<TestResult>,
    /// Number that passed.
    passed: i32,
    /// Number that failed.
    failed: i32,
    /// Share of steps that were reached.
    coverage: f64,
    /// What the caller can correct; empty on success.
    user_errors: Vec<UserError>,
}

pub(super) async fn run(ctx: &Context<'_>, input: WorkflowTestRunInput) -> Result<WorkflowTestRunPayload> {
    let request = TestRunRequest {
        workflow: input.workflow.map(WorkflowRef::parse).transpose()?,
        source: input.source.map(|source| (source, input.format.into())),
        cases: input.cases,
        input: input.input.map(|input| input.0),
        mocks: input.mocks.map(|mocks| mocks.0),
        now: input.now.map(|now| now.0),
    };
    Ok(match user_errors(workflows::test_run(ctx.data::<Services>()?, viewer_of(ctx)?, request).await)? {
        Ok(run) => payload(run),
        Err(user_errors) => {
            WorkflowTestRunPayload { results: Vec::new(), passed: 0, failed: 0, coverage: 0.0, user_errors }
        }
    })
}

fn payload(run: TestRun) -> WorkflowTestRunPayload {
    let failed = run.results.iter().filter(|result| !result.failures.is_empty()).count();
    let results = run.results.into_iter().map(|result| TestResult {
        name: result.name,
        passed: result.failures.is_empty(),
        failures: result.failures,
        status: result.status,
        result: result.result,
        context: async_graphql::Json(result.context),
        duration: Duration(result.took),
        covered_steps: result.steps,
    });
    let results: Vec<TestResult> = results.collect();
    WorkflowTestRunPayload {
        passed: int(results.len() - failed),
        failed: int(failed),
        results,
        coverage: run.steps.reached as f64 / run.steps.total.max(1) as f64,
        user_errors: Vec::new(),
    }
}
