//! Follows a rule live. All followers of one rule in a process share what is read.

use async_recursion::async_recursion as boxed;
use std::time::Duration;

use futures::stream::BoxStream;
use futures::{Stream, StreamExt, TryStreamExt};
use ids::{OrganizationId, RuleId};
use store::RuleRow;

use super::read::one;
use crate::error::ServiceError;
use crate::pace::{self, Pace};
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// It is looked at once in so long at most, however much happens elsewhere.
const EVERY: Duration = Duration::from_secs(1);
/// It is looked at without news after so long.
const PATIENCE: Duration = Duration::from_secs(10);

/// The rule as it is, and again whenever it was changed, until it is deleted. Steps in between may be left out; the
/// last one is not.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; the database is away.
#[boxed]
pub async fn updates(
    services: &Services,
    viewer: &Viewer,
    id: RuleId,
) -> Result<impl Stream<Item = Result<RuleRow, ServiceError>> + Send + use<>, ServiceError> {
    viewer.require(Permission::RuleRead)?;
    one(services, viewer, id).await?;
    Ok(futures::stream::try_unfold(seen(services, viewer.organization, id), |mut seen| async move {
        let row = seen.try_next().await?.flatten();
        Ok(row.map(|row| (row, seen)))
    }))
}

/// What is seen of the rule, by all who follow it; nothing once it is gone.
fn seen(
    services: &Services,
    organization: OrganizationId,
    id: RuleId,
) -> BoxStream<'static, Result<Option<RuleRow>, ServiceError>> {
    let all = services.clone();
    let looks = move || {
        let pace = Pace::new(all.live().organization(organization), EVERY, PATIENCE);
        let services = all.clone();
        pace::changes(pace, move || {
            let services = services.clone();
            async move { look(&services, organization, id).await }
        })
    };
    services.followed_rules().follow(format!("{organization} {id}"), looks).boxed()
}

#[boxed]
async fn look(services: &Services, organization: OrganizationId, id: RuleId) -> Result<Option<RuleRow>, ServiceError> {
    Ok(services.store().rules_by_ids(organization, &[id]).await?.pop())
}
