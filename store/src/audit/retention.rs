//! Removes the beginning of a log, in a way that the rest can still be checked: the head keeps the hash of the last
//! entry that was removed, under its seal, and an entry in the log tells of it.

use entity::audit_entry::{Column, Entity};
use entity::audit_head;
use ids::OrganizationId;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::read::of;
use super::verify::head as head_of;
use crate::backend::Dialect;
use crate::error::StoreError;
use crate::store::Store;

/// Entries in one statement.
const GROUP: i64 = 5_000;
/// An entry stays for up to so much longer than it must, in milliseconds: each removal leaves an entry, so they are few.
const SLACK_MS: i64 = 24 * 60 * 60 * 1_000;

/// What was removed from a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditCut {
    /// How many entries.
    pub removed: u64,
    /// Place of the last of them.
    pub through_seq: i64,
    /// Its hash.
    pub through_hash: String,
}

impl Store {
    /// Removes entries of a log from before `before_ms`, some thousands at most, once the oldest of them is a day
    /// older than that. The last entry of a log always stays.
    ///
    /// # Errors
    /// When the database is away: then nothing was removed.
    pub async fn cut_audit(
        &self,
        organization: OrganizationId,
        before_ms: i64,
    ) -> Result<Option<AuditCut>, StoreError> {
        let oldest =
            of(organization).order_by_asc(Column::Seq).limit(1).one(&self.backend.reads_of(organization)).await?;
        let Some(oldest) = oldest.filter(|oldest| oldest.at_ms < before_ms - SLACK_MS) else { return Ok(None) };
        let transaction = self.backend.begin().await?;
        let on = &*transaction;
        let mut locking = audit_head::Entity::find_by_id(organization.uuid());
        if self.backend.dialect() == Dialect::Postgres {
            locking = locking.lock_exclusive();
        }
        let Some(mut head) = locking.one(on).await?.map(head_of) else { return Ok(None) };
        // One that was tampered with is left as it is, for whoever looks into it.
        if !head.is_genuine(&self.audit_key, organization) {
            return Ok(None);
        }
        let kept: Option<i64> = of(organization)
            .select_only()
            .column(Column::Seq)
            .filter(Column::AtMs.gte(before_ms))
            .order_by_asc(Column::Seq)
            .limit(1)
            .into_tuple()
            .one(on)
            .await?;
        let through = kept.unwrap_or(head.seq).min(head.seq).min(oldest.seq + GROUP) - 1;
        let last = of(organization).filter(Column::Seq.eq(through)).one(on).await?;
        let Some(last) = last else { return Ok(None) };
        head.floor_seq = last.seq;
        head.floor_hash.clone_from(&last.hash);
        let seal = head.sealed(&self.audit_key, organization);
        audit_head::Entity::update_many()
            .col_expr(audit_head::Column::FloorSeq, head.floor_seq.into())
            .col_expr(audit_head::Column::FloorHash, head.floor_hash.into())
            .col_expr(audit_head::Column::Seal, seal.into())
            .filter(audit_head::Column::OrganizationId.eq(organization.uuid()))
            .exec(on)
            .await?;
        let removed = Entity::delete_many()
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .filter(Column::Seq.lte(through))
            .exec(on)
            .await?;
        transaction.commit().await?;
        Ok(Some(AuditCut { removed: removed.rows_affected, through_seq: last.seq, through_hash: last.hash }))
    }
}
