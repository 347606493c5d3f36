//! Filters and orders, from clients' words to the store's.

use async_graphql::{Enum, ID, InputObject, OneofObject, Result};
use ids::{EventId, ExecutionId, ScheduleId, WorkflowId};
use service::Services;
use service::plans::WorkflowRef as ServiceRef;

use super::errors::{IntoGraphql, invalid};
use super::event::EventMatchOutcome;
use super::execution::{DecisionOutcome, ExecutionStatus, TriggerType};
use super::scalars::{DateTime, Duration};

/// Names a workflow: one of its fields.
#[derive(Debug, Clone, OneofObject)]
pub enum WorkflowRef {
    /// By id.
    Id(ID),
    /// By slug.
    Slug(String),
}

impl WorkflowRef {
    pub(super) fn parse(self) -> Result<ServiceRef> {
        match self {
            Self::Id(id) => Ok(ServiceRef::Id(parse_id(&id)?)),
            Self::Slug(slug) => Ok(ServiceRef::Slug(slug)),
        }
    }
}

/// An id of the wanted kind, or an error that says what was expected.
pub(super) fn parse_id<T: std::str::FromStr<Err = ids::ParseIdError>>(id: &ID) -> Result<T> {
    let parsed = id.parse().map_err(|problem: ids::ParseIdError| invalid(problem.to_string()))?;
    // Only what is an id: anything else may be a secret in the wrong place.
    super::audit::note_target(id);
    Ok(parsed)
}

pub(super) fn parse_ids<T: std::str::FromStr<Err = ids::ParseIdError>>(ids: &[ID]) -> Result<Vec<T>> {
    ids.iter().map(parse_id).collect()
}

/// Sort direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum OrderDirection {
    /// Smallest or oldest first.
    Asc,
    /// Largest or newest first.
    Desc,
}

impl From<OrderDirection> for store::Direction {
    fn from(direction: OrderDirection) -> Self {
        match direction {
            OrderDirection::Asc => Self::Ascending,
            OrderDirection::Desc => Self::Descending,
        }
    }
}

/// Conditions on a text; all given ones must hold.
#[derive(Debug, Clone, Default, InputObject)]
pub struct StringFilter {
    /// Equal.
    eq: Option<String>,
    /// Not equal.
    ne: Option<String>,
    /// One of.
    #[graphql(name = "in")]
    in_list: Option<Vec<String>>,
    /// None of.
    not_in: Option<Vec<String>>,
    /// Contains, letter case ignored.
    contains: Option<String>,
    /// Starts with.
    starts_with: Option<String>,
}

impl From<StringFilter> for store::StringFilter {
    fn from(filter: StringFilter) -> Self {
        let StringFilter { eq, ne, in_list, not_in, contains, starts_with } = filter;
        Self { eq, ne, in_list, not_in, contains, starts_with }
    }
}

/// Conditions on a moment.
#[derive(Debug, Clone, Default, InputObject)]
pub struct DateTimeFilter {
    /// At or after.
    gte: Option<DateTime>,
    /// After.
    gt: Option<DateTime>,
    /// At or before.
    lte: Option<DateTime>,
    /// Before.
    lt: Option<DateTime>,
    /// Within this time before now.
    within: Option<Duration>,
}

impl DateTimeFilter {
    pub(super) fn resolve(self, services: &Services) -> store::TimeFilter {
        let millis = |moment: Option<DateTime>| moment.map(|moment| moment.0.0);
        let within = self
            .within
            .map(|length| services.now().0.saturating_sub(i64::try_from(length.0.as_millis()).unwrap_or(i64::MAX)));
        let gte = millis(self.gte).max(within);
        store::TimeFilter { gte, gt: millis(self.gt), lte: millis(self.lte), lt: millis(self.lt) }
    }
}

/// Conditions on one label.
#[derive(Debug, Clone, InputObject)]
pub struct LabelFilter {
    /// Which label.
    name: String,
    /// Equal.
    eq: Option<String>,
    /// One of.
    #[graphql(name = "in")]
    in_list: Option<Vec<String>>,
    /// True: the label is set. False: it is not.
    exists: Option<bool>,
}

