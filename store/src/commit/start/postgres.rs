//! One statement for a whole group; a second one only if keys were known already.

use std::collections::HashSet;

use ids::{ExecutionId, OrganizationId};
use sqlx::types::Uuid;

use super::{KEY_LIFE_MS, Written, key_of, labels_json};
use crate::backend::Postgres;
use crate::error::StoreError;
use crate::model::execution::NewExecution;

/// Records `given`; returns what was not recorded, and why.
pub async fn write(postgres: &Postgres, given: &[&NewExecution]) -> Result<Written, StoreError> {
    let (mut recorded, mut written) = (HashSet::new(), Written::default());
    for (id, is_forsaken) in record(postgres, given).await? {
        let ids = if is_forsaken { &mut written.forsaken } else { &mut recorded };
        ids.insert(ExecutionId::from_uuid(id));
    }
    if recorded.len() + written.forsaken.len() == given.len() {
        return Ok(written);
    }
    // After the commit of whoever was first: a statement sees what was committed before it began,
    // and the one above had begun before.
    let is_known = |item: &&&NewExecution| !recorded.contains(&item.id) && !written.forsaken.contains(&item.id);
    let known: Vec<&&NewExecution> = given.iter().filter(is_known).collect();
    let organizations: Vec<Uuid> = known.iter().map(|item| item.organization_id.uuid()).collect();
    let keys: Vec<&str> = known.iter().filter_map(|item| key_of(item)).map(|(_, key)| key).collect();
    let rows: Vec<(Uuid, String, Uuid, String)> = sqlx::query_as(include_str!("postgres_keys.sql"))
        .bind(organizations)
        .bind(keys)
        .fetch_all(&postgres.pool)
        .await?;
    for (organization, key, execution, fingerprint) in rows {
        let key = (OrganizationId::from_uuid(organization), key);
        written.standing.insert(key, (ExecutionId::from_uuid(execution), fingerprint));
    }
    Ok(written)
}

/// The executions that were recorded, and those that were not because their parents have ended.
async fn record(postgres: &Postgres, given: &[&NewExecution]) -> Result<Vec<(Uuid, bool)>, StoreError> {
    let labels = Labels::of(given);
    let column = Column(given);
    let mut connection = postgres.starts.take().await?;
    let recorded: Result<Vec<(Uuid, bool)>, sqlx::Error> = sqlx::query_as(include_str!("postgres.sql"))
        .bind(column.of(|item| item.id.uuid()))
        .bind(column.of(|item| item.organization_id.uuid()))
        .bind(column.of(|item| item.workflow_id.uuid()))
        .bind(column.of(|item| item.version_id.uuid()))
        .bind(column.of(|item| item.version_number))
        .bind(column.of(|item| item.key.as_deref()))
        .bind(column.of(|item| item.priority))
        .bind(column.of(|item| item.queue.as_str()))
        .bind(column.of(|item| item.trigger_type.code()))
        .bind(column.of(|item| item.trigger.as_str()))
        .bind(column.of(|item| item.event_id.map(ids::EventId::uuid)))
        .bind(column.of(|item| item.started_by.as_str()))
        .bind(column.of(|item| item.input.as_str()))
        .bind(column.of(labels_json))
        .bind(column.of(|item| item.start_key.as_ref().map(|start_key| start_key.key.as_str())))
        .bind(column.of(|item| item.start_key.as_ref().map(|start_key| start_key.fingerprint.as_str())))
        .bind(column.of(|item| item.queued_at_ms))
        .bind(column.of(|item| item.deadline_at_ms))
        .bind(column.of(|item| item.events.as_str()))
        .bind(labels.executions)
        .bind(labels.organizations)
        .bind(labels.names)
        .bind(labels.values)
        .bind(KEY_LIFE_MS)
        .bind(column.of(|item| item.depth))
        .bind(column.of(|item| item.parent_id.map(ids::ExecutionId::uuid)))
        .bind(column.of(|item| item.rerun_of.map(ids::ExecutionId::uuid)))
        .bind(column.of(|item| item.rules.as_deref()))
        .bind(column.of(|item| item.awaited))
        .fetch_all(&mut connection)
        .await;
    postgres.starts.give_back(connection, &recorded).await;
    Ok(recorded?)
}

/// The labels of all executions, one array for each column.
#[derive(Default)]
struct Labels<'a> {
    executions: Vec<Uuid>,
    organizations: Vec<Uuid>,
    names: Vec<&'a str>,
    values: Vec<&'a str>,
}

impl<'a> Labels<'a> {
    fn of(given: &[&'a NewExecution]) -> Self {
        let mut labels = Self::default();
        for item in given {
            for label in &item.labels {
                labels.executions.push(item.id.uuid());
                labels.organizations.push(item.organization_id.uuid());
                labels.names.push(&label.name);
                labels.values.push(&label.value);
            }
        }
        labels
    }
}

/// The items turned on their side: one array for each column.
struct Column<'a>(&'a [&'a NewExecution]);

impl<'a> Column<'a> {
    fn of<T>(&self, value: impl Fn(&'a NewExecution) -> T) -> Vec<T> {
        self.0.iter().map(|item| value(item)).collect()
    }
}
