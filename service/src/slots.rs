//! Slots of workflows that limit how many of their executions may be under way.

use async_recursion::async_recursion as boxed;
use store::SlotKey;

use crate::error::ServiceError;
use crate::services::Services;
use crate::signals::{self, Told};

/// What whoever gets a slot is told, as the database keeps it.
#[must_use]
pub fn told() -> String {
    serde_json::to_string(&Told::Slot).expect("a word is JSON")
}

/// Gives the free slots of up to `limit` keys, after `after` in an order without meaning, to those who wait for
/// them. Returns how many got one, and where to go on: nothing when there are no more keys.
///
/// # Errors
/// When the database is away.
#[boxed]
pub async fn give(
    services: &Services,
    after: Option<SlotKey>,
    limit: usize,
) -> Result<(u64, Option<SlotKey>), ServiceError> {
    let (store, told) = (services.store(), told());
    let mut count = 0;
    let mut place = after;
    for _key in 0..limit {
        let Some(key) = store.next_awaited_slot(place.as_ref()).await? else { return Ok((count, None)) };
        let given = store.give_slots(&key, &told, services.now().0).await?;
        count += given.len() as u64;
        signals::deliver(services, &given).await?;
        place = Some(key);
    }
    Ok((count, place))
}
