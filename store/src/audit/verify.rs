//! Walks a chain and finds the first place that does not fit.

use entity::audit_entry::{Column, Entity};
use entity::audit_head;
use ids::OrganizationId;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::chain::{Head, hash};
use super::read::{of, row};
use crate::error::StoreError;
use crate::model::audit::{AuditBreak, AuditFault, AuditReport, AuditRow, AuditSpan};
use crate::store::Store;

/// Entries that are read at once.
const BATCH: u64 = 500;

impl Store {
    /// Checks up to about `limit` entries of a part of a log: their hashes, their order, and whether any are missing,
    /// at the end too when the part reaches to the end.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn verify_audit(
        &self,
        organization: OrganizationId,
        span: AuditSpan,
        limit: u64,
    ) -> Result<AuditReport, StoreError> {
        // Before the entries: what is appended meanwhile lies behind it.
        let head = self.audit_head(organization).await?;
        if head.seq > 0 && !head.is_genuine(&self.audit_key, organization) {
            return Ok(broken(0, AuditBreak { seq: head.seq, id: None, fault: AuditFault::HeadForged }));
        }
        let Some((start, end)) = self.range(organization, span, &head).await? else {
            return Ok(AuditReport::default());
        };
        let mut before = self.before(organization, start, &head).await?;
        let mut checked = 0;
        loop {
            let rows = self.chain(organization, before.seq, end).await?;
            let is_last = (rows.len() as u64) < BATCH;
            for row in rows {
                if let Some(fault) = self.fault(&before, &row) {
                    return Ok(broken(checked, AuditBreak { seq: row.seq, id: Some(row.entry.id), fault }));
                }
                checked += 1;
                before = Place { seq: row.seq, hash: row.hash };
            }
            if is_last {
                let is_end_missing = before.seq < end || (before.seq == head.seq && before.hash != head.hash);
                return Ok(if is_end_missing {
                    broken(checked, AuditBreak { seq: before.seq + 1, id: None, fault: AuditFault::TailMissing })
                } else {
                    AuditReport { checked, first_break: None, next: None }
                });
            }
            if checked >= limit {
                return Ok(AuditReport { checked, first_break: None, next: Some(before.seq) });
            }
        }
    }

    fn fault(&self, before: &Place, row: &AuditRow) -> Option<AuditFault> {
        if row.seq != before.seq + 1 {
            Some(AuditFault::Gap)
        } else if row.hash != hash(&self.audit_key, &row.previous_hash, row.seq, &row.entry) {
            Some(AuditFault::Changed)
        } else if row.previous_hash != before.hash {
            Some(AuditFault::Unlinked)
        } else {
            None
        }
    }

    pub(super) async fn audit_head(&self, organization: OrganizationId) -> Result<Head, StoreError> {
        let found =
            audit_head::Entity::find_by_id(organization.uuid()).one(&self.backend.reads_of(organization)).await?;
        Ok(found.map_or_else(Head::default, head))
    }

    /// First and last place of the part, both included. A part that reaches to the end of the log ends where the head
    /// says that it ends.
    async fn range(
        &self,
        organization: OrganizationId,
        span: AuditSpan,
        head: &Head,
    ) -> Result<Option<(i64, i64)>, StoreError> {
        let seq = |select: sea_orm::Select<Entity>| async move {
            let found: Option<i64> = select
                .select_only()
                .column(Column::Seq)
                .limit(1)
                .into_tuple()
                .one(&self.backend.reads_of(organization))
                .await?;
            Ok::<_, StoreError>(found)
        };
        let later = of(organization).filter(Column::AtMs.gte(span.to_ms)).filter(Column::Seq.lte(head.seq));
        let reaches_the_end = seq(later).await?.is_none();
        let last = of(organization).order_by_desc(Column::Seq);
        let end = if reaches_the_end {
            Some(seq(last.clone()).await?.unwrap_or(0).max(head.seq))
        } else {
            seq(last.clone().filter(Column::AtMs.lt(span.to_ms))).await?
        };
        let Some(end) = end else { return Ok(None) };
        if let Some(after) = span.after {
            return Ok((after < end).then_some((after + 1, end)));
        }
        let first = of(organization).filter(Column::AtMs.gte(span.from_ms)).order_by_asc(Column::Seq);
        let start = match seq(first).await? {
            Some(first) => first,
            // Nothing so late is there: what may have been there is looked for behind the last.
            None if reaches_the_end => seq(last).await?.unwrap_or(head.floor_seq) + 1,
            None => return Ok(None),
        };
        Ok((start <= end).then_some((start, end)))
    }

    /// What the entry at `start` has to follow: the one before it that is there, or what retention removed last.
    async fn before(&self, organization: OrganizationId, start: i64, head: &Head) -> Result<Place, StoreError> {
        let previous = of(organization).filter(Column::Seq.lt(start)).order_by_desc(Column::Seq).limit(1);
        let previous = previous.one(&self.backend.reads_of(organization)).await?;
        Ok(previous.map_or_else(
            || Place { seq: head.floor_seq, hash: head.floor_hash.clone() },
            |model| Place { seq: model.seq, hash: model.hash },
        ))
    }

    async fn chain(&self, organization: OrganizationId, after: i64, end: i64) -> Result<Vec<AuditRow>, StoreError> {
        let models = of(organization)
            .filter(Column::Seq.gt(after))
            .filter(Column::Seq.lte(end))
            .order_by_asc(Column::Seq)
            .limit(BATCH)
            .all(&self.backend.reads_of(organization))
            .await?;
        models.into_iter().map(row).collect()
    }
}

pub(super) fn head(model: audit_head::Model) -> Head {
    Head {
        seq: model.seq,
        hash: model.hash,
        floor_seq: model.floor_seq,
        floor_hash: model.floor_hash,
        seal: model.seal,
    }
}

/// The place that was looked at last.
struct Place {
    seq: i64,
    hash: String,
}

const fn broken(checked: u64, first_break: AuditBreak) -> AuditReport {
    AuditReport { checked, first_break: Some(first_break), next: None }
}
