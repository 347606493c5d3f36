//! Accepts and reads events.

mod arrivals;

use entity::{event, event_key, event_trigger};
use event::{Column, Entity, Model};
use ids::{EventId, OrganizationId, WorkflowId, WorkflowVersionId};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, SimpleExpr};
use sea_orm::{ActiveValue::Set, ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::backend::WriteTransaction;
use crate::clean::check_texts;
use crate::error::StoreError;
use crate::filter::EventFilter;
use crate::model::event::{EventOutcome, EventRow, NewEvent, RoutedEvent};
use crate::model::workflow::TriggerCandidate;
use crate::page::{self, Cursor, EventOrder, EventOrderField, Page, PageRequest, Sort, SortKey};
use crate::store::Store;

/// For how long a deduplication key counts, in milliseconds.
const KEY_LIFE_MS: i64 = 7 * 24 * 60 * 60 * 1_000;

fn row(model: Model) -> EventRow {
    EventRow {
        id: EventId::from_uuid(model.id),
        organization_id: OrganizationId::from_uuid(model.organization_id),
        event_type: model.event_type,
        source: model.source,
        subject: model.subject,
        payload: model.payload,
        deduplication_key: model.deduplication_key,
        occurred_at_ms: model.occurred_at_ms,
        received_at_ms: model.received_at_ms,
        routed_at_ms: model.routed_at_ms,
        matches: model.matches,
        depth: model.depth,
        replay_of: model.replay_of.map(EventId::from_uuid),
        only_workflows: model.only_workflows,
    }
}

fn model(new: NewEvent) -> event::ActiveModel {
    event::ActiveModel {
        id: Set(new.id.uuid()),
        organization_id: Set(new.organization_id.uuid()),
        event_type: Set(new.event_type),
        source: Set(new.source),
        subject: Set(new.subject),
        payload: Set(new.payload),
        deduplication_key: Set(new.deduplication_key),
        occurred_at_ms: Set(new.occurred_at_ms),
        received_at_ms: Set(new.received_at_ms),
        routed_at_ms: Set(None),
        matches: Set(None),
        depth: Set(new.depth),
        about: Set(new.about),
        replay_of: Set(new.replay_of.map(EventId::uuid)),
        only_workflows: Set(new.only_workflows),
        outcomes: Set(None),
    }
}

fn check(new: &NewEvent) -> Result<(), StoreError> {
    check_texts([
        ("event_type", Some(new.event_type.as_str())),
        ("source", Some(new.source.as_str())),
        ("subject", new.subject.as_deref()),
        ("payload", Some(new.payload.as_str())),
        ("deduplication_key", new.deduplication_key.as_deref()),
        ("fingerprint", Some(new.fingerprint.as_str())),
        ("about", new.about.as_deref()),
        ("only_workflows", new.only_workflows.as_deref()),
    ])
}

impl Store {
    /// Records an event; durable when this returns.
    ///
    /// # Errors
    /// `Invalid`, `Conflict`, or the database is away.
    pub async fn insert_event(&self, new: NewEvent) -> Result<EventOutcome, StoreError> {
        Ok(self.insert_events(vec![new]).await?.remove(0))
    }

    /// Records events together, in the order given; durable when this returns. Of two with the same deduplication key,
    /// the first counts.
    ///
    /// # Errors
    /// `Invalid`, `Conflict`, or the database is away; then none of them is recorded.
    pub async fn insert_events(&self, new: Vec<NewEvent>) -> Result<Vec<EventOutcome>, StoreError> {
        new.iter().try_for_each(check)?;
        let mut by_key: Vec<usize> = (0..new.len()).collect();
        // Who records the same keys at the same time waits for the other one, rather than both for each other.
        by_key.sort_by_key(|index| (new[*index].deduplication_key.as_deref(), *index));
        let mut outcomes: Vec<EventOutcome> = new.iter().map(|one| EventOutcome::New(one.id)).collect();
        let transaction = self.backend.begin().await?;
        for index in by_key {
            let one = &new[index];
            if let Some(key) = &one.deduplication_key
                && let Some(existing) = reserve(&transaction, one, key).await?
            {
                outcomes[index] = existing;
            }
        }
        let accepted = new.into_iter().zip(&outcomes).filter(|(_, outcome)| matches!(outcome, EventOutcome::New(_)));
        let models: Vec<_> = accepted.map(|(one, _)| model(one)).collect();
        if !models.is_empty() {
            Entity::insert_many(models).exec_without_returning(&*transaction).await?;
            transaction.commit().await?;
        }
        Ok(outcomes)
    }

    /// Records what came of an event, and which outcomes there are among that, such as `|filtered|started|`; the first
    /// time counts.
    ///
    /// # Errors
    /// `Invalid`, or the database is away.
    pub async fn mark_routed(
        &self,
        organization: OrganizationId,
        id: EventId,
        matches: &str,
        outcomes: &str,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let routed = RoutedEvent { id, matches: matches.to_owned(), outcomes: outcomes.to_owned() };
        self.mark_all_routed(organization, &[routed], now_ms).await
    }

    /// [`Self::mark_routed`] for several events in one transaction.
    ///
    /// # Errors
    /// `Invalid`, or the database is away; then none of them is marked.
    pub async fn mark_all_routed(
        &self,
        organization: OrganizationId,
        routed: &[RoutedEvent],
        now_ms: i64,
    ) -> Result<(), StoreError> {
        for one in routed {
            check_texts([("matches", Some(one.matches.as_str())), ("outcomes", Some(one.outcomes.as_str()))])?;
        }
        let transaction = self.backend.begin().await?;
        for one in routed {
            Entity::update_many()
                .col_expr(Column::RoutedAtMs, Expr::val(now_ms))
                .col_expr(Column::Matches, Expr::val(one.matches.as_str()))
                .col_expr(Column::Outcomes, Expr::val(one.outcomes.as_str()))
                .filter(Column::Id.eq(one.id.uuid()))
                .filter(Column::OrganizationId.eq(organization.uuid()))
                .filter(Column::RoutedAtMs.is_null())
                .exec(&*transaction)
                .await?;
        }
        transaction.commit().await
    }

    /// Up to `limit` events that were accepted before `received_before_ms` and are not routed, oldest
    /// first. Serves all organizations, for the reconciler.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn unrouted_events(&self, received_before_ms: i64, limit: u64) -> Result<Vec<EventRow>, StoreError> {
        let models = Entity::find()
            .filter(Column::RoutedAtMs.is_null())
            .filter(Column::ReceivedAtMs.lt(received_before_ms))
            .order_by_asc(Column::ReceivedAtMs)
            .order_by_asc(Column::Id)
            .limit(limit)
            .all(self.backend.reads())
            .await?;
        Ok(models.into_iter().map(row).collect())
    }

    /// Events after `after`, oldest first: with this name, or of any name; about this or about nothing in
    /// particular, or about whatever. Those for some workflows alone are left out, and those that were accepted
    /// before `least_received_ms`: ids come from clocks that may be wrong, that moment does not.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn events_after(
        &self,
        organization: OrganizationId,
        event_type: Option<&str>,
        about: Option<&str>,
        after: EventId,
        least_received_ms: i64,
        limit: u64,
    ) -> Result<Vec<EventRow>, StoreError> {
        let mut select =
            Entity::find().filter(Column::OrganizationId.eq(organization.uuid())).filter(Column::Id.gt(after.uuid()));
        select = select.filter(Column::ReceivedAtMs.gte(least_received_ms));
        select = select.filter(Column::OnlyWorkflows.is_null());
        if let Some(event_type) = event_type {
            select = select.filter(Column::EventType.eq(event_type));
        }
        if let Some(about) = about {
            select = select.filter(Condition::any().add(Column::About.eq(about)).add(Column::About.is_null()));
        }
        let models = select.order_by_asc(Column::Id).limit(limit).all(&self.backend.reads_of(organization)).await?;
        Ok(models.into_iter().map(row).collect())
    }

    /// One event.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn event(&self, organization: OrganizationId, id: EventId) -> Result<Option<EventRow>, StoreError> {
        Ok(self.events_by_ids(organization, &[id]).await?.pop())
    }

    /// Several events, in any order; unknown ones are left out.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn events_by_ids(
        &self,
        organization: OrganizationId,
        ids: &[EventId],
    ) -> Result<Vec<EventRow>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let models = Entity::find()
            .filter(Column::Id.is_in(ids.iter().map(|id| id.uuid())))
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .all(&self.backend.reads_of(organization))
            .await?;
        Ok(models.into_iter().map(row).collect())
    }

    /// A page of the events that fit `filter`.
    ///
    /// # Errors
    /// `Invalid` for a cursor of another order, or the database is away.
    pub async fn events(
        &self,
        organization: OrganizationId,
        filter: &EventFilter,
        order: EventOrder,
        request: &PageRequest,
    ) -> Result<Page<EventRow>, StoreError> {
        let select = Entity::find()
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .filter(filter.condition(organization, self.backend.dialect()));
        let sort = Sort { key: sort_key(order.field), table: "event", direction: order.direction };
        let cursor = |row: &EventRow| Cursor { key: key_of(row, order.field), id: row.id.uuid() };
        page::read(&self.backend.reads_of(organization), select, &sort, request, |model: Model| Ok(row(model)), cursor)
            .await
    }

    /// How many events fit, counted up to ten thousand; false when counting stopped there.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn count_events(
        &self,
        organization: OrganizationId,
        filter: &EventFilter,
    ) -> Result<(u64, bool), StoreError> {
        let condition = filter.condition(organization, self.backend.dialect());
        let select = Entity::find().filter(Column::OrganizationId.eq(organization.uuid())).filter(condition);
        page::count(&self.backend.reads_of(organization), select).await
    }

    /// Triggers of published workflows, disabled ones too, that an event of this name may fit: those with
    /// exactly this name, and every pattern.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn triggers_for(
        &self,
        organization: OrganizationId,
        event_type: &str,
    ) -> Result<Vec<TriggerCandidate>, StoreError> {
        use event_trigger::Column;
        let may_fit = Condition::any()
            .add(Condition::all().add(Column::IsExact.eq(true)).add(Column::Pattern.eq(event_type)))
            .add(Column::IsExact.eq(false));
        let models = event_trigger::Entity::find()
            .filter(Column::OrganizationId.eq(organization.uuid()))
            // Both, said so that the index serves.
            .filter(Column::IsEnabled.is_in([true, false]))
            .filter(may_fit)
            .order_by_asc(Column::WorkflowId)
            .order_by_asc(Column::Ordinal)
            .all(&self.backend.reads_of(organization))
            .await?;
        let candidates = models.into_iter().map(|model| TriggerCandidate {
            workflow_id: WorkflowId::from_uuid(model.workflow_id),
            version_id: WorkflowVersionId::from_uuid(model.version_id),
            ordinal: model.ordinal,
            pattern: model.pattern,
            is_exact: model.is_exact,
            is_enabled: model.is_enabled,
        });
        Ok(candidates.collect())
    }
}

