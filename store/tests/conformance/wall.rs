//! The second wall between tenants, which PostgreSQL has and SQLite has not.

use ids::OrganizationId;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection, Executor};
use store::{ExecutionFilter, ExecutionOrder, PageRequest, Store, StoreConfig, TenantWall};

use crate::harness::Database;

/// These name an organization and have no policy, each for a reason.
const WITHOUT: [(&str, &str); 1] = [("session", "is of a person, who may go from one organization to another")];

/// A connection like those that read on behalf of `organization`.
async fn scoped(database: &Database, organization: OrganizationId) -> PgConnection {
    let mut connection = database.postgresql_options().connect().await.unwrap();
    connection.execute("set role sluice_tenant").await.unwrap();
    sqlx::query("select set_config('sluice.organization', $1, false)")
        .bind(organization.uuid().to_string())
        .execute(&mut connection)
        .await
        .unwrap();
    connection
}

async fn names(connection: &mut PgConnection, sql: &'static str) -> Vec<String> {
    let rows: Vec<(String,)> = sqlx::query_as(sql).fetch_all(connection).await.unwrap();
    rows.into_iter().map(|(name,)| name).collect()
}

#[tokio::test]
async fn on_postgresql_every_table_with_an_organization_has_a_policy() {
    let Some(database) = Database::postgresql("every_table_with_an_organization_has_a_policy").await else { return };
    let mut connection = database.postgresql_options().connect().await.unwrap();
    let with_organization = "select distinct table_name::text from information_schema.columns \
         where column_name = 'organization_id' and table_schema = current_schema() order by 1";
    let with_policy = "select relation.relname::text from pg_policy as policy \
         join pg_class as relation on relation.oid = policy.polrelid \
         where policy.polname = 'tenant' and relation.relrowsecurity order by 1";
    let protected = names(&mut connection, with_policy).await;
    let tables = names(&mut connection, with_organization).await;
    assert!(tables.len() > 15 && protected.contains(&"organization".to_owned()), "{tables:?} {protected:?}");
    let is_known = |table: &String| protected.contains(table) || WITHOUT.iter().any(|(name, _why)| name == table);
    let bare: Vec<&String> = tables.iter().filter(|table| !is_known(table)).collect();
    assert_eq!(bare, Vec::<&String>::new(), "`protect(manager, table)` in the migration that makes it");
    let may_read = "select relation.relname::text from pg_class as relation \
         where relation.relkind in ('r', 'v', 'm', 'S') and relation.relnamespace = current_schema()::regnamespace \
         and has_table_privilege('sluice_tenant', relation.oid, 'select') order by 1";
    assert_eq!(names(&mut connection, may_read).await, protected, "it may read these and nothing else");
    connection.close().await.unwrap();
    database.end().await;
}

#[tokio::test]
async fn on_postgresql_a_query_without_a_filter_shows_the_rows_of_one_organization_and_changes_nothing() {
    let case = "a_query_without_a_filter_shows_the_rows_of_one_organization_and_changes_nothing";
    let Some(database) = Database::postgresql(case).await else { return };
    let stranger = database.store.ensure_organization("stranger", "Stranger", 1).await.unwrap();
    let own = database.started(database.new_execution()).await;
    database.started(crate::harness::new_execution(stranger, database.now())).await;
    let mut connection = scoped(&database, database.organization).await;
    let seen: Vec<(uuid::Uuid,)> = sqlx::query_as("select id from execution").fetch_all(&mut connection).await.unwrap();
    assert_eq!(seen, [(own.uuid(),)]);
    let slugs = names(&mut connection, "select slug from organization").await;
    assert_eq!(slugs, ["default"]);
    for statement in [
        "insert into execution_label (organization_id, name, value, execution_id) \
         select organization_id, 'a', 'b', id from execution",
        "update execution set priority = 1",
        "delete from execution",
        "truncate execution",
        "select * from user_account",
        "select * from session",
        "create table mine (id int)",
        "alter table execution disable row level security",
    ] {
        let refused = connection.execute(statement).await.unwrap_err();
        let code = refused.as_database_error().and_then(|error| error.code().map(std::borrow::Cow::into_owned));
        assert_eq!(code.as_deref(), Some("42501"), "{statement}: {refused}");
    }
    connection.execute("select set_config('sluice.organization', '', false)").await.unwrap();
    let nothing = connection.fetch_all("select id from execution").await.unwrap();
    assert_eq!(nothing.len(), 0, "for nobody there is nothing to see");
    connection.close().await.unwrap();
    database.end().await;
}

