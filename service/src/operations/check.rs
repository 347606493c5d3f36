//! Proves for the whole database that every live execution has a reason to wake, and puts right what has none.
//!
//! It goes through the database in small parts, by key: the caller asks for the next part until there is none. It
//! takes the permission for operations and names no data of any execution. The organization that runs the
//! installation, which is the default one, sees what is wrong with all of them, and the others with themselves.

use async_recursion::async_recursion as boxed;
use engine::machine::{self, Event, State};
use ids::{ExecutionId, OrganizationId};
use serde::{Deserialize, Serialize};
use store::{Damage, Damaged, JournalSpan, Phase, Place, TenantWall};

use crate::audit::Change;
use crate::cursor::Seal;
use crate::error::ServiceError;
use crate::executions::{Facts, origin, parse_events};
use crate::services::Services;
use crate::signals::{self, Told};
use crate::viewer::{Permission, Viewer};
use crate::wake;

/// Rows in one part.
const ROWS: u64 = 500;
/// Executions in one part of the deep check.
const DEEP_ROWS: u64 = 100;
/// Longest journal that is folded, in rows.
const MAX_JOURNAL: u64 = 10_000;
/// Signals and events are delivered within seconds: older ones were forgotten, in milliseconds.
const PATIENCE_MS: i64 = 30_000;

/// What was found, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindingCode {
    /// A worker has the execution that is not there, or silent for long.
    ClaimWithoutWorker,
    /// It is queued, and nobody will push it again.
    QueuedInFuture,
    /// It rests, and nothing in the database wakes it.
    NothingWakes,
    /// It rests although it was told something.
    ToldButResting,
    /// It waits for a child that has ended or is not there.
    ChildGone,
    /// A wait of an execution that has ended or is not there.
    WaitOfNobody,
    /// Something that an execution was told was not delivered.
    SignalUndelivered,
    /// An event was accepted and started nothing yet.
    EventUnrouted,
    /// Its journal has gaps.
    JournalGap,
    /// Its state is not what its journal says.
    StateDiffers,
    /// PostgreSQL does not keep organizations apart: the queries alone do.
    TenantWallMissing,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What, for programs.
    pub code: FindingCode,
    /// The execution or event, or `database`.
    pub subject: String,
    /// What is wrong, in a sentence.
    pub message: String,
    /// What a repair does; absent when there is none.
    pub remedy: Option<&'static str>,
    /// It was put right.
    pub is_repaired: bool,
}

/// What one part of the check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// Where the next part begins; `None` at the end.
    pub next: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
enum Part {
    Rows(Phase, Place),
    Children(i64),
    Signals,
    Events,
    Journals(Option<ids::uuid::Uuid>),
}

const LIST: &str = "system_check";

/// Looks at the part at `after`, or at the first one.
///
/// # Errors
/// `Forbidden`, a cursor that is none, or the database away.
#[boxed]
pub async fn check(
    services: &Services,
    viewer: &Viewer,
    after: Option<&str>,
    is_deep: bool,
) -> Result<Report, ServiceError> {
    viewer.require(Permission::OperationsRead)?;
    Check { services, viewer, is_deep, repairs: false }.part(after).await
}

/// The same, and puts right what it finds, if it still is as it was seen.
///
/// # Errors
/// As [`check`].
#[boxed]
pub async fn repair(
    services: &Services,
    viewer: &Viewer,
    after: Option<&str>,
    is_deep: bool,
) -> Result<Report, ServiceError> {
    viewer.require(Permission::OperationsWrite)?;
    let report = Check { services, viewer, is_deep, repairs: true }.part(after).await?;
    // Their number alone: they may be of other organizations.
    let repaired = report.findings.iter().filter(|finding| finding.is_repaired).count();
    let change = Change::of("installation", "installation", "").named("system.repaired");
    viewer.origin.trail.note(change.after(serde_json::json!({ "isDeep": is_deep, "repaired": repaired })));
    Ok(report)
}

struct Check<'a> {
    services: &'a Services,
    viewer: &'a Viewer,
    is_deep: bool,
    repairs: bool,
}

