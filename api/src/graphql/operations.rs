//! Workers, queues and the health of the installation; none of it belongs to an organization.

use async_graphql::{ComplexObject, Context, Enum, ID, InputObject, Object, Result, SimpleObject};
use service::operations::{self, QueueState};
use service::{Code, Mistake, ServiceError, Services};
use store::{ReconcilerRow, WorkerRow};

use super::connection::{CountOf, PageArguments, Paged, paged};
use super::errors::{IntoGraphql, UserError, user_errors};
use super::filters::parse_id;
use super::scalars::{DateTime, Duration, Long, int};
use super::server::ServerMode;
use super::viewer_of;

/// Where a worker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "service::operations::WorkerStatus")]
pub enum WorkerStatus {
    /// At work.
    Ready,
    /// Takes no new work.
    Draining,
    /// Ended in order.
    Stopped,
    /// No sign of life.
    Lost,
}

/// A process that runs executions.
pub struct Worker(WorkerRow);

/// A process that runs executions.
#[Object]
impl Worker {
    /// Global id, prefix `wrk_`; new for each start.
    async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// Name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Machine.
    async fn host(&self) -> &str {
        &self.0.host
    }

    /// Version of the program.
    async fn version(&self) -> &str {
        &self.0.version
    }

    /// Where it stands.
    async fn status(&self, ctx: &Context<'_>) -> Result<WorkerStatus> {
        Ok(operations::status_of(&self.0, ctx.data::<Services>()?.now().0).into())
    }

    /// Queues it serves.
    async fn queues(&self) -> &[String] {
        &self.0.queues
    }

    /// Executions it can drive at once.
    async fn slots(&self) -> i32 {
        self.0.slots
    }

    /// Executions it drove at its last sign of life.
    async fn busy_slots(&self) -> i32 {
        self.0.busy_slots
    }

    /// Executions that ended in its hands since its start.
    async fn processed(&self) -> Long {
        Long(self.0.processed)
    }

    /// Those of them that failed.
    async fn failed(&self) -> Long {
        Long(self.0.failed)
    }

    /// Since when.
    async fn started_at(&self) -> DateTime {
        DateTime::from_ms(self.0.started_at_ms)
    }

    /// Last sign of life.
    async fn last_seen_at(&self) -> DateTime {
        DateTime::from_ms(self.0.heartbeat_at_ms)
    }

    /// Last time it took work.
    async fn last_fetch_at(&self) -> Option<DateTime> {
        self.0.last_fetch_at_ms.map(DateTime::from_ms)
    }
}

/// How a queue is.
#[derive(Debug, SimpleObject)]
pub struct QueueStatistics {
    /// Name.
    queue: String,
    /// Executions that can run and that nobody has, counted up to 100,001.
    waiting: i32,
    /// Executions in the hands of workers, counted up to 100,001.
    running: i32,
    /// Entries that could not be read and were put aside; null when the queue does not answer.
    dead_letters: Option<i32>,
    /// Age of the oldest waiting one, since it was accepted.
    oldest_age: Option<Duration>,
    /// Live workers that serve it.
    workers: i32,
    /// When it was measured.
    at: DateTime,
}

/// A line of work.
#[derive(Debug, SimpleObject)]
pub struct Queue {
    /// Name.
    name: String,
    /// How it is now.
    statistics: QueueStatistics,
}

impl From<QueueState> for Queue {
    fn from(state: QueueState) -> Self {
        Self {
            name: state.name.clone(),
            statistics: QueueStatistics {
                queue: state.name,
                waiting: int(state.waiting),
                running: int(state.running),
                dead_letters: state.dead_letters.map(int),
                oldest_age: state.oldest_at_ms.map(|oldest| Duration::between_ms(oldest, state.at_ms)),
                workers: int(state.workers),
                at: DateTime::from_ms(state.at_ms),
            },
        }
    }
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "service::operations::HealthStatus")]
pub enum HealthStatus {
    /// Works.
    Healthy,
    /// Works badly.
    Degraded,
    /// Does not work.
    Unhealthy,
}

/// How a part is.
#[derive(Debug, SimpleObject)]
pub struct ComponentHealth {
    /// One of database, queue, workers, scheduler.
    name: String,
    /// In a word.
    status: HealthStatus,
    /// Of the last check.
    latency: Option<Duration>,
    /// What the check said.
    message: Option<String>,
    /// Last check.
    checked_at: DateTime,
}

/// A background task.
#[derive(Debug, SimpleObject)]
pub struct Reconciler {
    /// Name.
    name: String,
    /// Last run, of any process; reported every few seconds.
    last_run_at: DateTime,
    /// Of the last run.
    last_duration: Duration,
    /// Rows that the last run put right.
    last_count: Long,
    /// What went wrong in the last run.
    last_error: Option<String>,
    /// What it had to repair since the database was made.
    repaired: Long,
}

impl From<ReconcilerRow> for Reconciler {
    fn from(row: ReconcilerRow) -> Self {
        let took = std::time::Duration::from_micros(row.last_duration_us.max(0).unsigned_abs());
        Self {
            name: row.name,
            last_run_at: DateTime::from_ms(row.last_run_at_ms),
            last_duration: Duration(took),
            last_count: Long(row.last_count),
            last_error: row.last_error,
            repaired: Long(row.repaired),
        }
    }
}

