//! Connections that see the rows of one organization: the second wall between tenants.
//!
//! The first wall is the filter of every query. These connections have put on a role that owns nothing and may
//! only read, so the policies of the tables apply to them: a query without its filter finds the rows of its
//! organization all the same.
//!
//! Our own little pool rather than the driver's: a connection remembers whom it was set to, and is given to the
//! same organization again if it can be, so that most reads cost no round trip for it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ids::OrganizationId;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection, Executor};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::{TRY_AFTER, is_alive, of_tenants};
use crate::breaker::{Breaker, Evidence, Refusal};
use crate::tenants::TenantWall;

/// A connection that stands outside of the wall is not used for longer, so that a wall that is built while the
/// program runs is taken up.
const OUTSIDE_FOR: Duration = Duration::from_mins(1);

/// The pool.
#[derive(Debug)]
pub struct Tenants {
    options: PgConnectOptions,
    breaker: Breaker,
    /// Longest time to wait for a turn, and for a connection.
    acquire_timeout: Duration,
    /// Longest time for a call as a whole.
    limit: Duration,
    /// Whether to refuse reads rather than to do without the wall.
    is_required: bool,
    turns: Semaphore,
    idle: Mutex<Vec<Kept>>,
    /// What was found when the last connection was made.
    seen: Mutex<Option<TenantWall>>,
}

#[derive(Debug)]
struct Kept {
    connection: PgConnection,
    /// Whom it is set to; `None` while that is not known.
    organization: Option<OrganizationId>,
    is_inside: bool,
    made_at: Instant,
    last_used: Instant,
}

/// A connection in use. It goes back by [`Lease::end`]; when it is dropped, the connection is closed, because
/// nobody knows what it is in the middle of.
pub struct Lease<'a> {
    tenants: &'a Tenants,
    kept: Kept,
    _turn: SemaphorePermit<'a>,
}

impl Lease<'_> {
    pub const fn connection(&mut self) -> &mut PgConnection {
        &mut self.kept.connection
    }

    /// Keeps the connection for the next time, unless `outcome` shows that it may be broken.
    pub fn end<T>(mut self, outcome: &Result<T, sqlx::Error>) {
        if is_alive(outcome) {
            self.kept.last_used = Instant::now();
            lock(&self.tenants.idle).push(self.kept);
        }
    }
}

impl Tenants {
    pub fn new(options: PgConnectOptions, limit: Duration, breaker: Breaker, config: &crate::StoreConfig) -> Self {
        Self {
            // Whatever the role may be granted by mistake: nothing is written here.
            options: options.options([("default_transaction_read_only", "on")]),
            breaker,
            acquire_timeout: config.acquire_timeout,
            limit,
            is_required: config.require_tenant_wall,
            turns: Semaphore::new(usize::try_from(of_tenants(config)).unwrap_or(usize::MAX)),
            idle: Mutex::new(Vec::new()),
            seen: Mutex::new(None),
        }
    }

    /// Runs a call on behalf of `organization` through the breaker; `E` is the error of the caller's driver.
    pub async fn pass<T, E: Evidence>(&self, call: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        self.breaker.run(self.limit, call).await
    }