/// Owner of a database of its own, who may do nothing else.
struct Plain {
    server: String,
    name: String,
    options: PgConnectOptions,
}

impl Plain {
    async fn new() -> Option<Self> {
        let server = std::env::var("SLUICE_TEST_DATABASE_URL").ok()?;
        let name = format!("sluice_plain_{}", ids::uuid::Uuid::now_v7().simple());
        on(&server, format!("create role {name} login password 'plain'")).await;
        on(&server, format!("create database {name} owner {name}")).await;
        let options = server.parse::<PgConnectOptions>().unwrap().database(&name).username(&name).password("plain");
        Some(Self { server, name, options })
    }

    fn config(&self) -> StoreConfig {
        StoreConfig::new(self.options.to_url_lossy().as_str().parse().unwrap())
    }

    async fn end(self) {
        on(&self.server, format!("drop database {} with (force)", self.name)).await;
        on(&self.server, format!("drop role {}", self.name)).await;
    }
}

async fn on(server: &str, statement: String) {
    let mut connection = server.parse::<PgConnectOptions>().unwrap().connect().await.unwrap();
    connection.execute(sqlx::AssertSqlSafe(statement)).await.unwrap();
    connection.close().await.unwrap();
}

async fn reads(store: &Store, organization: OrganizationId) -> Result<usize, store::StoreError> {
    let (filter, order) = (ExecutionFilter::default(), ExecutionOrder::default());
    Ok(store.executions(organization, &filter, order, &PageRequest::first(10)).await?.rows.len())
}

#[tokio::test]
async fn on_postgresql_without_the_role_it_works_and_says_so_unless_the_wall_is_required() {
    // Another database of this server has made the role: who may not make it may not have it either.
    let case = "without_the_role_it_works_and_says_so_unless_the_wall_is_required";
    let Some(other) = Database::postgresql(case).await else { return };
    let plain = Plain::new().await.unwrap();
    let store = Store::connect(&plain.config()).await.unwrap();
    store.migrate_up().await.unwrap();
    let organization = store.ensure_organization("default", "Default", 1).await.unwrap();
    store.start(crate::harness::new_execution(organization, 1)).await.unwrap();
    assert_eq!(reads(&store, organization).await.unwrap(), 1);
    let TenantWall::Missing { why } = store.tenant_wall().await.unwrap() else { panic!("it has no such role") };
    assert!(why.contains("not a member"), "{why}");
    assert!(!store.is_walled_in().await.unwrap());

    let required = StoreConfig { require_tenant_wall: true, ..plain.config() };
    let strict = Store::connect(&required).await.unwrap();
    assert!(matches!(strict.tenant_wall().await.unwrap(), TenantWall::Missing { .. }));
    let refused = reads(&strict, organization).await.unwrap_err();
    assert!(!refused.is_retryable(), "{refused:?}");

    on(&plain.server, format!("grant sluice_tenant to {}", plain.name)).await;
    store.migrate_up().await.unwrap();
    assert_eq!(store.tenant_wall().await.unwrap(), TenantWall::Stands);
    assert_eq!((reads(&store, organization).await.unwrap(), reads(&strict, organization).await.unwrap()), (1, 1));
    store.close().await;
    strict.close().await;
    plain.end().await;
    other.end().await;
}

#[tokio::test]
async fn on_postgresql_a_user_that_does_not_own_the_tables_is_told_so() {
    let Some(database) = Database::postgresql("a_user_that_does_not_own_the_tables_is_told_so").await else { return };
    let plain = Plain::new().await.unwrap();
    assert!(!database.store.is_walled_in().await.unwrap());
    let mut owner = database.postgresql_options().connect().await.unwrap();
    let grant = format!("grant select, insert, update, delete on all tables in schema public to {}", plain.name);
    owner.execute(sqlx::AssertSqlSafe(grant)).await.unwrap();
    let database_name = database.postgresql_options().get_database().unwrap_or_default().to_owned();
    let options = plain.options.clone().database(&database_name);
    let stranger = Store::connect(&StoreConfig::new(options.to_url_lossy().as_str().parse().unwrap())).await.unwrap();
    assert!(stranger.is_walled_in().await.unwrap());
    stranger.close().await;
    let revoke = format!("revoke all on all tables in schema public from {}", plain.name);
    owner.execute(sqlx::AssertSqlSafe(revoke)).await.unwrap();
    owner.close().await.unwrap();
    database.end().await;
    plain.end().await;
}
