//! One transaction for a whole group: the heads of its organizations are locked in order, so that the processes of an
//! installation append in turns.

use std::collections::{BTreeMap, BTreeSet};

use ids::OrganizationId;
use sqlx::postgres::PgConnection;
use sqlx::types::Uuid;
use sqlx::{Connection, FromRow};

use super::link;
use crate::audit::{AuditKey, Head, Link};
use crate::backend::Postgres;
use crate::error::StoreError;
use crate::model::audit::NewAuditEntry;

pub async fn append(postgres: &Postgres, key: &AuditKey, given: &[&NewAuditEntry]) -> Result<(), StoreError> {
    let mut connection = postgres.audits.take().await?;
    let appended = append_on(&mut connection, key, given).await;
    postgres.audits.give_back(connection, &appended).await;
    Ok(appended?)
}

async fn append_on(connection: &mut PgConnection, key: &AuditKey, given: &[&NewAuditEntry]) -> Result<(), sqlx::Error> {
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
    insert(&mut transaction, given, &links).await?;
    let heads: Vec<(OrganizationId, Head)> = heads.into_iter().collect();
    sqlx::query(include_str!("postgres_heads.sql"))
        .bind(heads.iter().map(|(organization, _)| organization.uuid()).collect::<Vec<_>>())
        .bind(heads.iter().map(|(_, head)| head.seq).collect::<Vec<_>>())
        .bind(heads.iter().map(|(_, head)| head.hash.as_str()).collect::<Vec<_>>())
        .bind(heads.iter().map(|(_, head)| head.seal.as_str()).collect::<Vec<_>>())
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await
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

async fn insert(connection: &mut PgConnection, given: &[&NewAuditEntry], links: &[Link]) -> Result<(), sqlx::Error> {
    let column = Column(given);
    sqlx::query(include_str!("postgres.sql"))
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
        .execute(connection)
        .await?;
    Ok(())
}

/// The entries turned on their side: one array for each column.
struct Column<'a>(&'a [&'a NewAuditEntry]);

impl<'a> Column<'a> {
    fn of<T>(&self, value: impl Fn(&'a NewAuditEntry) -> T) -> Vec<T> {
        self.0.iter().map(|entry| value(entry)).collect()
    }
}
