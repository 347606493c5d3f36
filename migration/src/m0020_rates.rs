//! When the next execution or call may begin, of those whose number in a time is limited.

use sea_orm_migration::prelude::*;

use crate::columns::{Columns, drop_tables, index, primary_key, protect, table, text, time};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let c = Columns::of(manager);
        // In microseconds: a thousand calls in a second are one in a millisecond, and there may be more.
        let columns = [c.uuid("organization_id"), c.uuid("scope_id"), text("key"), time("free_at_us")];
        let key = &["organization_id", "scope_id", "key"];
        let rate = table("rate", columns).primary_key(&mut primary_key("rate_pkey", key)).take();
        manager.create_table(rate).await?;
        protect(manager, "rate").await?;
        manager.create_index(index("rate", "rate_free_idx", &["free_at_us"])).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["rate"]).await
    }
}
