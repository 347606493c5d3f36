//! Appends to the audit log.

mod postgres;
mod sqlite;

use std::collections::BTreeMap;
use std::sync::Arc;

use entity::audit_entry::{Column, Entity};
use ids::OrganizationId;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use sqlx::types::Uuid;

use super::committer::Group;
use crate::audit::{AuditKey, Head, Link};
use crate::backend::Backend;
use crate::clean::check_texts;
use crate::error::StoreError;
use crate::model::audit::NewAuditEntry;
use crate::store::Store;

/// Numbers and chains entries, and writes them.
pub struct Audits {
    backend: Arc<Backend>,
    key: AuditKey,
    heads: postgres::Heads,
}

impl Group for Audits {
    type Item = NewAuditEntry;
    type Outcome = ();
    const NAME: &'static str = "audit";

    async fn write(&self, items: &[NewAuditEntry]) -> Result<Vec<()>, StoreError> {
        let given: Vec<&NewAuditEntry> = items.iter().collect();
        self.append(&given).await?;
        Ok(vec![(); items.len()])
    }

    /// An entry whose id is there was written by the write whose answer was lost: nobody else gives that id.
    async fn settle(&self, items: &[NewAuditEntry]) -> Option<Result<Vec<()>, StoreError>> {
        let settled = async {
            let found: Vec<Uuid> = Entity::find()
                .select_only()
                .column(Column::Id)
                .filter(Column::Id.is_in(items.iter().map(|item| item.id.uuid())))
                .into_tuple()
                .all(self.backend.reads())
                .await?;
            let missing: Vec<&NewAuditEntry> = items.iter().filter(|item| !found.contains(&item.id.uuid())).collect();
            if !missing.is_empty() {
                self.append(&missing).await?;
            }
            Ok(vec![(); items.len()])
        };
        Some(settled.await)
    }
}

impl Audits {
    /// Nothing appended yet.
    pub fn new(backend: Arc<Backend>, key: AuditKey) -> Self {
        Self { backend, key, heads: postgres::Heads::default() }
    }

    async fn append(&self, given: &[&NewAuditEntry]) -> Result<(), StoreError> {
        match &*self.backend {
            Backend::Postgres(postgres) => postgres::append(postgres, &self.key, &self.heads, given).await,
            Backend::Sqlite(sqlite) => sqlite::append(sqlite, &self.key, given).await,
        }
    }
}

/// The places and hashes of `given`, in their order; `heads` end where the logs then end, sealed.
fn link(key: &AuditKey, heads: &mut BTreeMap<OrganizationId, Head>, given: &[&NewAuditEntry]) -> Vec<Link> {
    let links = given.iter().map(|entry| heads.entry(entry.organization_id).or_default().link(key, entry)).collect();
    for (organization, head) in heads {
        head.seal = head.sealed(key, *organization);
    }
    links
}

impl Store {
    /// Appends `entries` to the logs of their organizations, in this order; durable when this returns.
    ///
    /// # Errors
    /// `Invalid` for a text with a NUL character, or the database is away. Some of them may have been written then.
    pub async fn audit(&self, entries: Vec<NewAuditEntry>) -> Result<(), StoreError> {
        for entry in &entries {
            check_texts([
                ("actor_id", Some(entry.actor_id.as_str())),
                ("actor_name", Some(entry.actor_name.as_str())),
                ("action", Some(entry.action.as_str())),
                ("target_id", Some(entry.target_id.as_str())),
                ("target_name", Some(entry.target_name.as_str())),
                ("changes", entry.changes.as_deref()),
                ("reason", entry.reason.as_deref()),
                ("user_agent", entry.user_agent.as_deref()),
                ("request_id", Some(entry.request_id.as_str())),
            ])?;
        }
        for written in self.committers.audits.write_all(entries).await? {
            written?;
        }
        Ok(())
    }
}