impl Check<'_> {
    async fn part(&self, after: Option<&str>) -> Result<Report, ServiceError> {
        let seal = Seal::of(self.services, self.viewer);
        let part = match after {
            None => Part::Rows(Phase::Claims, Place::default()),
            Some(text) => seal.read(LIST, text, "after").map_err(ServiceError::mistake)?,
        };
        let (mut findings, next) = match part {
            Part::Rows(phase, place) => self.rows(phase, &place).await?,
            Part::Children(after) => self.children(after).await?,
            Part::Signals => (self.signals().await?, Some(Part::Events)),
            Part::Events => {
                let next = self.is_deep.then_some(Part::Journals(None));
                (self.events().await?, next)
            }
            Part::Journals(after) => self.journals(after.map(ExecutionId::from_uuid)).await?,
        };
        if after.is_none() {
            findings.extend(self.wall().await?);
        }
        for finding in &findings {
            metrics::counter!("sluice_check_findings_total", "repaired" => if finding.is_repaired { "yes" } else { "no" })
                .increment(1);
        }
        Ok(Report { findings, next: next.map(|part| seal.write(LIST, &part)) })
    }

    /// Whether the viewer may see what is wrong with `organization`.
    fn sees(&self, organization: OrganizationId) -> bool {
        self.runs_the_installation() || organization == self.viewer.organization
    }

    fn runs_the_installation(&self) -> bool {
        self.viewer.organization == self.services.default_organization()
    }

    async fn wall(&self) -> Result<Option<Finding>, ServiceError> {
        if !self.runs_the_installation() {
            return Ok(None);
        }
        let TenantWall::Missing { why } = self.services.store().tenant_wall().await? else { return Ok(None) };
        Ok(Some(Finding {
            code: FindingCode::TenantWallMissing,
            subject: "database".to_owned(),
            message: format!("the database does not keep organizations apart: {why}"),
            remedy: None,
            is_repaired: false,
        }))
    }

    async fn rows(&self, phase: Phase, place: &Place) -> Result<(Vec<Finding>, Option<Part>), ServiceError> {
        let now_ms = self.services.now().0;
        let (damaged, next) = self.services.store().check(phase, place, now_ms, ROWS).await?;
        let mut findings = Vec::with_capacity(damaged.len());
        for one in damaged.into_iter().filter(|one| self.sees(one.organization)) {
            let mut finding = described(&one);
            if self.repairs
                && let Some(runnable) = self.services.store().repair(&one, now_ms).await?
            {
                finding.is_repaired = true;
                wake::push(self.services, runnable);
            }
            findings.push(finding);
        }
        let after = match phase {
            Phase::Claims => Part::Rows(Phase::Queued, Place::default()),
            Phase::Queued => Part::Rows(Phase::Resting, Place::default()),
            Phase::Resting => Part::Rows(Phase::Waits, Place::default()),
            Phase::Waits => Part::Children(0),
        };
        Ok((findings, Some(next.map_or(after, |place| Part::Rows(phase, place)))))
    }

    /// A child tells the execution that waits for it in the commit of its end.
    async fn children(&self, after: i64) -> Result<(Vec<Finding>, Option<Part>), ServiceError> {
        let store = self.services.store();
        let waits = store.child_waits(after, ROWS).await?;
        let next = if waits.len() as u64 == ROWS { waits.last().map(|last| Part::Children(last.0)) } else { None };
        let mut by_organization: std::collections::BTreeMap<OrganizationId, Vec<_>> = std::collections::BTreeMap::new();
        for (_position, organization, parent, target) in waits {
            let child: Option<ExecutionId> = target.parse().ok();
            by_organization.entry(organization).or_default().push((parent, target, child));
        }
        let mut findings = Vec::new();
        for (organization, waits) in by_organization.into_iter().filter(|(organization, _)| self.sees(*organization)) {
            let ids: Vec<ExecutionId> = waits.iter().filter_map(|(_, _, child)| *child).collect();
            let children = store.executions_by_ids(organization, &ids).await?;
            for (parent, target, child) in waits {
                let row = children.iter().find(|row| Some(row.id) == child);
                // Looked at after the child: whoever was told meanwhile is fine.
                if row.is_some_and(|row| !row.status.is_ended())
                    || !store.rests_untold(organization, parent, &target).await?
                {
                    continue;
                }
                let mut finding = Finding {
                    code: FindingCode::ChildGone,
                    subject: parent.to_string(),
                    message: match row {
                        Some(_ended) => format!("it waits for execution {target}, which has ended and told nothing"),
                        None => format!("it waits for execution {target}, which is not there"),
                    },
                    remedy: row.is_some().then_some("tells it how the other one ended"),
                    is_repaired: false,
                };
                if let Some(row) = row.filter(|_row| self.repairs) {
                    self.tell_end(organization, parent, row).await?;
                    finding.is_repaired = true;
                }
                findings.push(finding);
            }
        }
        Ok((findings, Some(next.unwrap_or(Part::Signals))))
    }

    async fn tell_end(
        &self,
        organization: OrganizationId,
        parent: ExecutionId,
        child: &store::ExecutionRow,
    ) -> Result<(), ServiceError> {
        let journal = self.journal(organization, child.id).await?;
        let state = folded(&journal.into_iter().flat_map(|(_seq, events)| events).collect::<Vec<_>>());
        let facts = Facts {
            id: child.id,
            organization,
            version_number: child.version_number,
            input: &child.input,
            trigger: &child.trigger,
            queued_at_ms: child.queued_at_ms,
        };
        let told = Told::Signal { what: machine::ended_child(&origin(&facts, "", None, "")?, &state) };
        signals::tell(self.services, vec![told.row(organization, parent)]).await
    }

    async fn signals(&self) -> Result<Vec<Finding>, ServiceError> {
        let before_ms = self.services.now().0 - PATIENCE_MS;
        let store = self.services.store();
        let mut executions = store.undelivered_signals(before_ms, ROWS).await?;
        if !self.runs_the_installation() {
            let own = store.executions_by_ids(self.viewer.organization, &executions).await?;
            executions = own.into_iter().map(|row| row.id).collect();
        }
        if self.repairs && !executions.is_empty() {
            signals::deliver(self.services, &executions).await?;
        }
        let finding = |execution: ExecutionId| Finding {
            code: FindingCode::SignalUndelivered,
            subject: execution.to_string(),
            message: "something that it was told half a minute ago was not delivered".to_owned(),
            remedy: Some("delivers it"),
            is_repaired: self.repairs,
        };
        Ok(executions.into_iter().map(finding).collect())
    }

    async fn events(&self) -> Result<Vec<Finding>, ServiceError> {
        let before_ms = self.services.now().0 - PATIENCE_MS;
        let mut events = self.services.store().unrouted_events(before_ms, ROWS).await?;
        events.retain(|event| self.sees(event.organization_id));
        if self.repairs && !events.is_empty() {
            let routed = crate::events::route_forgotten(self.services, before_ms, ROWS).await;
            routed
                .map_err(|error| ServiceError::Internal { what: "an event cannot be routed", source: error.into() })?;
        }
        let finding = |event: store::EventRow| Finding {
            code: FindingCode::EventUnrouted,
            subject: event.id.to_string(),
            message: "it was accepted half a minute ago, and nothing was started for it".to_owned(),
            remedy: Some("starts what it triggers"),
            is_repaired: self.repairs,
        };
        Ok(events.into_iter().map(finding).collect())
    }

    async fn journals(&self, after: Option<ExecutionId>) -> Result<(Vec<Finding>, Option<Part>), ServiceError> {
        let spans = self.services.store().journal_spans(after, DEEP_ROWS).await?;
        let next = if spans.len() as u64 == DEEP_ROWS { spans.last().map(|last| last.execution.uuid()) } else { None };
        let mut findings = Vec::new();
        for span in spans.into_iter().filter(|span| self.sees(span.organization)) {
            if i64::from(span.seq) != span.rows || span.seq != span.greatest {
                findings.push(unrepaired(
                    FindingCode::JournalGap,
                    &span,
                    format!(
                        "its journal has {} rows up to number {}, and should have {}",
                        span.rows, span.greatest, span.seq
                    ),
                ));
            } else if span.is_live && span.rows.unsigned_abs() <= MAX_JOURNAL && self.differs(&span).await? {
                let message = "its state is not what its journal says".to_owned();
                findings.push(unrepaired(FindingCode::StateDiffers, &span, message));
            }
        }
        Ok((findings, next.map(|last| Part::Journals(Some(last)))))
    }

    async fn differs(&self, span: &JournalSpan) -> Result<bool, ServiceError> {
        let recorded = self.services.store().recorded_state(span.organization, span.execution).await?;
        let Some((seq, text)) = recorded else { return Ok(false) };
        let journal = self.journal(span.organization, span.execution).await?;
        let known = journal.iter().filter(|(at, _)| *at <= seq).flat_map(|(_, events)| events.clone());
        let state = folded(&known.collect::<Vec<_>>());
        // What cannot be read is another state than any journal gives.
        Ok(serde_json::from_str::<State>(&text).map_or(true, |recorded| recorded != state))
    }

    async fn journal(
        &self,
        organization: OrganizationId,
        id: ExecutionId,
    ) -> Result<Vec<(i32, Vec<Event>)>, ServiceError> {
        let rows = self.services.store().journal(organization, id, 0, MAX_JOURNAL).await?;
        rows.into_iter().map(|row| Ok((row.seq, parse_events(&row.events)?))).collect()
    }
}

