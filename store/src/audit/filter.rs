//! Filters of the audit log.

use entity::audit_entry::Column;
use sea_orm::ColumnTrait;
use sea_orm::sea_query::{Condition, Expr, ExprTrait, SimpleExpr};

use crate::backend::Dialect;
use crate::filter::{StringFilter, TimeFilter, contains};
use crate::model::audit::AuditOutcome;

/// Which entries; all conditions that are set must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// By this actor.
    pub actor_id: Option<String>,
    /// By one of these sorts of actor.
    pub actor_kinds: Option<Vec<String>>,
    /// One of these actions; `workflow.*` stands for all that begin with `workflow.`.
    pub actions: Option<Vec<String>>,
    /// With one of these outcomes.
    pub outcomes: Option<Vec<AuditOutcome>>,
    /// On this object.
    pub target_id: Option<String>,
    /// On one of these sorts of object.
    pub target_types: Option<Vec<String>>,
    /// In this time.
    pub at: Option<TimeFilter>,
    /// With this text in a name or the reason.
    pub contains: Option<String>,
}

impl AuditFilter {
    pub(super) fn condition(&self, dialect: Dialect) -> Condition {
        let all = Condition::all()
            .add_option(self.actor_id.as_ref().map(|id| Column::ActorId.eq(id)))
            .add_option(self.actor_kinds.as_ref().map(|kinds| Column::ActorKind.is_in(kinds)))
            .add_option(
                self.outcomes
                    .as_ref()
                    .map(|outcomes| Column::Outcome.is_in(outcomes.iter().map(|outcome| outcome.name()))),
            )
            .add_option(self.target_id.as_ref().map(|id| Column::TargetId.eq(id)))
            .add_option(self.target_types.as_ref().map(|types| Column::TargetType.is_in(types)))
            .add_option(self.at.as_ref().map(|at| at.condition(&Column::AtMs.into_expr())));
        let all = match &self.actions {
            None => all,
            Some(actions) => all.add(one_of(actions, dialect)),
        };
        match &self.contains {
            None => all,
            Some(text) => all.add(
                [Column::ActorName, Column::TargetName, Column::Reason]
                    .into_iter()
                    .fold(Condition::any(), |any, column| any.add(contains(column.into_expr(), text, dialect))),
            ),
        }
    }
}

fn one_of(actions: &[String], dialect: Dialect) -> Condition {
    let (patterns, exact): (Vec<&String>, Vec<&String>) = actions.iter().partition(|action| action.ends_with('*'));
    let nothing: SimpleExpr = Expr::val(1).eq(2);
    let any = Condition::any().add(if exact.is_empty() { nothing } else { Column::Action.is_in(exact) });
    patterns.into_iter().fold(any, |any, pattern| {
        let begins =
            StringFilter { starts_with: Some(pattern.trim_end_matches('*').to_owned()), ..StringFilter::default() };
        any.add(begins.condition(&Column::Action.into_expr(), dialect))
    })
}
