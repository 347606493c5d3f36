//! Conditions on texts and times, alike on both databases.

use sea_orm::sea_query::{Condition, Expr, ExprTrait, Func, SimpleExpr};
use serde::{Deserialize, Serialize};

use crate::backend::Dialect;

/// Conditions on a text; all that are set must hold. An absent text equals nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StringFilter {
    /// Equal.
    pub eq: Option<String>,
    /// Not equal; true for an absent text.
    pub ne: Option<String>,
    /// One of.
    pub in_list: Option<Vec<String>>,
    /// None of; true for an absent text.
    pub not_in: Option<Vec<String>>,
    /// Contains; letter case is ignored, on SQLite for a-z alone.
    pub contains: Option<String>,
    /// Begins with.
    pub starts_with: Option<String>,
}

/// Conditions on a moment in Unix milliseconds; all that are set must hold. An absent moment
/// fulfils none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeFilter {
    /// At or after.
    pub gte: Option<i64>,
    /// After.
    pub gt: Option<i64>,
    /// At or before.
    pub lte: Option<i64>,
    /// Before.
    pub lt: Option<i64>,
}

/// Conditions on one label; all that are set must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LabelFilter {
    /// Which label.
    pub name: String,
    /// Equal.
    pub eq: Option<String>,
    /// One of.
    pub in_list: Option<Vec<String>>,
    /// True: it is set. False: it is not.
    pub exists: Option<bool>,
}

impl StringFilter {
    /// `column` may be null.
    pub(crate) fn condition(&self, column: &SimpleExpr, dialect: Dialect) -> Condition {
        let column = || column.clone();
        let mut all = Condition::all();
        if let Some(text) = &self.eq {
            all = all.add(column().eq(text.as_str()));
        }
        if let Some(text) = &self.ne {
            all = all.add(column().is_null().or(column().ne(text.as_str())));
        }
        if let Some(texts) = &self.in_list {
            all = all.add(column().is_in(texts.iter().map(String::as_str)));
        }
        if let Some(texts) = &self.not_in {
            all = all.add(column().is_null().or(column().is_not_in(texts.iter().map(String::as_str))));
        }
        if let Some(text) = &self.contains {
            all = all.add(contains(column(), text, dialect));
        }
        if let Some(text) = &self.starts_with {
            let length = i32::try_from(text.chars().count()).unwrap_or(i32::MAX);
            // Not `like`: it has wildcards to escape, and ignores letter case on one database only.
            all = all.add(Func::cust("substr").args([column(), Expr::val(1), Expr::val(length)]).eq(text.as_str()));
        }
        all
    }
}

/// Whether `column` contains `text`, letter case ignored.
pub(crate) fn contains(column: SimpleExpr, text: &str, dialect: Dialect) -> SimpleExpr {
    position_of(Func::lower(Expr::val(text)).into(), Func::lower(column).into(), dialect).gt(0)
}

/// Where `needle` stands in `text`, counted from 1; 0 if it does not.
pub(super) fn position_of(needle: SimpleExpr, text: SimpleExpr, dialect: Dialect) -> SimpleExpr {
    let function = match dialect {
        Dialect::Postgres => "strpos",
        Dialect::Sqlite => "instr",
    };
    Func::cust(function).args([text, needle]).into()
}

impl TimeFilter {
    /// `column` may be null.
    pub(crate) fn condition(&self, column: &SimpleExpr) -> Condition {
        let column = || column.clone();
        Condition::all()
            .add_option(self.gte.map(|at| column().gte(at)))
            .add_option(self.gt.map(|at| column().gt(at)))
            .add_option(self.lte.map(|at| column().lte(at)))
            .add_option(self.lt.map(|at| column().lt(at)))
    }
}

/// The opposite of `condition`, where "unknown" (a comparison with an absent value) counts as no.
pub(super) fn not(condition: Condition) -> SimpleExpr {
    let holds: SimpleExpr = condition.into();
    Func::coalesce([holds, Expr::val(false)]).not()
}
