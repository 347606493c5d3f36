//! What was seen of a run, in the form in which it can be expected.

use std::collections::BTreeSet;

use engine::Timestamp;
use engine::machine::{Event, Origin, Outcome, State, Trace};
use engine::plan::LOADING_STEP;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::signals::Effect;

/// What was seen of a run.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Seen {
    /// Where it stands at the end.
    pub status: String,
    /// What it came to.
    pub result: Option<String>,
    /// What its decision says.
    pub reason: Option<String>,
    /// Further data of the decision.
    pub metadata: Value,
    /// Step that failed.
    pub failed_step: Option<String>,
    /// Code of its error.
    pub error_code: Option<String>,
    /// Message of its error.
    pub error: Option<String>,
    /// Paths of steps, in the order in which they began.
    pub steps_visited: Vec<String>,
    /// Approvals, in the order in which they were opened.
    pub approvals: Vec<SeenApproval>,
    /// HTTP calls and GraphQL requests, one for each attempt.
    pub http_calls: Vec<HttpCall>,
    /// Calls to systems of records, one for each attempt.
    pub records: Vec<SeenRecord>,
    /// Messages that arrived, one for each recipient.
    pub notifications: Vec<SeenNotification>,
    /// Questions to models, one for each attempt.
    pub llm_calls: Vec<SeenModelCall>,
    /// Events that it emitted.
    pub events: Vec<SeenEvent>,
    /// Executions of other workflows that it started.
    pub started: Vec<SeenStart>,
    /// Lines that it logged.
    pub logs: Vec<SeenLog>,
    /// Its data.
    pub context: Value,
    /// Values of secrets that calls had in them: `***` may stand for each in what is expected.
    #[serde(skip)]
    pub secrets: BTreeSet<String>,
    /// What became of each signal.
    #[serde(skip)]
    pub signals: Vec<Effect>,
    /// Its status after each number of signals.
    #[serde(skip)]
    pub statuses: Vec<String>,
    /// Everything that happened.
    #[serde(skip)]
    pub journal: Vec<Event>,
    /// When it began.
    #[serde(skip)]
    pub began: Timestamp,
    /// When nothing followed any more.
    #[serde(skip)]
    pub ended: Timestamp,
}

/// An approval.
#[derive(Debug, Clone, Serialize)]
pub struct SeenApproval {
    /// Step that asked.
    pub step: String,
    /// Role that was asked.
    pub role: Option<String>,
    /// Sort of the thing it is about.
    pub entity_type: Option<String>,
    /// Id of the thing it is about.
    pub entity_id: Option<String>,
    /// Why it was asked.
    pub reason: Option<String>,
    /// `open`, `approved`, `rejected` or `expired`.
    pub status: String,
    /// Who decided.
    pub by: Option<String>,
    /// Reminders sent.
    pub reminders: u32,
    /// Role that was asked later.
    pub escalated_to: Option<String>,
    /// Its id.
    #[serde(skip)]
    pub id: String,
}

/// An HTTP call.
#[derive(Debug, Clone, Serialize)]
pub struct HttpCall {
    /// Step that called.
    pub step: String,
    /// Upper case.
    pub method: String,
    /// Address with its query.
    pub url: String,
    /// Headers by name in lower case.
    pub headers: Map<String, Value>,
    /// What was sent.
    pub body: Value,
    /// Status of the answer; absent when there was none.
    pub status: Option<u16>,
}

/// A call to a system of records.
#[derive(Debug, Clone, Serialize)]
pub struct SeenRecord {
    /// Step that called.
    pub step: String,
    /// `create`, `update`, `delete` or `get`.
    pub operation: String,
    /// Kind of record.
    pub entity: String,
    /// Which one; absent when the service chose it.
    pub entity_id: Option<String>,
    /// The record's fields.
    pub data: Value,
    /// The service that the action names.
    pub service: Option<String>,
}

