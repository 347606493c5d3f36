//! Who looks for what they may decide, and which approvals these are.

use entity::approval::{self, Column};
use entity::{approval_assignee, approval_decision, approval_delegation};
use ids::OrganizationId;
use sea_orm::ColumnTrait;
use sea_orm::sea_query::{Condition, Expr, ExprTrait, Query, SelectStatement, SimpleExpr};

use super::approval::of_folders;
use crate::backend::Dialect;
use crate::model::approval::ApprovalStatus;

/// Somebody who looks for what they may decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decider {
    /// `role:NAME`, `user:ID` and `user:ADDRESS` of theirs; everything is theirs when absent.
    pub assignees: Option<Vec<String>>,
    /// The person: what they decided is not to be decided again.
    pub person: String,
    /// Whose requests are not theirs to decide, unless those allow it.
    pub own: Vec<String>,
    /// For whom they stand in at this moment.
    pub stands_for: Vec<StandsFor>,
    /// The present moment, Unix milliseconds.
    pub now_ms: i64,
}

/// Somebody who is away, in whose place somebody else decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandsFor {
    /// The person.
    pub person: String,
    /// `role:NAME`, `user:ID` and `user:ADDRESS` of theirs.
    pub assignees: Vec<String>,
    /// Workflow folders that they are limited to; everywhere when absent.
    pub folders: Option<Vec<String>>,
}

impl Decider {
    pub(super) fn condition(&self, organization: OrganizationId, dialect: Dialect) -> Condition {
        let in_time = Condition::any().add(Column::ExpiresAtMs.is_null()).add(Column::ExpiresAtMs.gt(self.now_ms));
        let all = Condition::all()
            .add(Column::Status.eq(ApprovalStatus::Pending.code()))
            .add(in_time)
            .add(decided(organization, &self.person).not());
        let Some(assignees) = &self.assignees else { return all };
        let own = Column::Requester.is_not_in(self.own.iter().map(String::as_str));
        let all = all.add(Condition::any().add(Column::AllowSelf.eq(true)).add(own));
        let themselves = asks(organization, &self.person, assignees);
        let any = self.stands_for.iter().fold(Condition::any().add(themselves), |any, absent| {
            let foreign = Condition::any().add(Column::AllowSelf.eq(true)).add(Column::Requester.ne(&absent.person));
            let reached = absent.folders.as_ref().map(|folders| of_folders(organization, folders, dialect));
            any.add(
                asks(organization, &absent.person, &absent.assignees)
                    .add(foreign)
                    .add(decided(organization, &absent.person).not())
                    .add_option(reached),
            )
        });
        all.add(any)
    }
}

/// It asks this person, who has not handed it over.
fn asks(organization: OrganizationId, person: &str, assignees: &[String]) -> Condition {
    use approval_assignee::{Column as Assigned, Entity};
    let assigned = of_approval((Entity, Assigned::ApprovalId))
        .from(Entity)
        .and_where(Assigned::OrganizationId.eq(organization.uuid()))
        .and_where(Assigned::Assignee.is_in(assignees.iter().map(String::as_str)))
        .to_owned();
    Condition::all().add(Expr::exists(assigned)).add(handed_over(organization, person).not())
}

fn handed_over(organization: OrganizationId, person: &str) -> SimpleExpr {
    use approval_delegation::{Column as Handed, Entity};
    let handed = of_approval((Entity, Handed::ApprovalId))
        .from(Entity)
        .and_where(Handed::OrganizationId.eq(organization.uuid()))
        .and_where(Handed::FromPerson.eq(person))
        .and_where(Handed::EndedAtMs.is_null())
        .to_owned();
    Expr::exists(handed)
}

/// This person has decided it, or somebody in their place.
fn decided(organization: OrganizationId, person: &str) -> SimpleExpr {
    use approval_decision::{Column as Decided, Entity};
    let decided = of_approval((Entity, Decided::ApprovalId))
        .from(Entity)
        .and_where(Decided::OrganizationId.eq(organization.uuid()))
        .and_where(Decided::Person.eq(person).or(Decided::OnBehalfOf.eq(person)))
        .to_owned();
    Expr::exists(decided)
}

/// `select 1` of rows that belong to the approval outside.
fn of_approval(column: impl sea_orm::sea_query::IntoColumnRef) -> SelectStatement {
    Query::select().expr(Expr::val(1)).and_where(Expr::col(column).equals((approval::Entity, Column::Id))).to_owned()
}