/// Which executions.
#[derive(Debug, Clone, Default, InputObject)]
pub struct ExecutionFilter {
    /// These.
    ids: Option<Vec<ID>>,
    /// Of this workflow.
    workflow: Option<WorkflowRef>,
    /// Of these workflows.
    workflow_ids: Option<Vec<ID>>,
    /// Of this version; needs `workflow`.
    version_number: Option<i32>,
    /// Of workflows in this folder or below.
    namespace: Option<String>,
    /// In one of these states.
    statuses: Option<Vec<ExecutionStatus>>,
    /// With one of these decisions.
    outcomes: Option<Vec<DecisionOutcome>>,
    /// By business key.
    key: Option<StringFilter>,
    /// With all of these labels.
    labels: Option<Vec<LabelFilter>>,
    /// Started by one of these.
    trigger_types: Option<Vec<TriggerType>>,
    /// Started by this event.
    event_id: Option<ID>,
    /// Started by this schedule, as far as its history reaches back.
    schedule_id: Option<ID>,
    /// Started by this actor.
    started_by_id: Option<ID>,
    /// By time of acceptance.
    queued_at: Option<DateTimeFilter>,
    /// By end.
    ended_at: Option<DateTimeFilter>,
    /// Failed by the cause with this fingerprint, as `errorGroups` tells it.
    error_fingerprint: Option<String>,
    /// True: no sub-workflows. False: only these.
    is_root: Option<bool>,
    /// All of these.
    and: Option<Vec<Self>>,
    /// At least one of these.
    or: Option<Vec<Self>>,
    /// Not this.
    not: Option<Box<Self>>,
}

impl ExecutionFilter {
    /// The store's filter; slugs are looked up. A workflow that does not exist fits nothing.
    pub(super) async fn resolve(self, services: &Services, viewer: &service::Viewer) -> Result<store::ExecutionFilter> {
        let mut workflow_ids: Option<Vec<WorkflowId>> = self.workflow_ids.as_deref().map(parse_ids).transpose()?;
        if self.version_number.is_some() && self.workflow.is_none() {
            return Err(invalid("`versionNumber` needs `workflow`"));
        }
        if let Some(reference) = self.workflow {
            let found: Option<WorkflowId> = match reference.parse()? {
                ServiceRef::Id(id) => Some(id),
                ServiceRef::Slug(slug) => {
                    service::workflows::workflow_by_slug(services, viewer, &slug).await.graphql()?.map(|row| row.id)
                }
            };
            let known = workflow_ids.take();
            workflow_ids =
                Some(found.into_iter().filter(|id| known.as_ref().is_none_or(|known| known.contains(id))).collect());
        }
        let labels = self.labels.unwrap_or_default().into_iter();
        let (mut and, mut or) = (Vec::new(), Vec::new());
        for filter in self.and.unwrap_or_default() {
            and.push(Box::pin(filter.resolve(services, viewer)).await?);
        }
        if let Some(namespace) = self.namespace {
            // Beside the folders that the viewer reaches, which take the place of what the filter says itself.
            and.push(store::ExecutionFilter { folders: Some(vec![namespace]), ..store::ExecutionFilter::default() });
        }
        for filter in self.or.unwrap_or_default() {
            or.push(Box::pin(filter.resolve(services, viewer)).await?);
        }
        let not = match self.not {
            Some(filter) => Some(Box::new(Box::pin(filter.resolve(services, viewer)).await?)),
            None => None,
        };
        Ok(store::ExecutionFilter {
            ids: self.ids.as_deref().map(parse_ids::<ExecutionId>).transpose()?,
            workflow_ids,
            folders: None,
            version_number: self.version_number,
            statuses: self.statuses.map(|list| list.into_iter().map(Into::into).collect()),
            results: self.outcomes.map(|list| list.into_iter().map(Into::into).collect()),
            key: self.key.map(Into::into),
            labels: labels
                .map(|LabelFilter { name, eq, in_list, exists }| store::LabelFilter { name, eq, in_list, exists })
                .collect(),
            trigger_types: self.trigger_types.map(|list| list.into_iter().map(Into::into).collect()),
            event_id: self.event_id.as_ref().map(parse_id::<EventId>).transpose()?,
            schedule_id: self.schedule_id.as_ref().map(parse_id::<ScheduleId>).transpose()?,
            parent_id: None,
            rerun_of: None,
            error_fingerprint: self.error_fingerprint,
            is_root: self.is_root,
            started_by: self.started_by_id.map(|id| id.0),
            queued_at: self.queued_at.map(|filter| filter.resolve(services)),
            ended_at: self.ended_at.map(|filter| filter.resolve(services)),
            search: None,
            and,
            or,
            not,
        })
    }
}

/// By what executions are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "store::ExecutionOrderField")]
pub enum ExecutionOrderField {
    /// Acceptance.
    QueuedAt,
    /// Start.
    StartedAt,
    /// End.
    EndedAt,
    /// Duration.
    Duration,
    /// Priority.
    Priority,
}

/// Order of executions.
#[derive(Debug, Clone, Copy, InputObject)]
pub struct ExecutionOrder {
    /// By what.
    #[graphql(default_with = "ExecutionOrderField::QueuedAt")]
    field: ExecutionOrderField,
    /// Direction.
    #[graphql(default_with = "OrderDirection::Desc")]
    direction: OrderDirection,
}

