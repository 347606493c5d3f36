//! What is long is compressed in a way that costs little: PostgreSQL's own takes several times as long as writing what
//! it saves.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

#[derive(DeriveMigrationName)]
pub struct Migration;

/// Columns that hold long texts and are written all the time.
const COLUMNS: [(&str, &str); 5] = [
    ("journal", "events"),
    ("execution", "state"),
    ("execution", "input"),
    ("execution", "decision"),
    ("signal", "data"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        compress(manager, "lz4").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        compress(manager, "default").await
    }
}

/// Only what is written from now on is compressed so; what is there stays readable. A server without `lz4` goes on as
/// before: it is built without it, or older than 14, which does not know the word; so each is parsed when it is executed.
async fn compress(manager: &SchemaManager<'_>, method: &str) -> Result<(), DbErr> {
    if manager.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    let each = COLUMNS.map(|(table, column)| {
        format!("execute 'alter table {table} alter column {column} set compression {method}';")
    });
    let tolerant = format!(
        "do $$ begin\n{}\nexception when feature_not_supported or syntax_error then null;\nend $$",
        each.join("\n")
    );
    manager.get_connection().execute_unprepared(&tolerant).await.map(|_done| ())
}
