//! What bulk operations start: an item a row, with what came of it; and which item a failure is about. The cause by
//! which an execution failed, to look for.

use sea_orm_migration::prelude::*;

use crate::columns::{
    Columns, drop_tables, index, maybe_json, maybe_text, maybe_time, partial_index, primary_key, protect, small, table,
    time,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(item(Columns::of(manager))).await?;
        protect(manager, "bulk_item").await?;
        // Organizations are emptied by it.
        manager.create_index(index("bulk_item", "bulk_item_organization_idx", &["organization_id"])).await?;
        let mut column = maybe_time("item");
        manager.alter_table(Table::alter().table("bulk_failure").add_column(&mut column).take()).await?;
        // Absent for those that have not failed, and for those that failed before.
        let mut column = maybe_text("error_fingerprint");
        manager.alter_table(Table::alter().table("execution").add_column(&mut column).take()).await?;
        let (columns, failed) = (&["organization_id", "error_fingerprint", "id"], "error_fingerprint is not null");
        manager.create_index(partial_index("execution", "execution_fingerprint_idx", columns, failed)).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name("execution_fingerprint_idx").table("execution").to_owned()).await?;
        manager.alter_table(Table::alter().table("execution").drop_column("error_fingerprint").take()).await?;
        manager.alter_table(Table::alter().table("bulk_failure").drop_column("item").take()).await?;
        drop_tables(manager, &["bulk_item"]).await
    }
}

fn item(c: Columns) -> TableCreateStatement {
    let columns = [
        c.uuid("operation_id"),
        // Its place among the items of the operation, from 0.
        time("number"),
        c.uuid("organization_id"),
        // The execution: the one that it becomes, given before anything is started, or the one that its key stands for.
        c.uuid("id"),
        // 0 open, 1 started, 2 found, 3 refused.
        small("status"),
        // What to start; absent once something came of it.
        maybe_json("start"),
        // Why it was refused.
        maybe_text("code"),
        maybe_text("message"),
    ];
    table("bulk_item", columns)
        .primary_key(&mut primary_key("bulk_item_pkey", &["operation_id", "number"]))
        .check(("bulk_item_status_check", Expr::cust("status between 0 and 3")))
        .check(("bulk_item_refused_check", Expr::cust("(status = 3) = (code is not null)")))
        .take()
}
