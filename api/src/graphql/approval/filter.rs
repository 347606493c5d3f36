//! Which approvals are wanted, and in which order.

use async_graphql::{Enum, ID, InputObject, Result};
use service::Services;
use service::approvals::Inbox;
use service::plans::WorkflowRef as ServiceRef;

use super::parts::ApprovalStatus;
use crate::graphql::errors::IntoGraphql;
use crate::graphql::filters::{DateTimeFilter, OrderDirection, WorkflowRef, parse_id};

/// Which approvals.
#[derive(Debug, Clone, InputObject)]
pub struct ApprovalFilter {
    /// In one of these states.
    #[graphql(default_with = "vec![ApprovalStatus::Pending]")]
    statuses: Vec<ApprovalStatus>,
    /// That the caller may decide.
    assigned_to_viewer: Option<bool>,
    /// That the caller asked for.
    requested_by_viewer: Option<bool>,
    /// Of this execution.
    execution_id: Option<ID>,
    /// Of this workflow.
    workflow: Option<WorkflowRef>,
    /// About this sort of thing.
    entity: Option<String>,
    /// About this one.
    entity_id: Option<String>,
    /// Past `dueAt`.
    is_overdue: Option<bool>,
    /// By time of opening.
    requested_at: Option<DateTimeFilter>,
}

impl Default for ApprovalFilter {
    fn default() -> Self {
        Self {
            statuses: vec![ApprovalStatus::Pending],
            assigned_to_viewer: None,
            requested_by_viewer: None,
            execution_id: None,
            workflow: None,
            entity: None,
            entity_id: None,
            is_overdue: None,
            requested_at: None,
        }
    }
}

impl ApprovalFilter {
    /// The store's filter, and whose business; slugs are looked up. A workflow that does not exist fits nothing.
    pub(super) async fn resolve(
        self,
        services: &Services,
        viewer: &service::Viewer,
        search: Option<String>,
    ) -> Result<(store::ApprovalFilter, Inbox)> {
        let workflow_ids = match self.workflow {
            None => None,
            Some(reference) => Some(match reference.parse()? {
                ServiceRef::Id(id) => vec![id],
                ServiceRef::Slug(slug) => {
                    let found = service::workflows::workflow_by_slug(services, viewer, &slug).await.graphql()?;
                    found.map(|row| row.id).into_iter().collect()
                }
            }),
        };
        let filter = store::ApprovalFilter {
            statuses: Some(self.statuses.into_iter().map(Into::into).collect()),
            decidable: None,
            requester: None,
            execution_id: self.execution_id.as_ref().map(parse_id).transpose()?,
            workflow_ids,
            folders: None,
            entity: self.entity,
            entity_id: self.entity_id,
            overdue: self.is_overdue.map(|is_overdue| (is_overdue, services.now().0)),
            requested_at: self.requested_at.map(|at| at.resolve(services)),
            search: search.filter(|text| !text.trim().is_empty()),
        };
        let inbox = Inbox {
            is_assigned: self.assigned_to_viewer.unwrap_or(false),
            is_requested: self.requested_by_viewer.unwrap_or(false),
        };
        Ok((filter, inbox))
    }
}

/// What approvals can be ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "store::ApprovalOrderField")]
#[expect(clippy::enum_variant_names, reason = "the names of the fields that they order by")]
pub enum ApprovalOrderField {
    /// Opening.
    RequestedAt,
    /// Due date.
    DueAt,
    /// Closing.
    DecidedAt,
}

/// Order of approvals.
#[derive(Debug, Clone, Copy, InputObject)]
pub struct ApprovalOrder {
    /// By what.
    #[graphql(default_with = "ApprovalOrderField::DueAt")]
    field: ApprovalOrderField,
    /// Direction.
    #[graphql(default_with = "OrderDirection::Asc")]
    direction: OrderDirection,
}

impl ApprovalOrder {
    /// The store's order.
    pub(super) fn resolve(order: Option<Self>) -> store::ApprovalOrder {
        let by_due =
            store::ApprovalOrder { field: store::ApprovalOrderField::DueAt, direction: store::Direction::Ascending };
        order.map_or(by_due, |order| store::ApprovalOrder {
            field: order.field.into(),
            direction: order.direction.into(),
        })
    }
}
