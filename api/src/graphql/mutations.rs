//! The mutations: ids in, use case, payload out. What a caller can correct is data.

use async_graphql::{Context, Enum, ID, InputObject, Object, Result, SimpleObject};
use service::executions::{self, MAX_WAIT, StartRequest, Trigger};
use service::{ServiceError, Services, workflows};

use super::control::{self, ExecutionCancelInput, ExecutionPauseInput, ExecutionPayload, ExecutionResumeInput};
use super::directives::authorized;
use super::emit::{self, EventEmitInput};
use super::errors::{UserError, item_errors, or_null, user_errors};
use super::event::EventEmitPayload;
use super::execution::Execution;
use super::filters::{WorkflowRef, parse_id};
use super::loaders::{loader, shared};
use super::scalars::{Duration, Json, int};
use super::test_run::{self, WorkflowTestRunInput, WorkflowTestRunPayload};
use super::viewer::Permission;
use super::viewer_of;
use super::workflow::{
    ImportResult, Workflow, WorkflowImportPayload, WorkflowPayload, WorkflowPublishPayload, WorkflowVersion,
};

/// Changes.
#[derive(Default)]
pub struct Mutation;

/// A file to import.
#[derive(InputObject)]
pub struct ImportFileInput {
    /// Name; its ending tells the format.
    path: String,
    /// Text.
    content: String,
}

/// What to import.
#[derive(InputObject)]
pub struct WorkflowImportInput {
    /// Files.
    files: Vec<ImportFileInput>,
    /// True: publish each file without errors.
    #[graphql(default = false)]
    publish: bool,
    /// True: only check.
    #[graphql(default = false)]
    dry_run: bool,
}

/// What to publish.
#[derive(InputObject)]
pub struct WorkflowPublishInput {
    /// Workflow.
    id: ID,
    /// Revision that was seen.
    expected_revision: Option<i32>,
    /// Free label, such as 1.4.0.
    label: Option<String>,
    /// What changed, Markdown.
    changelog: Option<String>,
    /// True: enable it too.
    #[graphql(default = true)]
    enable: bool,
    /// True: only check.
    #[graphql(default = false)]
    dry_run: bool,
}

/// What to enable.
#[derive(InputObject)]
pub struct WorkflowEnableInput {
    /// Which.
    id: ID,
}

/// What to disable.
#[derive(InputObject)]
pub struct WorkflowDisableInput {
    /// Which.
    id: ID,
    /// Why.
    reason: Option<String>,
}

/// A label to set.
#[derive(InputObject)]
pub struct LabelInput {
    /// Name, lower case, at most 63 characters.
    name: String,
    /// Value, at most 255 characters.
    value: String,
}

impl LabelInput {
    pub(super) fn label(self) -> executions::Label {
        executions::Label { name: self.name, value: self.value }
    }
}

/// What to wait for before answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum WaitFor {
    /// Nothing: answer when it is accepted.
    None,
    /// The combined decision: allow or block.
    Decision,
    /// The end of all started executions.
    Completion,
}

impl From<WaitFor> for executions::WaitFor {
    fn from(wait: WaitFor) -> Self {
        match wait {
            WaitFor::None => Self::Nothing,
            WaitFor::Decision => Self::Decision,
            WaitFor::Completion => Self::Completion,
        }
    }
}

/// How long a wait lasts that states no length.
pub(super) const DEFAULT_WAIT: Duration = Duration(std::time::Duration::from_secs(5));

/// What to start.
#[derive(InputObject)]
pub struct ExecutionStartInput {
    /// What to start.
    workflow: WorkflowRef,
    /// Version; the published one when absent.
    version: Option<i32>,
    /// Input; must fit the input schema.
    input: Option<Json>,
    /// Business key.
    key: Option<String>,
    /// Same key within 24 hours, same execution.
    idempotency_key: Option<String>,
    /// Labels.
    labels: Option<Vec<LabelInput>>,
    /// 0 to 9; that of the workflow when absent.
    priority: Option<i32>,
    /// Why, for the record.
    reason: Option<String>,
    /// What to wait for before answering; ignored in a batch.
    #[graphql(default_with = "WaitFor::None")]
    wait: WaitFor,
    /// How long, at most 30 seconds.
    #[graphql(default_with = "DEFAULT_WAIT")]
    wait_timeout: Duration,
}

impl ExecutionStartInput {
    /// What is asked for, without the wait.
    pub(super) fn request(self) -> Result<StartRequest> {
        let labels = self.labels.unwrap_or_default().into_iter();
        Ok(StartRequest {
            workflow: self.workflow.parse()?,
            version: self.version,
            input: self.input.map(|input| input.0),
            key: self.key,
            idempotency_key: self.idempotency_key,
            labels: labels.map(LabelInput::label).collect(),
            priority: self.priority,
            trigger: Trigger::Manual { reason: self.reason },
        })
    }
}

/// Answer of `executionStart`.
#[derive(SimpleObject)]
pub struct ExecutionStartPayload {
    /// The execution, new or found by its idempotency key.
    execution: Option<Execution>,
    /// Cursor to follow it from, for `executionUpdated`.
    events_after: Option<String>,
    /// False when it was found by its idempotency key.
    is_new: bool,
    /// What the caller can correct; empty on success.
    user_errors: Vec<UserError>,
}