/// How the installation is.
#[derive(Debug, SimpleObject)]
pub struct SystemHealth {
    /// In a word.
    status: HealthStatus,
    /// Part by part.
    components: Vec<ComponentHealth>,
    /// Background tasks.
    reconcilers: Vec<Reconciler>,
    /// Executions without a reason to wake; must be 0.
    stuck_executions: i32,
    /// Executions that have been paused for more than a day, counted up to a thousand: somebody should look at them.
    paused_long_executions: i32,
}

/// What a check of the database found, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "service::operations::FindingCode")]
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

/// One thing that is wrong in the database.
#[derive(Debug, SimpleObject)]
pub struct SystemFinding {
    /// What, for programs.
    code: FindingCode,
    /// Id of the execution or event, or `database`; of any organization for whoever runs the installation.
    subject_id: ID,
    /// What is wrong, in a sentence.
    message: String,
    /// What a repair does; null when there is none.
    remedy: Option<String>,
    /// True when it was put right.
    is_repaired: bool,
}

/// What a part of a check found.
#[derive(Debug, SimpleObject)]
pub struct SystemCheck {
    /// What is wrong.
    findings: Vec<SystemFinding>,
    /// Where the next part begins: ask again with it until it is null.
    next: Option<String>,
}

impl From<operations::Report> for SystemCheck {
    fn from(report: operations::Report) -> Self {
        let finding = |finding: operations::Finding| SystemFinding {
            code: finding.code.into(),
            subject_id: ID(finding.subject),
            message: finding.message,
            remedy: finding.remedy.map(str::to_owned),
            is_repaired: finding.is_repaired,
        };
        Self { findings: report.findings.into_iter().map(finding).collect(), next: report.next }
    }
}

/// What to put right.
#[derive(Debug, InputObject)]
pub struct SystemRepairInput {
    /// Where the part begins; the first one when absent.
    after: Option<String>,
    /// True: look at the journals too.
    #[graphql(default = false)]
    deep: bool,
}

/// What was put right.
#[derive(Debug, SimpleObject)]
pub struct SystemRepairPayload {
    /// What was found.
    check: Option<SystemCheck>,
    /// What the caller can correct; empty on success.
    user_errors: Vec<UserError>,
}

/// A worker to drain.
#[derive(Debug, InputObject)]
pub struct WorkerDrainInput {
    /// Which.
    id: ID,
}

/// Answer of a Worker mutation.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct WorkerPayload {
    #[graphql(skip)]
    row: Option<WorkerRow>,
    /// What the caller can correct; empty on success.
    user_errors: Vec<UserError>,
}

#[ComplexObject]
impl WorkerPayload {
    /// The worker.
    async fn worker(&self) -> Option<Worker> {
        self.row.clone().map(Worker)
    }
}

pub(super) async fn workers(ctx: &Context<'_>, arguments: PageArguments) -> Result<Paged<Worker>> {
    let request = arguments.request(ctx, "workers")?;
    let page = operations::workers(ctx.data::<Services>()?, viewer_of(ctx)?, &request).await.graphql()?;
    paged(ctx, page, "workers", CountOf::Workers, Worker)
}

pub(super) async fn queues(ctx: &Context<'_>) -> Result<Vec<Queue>> {
    let queues = operations::queues(ctx.data::<Services>()?, viewer_of(ctx)?).await.graphql()?;
    Ok(queues.into_iter().map(Queue::from).collect())
}

pub(super) async fn health(ctx: &Context<'_>) -> Result<SystemHealth> {
    let health = operations::health(ctx.data::<Services>()?, viewer_of(ctx)?).await.graphql()?;
    let component = |part: operations::Component| ComponentHealth {
        name: part.name.to_owned(),
        status: part.status.into(),
        latency: part.latency.map(Duration),
        message: part.message,
        checked_at: DateTime::from_ms(part.checked_at_ms),
    };
    Ok(SystemHealth {
        status: health.status.into(),
        components: health.components.into_iter().map(component).collect(),
        reconcilers: health.reconcilers.into_iter().map(Reconciler::from).collect(),
        stuck_executions: int(health.stuck),
        paused_long_executions: int(health.paused_long),
    })
}

pub(super) async fn check(ctx: &Context<'_>, after: Option<String>, is_deep: bool) -> Result<SystemCheck> {
    let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
    Ok(operations::check(services, viewer, after.as_deref(), is_deep).await.graphql()?.into())
}

pub(super) async fn repair(ctx: &Context<'_>, input: SystemRepairInput) -> Result<SystemRepairPayload> {
    let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
    let report = operations::repair(services, viewer, input.after.as_deref(), input.deep).await;
    Ok(match user_errors(report)? {
        Ok(report) => SystemRepairPayload { check: Some(report.into()), user_errors: Vec::new() },
        Err(user_errors) => SystemRepairPayload { check: None, user_errors },
    })
}

pub(super) async fn drain(ctx: &Context<'_>, input: WorkerDrainInput) -> Result<WorkerPayload> {
    let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
    let id = parse_id(&input.id)?;
    let outcome = match ctx.data::<ServerMode>()? {
        ServerMode::Embedded => Err(ServiceError::mistake(
            Mistake::new(Code::WrongState, "id", "the worker of `sluice dev` is the server itself")
                .with_help("end it with Ctrl+C or SIGTERM: it drains then"),
        )),
        ServerMode::Cluster => operations::drain(services, viewer, id).await,
    };
    Ok(match user_errors(outcome)? {
        Ok(row) => WorkerPayload { row: Some(row), user_errors: Vec::new() },
        Err(user_errors) => WorkerPayload { row: None, user_errors },
    })
}
