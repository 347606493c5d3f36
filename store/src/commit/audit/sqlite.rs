//! One transaction for a whole group.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use ids::OrganizationId;
use sqlx::FromRow;
use sqlx::sqlite::SqliteConnection;

use super::link;
use crate::audit::{AuditKey, Head, Link};
use crate::backend::Sqlite;
use crate::error::StoreError;
use crate::model::audit::NewAuditEntry;

pub async fn append(sqlite: &Sqlite, key: &AuditKey, given: &[&NewAuditEntry]) -> Result<(), StoreError> {
    let _turn = sqlite.turn().await;
    let mut transaction = sqlite.write_pool.begin_with("begin immediate").await?;
    let mut heads = BTreeMap::new();
    for entry in given {
        let organization = entry.organization_id;
        if let Entry::Vacant(unknown) = heads.entry(organization) {
            let (head, last_seq) = read(&mut transaction, organization).await?;
            unknown.insert(head.go_on(key, organization, last_seq));
        }
    }
    let links = link(key, &mut heads, given);
    for (entry, link) in given.iter().zip(&links) {
        insert(&mut transaction, entry, link).await?;
    }
    for (organization, head) in &heads {
        sqlx::query(include_str!("sqlite_head.sql"))
            .bind(organization.uuid())
            .bind(head.seq)
            .bind(&head.hash)
            .bind(&head.seal)
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await?;
    Ok(())
}

#[derive(FromRow)]
struct Found {
    seq: i64,
    hash: String,
    floor_seq: i64,
    floor_hash: String,
    seal: String,
}

async fn read(connection: &mut SqliteConnection, organization: OrganizationId) -> Result<(Head, i64), StoreError> {
    let found: Option<Found> = sqlx::query_as(include_str!("sqlite_find_head.sql"))
        .bind(organization.uuid())
        .fetch_optional(&mut *connection)
        .await?;
    let (last_seq,): (i64,) =
        sqlx::query_as(include_str!("sqlite_last.sql")).bind(organization.uuid()).fetch_one(connection).await?;
    let head = found.map_or_else(Head::default, |Found { seq, hash, floor_seq, floor_hash, seal }| Head {
        seq,
        hash,
        floor_seq,
        floor_hash,
        seal,
    });
    Ok((head, last_seq))
}

async fn insert(connection: &mut SqliteConnection, entry: &NewAuditEntry, link: &Link) -> Result<(), StoreError> {
    sqlx::query(include_str!("sqlite.sql"))
        .bind(entry.organization_id.uuid())
        .bind(link.seq)
        .bind(entry.id.uuid())
        .bind(entry.at_ms)
        .bind(&entry.actor_id)
        .bind(&entry.actor_kind)
        .bind(&entry.actor_name)
        .bind(&entry.action)
        .bind(entry.outcome.name())
        .bind(&entry.code)
        .bind(&entry.target_type)
        .bind(&entry.target_id)
        .bind(&entry.target_name)
        .bind(&entry.changes)
        .bind(&entry.reason)
        .bind(&entry.remote_address)
        .bind(&entry.user_agent)
        .bind(&entry.request_id)
        .bind(&link.previous)
        .bind(&link.hash)
        .execute(connection)
        .await?;
    Ok(())
}
