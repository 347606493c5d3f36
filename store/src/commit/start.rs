//! Records starts.

mod postgres;
mod sqlite;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use entity::execution::{Column, Entity};
use ids::{ExecutionId, OrganizationId};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use sqlx::types::Uuid;

use super::committer::Group;
use crate::backend::Backend;
use crate::clean::check_texts;
use crate::error::StoreError;
use crate::model::execution::{NewExecution, StartOutcome};
use crate::store::Store;

/// For how long an idempotency key counts, in milliseconds.
const KEY_LIFE_MS: i64 = 24 * 60 * 60 * 1_000;

/// Writes executions with their first journal row, their labels and their idempotency keys.
pub struct Starts(pub Arc<Backend>);

/// An idempotency key within its organization.
type Key<'a> = (OrganizationId, &'a str);

/// The execution that a key stands for, and the fingerprint of its request.
type Standing = (ExecutionId, String);

/// What became of a group, where it is not plainly recorded.
#[derive(Default)]
pub struct Written {
    /// The keys that were known before.
    standing: HashMap<(OrganizationId, String), Standing>,
    /// Those that were to be awaited by an execution that has ended.
    forsaken: HashSet<ExecutionId>,
}

impl Group for Starts {
    type Item = NewExecution;
    type Outcome = StartOutcome;
    const NAME: &'static str = "start";

    async fn write(&self, items: &[NewExecution]) -> Result<Vec<StartOutcome>, StoreError> {
        // Of several with the same key, the first one goes to the database.
        let mut first_with_key: HashMap<Key<'_>, usize> = HashMap::new();
        let mut given: Vec<&NewExecution> = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let is_first = key_of(item).is_none_or(|key| *first_with_key.entry(key).or_insert(index) == index);
            if is_first {
                given.push(item);
            }
        }
        // Two processes that record the same keys wait for each other in the same order.
        given.sort_by_key(|item| (key_of(item), item.id));
        let written = match &*self.0 {
            Backend::Postgres(postgres) => postgres::write(postgres, &given).await?,
            Backend::Sqlite(sqlite) => sqlite::write(sqlite, &given).await?,
        };
        Ok(items.iter().map(|item| outcome(item, &written, &first_with_key, items)).collect())
    }

    /// An execution whose id is there was recorded by the write whose answer was lost: nobody else
    /// gives that id.
    async fn settle(&self, items: &[NewExecution]) -> Option<Result<Vec<StartOutcome>, StoreError>> {
        Some(self.write_missing(items).await)
    }
}

impl Starts {
    async fn write_missing(&self, items: &[NewExecution]) -> Result<Vec<StartOutcome>, StoreError> {
        let found: Vec<Uuid> = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(Column::Id.is_in(items.iter().map(|item| item.id.uuid())))
            .into_tuple()
            .all(self.0.reads())
            .await?;
        let missing: Vec<NewExecution> =
            items.iter().filter(|item| !found.contains(&item.id.uuid())).cloned().collect();
        let mut outcomes = if missing.is_empty() { Vec::new() } else { self.write(&missing).await? }.into_iter();
        let of_each = items.iter().map(|item| {
            let is_found = found.contains(&item.id.uuid());
            if is_found {
                StartOutcome::New { seq: 1 }
            } else {
                outcomes.next().expect("each missing one has an outcome")
            }
        });
        Ok(of_each.collect())
    }
}

fn key_of(item: &NewExecution) -> Option<Key<'_>> {
    item.start_key.as_ref().map(|start_key| (item.organization_id, start_key.key.as_str()))
}

fn outcome(
    item: &NewExecution,
    written: &Written,
    first_with_key: &HashMap<Key<'_>, usize>,
    items: &[NewExecution],
) -> StartOutcome {
    if written.forsaken.contains(&item.id) {
        return StartOutcome::ParentEnded;
    }
    let new = StartOutcome::New { seq: 1 };
    let Some(start_key) = &item.start_key else { return new };
    if let Some((execution_id, fingerprint)) = written.standing.get(&(item.organization_id, start_key.key.clone())) {
        if *execution_id == item.id {
            // It got the key itself, by a write whose answer was lost.
            return new;
        }
        let same_fingerprint = *fingerprint == start_key.fingerprint;
        return StartOutcome::Existing { execution_id: *execution_id, same_fingerprint };
    }
    let first = first_with_key.get(&(item.organization_id, start_key.key.as_str())).map(|index| &items[*index]);
    match first {
        // A key of a child names its parent: what has the same one is awaited by the same execution.
        Some(first) if written.forsaken.contains(&first.id) => StartOutcome::ParentEnded,
        Some(first) if first.id != item.id => {
            let same_fingerprint = first.start_key.as_ref().is_some_and(|key| key.fingerprint == start_key.fingerprint);
            StartOutcome::Existing { execution_id: first.id, same_fingerprint }
        }
        _itself => new,
    }
}

impl Store {
    /// Records an execution; durable when this returns.
    ///
    /// # Errors
    /// `Invalid` and `Conflict` for this execution alone; `Unavailable` when the database is away:
    /// then it may have been recorded all the same, and only an idempotency key makes it safe to
    /// ask again.
    pub async fn start(&self, execution: NewExecution) -> Result<StartOutcome, StoreError> {
        check(&execution)?;
        self.committers.starts.write(execution).await
    }

    /// Records executions, each for itself; the outcomes are in the same order.
    ///
    /// # Errors
    /// Only when the store is closed; every other failure is an execution's own.
    pub async fn start_many(
        &self,
        executions: Vec<NewExecution>,
    ) -> Result<Vec<Result<StartOutcome, StoreError>>, StoreError> {
        let refused: Vec<Option<StoreError>> = executions.iter().map(|execution| check(execution).err()).collect();
        let good = executions.into_iter().zip(&refused).filter(|(_, refused)| refused.is_none());
        let mut outcomes =
            self.committers.starts.write_all(good.map(|(execution, _)| execution).collect()).await?.into_iter();
        let each = refused.into_iter().map(|refused| match refused {
            Some(problem) => Err(problem),
            None => outcomes.next().unwrap_or(Err(StoreError::Closed)),
        });
        Ok(each.collect())
    }
}

fn check(new: &NewExecution) -> Result<(), StoreError> {
    check_texts([
        ("key", new.key.as_deref()),
        ("queue", Some(new.queue.as_str())),
        ("trigger", Some(new.trigger.as_str())),
        ("started_by", Some(new.started_by.as_str())),
        ("input", Some(new.input.as_str())),
        ("events", Some(new.events.as_str())),
        ("idempotency_key", new.start_key.as_ref().map(|start_key| start_key.key.as_str())),
        ("fingerprint", new.start_key.as_ref().map(|start_key| start_key.fingerprint.as_str())),
    ])?;
    check_texts(
        new.labels
            .iter()
            .flat_map(|label| [("label", Some(label.name.as_str())), ("label", Some(label.value.as_str()))]),
    )
}

/// Labels as the row of an execution holds them: a JSON list of pairs.
fn labels_json(new: &NewExecution) -> String {
    let pairs: Vec<(&str, &str)> = new.labels.iter().map(|label| (label.name.as_str(), label.value.as_str())).collect();
    serde_json::to_string(&pairs).expect("pairs of texts are JSON")
}