impl ExecutionOrder {
    /// The store's order.
    pub(super) fn resolve(order: Option<Self>) -> store::ExecutionOrder {
        order.map_or_else(store::ExecutionOrder::default, |order| store::ExecutionOrder {
            field: order.field.into(),
            direction: order.direction.into(),
        })
    }
}

/// Which workflows.
#[derive(Debug, Clone, Default, InputObject)]
pub struct WorkflowFilter {
    /// Enabled or disabled ones.
    is_enabled: Option<bool>,
    /// Archived ones; those that are not when absent.
    is_archived: Option<bool>,
    /// With or without unpublished work.
    has_draft: Option<bool>,
    /// In this folder or below.
    namespace: Option<String>,
    /// With all of these tags.
    tags: Option<Vec<String>>,
    /// By name or slug.
    name: Option<StringFilter>,
    /// Whose published version uses this rule.
    uses: Option<ID>,
    /// All of these.
    and: Option<Vec<Self>>,
    /// At least one of these.
    or: Option<Vec<Self>>,
    /// Not this.
    not: Option<Box<Self>>,
}

impl WorkflowFilter {
    pub(super) fn resolve(self) -> Result<store::WorkflowFilter> {
        let filter = self;
        let all =
            |list: Option<Vec<Self>>| list.unwrap_or_default().into_iter().map(Self::resolve).collect::<Result<_>>();
        Ok(store::WorkflowFilter {
            is_enabled: filter.is_enabled,
            is_archived: filter.is_archived,
            has_draft: filter.has_draft,
            namespace: filter.namespace,
            folders: None,
            tags: filter.tags.unwrap_or_default(),
            name: filter.name.map(Into::into),
            search: None,
            uses_rule: filter.uses.as_ref().map(parse_id).transpose()?,
            uses_part: None,
            and: all(filter.and)?,
            or: all(filter.or)?,
            not: filter.not.map(|filter| filter.resolve().map(Box::new)).transpose()?,
        })
    }
}

/// By what workflows are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "store::WorkflowOrderField")]
pub enum WorkflowOrderField {
    /// Title.
    Name,
    /// Creation.
    CreatedAt,
    /// Last change.
    UpdatedAt,
}

/// Order of workflows.
#[derive(Debug, Clone, Copy, InputObject)]
pub struct WorkflowOrder {
    /// By what.
    #[graphql(default_with = "WorkflowOrderField::Name")]
    field: WorkflowOrderField,
    /// Direction.
    #[graphql(default_with = "OrderDirection::Asc")]
    direction: OrderDirection,
}

impl WorkflowOrder {
    /// The store's order.
    pub(super) fn resolve(order: Option<Self>) -> store::WorkflowOrder {
        let by_name =
            store::WorkflowOrder { field: store::WorkflowOrderField::Name, direction: store::Direction::Ascending };
        order.map_or(by_name, |order| store::WorkflowOrder {
            field: order.field.into(),
            direction: order.direction.into(),
        })
    }
}

/// Which events.
#[derive(Debug, Clone, Default, InputObject)]
pub struct EventFilter {
    /// By name.
    #[graphql(name = "type")]
    event_type: Option<StringFilter>,
    /// By sender.
    source: Option<StringFilter>,
    /// By subject.
    subject: Option<StringFilter>,
    /// By time.
    received_at: Option<DateTimeFilter>,
    /// That started something, or nothing.
    has_executions: Option<bool>,
    /// With a workflow that one of these came of.
    outcomes: Option<Vec<EventMatchOutcome>>,
}

impl EventFilter {
    /// The store's filter.
    pub(super) fn resolve(self, services: &Services) -> store::EventFilter {
        store::EventFilter {
            event_type: self.event_type.map(Into::into),
            source: self.source.map(Into::into),
            subject: self.subject.map(Into::into),
            received_at: self.received_at.map(|filter| filter.resolve(services)),
            has_executions: self.has_executions,
            outcomes: self.outcomes.map(|all| {
                let names = all.into_iter().map(|outcome| service::events::MatchOutcome::from(outcome).name());
                names.map(str::to_owned).collect()
            }),
        }
    }
}

/// By what events are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "store::EventOrderField")]
pub enum EventOrderField {
    /// Acceptance.
    ReceivedAt,
    /// When it happened.
    OccurredAt,
}

/// Order of events.
#[derive(Debug, Clone, Copy, InputObject)]
pub struct EventOrder {
    /// By what.
    #[graphql(default_with = "EventOrderField::ReceivedAt")]
    field: EventOrderField,
    /// Direction.
    #[graphql(default_with = "OrderDirection::Desc")]
    direction: OrderDirection,
}

impl EventOrder {
    /// The store's order.
    pub(super) fn resolve(order: Option<Self>) -> store::EventOrder {
        order.map_or_else(store::EventOrder::default, |order| store::EventOrder {
            field: order.field.into(),
            direction: order.direction.into(),
        })
    }
}
