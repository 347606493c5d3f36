//! Changes of secrets and variables.

use async_graphql::{Context, Object, Result, SimpleObject};
use service::parts::{secrets, variables};
use service::{ServiceError, Services};
use store::{SecretRow, VariableRow};

use super::inputs::{SecretDeleteInput, SecretSetInput, VariableDeleteInput, VariableSetInput};
use super::secret::Secret;
use super::variable::Variable;
use crate::graphql::deleted::DeletePayload;
use crate::graphql::directives::authorized;
use crate::graphql::errors::{UserError, or_null, user_errors};
use crate::graphql::filters::parse_id;
use crate::graphql::viewer::Permission;
use crate::graphql::viewer_of;

/// Answer of a Secret mutation.
#[derive(SimpleObject)]
pub struct SecretPayload {
    /// The secret, without its value.
    secret: Option<Secret>,
    /// What the caller can correct; empty on success.
    user_errors: Vec<UserError>,
}

impl SecretPayload {
    fn of(outcome: Result<SecretRow, ServiceError>) -> Result<Self> {
        Ok(match user_errors(outcome)? {
            Ok(row) => Self { secret: Some(Secret(row)), user_errors: Vec::new() },
            Err(user_errors) => Self { secret: None, user_errors },
        })
    }
}

/// Answer of a Variable mutation.
#[derive(SimpleObject)]
pub struct VariablePayload {
    /// The variable.
    variable: Option<Variable>,
    /// What the caller can correct; empty on success.
    user_errors: Vec<UserError>,
}

impl VariablePayload {
    fn of(outcome: Result<VariableRow, ServiceError>) -> Result<Self> {
        Ok(match user_errors(outcome)? {
            Ok(row) => Self { variable: Some(Variable(row)), user_errors: Vec::new() },
            Err(user_errors) => Self { variable: None, user_errors },
        })
    }
}

/// Changes of secrets and variables.
#[derive(Default)]
pub struct ValueMutation;

/// Changes of secrets and variables.
#[Object]
impl ValueMutation {
    /// Creates a secret or gives it a new value, which counts for the next call.
    #[graphql(directive = authorized::apply(Permission::SecretWrite))]
    async fn secret_set(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: SecretSetInput,
    ) -> Option<SecretPayload> {
        let set =
            async { SecretPayload::of(secrets::set(ctx.data::<Services>()?, viewer_of(ctx)?, input.into()).await) };
        or_null(ctx, set.await)
    }

    /// Removes a secret that nobody uses.
    #[graphql(directive = authorized::apply(Permission::SecretWrite))]
    async fn secret_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: SecretDeleteInput,
    ) -> Option<DeletePayload> {
        let delete = async {
            let id = parse_id(&input.id)?;
            DeletePayload::of(input.id, secrets::delete(ctx.data::<Services>()?, viewer_of(ctx)?, id).await)
        };
        or_null(ctx, delete.await)
    }

    /// Creates or changes a variable. Executions that began before keep the value that they began with.
    #[graphql(directive = authorized::apply(Permission::VariableWrite))]
    async fn variable_set(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: VariableSetInput,
    ) -> Option<VariablePayload> {
        let set =
            async { VariablePayload::of(variables::set(ctx.data::<Services>()?, viewer_of(ctx)?, input.into()).await) };
        or_null(ctx, set.await)
    }

    /// Removes a variable that nobody uses.
    #[graphql(directive = authorized::apply(Permission::VariableWrite))]
    async fn variable_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: VariableDeleteInput,
    ) -> Option<DeletePayload> {
        let delete = async {
            let id = parse_id(&input.id)?;
            DeletePayload::of(input.id, variables::delete(ctx.data::<Services>()?, viewer_of(ctx)?, id).await)
        };
        or_null(ctx, delete.await)
    }
}
