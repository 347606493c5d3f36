//! One transaction for a whole group: the heads of its organizations are locked in order, so that the processes of an
//! installation append in turns.
//!
//! A group of one organization goes on from the head that the group before it left, in one statement that does
//! nothing when somebody else has appended, or retention removed something, meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use ids::OrganizationId;
use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::query::Query;
use sqlx::types::Uuid;
use sqlx::{Connection, FromRow};

use super::link;
use crate::audit::{AuditKey, Head, Link};
use crate::backend::Postgres;
use crate::error::StoreError;
use crate::model::audit::NewAuditEntry;

/// Logs whose heads are remembered; beyond, all are forgotten.
const REMEMBERED: usize = 1_000;

/// Where the logs ended that this process appended to last. What it holds may be old: it is believed only
/// where the database agrees.
#[derive(Default)]
pub struct Heads(Mutex<BTreeMap<OrganizationId, Head>>);

impl Heads {
    fn take(&self, organization: OrganizationId) -> Option<Head> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&organization)
    }

    fn keep(&self, organization: OrganizationId, head: Head) {
        let mut heads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if heads.len() >= REMEMBERED {
            heads.clear();
        }
        heads.insert(organization, head);
    }
}

pub async fn append(
    postgres: &Postgres,
    key: &AuditKey,
    known: &Heads,
    given: &[&NewAuditEntry],
) -> Result<(), StoreError> {
    let mut connection = postgres.audits.take().await?;
    let appended = append_with(&mut connection, key, known, given).await;
    postgres.audits.give_back(connection, &appended).await;
    Ok(appended?)
}

async fn append_with(
    connection: &mut PgConnection,
    key: &AuditKey,
    known: &Heads,
    given: &[&NewAuditEntry],
) -> Result<(), sqlx::Error> {
    let organizations: BTreeSet<OrganizationId> = given.iter().map(|entry| entry.organization_id).collect();
    if let (1, Some(organization)) = (organizations.len(), organizations.first().copied())
        && let Some(head) = known.take(organization)
        && let Some(head) = extend(connection, key, organization, head, given).await?
    {
        known.keep(organization, head);
        return Ok(());
    }
    for (organization, head) in append_on(connection, key, given).await? {
        known.keep(organization, head);
    }
    Ok(())
}

/// Appends behind `head`, if the log still ends there; the new head then.
async fn extend(
    connection: &mut PgConnection,
    key: &AuditKey,
    organization: OrganizationId,
    head: Head,
    given: &[&NewAuditEntry],
) -> Result<Option<Head>, sqlx::Error> {
    let before = head.clone();
    let mut heads = BTreeMap::from([(organization, head)]);
    let links = link(key, &mut heads, given);
    let Some(head) = heads.remove(&organization) else { return Ok(None) };
    let written = with_entries(sqlx::query(include_str!("postgres_extend.sql")), given, &links)
        .bind(organization.uuid())
        .bind(before.seq)
        .bind(before.hash)
        .bind(before.seal)
        .bind(head.seq)
        .bind(&head.hash)
        .bind(&head.seal)
        .execute(connection)
        .await;
    match written {
        Ok(written) => Ok((written.rows_affected() > 0).then_some(head)),
        // An entry stands where none was written: it is dealt with where the end of the log is looked at.
        Err(sqlx::Error::Database(problem)) if problem.is_unique_violation() => Ok(None),
        Err(problem) => Err(problem),
    }
}

