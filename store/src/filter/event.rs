//! Filters of events.

use entity::{event::Column, execution};
use ids::OrganizationId;
use sea_orm::ColumnTrait;
use sea_orm::sea_query::{Condition, Expr, ExprTrait, Query};

use super::parts::{StringFilter, TimeFilter, contains};
use crate::backend::Dialect;

/// Which events; all conditions that are set must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// By name.
    pub event_type: Option<StringFilter>,
    /// By sender.
    pub source: Option<StringFilter>,
    /// By subject.
    pub subject: Option<StringFilter>,
    /// By time of acceptance.
    pub received_at: Option<TimeFilter>,
    /// That started something, or nothing.
    pub has_executions: Option<bool>,
    /// With a workflow that this came of; names of outcomes such as `filtered`.
    pub outcomes: Option<Vec<String>>,
}

impl EventFilter {
    pub(crate) fn condition(&self, organization: OrganizationId, dialect: Dialect) -> Condition {
        Condition::all()
            .add_option(self.event_type.as_ref().map(|text| text.condition(&Column::EventType.into_expr(), dialect)))
            .add_option(self.source.as_ref().map(|text| text.condition(&Column::Source.into_expr(), dialect)))
            .add_option(self.subject.as_ref().map(|text| text.condition(&Column::Subject.into_expr(), dialect)))
            .add_option(self.received_at.map(|time| time.condition(&Column::ReceivedAtMs.into_expr())))
            .add_option(self.outcomes.as_ref().map(|outcomes| {
                // Without any there is nothing to find; no alternatives would be no condition.
                let none = Condition::any().add(Expr::val(1).eq(0));
                outcomes.iter().fold(none, |any, outcome| {
                    any.add(contains(Column::Outcomes.into_expr(), &format!("|{outcome}|"), dialect))
                })
            }))
            .add_option(self.has_executions.map(|has| {
                let started = Query::select()
                    .expr(Expr::val(1))
                    .from(execution::Entity)
                    .and_where(
                        Expr::col((execution::Entity, execution::Column::EventId))
                            .equals((entity::event::Entity, Column::Id)),
                    )
                    .and_where(execution::Column::OrganizationId.eq(organization.uuid()))
                    .to_owned();
                let exists = Expr::exists(started);
                if has { exists } else { exists.not() }
            }))
    }
}
