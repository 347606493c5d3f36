//! Loader `sql`: one statement in a transaction that only reads, bounded in time, rows and bytes.

mod address;
mod bind;
mod tunnel;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use engine::machine::{ErrorClass, StepError};
use futures::TryStreamExt;
use ids::{OrganizationId, ServiceId};
use moka::sync::Cache;
use serde_json::Value;
use service::parts::Service;
use service::sealed::Secret;
use sqlx::postgres::{PgPool, PgPoolOptions, PgRow, PgStatement, PgTypeInfo};
use sqlx::{AssertSqlSafe, ConnectOptions, Either, Executor, Row, SqlSafeStr, Statement};

use self::address::Address;
use self::bind::bind;
use self::tunnel::{Cut, Tunnel};
use super::MOST_BYTES;
use super::problem::{connecting, failed, misused, slow};
use crate::effects::call::Call;
use crate::effects::service_call;
use crate::egress::Guard;

/// Most rows of an answer.
const MOST_ROWS: usize = 1_000;
/// Most characters of a database's words in an error.
const MOST_CHARACTERS: usize = 1_000;
/// What an answer may have on the wire beyond its rows.
const OVERHEAD: u64 = 1024 * 1024;
/// Connections to one database.
const CONNECTIONS: u32 = 4;
/// Databases that connections are kept to.
const DATABASES: u64 = 64;
/// How long a connection is kept that nobody uses.
const IDLE: Duration = Duration::from_mins(1);
/// How long one is kept at most, so that a host that moves is found.
const LIFETIME: Duration = Duration::from_mins(10);
/// Longest wait for a connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// Makes the rows of a statement into JSON.
const ROWS: &str = include_str!("rows.sql");
/// Bounds the time of a statement.
const LIMITS: &str = include_str!("limits.sql");

/// Connections to the databases of organizations.
pub(super) struct Databases {
    guard: Guard,
    pools: Cache<Key, Arc<Database>>,
}

impl fmt::Debug for Databases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Databases").field("pools", &self.pools.entry_count()).finish_non_exhaustive()
    }
}

/// Whose connections these are: another address, user or password makes others.
#[derive(Clone, PartialEq, Eq)]
struct Key {
    organization: OrganizationId,
    service: ServiceId,
    address: Address,
    password: Option<Secret>,
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // The password is left to the comparison.
        self.organization.hash(state);
        self.service.hash(state);
        self.address.hash(state);
    }
}

struct Database {
    pool: PgPool,
    tunnel: Tunnel,
    authority: String,
}

/// A question to a database.
pub(super) struct Question<'a> {
    pub(super) statement: &'a str,
    pub(super) params: &'a Value,
    /// Time that it may take.
    pub(super) limit: Duration,
}

/// Why there is no answer, until it is known which database was asked.
enum Trouble {
    Client(sqlx::Error),
    Params(String),
    TooManyRows,
    TooLarge,
}

impl From<sqlx::Error> for Trouble {
    fn from(error: sqlx::Error) -> Self {
        Self::Client(error)
    }
}

impl Databases {
    pub(super) fn new(guard: Guard) -> Self {
        Self { guard, pools: Cache::builder().max_capacity(DATABASES).time_to_idle(IDLE * 2).build() }
    }

    /// The rows of the answer: one as an object, several as a list; nothing when there are none.
    pub(super) async fn ask(
        &self,
        call: &Call<'_>,
        service: &Service,
        question: Question<'_>,
    ) -> Result<Option<Value>, StepError> {
        let database = self.database(call, service).await?;
        match database.rows(&question).await {
            Ok(mut rows) => Ok(match rows.len() {
                0 => None,
                1 => rows.pop(),
                _several => Some(Value::Array(rows)),
            }),
            Err(trouble) => Err(database.told(call, trouble, &question)),
        }
    }

    async fn database(&self, call: &Call<'_>, service: &Service) -> Result<Arc<Database>, StepError> {
        let text = service_call::base_url(service)?;
        let address = Address::parse(text, &service.settings).map_err(|what| service_call::invalid(service, &what))?;
        let password = super::password(call, service, &address.authority()).await?;
        let key = Key { organization: call.organization(), service: service.id, address, password };
        if let Some(known) = self.pools.get(&key) {
            return Ok(known);
        }
        // Two may open it at the same time; the later one stays, and the other ends with its question.
        let database = Arc::new(Database::open(self.guard.clone(), &key)?);
        self.pools.insert(key, Arc::clone(&database));
        Ok(database)
    }
}

impl Database {
    fn open(guard: Guard, key: &Key) -> Result<Self, StepError> {
        let Key { address, password, .. } = key;
        let tunnel = Tunnel::open(guard, address.clone(), MOST_BYTES + OVERHEAD);
        let tunnel = tunnel.map_err(|problem| {
            tracing::error!(error = %problem, "the way to a database cannot be opened; is the temporary folder full?");
            let message = "the worker cannot open a connection now; its log says why";
            StepError { retryable_class: ErrorClass::Connection, ..StepError::other("CONNECTION_FAILED", message) }
        })?;
        let options = address.options(password.as_ref().map(Secret::reveal));
        // A statement is the author's and may hold anything: it is not for our log.
        let options = options.socket(tunnel.folder()).disable_statement_logging();
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(PATIENCE)
            .idle_timeout(IDLE)
            .max_lifetime(LIFETIME)
            .connect_lazy_with(options);
        Ok(Self { pool, tunnel, authority: address.authority() })
    }