    /// A connection that sees the rows of `organization`.
    pub async fn lease(&self, organization: OrganizationId) -> Result<Lease<'_>, sqlx::Error> {
        let mut lease = self.any(Some(organization)).await?;
        if lease.kept.organization != Some(organization) {
            // Not known until it is answered: the call may be given up in between.
            lease.kept.organization = None;
            sqlx::query(include_str!("tenants/set_postgres.sql"))
                .bind(organization.uuid().to_string())
                .execute(&mut lease.kept.connection)
                .await?;
            lease.kept.organization = Some(organization);
        }
        Ok(lease)
    }

    /// Whether the wall stands, found out by a new connection.
    pub async fn look(&self) -> Result<TenantWall, sqlx::Error> {
        self.forget();
        let outcome = Ok(());
        match self.any(None).await {
            Ok(lease) => lease.end(&outcome),
            Err(problem) if self.seen().is_none_or(|seen| seen.stands()) => return Err(problem),
            // Refused because the wall is required: that it is missing is the answer.
            Err(_refused) => {}
        }
        Ok(self.seen().unwrap_or(TenantWall::Stands))
    }

    /// What was found last; `None` before the first connection.
    pub fn seen(&self) -> Option<TenantWall> {
        lock(&self.seen).clone()
    }

    /// Closes what lies idle: the schema has changed.
    pub fn forget(&self) {
        lock(&self.idle).clear();
    }

    pub async fn close(&self) {
        self.turns.close();
        let idle = std::mem::take(&mut *lock(&self.idle));
        for kept in idle {
            if let Err(problem) = kept.connection.close().await {
                tracing::debug!(error = %problem, "a connection was not closed in order");
            }
        }
    }

    /// A connection, one of `organization` if there is one.
    async fn any(&self, organization: Option<OrganizationId>) -> Result<Lease<'_>, sqlx::Error> {
        let no_connection = || sqlx::Error::refused(Refusal::NoConnection { limit: self.acquire_timeout });
        let turn = tokio::time::timeout(self.acquire_timeout, self.turns.acquire()).await;
        let turn = turn.map_err(|_elapsed| sqlx::Error::PoolTimedOut)?.map_err(|_closed| sqlx::Error::PoolClosed)?;
        while let Some(mut kept) = self.take_idle(organization) {
            if kept.last_used.elapsed() > TRY_AFTER {
                // One that says nothing at all is as broken as one that says it is.
                let answer = tokio::time::timeout(self.acquire_timeout, kept.connection.ping()).await;
                if !matches!(answer, Ok(Ok(()))) {
                    continue;
                }
            }
            return Ok(Lease { tenants: self, kept, _turn: turn });
        }
        let made = tokio::time::timeout(self.acquire_timeout, self.make()).await;
        let kept = made.map_err(|_elapsed| no_connection())??;
        Ok(Lease { tenants: self, kept, _turn: turn })
    }

    /// The one that was last used for `organization`; otherwise the one that was not used for longest, so that the
    /// others stay with those who come often.
    fn take_idle(&self, organization: Option<OrganizationId>) -> Option<Kept> {
        let mut idle = lock(&self.idle);
        idle.retain(|kept| kept.is_inside || kept.made_at.elapsed() < OUTSIDE_FOR);
        let same = idle.iter().rposition(|kept| kept.organization == organization);
        match same {
            Some(place) => Some(idle.remove(place)),
            None if idle.is_empty() => None,
            None => Some(idle.remove(0)),
        }
    }

    async fn make(&self) -> Result<Kept, sqlx::Error> {
        let mut connection = self.options.connect().await?;
        let wall = enter(&mut connection).await?;
        let is_inside = wall.stands();
        let before = lock(&self.seen).replace(wall.clone());
        if let TenantWall::Missing { why } = &wall {
            if self.is_required {
                return Err(sqlx::Error::Configuration(format!("the tenant wall is required: {why}").into()));
            }
            if before.as_ref() != Some(&wall) {
                tracing::warn!(%why, "row-level security does not stand behind the queries: {}", TenantWall::REMEDY);
            }
        }
        let now = Instant::now();
        Ok(Kept { connection, organization: None, is_inside, made_at: now, last_used: now })
    }
}

/// Puts the role on; tells what is missing if that is not possible.
async fn enter(connection: &mut PgConnection) -> Result<TenantWall, sqlx::Error> {
    let missing = |why: &str| Ok(TenantWall::Missing { why: why.to_owned() });
    match connection.execute(sqlx::raw_sql(include_str!("tenants/enter_postgres.sql"))).await {
        Ok(_entered) => {}
        Err(sqlx::Error::Database(problem)) => match problem.code().unwrap_or_default().as_ref() {
            "22023" => return missing("the server has no role `sluice_tenant`"),
            "42501" => return missing("this user is not a member of the role `sluice_tenant`"),
            _another => return Err(sqlx::Error::Database(problem)),
        },
        Err(problem) => return Err(problem),
    }
    let (may_read,): (bool,) =
        sqlx::query_as(include_str!("tenants/may_read_postgres.sql")).fetch_one(&mut *connection).await?;
    if may_read {
        return Ok(TenantWall::Stands);
    }
    connection.execute("reset role").await?;
    missing("the role `sluice_tenant` may not read every table of organizations")
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Nobody panics between two changes that belong together.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
