//! Deletes what deleted organizations leave behind: every table, in small groups, parents after what refers to them.

use entity::organization::{Column, Entity};
use ids::OrganizationId;
use sea_orm::sea_query::{Alias, DeleteStatement, Expr, ExprTrait, Query, SelectStatement};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};

use crate::backend::Dialect;
use crate::error::StoreError;
use crate::store::Store;

/// Tables whose rows name their organization, in the order in which they are emptied.
pub const PURGED_TABLES: [&str; 49] = [
    "webhook_attempt",
    "webhook_delivery",
    "webhook_place",
    "webhook_endpoint",
    "bulk_failure",
    "bulk_item",
    "bulk_operation",
    "schedule_run",
    "schedule_backfill",
    "schedule",
    "approval_link",
    "approval_delegation",
    "approval_substitution",
    "approval_event",
    "approval_decision",
    "approval_assignee",
    "approval",
    "rate",
    "part_use",
    "resource_loader",
    "service",
    "variable",
    "secret",
    "rule_use",
    "rule_version",
    "rule",
    "error_group",
    "rollup",
    "persisted_document",
    "event_told",
    "event_trigger",
    "hook",
    "signal",
    "wait",
    "slot",
    "start_key",
    "event_key",
    "execution_label",
    "journal",
    "event",
    "execution",
    "workflow_version",
    "workflow",
    "retention",
    "identity_provider",
    "api_key",
    "invitation",
    "membership",
    "role",
];

/// Tables whose rows belong to a row of an organization: the table, its column, and the table and column that this
/// one refers to. Their rows go before those.
pub const PURGED_BY_OWNER: [(&str, &str, &str, &str); 3] = [
    ("user_identity", "provider_id", "identity_provider", "id"),
    ("sign_in_flow", "provider_id", "identity_provider", "id"),
    // Service accounts: people stay, whatever happens to the organization.
    ("user_account", "id", "membership", "user_id"),
];

/// Tables with rows of organizations that outlive them: sessions are of people and only forget where they were, and
/// the audit log tells who deleted the organization.
pub const KEPT_TABLES: [&str; 3] = ["session", "audit_entry", "audit_head"];

/// Tables whose rows the database deletes with the rows that they are about (SQLite has triggers for it).
pub const FOLLOWING_TABLES: [&str; 1] = ["event_arrival"];

impl Store {
    /// Organizations that were deleted before `deleted_before_ms`, oldest first. Serves all organizations.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn deleted_organizations(&self, deleted_before_ms: i64) -> Result<Vec<OrganizationId>, StoreError> {
        let deleted = Entity::find().filter(Column::DeletedAtMs.lt(deleted_before_ms)).order_by_asc(Column::Id);
        let deleted = deleted.all(self.backend.reads()).await?;
        Ok(deleted.into_iter().map(|model| OrganizationId::from_uuid(model.id)).collect())
    }

    /// Deletes up to `limit` rows of a deleted organization; 0 when nothing is left, not even itself.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn purge_organization(&self, id: OrganizationId, limit: u64) -> Result<u64, StoreError> {
        let is_deleted = Entity::find_by_id(id.uuid()).filter(Column::DeletedAtMs.is_not_null());
        if is_deleted.one(self.backend.reads()).await?.is_none() {
            return Ok(0);
        }
        for table in PURGED_TABLES {
            for (owned, column, owner, key) in PURGED_BY_OWNER.into_iter().filter(|owned| owned.2 == table) {
                let mut condition = Expr::col(Alias::new(column)).in_subquery(of(owner, key, id));
                if owned == "user_account" {
                    condition = condition.and(Expr::col(Alias::new("kind")).eq("service"));
                }
                let deleted = self.delete_some(owned, condition, limit).await?;
                if deleted > 0 {
                    return Ok(deleted);
                }
            }
            let condition = Expr::col(Alias::new("organization_id")).eq(id.uuid());
            let deleted = self.delete_some(table, condition, limit).await?;
            if deleted > 0 {
                return Ok(deleted);
            }
        }
        let transaction = self.backend.begin().await?;
        // Sessions are of people: they only forget where they were.
        entity::session::Entity::update_many()
            .col_expr(entity::session::Column::OrganizationId, Expr::val(None::<uuid::Uuid>))
            .filter(entity::session::Column::OrganizationId.eq(id.uuid()))
            .exec(&*transaction)
            .await?;
        let deleted = Entity::delete_by_id(id.uuid()).exec(&*transaction).await?;
        transaction.commit().await?;
        Ok(deleted.rows_affected)
    }

    async fn delete_some(&self, table: &'static str, condition: Expr, limit: u64) -> Result<u64, StoreError> {
        let statement = some_of(table, condition, limit, self.backend.dialect());
        let transaction = self.backend.begin().await?;
        let deleted = transaction.execute(&statement).await?.rows_affected();
        transaction.commit().await?;
        Ok(deleted)
    }
}

fn of(table: &'static str, column: &'static str, id: OrganizationId) -> SelectStatement {
    Query::select()
        .column(Alias::new(column))
        .from(Alias::new(table))
        .and_where(Expr::col(Alias::new("organization_id")).eq(id.uuid()))
        .to_owned()
}

/// `delete … limit` for databases that have none: by the place of the row.
pub(crate) fn some_of(table: &'static str, condition: Expr, limit: u64, dialect: Dialect) -> DeleteStatement {
    let place = || match dialect {
        Dialect::Postgres => Expr::cust("ctid"),
        Dialect::Sqlite => Expr::cust("rowid"),
    };
    let some = Query::select().expr(place()).from(Alias::new(table)).and_where(condition).limit(limit).to_owned();
    Query::delete().from_table(Alias::new(table)).and_where(place().in_subquery(some)).to_owned()
}
