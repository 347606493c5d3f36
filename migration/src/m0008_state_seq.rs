//! Up to which journal row the stored state of an execution goes.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut column = ColumnDef::new("state_seq").integer().not_null().default(0).take();
        manager.alter_table(Table::alter().table("execution").add_column(&mut column).take()).await?;
        // So far the state was written with every journal row.
        let update = Query::update()
            .table("execution")
            .value("state_seq", Expr::col("seq"))
            .and_where(Expr::col("state").is_not_null())
            .take();
        manager.execute(update).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let drop = Table::alter().table("execution").drop_column("state_seq").take();
        manager.alter_table(drop).await
    }
}
