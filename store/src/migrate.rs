//! Brings the schema up and down.

use migration::Migrator;
use migration::sea_orm_migration::{MigrationStatus as Applied, MigratorTrait};

use sea_orm::ConnectionTrait;

use crate::backend::Backend;
use crate::error::StoreError;
use crate::store::Store;

/// One step of the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// Name.
    pub name: String,
    /// Whether the database has it.
    pub status: MigrationStatus,
}

/// Whether the database has a step of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrationStatus {
    /// It has.
    Applied,
    /// Not yet.
    Pending,
}

impl Store {
    /// Applies every pending migration; does nothing when there is none.
    ///
    /// # Errors
    /// When the database is away or refuses a step; steps before it stay applied.
    pub async fn migrate_up(&self) -> Result<(), StoreError> {
        let _turn = self.schema_turn().await?;
        Migrator::up(self.backend.schema_connection(), None).await?;
        if let Backend::Postgres(postgres) = &*self.backend {
            let grant = include_str!("migrate/tenants_postgres.sql");
            self.backend.schema_connection().execute_unprepared(grant).await?;
            postgres.tenants.forget();
        }
        Ok(())
    }

    /// Takes back the last `steps` migrations, with their data.
    ///
    /// # Errors
    /// When the database is away or refuses a step.
    pub async fn migrate_down(&self, steps: u32) -> Result<(), StoreError> {
        let _turn = self.schema_turn().await?;
        Ok(Migrator::down(self.backend.schema_connection(), Some(steps)).await?)
    }

    /// Every migration, in order.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn migrations(&self) -> Result<Vec<Migration>, StoreError> {
        let _turn = self.schema_turn().await?;
        let migrations = Migrator::get_migration_with_status(self.backend.schema_connection()).await?;
        let steps = migrations.into_iter().map(|step| Migration {
            name: step.name().to_owned(),
            status: match step.status() {
                Applied::Applied => MigrationStatus::Applied,
                Applied::Pending => MigrationStatus::Pending,
            },
        });
        Ok(steps.collect())
    }

    /// Held while the schema changes: of several processes that start at once, one changes it.
    async fn schema_turn(&self) -> Result<SchemaTurn, StoreError> {
        Ok(match &*self.backend {
            Backend::Postgres(postgres) => {
                let mut transaction = postgres.updates.begin().await?;
                // Whoever is first may take long.
                sqlx::query(include_str!("migrate/patience_postgres.sql")).execute(&mut *transaction).await?;
                sqlx::query(include_str!("migrate/lock_postgres.sql")).execute(&mut *transaction).await?;
                SchemaTurn::Postgres(transaction)
            }
            Backend::Sqlite(sqlite) => SchemaTurn::Sqlite(sqlite.turn().await),
        })
    }
}

/// Over when dropped.
enum SchemaTurn {
    Postgres(#[expect(dead_code, reason = "held for its Drop")] sqlx::Transaction<'static, sqlx::Postgres>),
    Sqlite(#[expect(dead_code, reason = "held for its Drop")] tokio::sync::OwnedMutexGuard<()>),
}
