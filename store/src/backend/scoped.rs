//! Reads on behalf of one organization.

use std::sync::Arc;

use ids::OrganizationId;
use sea_orm::prelude::async_trait::async_trait;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement};
use sea_query_sqlx::SqlxValues;
use sqlx::Postgres as Driver;
use sqlx::postgres::PgRow;

use super::postgres::Tenants;
use crate::breaker::Guarded;

/// What queries on behalf of one organization are asked of: on PostgreSQL it shows no other organization's rows,
/// whatever is asked. It only reads.
///
/// It is no transaction: two queries may see two moments.
#[derive(Debug, Clone, Copy)]
pub enum Scoped<'a> {
    /// Connections to which the policies of the tables apply.
    Walled {
        /// The connections.
        tenants: &'a Tenants,
        /// Whose rows are seen.
        organization: OrganizationId,
    },
    /// The filter of the query is all there is: SQLite has no policies, and accounts are outside of them.
    Plain(&'a Guarded<DatabaseConnection>),
}

fn query(statement: &Statement) -> sqlx::query::Query<'_, Driver, SqlxValues> {
    let values = statement.values.clone().unwrap_or_else(|| sea_orm::Values(Vec::new()));
    sqlx::query_with(sqlx::AssertSqlSafe(statement.sql.as_str()), SqlxValues(values))
}

async fn ask(
    tenants: &Tenants,
    organization: OrganizationId,
    statement: &Statement,
) -> Result<Vec<PgRow>, sqlx::Error> {
    let mut lease = tenants.lease(organization).await?;
    let outcome = query(statement).fetch_all(lease.connection()).await;
    lease.end(&outcome);
    outcome
}

fn read_only() -> DbErr {
    DbErr::Custom("a connection on behalf of an organization only reads".to_owned())
}

#[async_trait]
impl ConnectionTrait for Scoped<'_> {
    fn get_database_backend(&self) -> DbBackend {
        match self {
            Self::Walled { .. } => DbBackend::Postgres,
            Self::Plain(connection) => connection.get_database_backend(),
        }
    }

    async fn execute_raw(&self, _statement: Statement) -> Result<ExecResult, DbErr> {
        Err(read_only())
    }

    async fn execute_unprepared(&self, _sql: &str) -> Result<ExecResult, DbErr> {
        Err(read_only())
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        match self {
            // Queries for one row have a limit or a unique key.
            Self::Walled { .. } => Ok(self.query_all_raw(statement).await?.into_iter().next()),
            Self::Plain(connection) => connection.query_one_raw(statement).await,
        }
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match self {
            Self::Walled { tenants, organization } => {
                let call = async {
                    let rows = ask(tenants, *organization, &statement).await;
                    rows.map_err(|problem| DbErr::Query(RuntimeErr::SqlxError(Arc::new(problem))))
                };
                let rows = tenants.pass(call).await?;
                Ok(rows.into_iter().map(QueryResult::from).collect())
            }
            Self::Plain(connection) => connection.query_all_raw(statement).await,
        }
    }

    fn support_returning(&self) -> bool {
        true
    }
}
