//! Ends executions at once, also when no worker answers.

use async_recursion::async_recursion as boxed;
use std::time::Duration;

use engine::machine::{self, Command, Event, State};
use ids::ExecutionId;
use queue::Notice;
use serde_json::Value;
use store::{Ended, ExecutionRow, ExecutionStatus, NewSignal, Ruled, Ruling, RulingWritten, SlotKey};

use super::control::{check_reason, has_ended, note};
use super::forsaken::give_up_children;
use super::known::{Known, found};
use super::wait::{WaitFor, wait_for_news};
use crate::error::ServiceError;
use crate::services::Services;
use crate::signals::{Told, deliver, tell};
use crate::slots;
use crate::viewer::{Permission, Viewer};

/// How long whoever has the execution may take to end it. It does so at once, unless it hangs or is gone.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it is tried when somebody else writes the execution at the same moment.
const TRIES: usize = 5;

/// Ends an execution. A worker that has it ends it as [`super::cancel`] does, and stops its calls; when none has it,
/// or the one that had it is lost, it is ended in the database. So the answer shows a live execution only while a
/// worker that is there does not answer: that one has been told. One that has been cancelled already stays so.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; `WRONG_STATE` when it has ended otherwise; the database away.
#[boxed]
pub async fn terminate(
    services: &Services,
    viewer: &Viewer,
    id: ExecutionId,
    reason: Option<String>,
) -> Result<ExecutionRow, ServiceError> {
    viewer.require(Permission::ExecutionControl)?;
    check_reason(reason.as_deref())?;
    let row = found(services, viewer, id).await?;
    match row.status {
        ExecutionStatus::Cancelled => return Ok(row),
        ExecutionStatus::Completed | ExecutionStatus::Failed => return Err(has_ended(&row, "terminated")),
        _live => {}
    }
    note(viewer, &row, "execution.terminate_asked", reason.clone(), Value::Null);
    let by = Some(viewer.actor.id.clone());
    let news = services.live().execution(id);
    let told = Told::Cancel { by: by.clone(), reason: reason.clone() };
    tell(services, vec![told.row(viewer.organization, id)]).await?;
    let row = wait_for_news(services, viewer, row.clone(), news, WaitFor::Completion, PATIENCE).await?.unwrap_or(row);
    if row.status.is_ended() {
        return Ok(row);
    }
    for _try in 0..TRIES {
        let row = found(services, viewer, id).await?;
        if row.status.is_ended() || end(services, row, by.clone(), reason.clone()).await? {
            return found(services, viewer, id).await;
        }
    }
    found(services, viewer, id).await
}

/// Ends it in the database; false when a worker has it, or somebody else wrote it at the same moment.
async fn end(
    services: &Services,
    row: ExecutionRow,
    by: Option<String>,
    reason: Option<String>,
) -> Result<bool, ServiceError> {
    let Some(ending) = to_end(services, row, by, reason).await? else { return Ok(false) };
    let Some(written) = services.store().rule(&ending.ruling).await? else { return Ok(false) };
    ending.announce(services, &written).await?;
    Ok(true)
}

/// That an execution ends in the database.
pub(crate) struct Ending {
    /// To be written; it holds for the execution as it was looked at.
    pub ruling: Ruling,
    /// The place that it leaves to others.
    slot: Option<SlotKey>,
    /// It may leave children behind that it has not heard of.
    has_children: bool,
}

/// To end at once, whether a worker answers or not; nothing when somebody else has ended it since the row was read.
///
/// # Errors
/// When the database is away.
pub(crate) async fn to_end(
    services: &Services,
    row: ExecutionRow,
    by: Option<String>,
    reason: Option<String>,
) -> Result<Option<Ending>, ServiceError> {
    let (organization, id, parent, now) = (row.organization_id, row.id, row.parent_id, services.now());
    let known = Known::read(services, row).await?;
    let mut state = known.state.clone();
    let command = Command::Cancel { by, reason };
    let Ok(decided) = machine::advance(&known.version.plan, &known.origin, &mut state, command, now) else {
        return Ok(None);
    };
    let ended = Ended {
        status: ExecutionStatus::Cancelled,
        result: None,
        error_code: None,
        error_message: None,
        failed_step: None,
    };
    let ruling = Ruling {
        organization_id: organization,
        execution_id: id,
        seq: known.seq,
        events: events_text(&decided.events),
        at_ms: now.0,
        what: Ruled::Ended(ended),
        sends: sends(&known, &state, parent),
    };
    let has_children = known.version.plan.awaits_children();
    Ok(Some(Ending { ruling, slot: slot(services, &known), has_children }))
}

impl Ending {
    /// Tells whom it concerns, once it is written.
    ///
    /// # Errors
    /// When the database is away: reconcilers make good what is not done.
    pub(crate) async fn announce(&self, services: &Services, written: &RulingWritten) -> Result<(), ServiceError> {
        let Ruling { organization_id: organization, execution_id: execution, .. } = self.ruling;
        metrics::counter!("sluice_executions_ended_total", "status" => "cancelled").increment(1);
        services.notices().publish(vec![Notice { organization, execution, seq: written.seq, ended: true }]);
        let told: Vec<ExecutionId> = self.ruling.sends.iter().map(|signal| signal.execution_id).collect();
        deliver(services, &told).await?;
        if self.has_children {
            give_up_children(services, organization, execution, &told).await?;
        }
        let Some(key) = &self.slot else { return Ok(()) };
        let given = services.store().free_slot(execution, key, &slots::told(), services.now().0).await?;
        deliver(services, &given).await
    }
}

/// Whom its end concerns: the executions that it waits for, and the one that waits for it.
fn sends(known: &Known, ended: &State, parent: Option<ExecutionId>) -> Vec<NewSignal> {
    let organization = known.row.organization_id;
    let reason = Some("the execution that waited for it was terminated".to_owned());
    let given_up = Told::Cancel { by: None, reason };
    let children = machine::children(&known.state).into_iter().filter_map(|child| child.parse().ok());
    let mut sends: Vec<NewSignal> = children.map(|child| given_up.row(organization, child)).collect();
    if let Some(parent) = parent.filter(|_parent| known.origin.trigger["waits"] == true) {
        let told = Told::Signal { what: machine::ended_child(&known.origin, ended) };
        sends.push(told.row(organization, parent));
    }
    sends
}

fn slot(services: &Services, known: &Known) -> Option<SlotKey> {
    let slot = machine::slot(&known.version.plan, &known.origin, services.now()).ok().flatten()?;
    Some(SlotKey { workflow_id: known.row.workflow_id, key: slot.key })
}

fn events_text(events: &[Event]) -> String {
    serde_json::to_string(events).expect("events are plain data")
}