/// A message that arrived.
#[derive(Debug, Clone, Serialize)]
pub struct SeenNotification {
    /// Step that told.
    pub step: String,
    /// Who was told, as the definition writes it.
    pub recipient: String,
    /// `email`, `slack`, `pagerduty`, `webhook` or `sms`.
    pub channel: String,
    /// One line above the text.
    pub subject: Option<String>,
    /// The text.
    pub message: Option<String>,
    /// Template of the organization that has the text.
    pub template: Option<String>,
    /// What the template reads.
    pub data: Value,
}

/// A question to a model.
#[derive(Debug, Clone, Serialize)]
pub struct SeenModelCall {
    /// Step that asked.
    pub step: String,
    /// The service that the action names.
    pub provider: Option<String>,
    /// Name of the model.
    pub model: String,
    /// Instructions.
    pub system: Option<String>,
    /// The question.
    pub prompt: Option<String>,
    /// Template of the organization that has the question.
    pub template: Option<String>,
    /// Workflows that it may ask for.
    pub tools: Value,
}

/// An execution of another workflow that was started.
#[derive(Debug, Clone, Serialize)]
pub struct SeenStart {
    /// The workflow's slug.
    pub workflow_id: String,
    /// What it was started with.
    pub input: Value,
}

/// An event that was emitted.
#[derive(Debug, Clone, Serialize)]
pub struct SeenEvent {
    /// Its name.
    pub event: String,
    /// Its data.
    pub payload: Value,
}

/// A logged line.
#[derive(Debug, Clone, Serialize)]
pub struct SeenLog {
    /// `debug`, `info`, `warn` or `error`.
    pub level: Value,
    /// The text.
    pub message: String,
}

impl Seen {
    /// Fills in what can be told from the journal.
    pub(crate) fn complete(&mut self, origin: &Origin, state: &State) {
        let trace = Trace::fold(self.journal.clone());
        state.status().name().clone_into(&mut self.status);
        self.result = state.result().and_then(name);
        // Whoever is asked has blocked already.
        if self.status == "blocked" {
            self.result = state.decision().map(|decision| decision.outcome).and_then(name);
        }
        self.reason = state.decision().and_then(|decision| decision.reason.clone());
        self.metadata = state.decision().and_then(|decision| decision.metadata.clone()).unwrap_or_default();
        self.failed_step = state.failed_step().map(str::to_owned);
        self.error_code = state.error().map(|error| error.code.clone());
        self.error = state.error().map(|error| error.message.clone());
        self.context = trace.context(origin);
        self.logs =
            trace.logs.iter().map(|line| SeenLog { level: json!(line.level), message: line.message.clone() }).collect();
        for event in &self.journal {
            match event {
                // What is loaded before the first step is no step of the definition.
                Event::StepStarted { path, attempt: 1, .. } if path != LOADING_STEP => {
                    self.steps_visited.push(path.to_string());
                }
                Event::ApprovalOpened { path, approval, request, .. } => self.approvals.push(SeenApproval {
                    step: path.to_string(),
                    role: request.role.clone(),
                    entity_type: request.entity.clone(),
                    entity_id: request.entity_id.clone(),
                    reason: request.reason.clone(),
                    status: "open".to_owned(),
                    by: None,
                    reminders: 0,
                    escalated_to: None,
                    id: approval.clone(),
                }),
                Event::ApprovalReminded { approval, .. } => {
                    if let Some(seen) = self.approvals.iter_mut().find(|seen| seen.id == *approval) {
                        seen.reminders += 1;
                    }
                }
                Event::ApprovalEscalated { approval, role, .. } => {
                    if let Some(seen) = self.approvals.iter_mut().find(|seen| seen.id == *approval) {
                        seen.escalated_to = Some(role.clone());
                    }
                }
                Event::ApprovalDecided { approval, verdict, .. } => {
                    if let Some(seen) = self.approvals.iter_mut().find(|seen| seen.id == *approval) {
                        verdict.ruling.name().clone_into(&mut seen.status);
                        seen.by.clone_from(&verdict.by);
                    }
                }
                _other => {}
            }
        }
    }
}

fn name(outcome: Outcome) -> Option<String> {
    json!(outcome).as_str().map(str::to_owned)
}
