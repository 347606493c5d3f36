//! What every use case works with: store, queue, notices, plans and clock.

use async_recursion::async_recursion as boxed;
use std::sync::Arc;
use std::time::Duration;

use engine::Timestamp;
use ids::OrganizationId;
use queue::{Notices, WorkQueue};
use store::{ExecutionStatus, RuleRow, ScheduleRow, Store};

use crate::admission::Admission;
use crate::clock::Clock;
use crate::identity::{Accounts, Known, SignUp};
use crate::live::Live;
use crate::mail::Mailer;
use crate::plans::Plans;
use crate::secret_key::SecretKey;
use crate::sharing::Sharing;
use crate::statistics;

/// Limits and defaults that use cases keep to.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Largest input, payload or output, in bytes of JSON.
    pub max_payload_bytes: usize,
    /// Bound on the running time of an execution whose workflow states none.
    pub execution_timeout: Duration,
    /// Where people reach the server, for links; without a slash at the end.
    pub public_url: String,
    /// How long executions are kept whose workflow and organization say nothing.
    pub retention: store::Retention,
    /// How long events are kept, in milliseconds; for ever when absent.
    pub event_retention_ms: Option<i64>,
    /// How long entries of the audit log are kept, in milliseconds; for ever when absent.
    pub audit_retention_ms: Option<i64>,
    /// How long statistics are kept, in milliseconds; for ever when absent.
    pub statistics_retention_ms: Option<i64>,
    /// Slug of the organization that requests without credentials act in.
    pub default_organization: String,
    /// What tokens are signed and stored secrets are encrypted with.
    pub secret_key: SecretKey,
    /// Who may sign up.
    pub sign_up: SignUp,
    /// Sends mail to people.
    pub mailer: Mailer,
    /// Memory that starts and events may take while they are on their way into the database, in bytes.
    pub max_accepting_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_payload_bytes: 256 * 1_024,
            execution_timeout: Duration::from_mins(5),
            public_url: "http://127.0.0.1:8080".to_owned(),
            retention: store::Retention::default(),
            event_retention_ms: None,
            audit_retention_ms: None,
            statistics_retention_ms: None,
            default_organization: "default".to_owned(),
            // For tests: whoever runs an installation gives one.
            secret_key: SecretKey::new([0; 32]),
            sign_up: SignUp::Off,
            mailer: Mailer::default(),
            max_accepting_bytes: 64 * 1_024 * 1_024,
        }
    }
}

/// The parts of one process; cheap to clone.
#[derive(Debug, Clone)]
pub struct Services(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    store: Store,
    queue: WorkQueue,
    notices: Notices,
    live: Live,
    counts: Sharing<Vec<(ExecutionStatus, u64)>>,
    numbers: Sharing<statistics::Update>,
    schedules: Sharing<Option<ScheduleRow>>,
    rules: Sharing<Option<RuleRow>>,
    known: Known,
    plans: Plans,
    clock: Clock,
    admission: Admission,
    accounts: Accounts,
    settings: Settings,
    default_organization: OrganizationId,
}

impl Services {
    /// Puts the parts together; the default organization is made if it does not exist yet.
    ///
    /// # Errors
    /// When the database is away or not migrated.
    #[boxed]
    pub async fn new(
        store: Store,
        queue: WorkQueue,
        notices: Notices,
        clock: Clock,
        settings: Settings,
    ) -> Result<Self, store::StoreError> {
        let slug = settings.default_organization.clone();
        let default_organization = store.ensure_organization(&slug, "Default", clock.now().0).await?;
        let live = Live::start(&notices);
        let plans = Plans::new(settings.execution_timeout);
        let admission = Admission::new(settings.max_accepting_bytes);
        Ok(Self(Arc::new(Parts {
            store,
            queue,
            notices,
            live,
            counts: Sharing::default(),
            numbers: Sharing::default(),
            schedules: Sharing::default(),
            rules: Sharing::default(),
            known: Known::default(),
            plans,
            clock,
            admission,
            accounts: Accounts::default(),
            settings,
            default_organization,
        })))
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// The work queue.
    #[must_use]
    pub fn queue(&self) -> &WorkQueue {
        &self.0.queue
    }

    /// The notices of what was committed.
    #[must_use]
    pub fn notices(&self) -> &Notices {
        &self.0.notices
    }

    /// Who listens in this process.
    #[must_use]
    pub fn live(&self) -> &Live {
        &self.0.live
    }

    /// Who follows how many executions are in each state.
    pub(crate) fn followed_counts(&self) -> &Sharing<Vec<(ExecutionStatus, u64)>> {
        &self.0.counts
    }

    /// Who follows statistics.
    pub(crate) fn followed_numbers(&self) -> &Sharing<statistics::Update> {
        &self.0.numbers
    }

    /// Who follows schedules; nothing is seen of one that is gone.
    pub(crate) fn followed_schedules(&self) -> &Sharing<Option<ScheduleRow>> {
        &self.0.schedules
    }

    /// Who follows rules; nothing is seen of one that is gone.
    pub(crate) fn followed_rules(&self) -> &Sharing<Option<RuleRow>> {
        &self.0.rules
    }

    /// What is remembered for some seconds of members and keys.
    pub(crate) fn known(&self) -> &Known {
        &self.0.known
    }

    /// How much may be accepted at once.
    #[must_use]
    pub fn admission(&self) -> &Admission {
        &self.0.admission
    }

    /// What signing in keeps in memory.
    #[must_use]
    pub fn accounts(&self) -> &Accounts {
        &self.0.accounts
    }

    /// Compiled versions.
    #[must_use]
    pub fn plans(&self) -> &Plans {
        &self.0.plans
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Limits and defaults.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The organization that requests without credentials act in.
    #[must_use]
    pub fn default_organization(&self) -> OrganizationId {
        self.0.default_organization
    }
}
