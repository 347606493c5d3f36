//! A definition as the engine knows it: decoded, normalised, every template and condition parsed.
//!
//! Values of these types exist only for texts without errors of decoding; whether references,
//! paths and names agree is `check`'s business.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::expr::{Condition, Template};

/// A whole workflow definition (definition-language §1).
#[derive(Debug, Clone)]
pub struct Definition {
    /// Slug, unique in the organization.
    pub workflow_id: String,
    /// The author's label of this content.
    pub version: Option<String>,
    pub name: Option<String>,
    pub description: Option<String>,
    pub enabled: bool,
    pub tags: Vec<String>,
    /// Worker pool that runs it.
    pub queue: String,
    pub priority: Priority,
    /// Bound on running time; waits and pauses do not count. The default is the process's setting.
    pub timeout: Option<Duration>,
    /// Bound on the whole life, waits included.
    pub deadline: Option<Duration>,
    pub triggers: Vec<Trigger>,
    /// JSON Schema (2020-12) of the payload, as written; `Plan` holds it compiled.
    pub input: Option<Value>,
    pub context: Vec<ContextLoad>,
    pub missing_fields: MissingFields,
    pub concurrency: Option<Concurrency>,
    pub rate_limit: Option<RateLimit>,
    pub steps: Vec<Step>,
    /// Names of the organization's variables that its steps read.
    pub variables: BTreeSet<String>,
    /// Names of the organization's services that its steps read as `integrations.NAME`.
    pub integrations: BTreeSet<String>,
    pub metadata: Map<String, Value>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    Low,
    #[default]
    Normal,
    High,
}

/// What a missing field does to a comparison (D-3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MissingFields {
    #[default]
    False,
    Error,
}

#[derive(Debug, Clone)]
pub struct Trigger {
    pub kind: TriggerKind,
    /// Pointer of the trigger in the text, for problems found later.
    pub pointer: String,
}

#[derive(Debug, Clone)]
pub enum TriggerKind {
    Event { pattern: crate::pattern::EventPattern, condition: Option<Condition> },
    Schedule(Schedule),
    Webhook(Webhook),
    Manual,
}

