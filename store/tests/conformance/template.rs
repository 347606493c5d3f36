//! A migrated database to copy: migrating one for each of hundreds of tests took most of their time.
//!
//! One is made for each build of the tests, by whichever process comes first. What migrating itself does has tests
//! of its own.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use sqlx::{ConnectOptions, Connection, Executor};
use store::{DatabaseUrl, Store, StoreConfig};

/// Keeps other processes from making the same one. Any number that nobody else uses.
const LOCK: i64 = 0x5c1_ce7e;

/// Tells this build of the tests from others.
fn build() -> String {
    let program = std::env::current_exe().unwrap().metadata().unwrap();
    let built = program.modified().unwrap().duration_since(UNIX_EPOCH).unwrap();
    format!("{:x}_{:x}", built.as_nanos(), program.len())
}

/// Copies a migrated file to `path`.
pub async fn copy_to(path: &Path) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let template = folder.join(format!("sluice_template_{}.db", build()));
    if !template.exists() {
        let folder = tempfile::tempdir_in(folder).unwrap();
        let made: PathBuf = folder.path().join("new.db");
        migrate(DatabaseUrl::sqlite(made.clone())).await;
        // Whoever renames last wins, and all that were made are the same.
        tokio::fs::rename(made, &template).await.unwrap();
    }
    tokio::fs::copy(template, path).await.unwrap();
}

/// Creates the database `name` on the server as a copy of a migrated one.
pub async fn create(url: &str, name: &str) {
    let template = format!("sluice_template_{}", build());
    let options: sqlx::postgres::PgConnectOptions = url.parse().unwrap();
    let mut connection = options.connect().await.unwrap();
    sqlx::query("select pg_advisory_lock($1)").bind(LOCK).execute(&mut connection).await.unwrap();
    let exists: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
        .bind(&template)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    if !exists {
        let unfinished = format!("{template}_unfinished");
        run(&mut connection, format!("drop database if exists {unfinished}")).await;
        run(&mut connection, format!("create database {unfinished}")).await;
        migrate(options.database(&unfinished).to_url_lossy().as_str().parse().unwrap()).await;
        run(&mut connection, format!("alter database {unfinished} rename to {template}")).await;
    }
    // Also under the lock, because a database that is being copied cannot be copied by another at the same time
    // before PostgreSQL 15.
    run(&mut connection, format!("create database {name} template {template}")).await;
    connection.close().await.unwrap();
}

async fn migrate(url: DatabaseUrl) {
    let store = Store::connect(&StoreConfig::new(url)).await.unwrap();
    store.migrate_up().await.unwrap();
    store.close().await;
}

async fn run(connection: &mut sqlx::PgConnection, statement: String) {
    connection.execute(sqlx::AssertSqlSafe(statement)).await.unwrap();
}
