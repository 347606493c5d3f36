//! One statement for a whole group; a second one only if keys were known already.

use std::collections::{HashMap, HashSet};

use ids::{ExecutionId, OrganizationId};
use sqlx::types::Uuid;

use super::{KEY_LIFE_MS, Standing, key_of, labels_json};
use crate::backend::Postgres;
use crate::error::StoreError;
use crate::model::execution::NewExecution;

/// Records `given`; returns the keys that other executions stand for, whose requests were not recorded.
pub async fn write(
    postgres: &Postgres,
    given: &[&NewExecution],
) -> Result<HashMap<(OrganizationId, String), Standing>, StoreError> {
    let recorded = record(postgres, given).await?;
    let mut standing = HashMap::new();
    if recorded.len() == given.len() {
        return Ok(standing);
    }
    // After the commit of whoever was first: a statement sees what was committed before it began,
    // and the one above had begun before.
    let known: Vec<&&NewExecution> = given.iter().filter(|item| !recorded.contains(&item.id.uuid())).collect();
    let organizations: Vec<Uuid> = known.iter().map(|item| item.organization_id.uuid()).collect();
    let keys: Vec<&str> = known.iter().filter_map(|item| key_of(item)).map(|(_, key)| key).collect();
    let rows: Vec<(Uuid, String, Uuid, String)> = sqlx::query_as(include_str!("postgres_keys.sql"))
        .bind(organizations)
        .bind(keys)
        .fetch_all(&postgres.pool)
        .await?;
    for (organization, key, execution, fingerprint) in rows {
        standing
            .insert((OrganizationId::from_uuid(organization), key), (ExecutionId::from_uuid(execution), fingerprint));
    }
    Ok(standing)
}

async fn record(postgres: &Postgres, given: &[&NewExecution]) -> Result<HashSet<Uuid>, StoreError> {
    let labels = Labels::of(given);
    let column = Column(given);
    let mut connection = postgres.starts.take().await?;
    let recorded: Result<Vec<(Uuid,)>, sqlx::Error> = sqlx::query_as(include_str!("postgres.sql"))
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
        .fetch_all(&mut connection)
        .await;
    postgres.starts.give_back(connection, &recorded).await;
    Ok(recorded?.into_iter().map(|(id,)| id).collect())
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
