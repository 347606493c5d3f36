//! Rules that workflows share: kept, tried, and pinned to the executions that use them.
//!
//! They belong to the whole organization; folders do not narrow who sees them. But whoever is limited to folders does
//! not change what workflows elsewhere use.

mod evaluate;
mod expression;
mod follow;
mod pins;
mod read;
mod standing;
mod write;

pub use evaluate::{Evaluation, Subject, evaluate};
pub use expression::{Computed, ExpressionRequest, expression};
pub use follow::updates;
pub(crate) use pins::{Pins, pin, pin_anew};
pub use read::{by_ids, count, page, uses};
pub(crate) use standing::{Known, compiled, unusable};
pub use write::{NewRule, RulePatch, Saved, create, delete, disable, enable, update};

use engine::rule::RuleKind;

/// The kind, as the engine knows it.
pub(crate) const fn kind_of(kind: store::RuleKind) -> RuleKind {
    match kind {
        store::RuleKind::Condition => RuleKind::Condition,
        store::RuleKind::Validation => RuleKind::Validation,
        store::RuleKind::Enrichment => RuleKind::Enrichment,
    }
}

/// The kind, as the database knows it.
const fn stored(kind: RuleKind) -> store::RuleKind {
    match kind {
        RuleKind::Condition => store::RuleKind::Condition,
        RuleKind::Validation => store::RuleKind::Validation,
        RuleKind::Enrichment => store::RuleKind::Enrichment,
    }
}
