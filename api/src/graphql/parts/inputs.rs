//! What secrets and variables are made and changed with, and which services are listed.

use async_graphql::{ID, InputObject, MaybeUndefined};
use serde_json::Value;
use service::parts::{secrets, variables};
use service::sealed;

use super::called::ServiceKind;
use crate::graphql::filters::StringFilter;
use crate::graphql::scalars::{DateTime, Json};

/// A secret.
#[derive(InputObject)]
pub struct SecretSetInput {
    /// Name.
    name: String,
    /// Value; never shown again. A secret that is there keeps its own when absent.
    value: Option<String>,
    /// What it is for.
    description: Option<String>,
    /// Hosts that it may go to: `host`, `host:port` or `*.example.com`; any when the list is empty. What was said
    /// before stays when absent.
    allowed_hosts: Option<Vec<String>>,
    /// When it should be renewed.
    rotate_at: Option<DateTime>,
}

impl From<SecretSetInput> for secrets::SecretSetInput {
    fn from(input: SecretSetInput) -> Self {
        let SecretSetInput { name, value, description, allowed_hosts, rotate_at } = input;
        Self {
            name,
            value: value.map(sealed::Secret::new),
            description,
            allowed_hosts,
            rotate_at_ms: rotate_at.map(|moment| moment.0.0),
            expected_revision: None,
        }
    }
}

/// A secret to remove.
#[derive(InputObject)]
pub struct SecretDeleteInput {
    /// Which.
    pub(super) id: ID,
}

/// A variable.
#[derive(InputObject)]
pub struct VariableSetInput {
    /// Name.
    name: String,
    /// Value.
    value: Json,
    /// What it is for.
    description: Option<String>,
    /// JSON Schema it must fit; none any more when null.
    schema: MaybeUndefined<Json>,
    /// Revision the change is based on.
    expected_revision: Option<i32>,
}

impl From<VariableSetInput> for variables::VariableSetInput {
    fn from(input: VariableSetInput) -> Self {
        let VariableSetInput { name, value, description, schema, expected_revision } = input;
        let schema = match schema {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => Some(Value::Null),
            MaybeUndefined::Value(schema) => Some(schema.0),
        };
        Self { name, value: value.0, description, schema, expected_revision }
    }
}

/// A variable to remove.
#[derive(InputObject)]
pub struct VariableDeleteInput {
    /// Which.
    pub(super) id: ID,
}

/// Which services.
#[derive(Default, InputObject)]
pub struct ServiceFilter {
    /// Of one of these kinds.
    kinds: Option<Vec<ServiceKind>>,
    /// By name or title.
    name: Option<StringFilter>,
}

impl From<ServiceFilter> for store::ServiceFilter {
    fn from(filter: ServiceFilter) -> Self {
        Self {
            kinds: filter.kinds.unwrap_or_default().into_iter().map(Into::into).collect(),
            name: filter.name.map(Into::into),
        }
    }
}
