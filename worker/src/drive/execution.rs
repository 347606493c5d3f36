//! The execution in hand: its plan, its state, and what is decided but not yet committed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use engine::Timestamp;
use engine::machine::{self, Command, Decided, Effect, EffectId, Event, Origin, Refused, State, StepPath, Unbegun};
use ids::{ExecutionId, OrganizationId};
use service::executions::Facts;
use service::plans::LoadedVersion;
use store::{Claimed, NewSignal, StoreError};
use tokio::time::Instant;
use tracing::debug;

use super::DriveError;
use super::children::Family;
use super::inbox::Inbox;
use super::measures::Begun;
use super::snapshot::{self, Unsaved};
use crate::context::Context;
use crate::effects::EffectOwner;

/// Why a claimed execution cannot be taken up.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    /// Its version is gone or does not compile.
    #[error("the version cannot be loaded")]
    Version(#[source] service::ServiceError),
    /// Its version is gone.
    #[error("the version does not exist")]
    NoVersion,
    /// The stored state is not what this program wrote.
    #[error("the state cannot be read")]
    State(#[source] serde_json::Error),
    /// A journal row is missing.
    #[error("the journal has nothing after row {after}")]
    Gap {
        /// The last row that is there.
        after: i32,
    },
    /// The database is away.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The stored input or trigger is not what this program wrote.
    #[error("the input cannot be read")]
    Origin(#[source] service::ServiceError),
}

impl LoadError {
    /// Whether another try may find it readable.
    pub(super) const fn may_pass(&self) -> bool {
        match self {
            Self::Version(problem) => matches!(problem, service::ServiceError::Unavailable(_)),
            Self::Store(problem) => problem.is_retryable(),
            Self::NoVersion | Self::State(_) | Self::Gap { .. } | Self::Origin(_) => false,
        }
    }
}

pub(super) struct Execution {
    pub(super) claimed: Claimed,
    pub(super) version: Arc<LoadedVersion>,
    pub(super) origin: Origin,
    pub(super) state: State,
    /// How much of what happened the stored state does not include.
    pub(super) unsaved: Unsaved,
    /// Number of the last journal row.
    pub(super) seq: i32,
    /// Decided, not yet committed.
    pub(super) pending: Vec<Event>,
    /// To begin once `pending` is committed.
    effects: Unbegun,
    /// There is more to decide at once: see [`Decided::goes_on`].
    goes_on: bool,
    /// What others are told with the next commit.
    pub(super) sends: Vec<NewSignal>,
    /// What it was told and has not been committed as taken in.
    pub(super) inbox: Inbox,
    /// The waits for events that whoever emits one finds in the database.
    pub(super) recorded: BTreeSet<(StepPath, (u32, u32))>,
    /// The approvals that are open in the database.
    pub(super) asked: BTreeSet<String>,
    /// The end of its whole life in the database, Unix milliseconds.
    pub(super) deadline: Option<i64>,
    /// When its steps began, for the statistics.
    pub(super) begun: Begun,
}

impl Execution {
    pub(super) async fn load(context: &Arc<Context>, claimed: Claimed) -> Result<Self, LoadError> {
        let services = &context.services;
        let version = services
            .plans()
            .runnable(services.store(), claimed.organization_id, claimed.version_id, claimed.rules.as_deref())
            .await
            .map_err(LoadError::Version)?
            .ok_or(LoadError::NoVersion)?;
        let name = version.plan.definition().name.as_deref();
        let facts = Facts {
            id: claimed.id,
            organization: claimed.organization_id,
            version_number: claimed.version_number,
            input: &claimed.input,
            trigger: &claimed.trigger,
            queued_at_ms: claimed.queued_at_ms,
        };
        let base_url = &services.settings().public_url;
        let origin = service::executions::origin(&facts, &version.slug, name, base_url).map_err(LoadError::Origin)?;
        let (state, unsaved) = snapshot::load(context, &claimed, &origin).await?;
        let seq = claimed.seq;
        let asked = state.approvals().keys().cloned().collect();
        let inbox = Inbox::new(claimed.signals > 0);
        let (begun, deadline) = (Begun::of(&state), claimed.deadline_at_ms);
        Ok(Self {
            claimed,
            version,
            origin,
            state,
            unsaved,
            seq,
            pending: Vec::new(),
            effects: Unbegun::new(),
            goes_on: false,
            sends: Vec::new(),
            inbox,
            // The worker before may have died between recording a wait and looking for events that came
            // earlier, so both are done again.
            recorded: BTreeSet::new(),
            asked,
            deadline,
            begun,
        })
    }

    /// Begins, or goes on where a claim before this one stopped: effects that were under way are
    /// begun again with the same keys. Who cancels or pauses is heard first.
    pub(super) async fn take_up(&mut self, context: &Arc<Context>) -> Result<(), DriveError> {
        if !self.state.has_not_begun() {
            self.effects.add(machine::outstanding(&self.version.plan, &self.origin, &self.state));
        }
        if self.state.has_not_begun() {
            self.leave_with_parent(context).await?;
        }
        if self.state.has_not_begun() {
            self.ask_for_slot(context).await?;
        }
        if self.inbox.has_news() {
            self.look(context).await?;
            self.take_in_control(context)?;
        }
        if !self.has_ended() {
            self.advance(context, Command::TakeUp)?;
        }
        self.take_in(context)
    }

    /// Lets the engine decide, and keeps what it decided.
    pub(super) fn advance(&mut self, context: &Arc<Context>, command: Command) -> Result<(), DriveError> {
        let family = Family::of(&self.state, &command);
        let decided = machine::advance(&self.version.plan, &self.origin, &mut self.state, command, context.now());
        let Decided { events, effects, goes_on } = match decided {
            Ok(decided) => decided,
            // The branch that it was made for has been given up meanwhile.
            Err(problem @ Refused::NotUnderWay { .. }) => {
                debug!(execution.id = %self.id(), "{problem}");
                return Ok(());
            }
            Err(problem) => return Err(problem.into()),
        };
        self.pending.extend(events);
        self.effects.add(effects);
        self.goes_on = goes_on;
        let messages = family.messages(&self.state);
        self.sends.extend(messages.into_iter().map(|(child, told)| told.row(self.claimed.organization_id, child)));
        Ok(())
    }

    /// Notes that something could not be done, for whoever reads the history.
    pub(super) fn warn(&mut self, message: String) {
        let event = Event::Warned { path: StepPath::default(), message };
        machine::apply(&mut self.state, &event);
        self.pending.push(event);
    }

    /// Whether there is more to decide once `pending` is committed.
    pub(super) const fn goes_on(&self) -> bool {
        self.goes_on
    }

    pub(super) const fn id(&self) -> ExecutionId {
        self.claimed.id
    }

    pub(super) const fn organization(&self) -> OrganizationId {
        self.claimed.organization_id
    }

    pub(super) fn effect_owner(&self) -> EffectOwner {
        EffectOwner { organization: self.organization(), execution: self.id(), depth: self.claimed.depth }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.state.has_ended()
    }

    pub(super) fn has_effects(&self) -> bool {
        !self.effects.is_empty()
    }

    /// Whether an outcome is that of a call which has begun: one that was decided anew begins after its commit, and
    /// what comes before is of a call that was given up.
    pub(super) fn has_begun(&self, effect: &EffectId) -> bool {
        !self.effects.has(effect)
    }

    pub(super) fn take_effects(&mut self) -> Vec<Effect> {
        self.effects.take(&self.state)
    }

    /// When something happens by itself while effects are under way.
    pub(super) fn next_due(&self, now: Timestamp) -> Option<Instant> {
        let due = machine::next_due(&self.version.plan, &self.origin, &self.state)?;
        let left = u64::try_from(due.0.saturating_sub(now.0)).unwrap_or(0);
        Instant::now().checked_add(Duration::from_millis(left))
    }
}