fn folded(events: &[Event]) -> State {
    let mut state = State::new();
    for event in events {
        machine::apply(&mut state, event);
    }
    state
}

fn unrepaired(code: FindingCode, span: &JournalSpan, message: String) -> Finding {
    Finding { code, subject: span.execution.to_string(), message, remedy: None, is_repaired: false }
}

fn described(damaged: &Damaged) -> Finding {
    let again = "puts it back into the queue, where a worker takes it up from its journal";
    let (code, message, remedy) = match &damaged.damage {
        Damage::ClaimWithoutWorker { worker, .. } => (
            FindingCode::ClaimWithoutWorker,
            format!("worker {worker} has it, and is not there or silent for long"),
            again,
        ),
        Damage::QueuedInFuture { pushed_at_ms } => (
            FindingCode::QueuedInFuture,
            format!("it is queued, and counts as pushed at {}", engine::Timestamp(*pushed_at_ms).to_rfc3339()),
            "pushes it again",
        ),
        Damage::NothingWakes { .. } => {
            (FindingCode::NothingWakes, "it rests, and nothing in the database wakes it".to_owned(), again)
        }
        Damage::ToldButResting { .. } => {
            (FindingCode::ToldButResting, "it rests although it was told something".to_owned(), again)
        }
        Damage::WaitOfNobody { position } => (
            FindingCode::WaitOfNobody,
            format!("wait {position} is left of it, and it has ended or is not there"),
            "deletes the wait",
        ),
    };
    Finding { code, subject: damaged.execution.to_string(), message, remedy: Some(remedy), is_repaired: false }
}
