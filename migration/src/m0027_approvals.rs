//! Approvals of which whoever may decide is owed a mail; how far addresses were told of approvals that were withdrawn.

use sea_orm_migration::prelude::*;

use crate::columns::{maybe_json, maybe_time, partial_index};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut column = maybe_time("mail_at_ms");
        manager.alter_table(Table::alter().table("approval").add_column(&mut column).take()).await?;
        // What a tick asks: whichever mails are owed.
        let owed = partial_index("approval", "approval_mail_idx", &["mail_at_ms"], "mail_at_ms is not null");
        manager.create_index(owed).await?;
        // Absent for organizations that were followed before: they begin where they are then.
        let mut column = maybe_json("approval_place");
        manager.alter_table(Table::alter().table("webhook_place").add_column(&mut column).take()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("webhook_place").drop_column("approval_place").take()).await?;
        manager.drop_index(Index::drop().name("approval_mail_idx").table("approval").to_owned()).await?;
        manager.alter_table(Table::alter().table("approval").drop_column("mail_at_ms").take()).await
    }
}