/// Appends behind whatever the database has as the ends of the logs; the new ends.
async fn append_on(
    connection: &mut PgConnection,
    key: &AuditKey,
    given: &[&NewAuditEntry],
) -> Result<Vec<(OrganizationId, Head)>, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    let organizations: BTreeSet<Uuid> = given.iter().map(|entry| entry.organization_id.uuid()).collect();
    let organizations: Vec<Uuid> = organizations.into_iter().collect();
    let mut locked = lock(&mut transaction, &organizations).await?;
    if locked.len() < organizations.len() {
        sqlx::query(include_str!("postgres_begin.sql")).bind(&organizations).execute(&mut *transaction).await?;
        locked = lock(&mut transaction, &organizations).await?;
    }
    let mut heads: BTreeMap<OrganizationId, Head> = locked
        .into_iter()
        .map(|row| {
            let organization = OrganizationId::from_uuid(row.organization_id);
            let head = Head {
                seq: row.seq,
                hash: row.hash,
                floor_seq: row.floor_seq,
                floor_hash: row.floor_hash,
                seal: row.seal,
            };
            (organization, head.go_on(key, organization, row.last_seq))
        })
        .collect();
    let links = link(key, &mut heads, given);
    with_entries(sqlx::query(include_str!("postgres.sql")), given, &links).execute(&mut *transaction).await?;
    let heads: Vec<(OrganizationId, Head)> = heads.into_iter().collect();
    sqlx::query(include_str!("postgres_heads.sql"))
        .bind(heads.iter().map(|(organization, _)| organization.uuid()).collect::<Vec<_>>())
        .bind(heads.iter().map(|(_, head)| head.seq).collect::<Vec<_>>())
        .bind(heads.iter().map(|(_, head)| head.hash.as_str()).collect::<Vec<_>>())
        .bind(heads.iter().map(|(_, head)| head.seal.as_str()).collect::<Vec<_>>())
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(heads)
}

#[derive(FromRow)]
struct Locked {
    organization_id: Uuid,
    seq: i64,
    hash: String,
    floor_seq: i64,
    floor_hash: String,
    seal: String,
    last_seq: i64,
}

async fn lock(connection: &mut PgConnection, organizations: &[Uuid]) -> Result<Vec<Locked>, sqlx::Error> {
    sqlx::query_as(include_str!("postgres_lock.sql")).bind(organizations).fetch_all(connection).await
}

/// `query` with the columns of the entries as its first arguments.
fn with_entries<'q>(
    query: Query<'q, sqlx::Postgres, PgArguments>,
    given: &[&'q NewAuditEntry],
    links: &'q [Link],
) -> Query<'q, sqlx::Postgres, PgArguments> {
    let column = Column(given);
    query
        .bind(column.of(|entry| entry.organization_id.uuid()))
        .bind(links.iter().map(|link| link.seq).collect::<Vec<_>>())
        .bind(column.of(|entry| entry.id.uuid()))
        .bind(column.of(|entry| entry.at_ms))
        .bind(column.of(|entry| entry.actor_id.as_str()))
        .bind(column.of(|entry| entry.actor_kind.as_str()))
        .bind(column.of(|entry| entry.actor_name.as_str()))
        .bind(column.of(|entry| entry.action.as_str()))
        .bind(column.of(|entry| entry.outcome.name()))
        .bind(column.of(|entry| entry.code.as_deref()))
        .bind(column.of(|entry| entry.target_type.as_str()))
        .bind(column.of(|entry| entry.target_id.as_str()))
        .bind(column.of(|entry| entry.target_name.as_str()))
        .bind(column.of(|entry| entry.changes.as_deref()))
        .bind(column.of(|entry| entry.reason.as_deref()))
        .bind(column.of(|entry| entry.remote_address.as_deref()))
        .bind(column.of(|entry| entry.user_agent.as_deref()))
        .bind(column.of(|entry| entry.request_id.as_str()))
        .bind(links.iter().map(|link| link.previous.as_str()).collect::<Vec<_>>())
        .bind(links.iter().map(|link| link.hash.as_str()).collect::<Vec<_>>())
}

/// The entries turned on their side: one array for each column.
struct Column<'g, 'a>(&'g [&'a NewAuditEntry]);

impl<'a> Column<'_, 'a> {
    fn of<T>(&self, value: impl Fn(&'a NewAuditEntry) -> T) -> Vec<T> {
        self.0.iter().map(|entry| value(entry)).collect()
    }
}
