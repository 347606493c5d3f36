//! Approvals as the engine knows them: what was asked, who may answer, what was answered (§6).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::effect::StepError;
use super::view::View;
use crate::Timestamp;
use crate::definition::{Approval, compile_schema};
use crate::expr::to_text;
use crate::plan::{InputProblem, fit};

/// What is asked of people: an approval with everything rendered.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ApprovalRequest {
    /// Role whose holders may decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Role that may decide too since the escalation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalated_role: Option<String>,
    /// People who may decide by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<String>,
    /// How many have to approve.
    pub quorum: u32,
    /// Sort of the thing it is about, such as `order`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
    /// Id of the thing it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity_id: Option<String>,
    /// Why it is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Further data for those who decide.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub data: Value,
    /// JSON Schema of the answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<Value>,
    /// Whether the person who started the execution may decide.
    #[serde(default)]
    pub allow_self: bool,
    /// When it expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// Somebody who wants to decide.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decider {
    /// Who.
    pub id: String,
    /// The roles held in the organization.
    pub roles: Vec<String>,
    /// Whether this person started the execution.
    pub is_starter: bool,
}

/// Why somebody may not decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAdmitted {
    /// Neither named nor a holder of the role.
    #[error("only those who hold the role, or are named, may decide this approval")]
    NotAsked,
    /// The person who started the execution.
    #[error("whoever started the execution may not decide its approvals")]
    Starter,
}

impl ApprovalRequest {
    /// Whether `decider` may decide.
    ///
    /// # Errors
    /// Why not.
    pub fn admits(&self, decider: &Decider) -> Result<(), NotAdmitted> {
        let holds = |role: &Option<String>| role.as_ref().is_some_and(|role| decider.roles.contains(role));
        if !(holds(&self.role) || holds(&self.escalated_role) || self.users.contains(&decider.id)) {
            return Err(NotAdmitted::NotAsked);
        }
        if decider.is_starter && !self.allow_self {
            return Err(NotAdmitted::Starter);
        }
        Ok(())
    }

    /// Checks answers against the form; without a form anything goes.
    ///
    /// # Errors
    /// What does not fit, twenty problems at most.
    pub fn check_answers(&self, answers: &Value) -> Result<(), Vec<InputProblem>> {
        let Some(form) = &self.form else { return Ok(()) };
        // It compiled when the workflow was published; what does not any more is said like a wrong answer.
        let schema = compile_schema(form).map_err(|problem| {
            vec![InputProblem { pointer: String::new(), message: format!("the form does not compile: {problem}") }]
        })?;
        fit(&schema, answers)
    }

    /// What is asked, rendered.
    pub(super) fn render(approval: &Approval, view: &View<'_>, now: Timestamp) -> Result<Self, StepError> {
        let entity_id = approval.entity_id.as_ref().map(|template| template.render(view)).transpose()?;
        Ok(Self {
            role: approval.role.clone(),
            escalated_role: None,
            users: approval.users.clone(),
            quorum: approval.quorum,
            entity: approval.entity.as_ref().map(|template| template.render_text(view)).transpose()?,
            entity_id: entity_id.filter(|id| !id.is_null()).map(|id| to_text(&id)),
            reason: approval.reason.as_ref().map(|template| template.render_text(view)).transpose()?,
            data: approval.data.as_ref().map(|template| template.render(view)).transpose()?.unwrap_or(Value::Null),
            form: approval.form.clone(),
            allow_self: approval.allow_self,
            expires_at: approval.expires_in.map(|length| now.plus(length)),
        })
    }
}

/// What an approval came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    /// Enough people approved.
    Approved,
    /// Somebody rejected it.
    Rejected,
    /// Nobody decided in time.
    Expired,
}

impl Ruling {
    /// Name in definitions and in outputs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
        }
    }
}

/// A decided approval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// What it came to.
    pub ruling: Ruling,
    /// Who decided; nobody when it expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The answers given.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub form: Value,
    /// When the person answered; absent when it expired, and in what a release wrote that did not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<Timestamp>,
    /// When the execution took it in.
    pub at: Timestamp,
}

impl Verdict {
    /// When it was decided, whether or not anybody was there to take it in.
    #[must_use]
    pub fn decided_at(&self) -> Timestamp {
        self.answered_at.unwrap_or(self.at)
    }

    /// As `steps.<id>.output` shows it.
    pub(super) fn output(&self) -> Value {
        let mut output = Map::new();
        output.insert("decision".to_owned(), Value::from(self.ruling.name()));
        output.insert("by".to_owned(), json!(self.by));
        output.insert("reason".to_owned(), json!(self.reason));
        output.insert("form".to_owned(), self.form.clone());
        output.insert("decided_at".to_owned(), Value::String(self.decided_at().to_rfc3339()));
        Value::Object(output)
    }
}
