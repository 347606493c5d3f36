//! Why a condition came out as it did.

use async_graphql::{Object, SimpleObject};
use engine::expr::{self, Source};
use serde_json::Value;

use super::scalars::Json;

/// A value read by a condition.
#[derive(Debug, Clone, SimpleObject)]
pub struct Operand {
    /// Where it was read, such as `order.total`.
    path: String,
    /// The value; null also when missing.
    value: Option<Json>,
    /// True when there was no such value.
    is_missing: bool,
    /// Where it came from, such as "trigger", "output of step `charge`", "literal" or "now".
    origin: String,
    /// The step it came from: its key, or its path if it wrote the value into the context.
    origin_step: Option<String>,
}

impl Operand {
    fn new(path: String, value: Option<Value>, is_missing: bool, source: &Source) -> Self {
        Self {
            path,
            value: value.map(async_graphql::Json),
            is_missing,
            origin: source.to_string(),
            origin_step: source.step().map(str::to_owned),
        }
    }
}

/// Why a condition came out as it did.
#[derive(Debug, Clone)]
pub struct Explanation(pub(super) expr::Explanation);

/// Why a condition came out as it did.
#[Object]
impl Explanation {
    /// The condition or part of it.
    async fn expression(&self) -> String {
        self.0.expression()
    }

    /// Its value.
    async fn result(&self) -> Json {
        async_graphql::Json(self.0.result.into())
    }

    /// Values that were read: the left side, and the right side where there is one.
    async fn operands(&self) -> Vec<Operand> {
        let why = &self.0;
        let is_leaf = why.op != "expression" || why.left.is_some() || why.left_missing;
        let left = why
            .field
            .as_ref()
            .filter(|_| is_leaf)
            .map(|field| Operand::new(field.clone(), why.left.clone(), why.left_missing, &why.left_source()));
        let right = why.right.as_ref().map(|value| {
            let path = why.right_from.as_ref().map_or_else(|| "value".to_owned(), expr::to_text);
            Operand::new(path, Some(value.clone()), false, &why.right_source())
        });
        left.into_iter().chain(right).collect()
    }

    /// Parts of a compound condition that were looked at.
    async fn children(&self) -> Vec<Self> {
        let at = self.0.at;
        let part = |part: &expr::Explanation| Self(expr::Explanation { at: part.at.or(at), ..part.clone() });
        self.0.children.iter().map(part).collect()
    }

    /// In words: "order.total 12500 is at least 10000".
    async fn summary(&self) -> String {
        self.0.summary()
    }

    /// Smallest change of one value that turns the result around: "it would hold if `order.total`
    /// were 1000". Null when no single value turns it, or none is known: of expressions and
    /// patterns, and of values too large to be kept.
    async fn why_not(&self) -> Option<String> {
        self.0.why_not()
    }

    /// True for the leaf that decided the whole.
    async fn has_decided(&self) -> bool {
        self.0.decided
    }

    /// Something to look at, such as a missing field.
    async fn warning(&self) -> Option<&str> {
        self.0.warning.as_deref()
    }
}