    async fn rows(&self, question: &Question<'_>) -> Result<Vec<Value>, Trouble> {
        // Why a connection ended that served another question, or none, says nothing about this one.
        drop(self.tunnel.cut());
        let mut transaction = self.pool.begin_with("begin transaction read only").await?;
        let limit = question.limit.as_millis().max(1).to_string();
        sqlx::query(LIMITS).bind(limit).execute(&mut *transaction).await?;
        let text = wrapped(question.statement);
        let statement = Executor::prepare(&mut *transaction, AssertSqlSafe(text.clone()).into_sql_str()).await?;
        let bound = bind(types(&statement), question.params).map_err(Trouble::Params)?;
        let query = if bound.declares {
            // Another text, so that it is prepared anew, with the types that are sent.
            sqlx::query_with(AssertSqlSafe(format!("{text} ")), bound.arguments)
        } else {
            statement.query_with(bound.arguments)
        };
        let (mut rows, mut bytes) = (Vec::new(), 0_u64);
        let mut answer = query.fetch(&mut *transaction);
        while let Some(row) = answer.try_next().await? {
            let value = value(&row)?;
            bytes = bytes.saturating_add(value.as_ref().map_or(u64::MAX, |text| text.len() as u64));
            let value = value.filter(|_text| bytes <= MOST_BYTES).ok_or(Trouble::TooLarge)?;
            if rows.len() == MOST_ROWS {
                return Err(Trouble::TooManyRows);
            }
            rows.push(serde_json::from_str(&value).map_err(|problem| sqlx::Error::Decode(problem.into()))?);
        }
        // The transaction has read and holds nothing: it is rolled back when it is dropped.
        Ok(rows)
    }

    /// What the author and the log are told. Words of the client stay out: they may hold addresses.
    fn told(&self, call: &Call<'_>, trouble: Trouble, question: &Question<'_>) -> StepError {
        let at = self.authority.as_str();
        match (trouble, self.tunnel.cut()) {
            (Trouble::Client(sqlx::Error::Database(problem)), _) => {
                // Its words may hold data of any size, and what it was opened with.
                let said: String = call.hidden_text(problem.message()).chars().take(MOST_CHARACTERS).collect();
                refused(at, problem.code().as_deref().unwrap_or_default(), &said, question.limit)
            }
            (Trouble::TooLarge, _) | (Trouble::Client(_), Some(Cut::TooLarge)) => {
                let what = format!("the answer is over {MOST_BYTES} bytes; select fewer columns or rows");
                misused("RESPONSE_TOO_LARGE", at, &what)
            }
            (Trouble::TooManyRows, _) => {
                misused("RESPONSE_TOO_LARGE", at, &format!("more than {MOST_ROWS} rows; add a `limit`"))
            }
            (Trouble::Params(what), _) => misused("INVALID_PARAMS", at, &what),
            (Trouble::Client(_), Some(Cut::NotConnected(problem))) => connecting(at, &problem),
            (Trouble::Client(_), Some(Cut::NotEncrypted(what))) => {
                let hint = "`?sslmode=disable` at the end of the address asks for an open connection";
                misused("TLS_FAILED", at, &format!("{what}; {hint}"))
            }
            (Trouble::Client(sqlx::Error::PoolTimedOut), None) => slow(at, PATIENCE),
            (Trouble::Client(sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed), None) => {
                failed("CONNECTION_FAILED", at, "the connection broke before the answer was complete")
            }
            (Trouble::Client(problem), None) => {
                tracing::warn!(error = %service::chain(&problem), "a question to a database of an organization failed");
                misused("SQL_FAILED", at, "the answer cannot be used; the log of the worker says why")
            }
        }
    }
}

/// The database's own words: it is the author's, and they say what is wrong with the statement.
fn refused(at: &str, state: &str, said: &str, limit: Duration) -> StepError {
    match state {
        "57014" | "55P03" => slow(at, limit),
        // The server ends, starts, or has no place left.
        state if state.starts_with("08") || state.starts_with("53") || state.starts_with("57P") => {
            failed("CONNECTION_FAILED", at, said)
        }
        state if state.starts_with("28") => misused("SQL_LOGIN_FAILED", at, said),
        state => {
            let error = misused("SQL_FAILED", at, said);
            StepError { detail: Some(serde_json::json!({ "sqlstate": state })), ..error }
        }
    }
}

fn types(statement: &PgStatement) -> &[PgTypeInfo] {
    match statement.parameters() {
        Some(Either::Left(types)) => types,
        Some(Either::Right(_)) | None => &[],
    }
}

fn value(row: &PgRow) -> Result<Option<String>, sqlx::Error> {
    row.try_get(0)
}

/// The statement within the one that makes its rows into JSON.
fn wrapped(statement: &str) -> String {
    let statement = statement.trim().trim_end_matches(';').trim_end();
    // The statement last: it may hold the other names.
    let rows = ROWS.replace("{most_bytes}", &MOST_BYTES.to_string());
    rows.replace("{most_rows}", &(MOST_ROWS + 1).to_string()).replace("{statement}", statement)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_stands_within_another_whatever_it_ends_with() {
        let text = wrapped("select 1; -- all\n");
        assert!(text.contains("(\nselect 1; -- all\n    ) as sluice_row\n    limit 1001"), "{text}");
        assert!(wrapped(" select 1 ;; ").contains("(\nselect 1\n    )"));
    }
}
