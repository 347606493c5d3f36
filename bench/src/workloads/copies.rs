//! Many rows like one that the system made itself, written straight into the database.

use anyhow::Context;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

/// Rows in one statement, so that a long run shows progress and no transaction grows without end.
const PART: usize = 100_000;

/// Copies the only execution of the database `count` times, its journal and its label too. `change` replaces
/// columns: pairs of a column and an expression over `n`, the number of the copy.
pub async fn make(database_url: &str, count: usize, change: &[(&str, &str)]) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect(database_url).await?;
    let columns: Vec<String> = sqlx::query_scalar(
        "select column_name::text from information_schema.columns where table_name = 'execution' order by ordinal_position",
    )
    .fetch_all(&mut connection)
    .await?;
    // Ids grow with the time of acceptance; those of the copies come before every other.
    let id = "('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid";
    let value = |column: &String| {
        let changed = change.iter().find(|(name, _)| name == column).map(|(_, expression)| *expression);
        if column == "id" { id.to_owned() } else { changed.map_or_else(|| format!("e.{column}"), str::to_owned) }
    };
    let values: Vec<String> = columns.iter().map(value).collect();
    connection.execute("create table pattern as select * from execution").await?;
    connection.execute("create table pattern_journal as select * from journal").await?;
    connection.execute("create table pattern_label as select * from execution_label").await?;
    for first in (0..count).step_by(PART) {
        let last = count.min(first + PART) - 1;
        let series = format!("generate_series({first}, {last}) n");
        for statement in [
            format!(
                "insert into execution ({}) select {} from pattern e, {series}",
                columns.join(", "),
                values.join(", ")
            ),
            format!(
                "insert into journal (organization_id, execution_id, seq, epoch, events, at_ms) select j.organization_id, {id}, j.seq, j.epoch, j.events, j.at_ms from {series}, pattern_journal j"
            ),
            format!(
                "insert into execution_label (organization_id, name, value, execution_id) select l.organization_id, l.name, l.value || '-' || n, {id} from {series}, pattern_label l"
            ),
        ] {
            // Table and column names come from this file and the database itself.
            connection.execute(AssertSqlSafe(statement)).await.context("copying")?;
        }
    }
    connection.execute("drop table pattern, pattern_journal, pattern_label").await?;
    connection.execute("vacuum analyze").await?;
    Ok(())
}
