//! Column types that differ between the databases, and helpers to say a table in one line a column.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

/// What a migration needs to know of its database.
#[derive(Clone, Copy)]
pub struct Columns {
    is_postgres: bool,
}

impl Columns {
    pub fn of(manager: &SchemaManager<'_>) -> Self {
        Self { is_postgres: manager.get_database_backend() == DbBackend::Postgres }
    }

    pub const fn is_postgres(self) -> bool {
        self.is_postgres
    }

    fn uuid_type(self, name: &'static str) -> ColumnDef {
        let mut column = ColumnDef::new(name);
        if self.is_postgres {
            column.uuid();
        } else {
            // 16 bytes: half the size of the text in the rows and in every index.
            column.blob();
        }
        column
    }

    pub fn uuid(self, name: &'static str) -> ColumnDef {
        self.uuid_type(name).not_null().take()
    }

    pub fn maybe_uuid(self, name: &'static str) -> ColumnDef {
        self.uuid_type(name)
    }

    /// A number that rises with every row; on SQLite it is the primary key.
    pub fn position(self) -> ColumnDef {
        let mut column = ColumnDef::new("position");
        if self.is_postgres {
            column.big_integer().not_null().extra("generated always as identity");
        } else {
            // `autoincrement`: a number of a deleted row is never used again.
            column.integer().not_null().primary_key().auto_increment();
        }
        column
    }
}

pub fn text(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).text().not_null().take()
}

pub fn maybe_text(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).text().take()
}

/// JSON as text: no query looks inside, so the database need not parse and rewrite it, and the
/// escape `\u0000` in users' data, which `jsonb` refuses, is kept.
pub fn json(name: &'static str) -> ColumnDef {
    text(name)
}

pub fn maybe_json(name: &'static str) -> ColumnDef {
    maybe_text(name)
}

pub fn time(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().not_null().take()
}

pub fn maybe_time(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().take()
}

pub fn int(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).integer().not_null().take()
}

pub fn maybe_int(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).integer().take()
}

pub fn small(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).small_integer().not_null().take()
}

pub fn maybe_small(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).small_integer().take()
}

pub fn flag(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).boolean().not_null().take()
}

/// `create table`; the columns in order.
pub fn table(name: &'static str, columns: impl IntoIterator<Item = ColumnDef>) -> TableCreateStatement {
    let mut table = Table::create();
    table.table(name);
    for mut column in columns {
        table.col(&mut column);
    }
    table
}

/// A named primary key, for `create table`.
pub fn primary_key(name: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    index_on("", name, columns).primary().take()
}

/// A named unique constraint, for `create table`.
pub fn unique(name: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    index_on("", name, columns).unique().take()
}

/// An index.
pub fn index(table: &'static str, name: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    index_on(table, name, columns)
}

/// An index over the rows that fulfil `condition`, which is SQL that both databases understand.
pub fn partial_index(
    table: &'static str,
    name: &'static str,
    columns: &[&'static str],
    condition: &'static str,
) -> IndexCreateStatement {
    index_on(table, name, columns).and_where(Expr::cust(condition)).take()
}

fn index_on(table: &'static str, name: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create();
    index.name(name);
    if !table.is_empty() {
        index.table(table);
    }
    for column in columns {
        match column.strip_suffix(" desc") {
            Some(column) => index.col((Alias::new(column), IndexOrder::Desc)),
            None => index.col(Alias::new(*column)),
        };
    }
    index
}

/// Drops `tables`, in the order given.
pub async fn drop_tables(manager: &SchemaManager<'_>, tables: &[&'static str]) -> Result<(), DbErr> {
    for table in tables {
        manager.drop_table(Table::drop().table(*table).take()).await?;
    }
    Ok(())
}

/// Puts the second wall between tenants around `table`: on PostgreSQL, those who read on behalf of an organization
/// see the rows whose `column` is that organization, and no others. Does nothing on SQLite.
///
/// Every table with rows of organizations needs it, right after it is made. Grants follow from it after the last
/// migration, so nothing else is to be done. `docs/isolation.md` has the whole.
pub async fn protect_by(manager: &SchemaManager<'_>, table: &str, column: &str) -> Result<(), DbErr> {
    if !Columns::of(manager).is_postgres() {
        return Ok(());
    }
    let connection = manager.get_connection();
    connection.execute_unprepared(&format!("alter table {table} enable row level security")).await?;
    // The setting is a text, empty once it was set and reset, and absent before: then there is nothing to see.
    let policy = format!(
        "create policy tenant on {table} for select \
         using ({column} = nullif(current_setting('sluice.organization', true), '')::uuid)"
    );
    connection.execute_unprepared(&policy).await?;
    Ok(())
}

/// [`protect_by`] for a table whose rows name their organization in `organization_id`.
pub async fn protect(manager: &SchemaManager<'_>, table: &str) -> Result<(), DbErr> {
    protect_by(manager, table, "organization_id").await
}

/// Takes [`protect_by`] back. Dropping a table needs no such thing.
pub async fn unprotect(manager: &SchemaManager<'_>, table: &str) -> Result<(), DbErr> {
    if !Columns::of(manager).is_postgres() {
        return Ok(());
    }
    let connection = manager.get_connection();
    connection.execute_unprepared(&format!("drop policy tenant on {table}")).await?;
    connection.execute_unprepared(&format!("alter table {table} disable row level security")).await?;
    Ok(())
}