/// Takes the key for `new`; what it stands for, if it is taken.
async fn reserve(
    transaction: &WriteTransaction,
    new: &NewEvent,
    key: &str,
) -> Result<Option<EventOutcome>, StoreError> {
    let reservation = event_key::ActiveModel {
        organization_id: Set(new.organization_id.uuid()),
        key: Set(key.to_owned()),
        event_id: Set(new.id.uuid()),
        fingerprint: Set(new.fingerprint.clone()),
        created_at_ms: Set(new.received_at_ms),
    };
    let is_too_old: SimpleExpr =
        Expr::col((event_key::Entity, event_key::Column::CreatedAtMs)).lte(new.received_at_ms - KEY_LIFE_MS);
    let take_if_too_old = OnConflict::columns([event_key::Column::OrganizationId, event_key::Column::Key])
        .update_columns([event_key::Column::EventId, event_key::Column::Fingerprint, event_key::Column::CreatedAtMs])
        .action_and_where(is_too_old)
        .to_owned();
    let inserted = event_key::Entity::insert(reservation)
        .on_conflict(take_if_too_old)
        .exec_without_returning(&**transaction)
        .await?;
    if inserted > 0 {
        return Ok(None);
    }
    let known = event_key::Entity::find_by_id((new.organization_id.uuid(), key.to_owned())).one(&**transaction).await?;
    Ok(known.map(|known| EventOutcome::Existing {
        event_id: EventId::from_uuid(known.event_id),
        same_fingerprint: known.fingerprint == new.fingerprint,
    }))
}

fn sort_key(field: EventOrderField) -> Option<SimpleExpr> {
    match field {
        // Ids are UUIDv7, so they sort by acceptance.
        EventOrderField::ReceivedAt => None,
        EventOrderField::OccurredAt => Some(Column::OccurredAtMs.into_expr()),
    }
}

fn key_of(row: &EventRow, field: EventOrderField) -> SortKey {
    match field {
        EventOrderField::ReceivedAt => SortKey::None(()),
        EventOrderField::OccurredAt => SortKey::Number(row.occurred_at_ms),
    }
}
