//! People decide: one decision ever. What they decide and what wakes the execution are one transaction.

use async_recursion::async_recursion as boxed;
use engine::Timestamp;
use engine::machine::{ApprovalRequest, Signal};
use ids::ApprovalId;
use queue::Notice;
use serde_json::{Value, json};
use store::{ApprovalRow, ApprovalStatus, DecisionOutcome, Delivered, LinkRow, NewDecision};

use super::links;
use super::read::within_reach;
use super::standing::{Hindrance, Who};
use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::identity::names;
use crate::services::Services;
use crate::signals::Told;
use crate::viewer::{Permission, Viewer};
use crate::wake;

/// Longest reason, in characters.
const MAX_REASON: usize = 1_000;
/// How often it is looked again who may decide, when that changes meanwhile.
const TRIES: u32 = 5;

/// What somebody says to an approval.
#[derive(Debug, Clone, PartialEq)]
pub struct Ruling {
    /// A yes.
    pub approves: bool,
    /// Why.
    pub reason: Option<String>,
    /// The answers to its form.
    pub data: Option<Value>,
    /// The way it came, such as `api`.
    pub channel: &'static str,
}

/// Decides an approval, or adds one voice where several have to agree.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; `NOT_ASSIGNEE` and `OWN_REQUEST`; `CONFLICT` when somebody was first, which names them;
/// `WRONG_STATE` when it has expired or was withdrawn; `INVALID` for answers that do not fit the form, all of them at
/// once; the database away.
#[boxed]
pub async fn decide(
    services: &Services,
    viewer: &Viewer,
    id: ApprovalId,
    ruling: Ruling,
) -> Result<ApprovalRow, ServiceError> {
    decide_with(services, viewer, id, ruling, None).await
}

/// As [`decide`], with a link that is used up by it.
pub(super) async fn decide_with(
    services: &Services,
    viewer: &Viewer,
    id: ApprovalId,
    ruling: Ruling,
    link: Option<&LinkRow>,
) -> Result<ApprovalRow, ServiceError> {
    viewer.require(Permission::ApprovalDecide)?;
    check_reason(&ruling)?;
    let who = Who::of(services, viewer).await?;
    for _try in 0..TRIES {
        let row = within_reach(services, viewer, id).await?.ok_or_else(|| unknown(id))?;
        let now = services.now();
        let known = who.asked_of(services, &row).await?;
        let voice = match who.voice(&row, &known, now.0) {
            Ok(voice) => voice,
            Err(hindrance) => return Err(refusal(services, viewer, &row, hindrance).await?),
        };
        let form = answers(services, &row, &ruling)?;
        note(viewer, &row, &ruling);
        let new = NewDecision {
            on_behalf_of: voice.on_behalf_of().map(str::to_owned),
            link: link.map(|link| link.token_hash.clone()),
            ..decision(viewer, &who, &row, &ruling, form, now)
        };
        match services.store().decide_approval(new).await? {
            DecisionOutcome::Recorded { approval, woken } => {
                metrics::counter!("sluice_approval_decisions_total", "outcome" => outcome(ruling.approves))
                    .increment(1);
                deliver(services, &approval, woken);
                return Ok(*approval);
            }
            DecisionOutcome::Closed(row) => {
                return Err(refusal(services, viewer, &row, closed(&row)).await?);
            }
            DecisionOutcome::DecidedBefore(row) => {
                return Err(refusal(services, viewer, &row, Hindrance::DecidedBefore).await?);
            }
            DecisionOutcome::LinkSpent => return Err(links::spent(link, services.now())),
            DecisionOutcome::Unknown => return Err(unknown(id)),
            DecisionOutcome::Moved => {}
        }
    }
    let message = format!("who may decide approval {id} is being changed");
    Err(ServiceError::mistake(Mistake::new(Code::Conflict, "id", message).with_help("Look at it again, then decide.")))
}

const fn outcome(approves: bool) -> &'static str {
    if approves { "approve" } else { "reject" }
}

fn decision(
    viewer: &Viewer,
    who: &Who<'_>,
    row: &ApprovalRow,
    ruling: &Ruling,
    form: Option<Value>,
    now: Timestamp,
) -> NewDecision {
    let text = form.as_ref().map(Value::to_string);
    let signal = Signal::Approval {
        approval: row.id.to_string(),
        approved: ruling.approves,
        by: who.person.clone(),
        reason: ruling.reason.clone(),
        form: form.unwrap_or(Value::Null),
        at: Some(now),
    };
    NewDecision {
        organization_id: viewer.organization,
        approval_id: row.id,
        revision: row.revision,
        person: who.person.clone(),
        on_behalf_of: None,
        link: None,
        actor: viewer.actor.id.clone(),
        approves: ruling.approves,
        reason: ruling.reason.clone(),
        form: text,
        channel: ruling.channel,
        signal: Told::Signal { what: signal }.row(viewer.organization, row.execution_id).data,
        at_ms: now.0,
    }
}

/// The execution was told with the decision; this only makes it quick, for it and for whoever looks on.
fn deliver(services: &Services, approval: &ApprovalRow, woken: Delivered) {
    wake::push(services, woken.runnable);
    services.notices().publish(vec![Notice::told(approval.organization_id, approval.execution_id)]);
}