#[derive(Debug, Clone)]
pub struct Schedule {
    pub cron: String,
    pub timezone: String,
    pub catch_up: CatchUp,
    pub catch_up_limit: u32,
    pub overlap: Overlap,
    pub jitter: Option<Duration>,
    pub input: Option<Template>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatchUp {
    Skip,
    One,
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlap {
    Allow,
    Skip,
    Queue,
    CancelRunning,
}

#[derive(Debug, Clone)]
pub struct Webhook {
    pub path: String,
    pub method: String,
    pub verify: Verify,
    pub input: Option<Template>,
}

/// How a caller proves itself: with the secret of the address, or with one of the organization by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verify {
    /// Not at all.
    None,
    /// HMAC-SHA256 of the body in this header.
    HmacSha256 { header: String, secret: Option<String> },
    /// After the Standard Webhooks specification.
    StandardWebhooks { secret: Option<String> },
}

#[derive(Debug, Clone)]
pub struct Concurrency {
    pub key: Template,
    pub limit: u32,
    pub on_conflict: OnConflict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnConflict {
    Queue,
    Skip,
    CancelRunning,
}

/// How many executions may begin in a time.
#[derive(Debug, Clone)]
pub struct RateLimit {
    pub limit: u32,
    pub per: Duration,
    /// All executions of the workflow count together when absent.
    pub key: Option<Template>,
    /// How many may begin at once after a quiet time.
    pub burst: u32,
}

/// One entry of `context.load`.
#[derive(Debug, Clone)]
pub struct ContextLoad {
    pub name: String,
    /// Context path that it is stored at; the name when absent.
    pub store_as: Option<String>,
    /// A plain name is optional (D-13), an object is required unless it says otherwise.
    pub optional: bool,
    pub loader: Option<Loader>,
    pub pointer: String,
}

impl ContextLoad {
    /// Where it is stored.
    pub fn path(&self) -> &str {
        self.store_as.as_deref().unwrap_or(&self.name)
    }
}

#[derive(Debug, Clone)]
pub struct Loader {
    pub kind: LoaderKind,
    pub service: Option<String>,
    pub path: Option<Template>,
    pub query: Option<Template>,
    pub key: Option<Template>,
    pub params: Option<Template>,
    pub cache_ttl: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoaderKind {
    Http,
    Graphql,
    Sql,
    Redis,
    Record,
}

/// A step with what all steps have in common.
#[derive(Debug, Clone)]
pub struct Step {
    pub id: String,
    pub name: Option<String>,
    pub when: Option<Condition>,
    pub next: Option<String>,
    pub on_error: Option<String>,
    /// Bound on one attempt (D-7).
    pub timeout: Option<Duration>,
    pub retry: Option<Retry>,
    /// Context path that gets the output too.
    pub save_as: Option<String>,
    /// `keep_output: full`: the output is stored whole, however large.
    pub keep_full_output: bool,
    pub metadata: Map<String, Value>,
    pub kind: StepKind,
    /// Pointer of the step in the text.
    pub pointer: String,
}

#[derive(Debug, Clone)]
pub enum StepKind {
    Condition {
        test: Test,
        on_true: Option<String>,
        on_false: Option<String>,
    },
    Switch {
        cases: Vec<Case>,
        default: Option<String>,
    },
    Action {
        decision: Decision,
        execute: Vec<Action>,
        on_approved: Option<String>,
        on_rejected: Option<String>,
        on_expired: Option<String>,
    },
    Execute {
        execute: Vec<Action>,
    },
    Approval {
        approval: Box<Approval>,
        on_approved: Option<String>,
        on_rejected: Option<String>,
        on_expired: Option<String>,
    },
    Wait(Wait),
    Parallel {
        branches: Vec<Vec<Step>>,
        strategy: ParallelStrategy,
        max_concurrency: Option<u32>,
    },
    Foreach(Box<Foreach>),
    While {
        condition: Condition,
        steps: Vec<Step>,
        max_iterations: u32,
    },
    /// Path and value, in the order written.
    Set(Vec<(String, Template)>),
    /// A `set` step that writes what an enrichment adds.
    Enrich {
        rule: String,
    },
    Workflow {
        workflow_id: String,
        input: Option<Template>,
        wait: bool,
        revision: Option<u32>,
    },
    Fail {
        code: String,
        message: Option<Template>,
    },
    End,
}

#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "a definition has few of them, and nearly all are the large one")]
pub enum Test {
    Condition(Condition),
    /// The slug of a rule.
    Rule(String),
}

#[derive(Debug, Clone)]
pub struct Case {
    pub when: Test,
    pub next: String,
}

/// What an `action` step decides.
#[derive(Debug, Clone)]
pub struct Decision {
    pub kind: DecisionKind,
    pub reason: Option<Template>,
    pub metadata: Option<Template>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecisionKind {
    Allow,
    Block,
    Execute,
    RequireApproval,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParallelStrategy {
    AllMustPass,
    AnyCanPass,
    BestEffort,
}

#[derive(Debug, Clone)]
pub struct Foreach {
    pub items: Template,
    pub item_var: String,
    pub index_var: String,
    pub steps: Vec<Step>,
    pub max_concurrency: u32,
    pub continue_on_item_error: bool,
    pub batch_size: Option<u32>,
}

#[derive(Debug, Clone)]
pub enum Wait {
    Event {
        event: crate::pattern::EventPattern,
        matching: Option<EventMatch>,
        timeout: Option<Duration>,
        on_timeout: Option<String>,
    },
    /// A length of time, as a template, since it may be computed.
    For(Template),
    Until(Template),
}

#[derive(Debug, Clone)]
pub enum EventMatch {
    Paths(Vec<String>),
    Expression(crate::expr::Expression),
}

#[derive(Debug, Clone)]
pub struct Approval {
    pub role: Option<String>,
    pub users: Vec<String>,
    pub quorum: u32,
    pub entity: Option<Template>,
    pub entity_id: Option<Template>,
    pub reason: Option<Template>,
    pub expires_in: Option<Duration>,
    pub remind_every: Option<Duration>,
    pub escalate: Option<Escalate>,
    pub form: Option<Value>,
    pub data: Option<Template>,
    pub allow_self: bool,
}

#[derive(Debug, Clone)]
pub struct Escalate {
    pub after: Duration,
    pub role: String,
}

#[derive(Debug, Clone)]
pub struct Retry {
    /// Tries in all, the first included; at least 1.
    pub max_attempts: u32,
    pub backoff: Backoff,
    pub delay: Duration,
    pub max_delay: Option<Duration>,
    pub jitter: bool,
    pub retry_on: Vec<RetryOn>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backoff {
    Constant,
    Linear,
    Exponential,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetryOn {
    Any,
    Timeout,
    Connection,
    /// `5xx` is 5, `4xx` is 4.
    StatusClass(u8),
    Status(u16),
    Code(String),
}

/// One entry of an `execute` list.
#[derive(Debug, Clone)]
pub struct Action {
    pub kind: ActionKind,
    /// A failure is recorded and passed over.
    pub optional: bool,
    /// Context path that gets this action's output.
    pub save_as: Option<String>,
    pub pointer: String,
}

#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "a definition has few of them; it is read, never moved about")]
pub enum ActionKind {
    Http(Box<HttpAction>),
    Log {
        message: Template,
        level: LogLevel,
        data: Option<Template>,
    },
    Set(Vec<(String, Template)>),
    EmitEvent {
        event: Template,
        payload: Option<Template>,
    },
    StartWorkflow {
        workflow_id: String,
        input: Option<Template>,
    },
    CreateApproval {
        approval: Box<Approval>,
    },
    GraphqlRequest {
        url: Option<Template>,
        service: Option<String>,
        query: String,
        variables: Option<Template>,
    },
    Record {
        operation: RecordOperation,
        entity: Template,
        entity_id: Option<Template>,
        data: Option<Template>,
        service: Option<String>,
    },
    Notify {
        recipients: Template,
        message: Option<Template>,
        subject: Option<Template>,
        channel: Option<Template>,
        template: Option<String>,
        data: Option<Template>,
    },
    /// The keys of an `llm` action, rendered as one object.
    Llm(Template),
    /// What the definition reads of the organization is fetched. No definition writes it: the plan has it.
    Load,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordOperation {
    Create,
    Update,
    Delete,
    Get,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
}

/// `http_request`, or `webhook` (which is the same call, signed when there is a secret).
#[derive(Debug, Clone)]
pub struct HttpAction {
    pub is_webhook: bool,
    pub url: Template,
    /// Upper case; POST when absent.
    pub method: String,
    pub headers: Option<Template>,
    pub query: Option<Template>,
    pub body: Option<Template>,
    pub form: Option<Template>,
    pub timeout: Option<Duration>,
    pub auth: Option<Template>,
    /// Statuses that count as success; empty means 200 to 299.
    pub expect_status: Vec<u16>,
    pub max_response_bytes: Option<u64>,
}