impl ExecutionStartPayload {
    /// Something was started, or found.
    pub(super) fn of(execution: Option<Execution>, events_after: String, is_new: bool) -> Self {
        Self { execution, events_after: Some(events_after), is_new, user_errors: Vec::new() }
    }

    /// Nothing was.
    pub(super) const fn refused(user_errors: Vec<UserError>) -> Self {
        Self { execution: None, events_after: None, is_new: false, user_errors }
    }
}

/// What to start, many at once.
#[derive(InputObject)]
pub struct ExecutionStartBatchInput {
    /// At most 1,000.
    items: Vec<ExecutionStartInput>,
}

/// The result for one item of a batch.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct ExecutionStartResult {
    /// Place in the input.
    index: i32,
    /// False when it was found by its key.
    is_new: bool,
    /// What was wrong.
    user_errors: Vec<UserError>,
    #[graphql(skip)]
    id: Option<ids::ExecutionId>,
}

#[async_graphql::ComplexObject]
impl ExecutionStartResult {
    /// Id of the execution, without reading it.
    async fn execution_id(&self) -> Option<ID> {
        self.id.map(|id| ID(id.to_string()))
    }

    /// Execution.
    #[graphql(directive = authorized::apply(Permission::ExecutionRead))]
    async fn execution(&self, ctx: &Context<'_>) -> Result<Option<Execution>> {
        let Some(id) = self.id else { return Ok(None) };
        Ok(loader(ctx)?.load_one(id).await.map_err(|error| shared(&error))?.map(Execution::of))
    }
}

/// Answer of `executionStartBatch`.
#[derive(SimpleObject)]
pub struct ExecutionStartBatchPayload {
    /// In the order of the input.
    results: Vec<ExecutionStartResult>,
    /// Number of new executions.
    started: i32,
    /// What the caller can correct; empty on success.
    user_errors: Vec<UserError>,
}

/// What can be changed.
#[Object(name = "MainMutation")]
impl Mutation {
    /// Brings definitions in, each as a draft or as a published version.
    #[graphql(directive = authorized::apply(Permission::WorkflowWrite))]
    async fn workflow_import(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: WorkflowImportInput,
    ) -> Option<WorkflowImportPayload> {
        or_null(ctx, import(ctx, input).await)
    }

    /// Makes the draft a new immutable version that new executions use.
    #[graphql(directive = authorized::apply(Permission::WorkflowPublish))]
    async fn workflow_publish(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: WorkflowPublishInput,
    ) -> Option<WorkflowPublishPayload> {
        or_null(ctx, publish(ctx, input).await)
    }

    /// Lets triggers and callers start it.
    #[graphql(directive = authorized::apply(Permission::WorkflowPublish))]
    async fn workflow_enable(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: WorkflowEnableInput,
    ) -> Option<WorkflowPayload> {
        let change = async {
            let id = parse_id(&input.id)?;
            switched(workflows::enable(ctx.data::<Services>()?, viewer_of(ctx)?, id).await)
        };
        or_null(ctx, change.await)
    }

    /// Stops triggers and callers from starting it.
    #[graphql(directive = authorized::apply(Permission::WorkflowPublish))]
    async fn workflow_disable(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: WorkflowDisableInput,
    ) -> Option<WorkflowPayload> {
        let change = async {
            let id = parse_id(&input.id)?;
            switched(workflows::disable(ctx.data::<Services>()?, viewer_of(ctx)?, id, input.reason).await)
        };
        or_null(ctx, change.await)
    }

    /// Runs a definition against tests, in simulated time and without side effects.
    #[graphql(complexity = "100 + child_complexity", directive = authorized::apply(Permission::WorkflowWrite))]
    async fn workflow_test_run(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to run.")] input: WorkflowTestRunInput,
    ) -> Option<WorkflowTestRunPayload> {
        or_null(ctx, test_run::run(ctx, input).await)
    }

    /// Starts one.
    #[graphql(directive = authorized::apply(Permission::ExecutionStart))]
    async fn execution_start(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ExecutionStartInput,
    ) -> Option<ExecutionStartPayload> {
        or_null(ctx, start(ctx, input).await)
    }

    /// Starts many; each succeeds or fails for itself.
    #[graphql(complexity = "100 + child_complexity", directive = authorized::apply(Permission::ExecutionStart))]
    async fn execution_start_batch(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ExecutionStartBatchInput,
    ) -> Option<ExecutionStartBatchPayload> {
        or_null(ctx, start_batch(ctx, input).await)
    }

    /// Asks it to stop; executions that it waits for are stopped too.
    #[graphql(directive = authorized::apply(Permission::ExecutionControl))]
    async fn execution_cancel(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ExecutionCancelInput,
    ) -> Option<ExecutionPayload> {
        or_null(ctx, control::cancel(ctx, input).await)
    }

