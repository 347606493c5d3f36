//! Why a condition came out as it did.

use async_graphql::{Object, SimpleObject};
use engine::expr;

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
        let left = self.0.field.as_ref().map(|field| Operand {
            path: field.clone(),
            value: self.0.left.clone().map(async_graphql::Json),
            is_missing: self.0.left_missing,
        });
        let right = self.0.right.as_ref().map(|value| Operand {
            path: "value".to_owned(),
            value: Some(async_graphql::Json(value.clone())),
            is_missing: false,
        });
        left.into_iter().chain(right).collect()
    }

    /// Parts of a compound condition that were looked at.
    async fn children(&self) -> Vec<Self> {
        self.0.children.iter().cloned().map(Self).collect()
    }

    /// In words: "order.total 12500 is at least 10000".
    async fn summary(&self) -> String {
        self.0.summary()
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
