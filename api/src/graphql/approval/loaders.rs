//! Batches what belongs to approvals, so that a list costs a constant number of queries.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::dataloader::Loader;
use ids::ApprovalId;
use service::{ServiceError, approvals};
use store::{ApprovalEventRow, DecisionRow, DelegationRow};

use crate::graphql::loaders::Reader;

/// Whether the viewer may decide an approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct StandingOf(pub(super) ApprovalId);

#[async_graphql::async_trait::async_trait]
impl Loader<StandingOf> for Reader {
    type Value = Result<(), approvals::Hindrance>;
    type Error = Arc<ServiceError>;

    async fn load(&self, keys: &[StandingOf]) -> Result<HashMap<StandingOf, Self::Value>, Self::Error> {
        let ids: Vec<ApprovalId> = keys.iter().map(|key| key.0).collect();
        let found = approvals::standings(&self.services, &self.viewer, &ids).await?;
        Ok(found.into_iter().map(|(id, standing)| (StandingOf(id), standing)).collect())
    }
}

/// Names of the roles and people who may decide an approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct AssigneesOf(pub(super) ApprovalId);

#[async_graphql::async_trait::async_trait]
impl Loader<AssigneesOf> for Reader {
    type Value = Arc<(Vec<String>, Vec<String>)>;
    type Error = Arc<ServiceError>;

    async fn load(&self, keys: &[AssigneesOf]) -> Result<HashMap<AssigneesOf, Self::Value>, Self::Error> {
        let ids: Vec<ApprovalId> = keys.iter().map(|key| key.0).collect();
        let found = approvals::roles_and_users(&self.services, &self.viewer, &ids).await?;
        Ok(found.into_iter().map(|(id, names)| (AssigneesOf(id), Arc::new(names))).collect())
    }
}

/// What people decided about an approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct DecisionsOf(pub(super) ApprovalId);

#[async_graphql::async_trait::async_trait]
impl Loader<DecisionsOf> for Reader {
    type Value = Arc<Vec<DecisionRow>>;
    type Error = Arc<ServiceError>;

    async fn load(&self, keys: &[DecisionsOf]) -> Result<HashMap<DecisionsOf, Self::Value>, Self::Error> {
        let ids: Vec<ApprovalId> = keys.iter().map(|key| key.0).collect();
        let found = approvals::decisions(&self.services, &self.viewer, &ids).await?;
        Ok(found.into_iter().map(|(id, rows)| (DecisionsOf(id), Arc::new(rows))).collect())
    }
}

/// What happened to an approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct EventsOf(pub(super) ApprovalId);

#[async_graphql::async_trait::async_trait]
impl Loader<EventsOf> for Reader {
    type Value = Arc<Vec<ApprovalEventRow>>;
    type Error = Arc<ServiceError>;

    async fn load(&self, keys: &[EventsOf]) -> Result<HashMap<EventsOf, Self::Value>, Self::Error> {
        let ids: Vec<ApprovalId> = keys.iter().map(|key| key.0).collect();
        let found = approvals::events(&self.services, &self.viewer, &ids).await?;
        Ok(found.into_iter().map(|(id, rows)| (EventsOf(id), Arc::new(rows))).collect())
    }
}

/// Who handed an approval over to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct DelegationsOf(pub(super) ApprovalId);

#[async_graphql::async_trait::async_trait]
impl Loader<DelegationsOf> for Reader {
    type Value = Vec<DelegationRow>;
    type Error = Arc<ServiceError>;

    async fn load(&self, keys: &[DelegationsOf]) -> Result<HashMap<DelegationsOf, Self::Value>, Self::Error> {
        let ids: Vec<ApprovalId> = keys.iter().map(|key| key.0).collect();
        let mut found: HashMap<DelegationsOf, Self::Value> = HashMap::new();
        for row in approvals::delegations(&self.services, &self.viewer, &ids).await? {
            found.entry(DelegationsOf(row.approval_id)).or_default().push(row);
        }
        Ok(found)
    }
}