    /// Holds it; what it is told meanwhile is kept.
    #[graphql(directive = authorized::apply(Permission::ExecutionControl))]
    async fn execution_pause(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ExecutionPauseInput,
    ) -> Option<ExecutionPayload> {
        or_null(ctx, control::pause(ctx, input).await)
    }

    /// Lets it go on, with data.
    #[graphql(directive = authorized::apply(Permission::ExecutionControl))]
    async fn execution_resume(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ExecutionResumeInput,
    ) -> Option<ExecutionPayload> {
        or_null(ctx, control::resume(ctx, input).await)
    }

    /// Accepts an event and starts what it triggers.
    #[graphql(directive = authorized::apply(Permission::EventEmit))]
    async fn event_emit(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: EventEmitInput,
    ) -> Option<EventEmitPayload> {
        or_null(ctx, emit::emit(ctx, input).await)
    }
}

async fn import(ctx: &Context<'_>, input: WorkflowImportInput) -> Result<WorkflowImportPayload> {
    let files = input
        .files
        .into_iter()
        .map(|ImportFileInput { path, content }| workflows::ImportFile { path, content })
        .collect();
    let request = workflows::ImportRequest { files, publish: input.publish, dry_run: input.dry_run };
    let imported = match user_errors(workflows::import(ctx.data::<Services>()?, viewer_of(ctx)?, request).await)? {
        Ok(imported) => imported,
        Err(user_errors) => {
            return Ok(WorkflowImportPayload { workflows: Vec::new(), results: Vec::new(), user_errors });
        }
    };
    let is_changed = |file: &&workflows::Imported| {
        matches!(file.outcome, workflows::ImportOutcome::Created | workflows::ImportOutcome::Updated)
    };
    let workflows = imported.iter().filter(is_changed).filter_map(|file| file.workflow.clone()).map(Workflow).collect();
    let results = imported.into_iter().map(|file| ImportResult {
        path: file.path,
        workflow: file.workflow.map(Workflow),
        outcome: file.outcome.into(),
        problems: file.problems.iter().map(Into::into).collect(),
    });
    Ok(WorkflowImportPayload { workflows, results: results.collect(), user_errors: Vec::new() })
}

async fn publish(ctx: &Context<'_>, input: WorkflowPublishInput) -> Result<WorkflowPublishPayload> {
    let request = workflows::PublishRequest {
        workflow: parse_id(&input.id)?,
        expected_revision: input.expected_revision,
        label: input.label,
        changelog: input.changelog,
        enable: input.enable,
        dry_run: input.dry_run,
    };
    Ok(match user_errors(workflows::publish(ctx.data::<Services>()?, viewer_of(ctx)?, request).await)? {
        Ok(result) => WorkflowPublishPayload {
            workflow: Some(Workflow(result.workflow)),
            version: result.version.map(WorkflowVersion),
            problems: result.problems.iter().map(Into::into).collect(),
            user_errors: Vec::new(),
        },
        Err(user_errors) => WorkflowPublishPayload { workflow: None, version: None, problems: Vec::new(), user_errors },
    })
}

fn switched(result: std::result::Result<store::WorkflowRow, ServiceError>) -> Result<WorkflowPayload> {
    Ok(match user_errors(result)? {
        Ok(row) => WorkflowPayload { workflow: Some(Workflow(row)), user_errors: Vec::new() },
        Err(user_errors) => WorkflowPayload { workflow: None, user_errors },
    })
}

async fn start(ctx: &Context<'_>, input: ExecutionStartInput) -> Result<ExecutionStartPayload> {
    let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
    let (wait, limit) = (input.wait, input.wait_timeout.0.min(MAX_WAIT));
    let outcome = executions::start(services, viewer, input.request()?, wait.into(), limit).await;
    let (started, row) = match user_errors(outcome)? {
        Ok(started) => started,
        Err(user_errors) => {
            return Ok(ExecutionStartPayload::refused(user_errors));
        }
    };
    let events_after = executions::beginning(services, viewer, started.execution);
    Ok(ExecutionStartPayload::of(row.map(Execution::of), events_after, started.is_new))
}

async fn start_batch(ctx: &Context<'_>, input: ExecutionStartBatchInput) -> Result<ExecutionStartBatchPayload> {
    let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
    let requests = input.items.into_iter().map(ExecutionStartInput::request).collect::<Result<Vec<_>>>()?;
    let outcomes = match user_errors(executions::start_batch(services, viewer, requests).await)? {
        Ok(outcomes) => outcomes,
        Err(user_errors) => return Ok(ExecutionStartBatchPayload { results: Vec::new(), started: 0, user_errors }),
    };
    let mut results = Vec::with_capacity(outcomes.len());
    for (index, outcome) in (0..).zip(outcomes) {
        results.push(match item_errors(outcome)? {
            Ok(started) => ExecutionStartResult {
                index,
                is_new: started.is_new,
                user_errors: Vec::new(),
                id: Some(started.execution),
            },
            Err(user_errors) => ExecutionStartResult { index, is_new: false, user_errors, id: None },
        });
    }
    let started = results.iter().filter(|result| result.is_new).count();
    Ok(ExecutionStartBatchPayload { results, started: int(started), user_errors: Vec::new() })
}