fn check_reason(ruling: &Ruling) -> Result<(), ServiceError> {
    let reason = ruling.reason.as_deref().unwrap_or_default();
    if !ruling.approves && reason.trim().is_empty() {
        let mistake = Mistake::new(Code::Required, "reason", "a rejection needs a reason");
        return Err(ServiceError::mistake(mistake.with_help("Say why, for whoever asked.")));
    }
    if reason.chars().count() > MAX_REASON || reason.contains('\0') {
        let message = format!("a reason has at most {MAX_REASON} characters, none of them NUL");
        return Err(ServiceError::mistake(Mistake::new(Code::Invalid, "reason", message)));
    }
    Ok(())
}

/// The answers, when they fit the form. Whoever rejects need not answer.
fn answers(services: &Services, row: &ApprovalRow, ruling: &Ruling) -> Result<Option<Value>, ServiceError> {
    let request: ApprovalRequest = serde_json::from_str(&row.request)
        .map_err(|error| ServiceError::Internal { what: "a stored approval cannot be read", source: error.into() })?;
    let given = match &ruling.data {
        Some(data) => data.clone(),
        None if ruling.approves && request.form.is_some() => json!({}),
        None => return Ok(None),
    };
    if !given.is_object() {
        let mistake = Mistake::new(Code::Invalid, "data", "the answers must be an object, one key for each field");
        return Err(ServiceError::mistake(mistake));
    }
    let (size, limit) = (given.to_string().len(), services.settings().max_payload_bytes);
    if size > limit {
        let message = format!("the answers have {size} bytes, the limit is {limit}");
        return Err(ServiceError::mistake(Mistake::new(Code::TooLarge, "data", message)));
    }
    request.check_answers(&given).map_err(|problems| {
        let mistakes = problems.into_iter().map(|problem| {
            let pointer = problem.pointer.trim_start_matches('/').replace('/', ".");
            let field = if pointer.is_empty() { "data".to_owned() } else { format!("data.{pointer}") };
            Mistake::new(Code::Invalid, &field, problem.message)
        });
        ServiceError::Mistakes(mistakes.collect())
    })?;
    Ok(Some(given))
}

/// Before it is recorded: one that is recorded and not noted could be cut off in between.
fn note(viewer: &Viewer, row: &ApprovalRow, ruling: &Ruling) {
    let named = if ruling.approves { "approval.approved" } else { "approval.rejected" };
    let change = Change::of("approval", row.id, row.step_path.clone()).named(named);
    let before = json!({ "status": "pending", "votes": row.votes, "execution": row.execution_id.to_string() });
    // The answers are data of the execution: for those who may see it, and not for this log.
    let after = json!({ "answer": outcome(ruling.approves), "channel": ruling.channel });
    viewer.origin.trail.note(change.before(before).after(after).because(ruling.reason.clone()));
}

pub(super) fn unknown(id: ApprovalId) -> ServiceError {
    ServiceError::mistake(Mistake::new(Code::NotFound, "id", format!("there is no approval {id}")))
}

/// Why one that is not open can be decided no more.
pub(super) const fn closed(row: &ApprovalRow) -> Hindrance {
    match row.status {
        ApprovalStatus::Approved | ApprovalStatus::Rejected => Hindrance::Decided,
        ApprovalStatus::Pending | ApprovalStatus::Expired | ApprovalStatus::Cancelled => Hindrance::Closed,
    }
}

/// Why nothing was decided, with what happened instead.
pub(super) async fn refusal(
    services: &Services,
    viewer: &Viewer,
    row: &ApprovalRow,
    hindrance: Hindrance,
) -> Result<ServiceError, ServiceError> {
    let id = row.id;
    let when = row.decided_at_ms.map_or_else(String::new, |at| format!(" at {}", Timestamp(at).to_rfc3339()));
    let (message, help) = match hindrance {
        Hindrance::NotAssignee => {
            (format!("approval {id} does not ask you"), "Its fields `roles` and `users` tell who may decide it.")
        }
        Hindrance::HandedOver => (
            format!("you handed approval {id} over"),
            "Its field `delegations` tells to whom; it counts for you again when it comes back.",
        ),
        Hindrance::OwnRequest => (
            format!("you started what approval {id} is about, so somebody else has to decide it"),
            "The workflow can allow it with `allow_self: true`.",
        ),
        Hindrance::DecidedBefore => (
            format!("you have decided approval {id} before, or somebody has in your place"),
            "Others have to decide it too; each person counts once.",
        ),
        Hindrance::Decided => {
            let verb = if row.status == ApprovalStatus::Approved { "approved" } else { "rejected" };
            let by = row.decided_by.clone().unwrap_or_default();
            let actor = names::actors(services, viewer, std::slice::from_ref(&by)).await?.remove(&by);
            let name = actor.filter(|actor| actor.display_name != by).map(|actor| format!(" {}", actor.display_name));
            let name = name.unwrap_or_default();
            (format!("approval {id} was {verb} by{name} ({by}){when}"), "One decision counts, ever.")
        }
        Hindrance::Closed if row.status == ApprovalStatus::Cancelled => (
            format!("approval {id} was withdrawn{when}: its execution ended, or went on without it"),
            "There is nothing left to decide.",
        ),
        Hindrance::Closed if row.expires_at_ms.is_some_and(|at| at <= services.now().0) => {
            let at = row.expires_at_ms.unwrap_or_default();
            (
                format!("approval {id} expired at {}", Timestamp(at).to_rfc3339()),
                "Start the workflow again to ask anew.",
            )
        }
        Hindrance::Closed => {
            (format!("approval {id} is closed: its execution has ended"), "There is nothing left to decide.")
        }
    };
    Ok(ServiceError::mistake(Mistake::new(hindrance.code(), "id", message).with_help(help)))
}
