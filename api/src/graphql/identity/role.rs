//! Roles.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, Result, SimpleObject};
use service::identity::roles;
use service::{ServiceError, Services};

use crate::graphql::deleted::DeletePayload;
use crate::graphql::directives::authorized;
use crate::graphql::errors::{UserError, or_null, user_errors};
use crate::graphql::filters::parse_id;
use crate::graphql::loaders::{MembersOf, loader, shared};
use crate::graphql::scalars::int;
use crate::graphql::viewer::Permission;
use crate::graphql::viewer_of;

/// A named set of permissions.
#[derive(Debug, Clone)]
pub struct Role(pub(super) roles::Role);

/// A named set of permissions.
#[Object]
impl Role {
    /// Global id, prefix `rol_`; that of a built-in role is the same everywhere.
    async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// Name in definitions: `role:NAME`.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// What it is for.
    async fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    /// What it allows.
    async fn permissions(&self) -> Vec<Permission> {
        self.0.permissions.iter().map(Permission::from).collect()
    }

    /// Workflow folders that it is limited to, those below them included; everywhere when null.
    async fn namespaces(&self) -> Option<&[String]> {
        self.0.folders.as_deref()
    }

    /// Built-in roles cannot be changed.
    async fn is_built_in(&self) -> bool {
        self.0.is_built_in
    }

    /// Members with it.
    #[graphql(directive = authorized::apply(Permission::MemberRead))]
    async fn member_count(&self, ctx: &Context<'_>) -> Result<i32> {
        let count = loader(ctx)?.load_one(MembersOf(self.0.id)).await.map_err(|error| shared(&error))?;
        Ok(int(count.unwrap_or(0)))
    }

    /// Grows with each change.
    async fn revision(&self) -> i32 {
        self.0.revision
    }
}

/// A role to make.
#[derive(InputObject)]
pub struct RoleCreateInput {
    /// Name in definitions, such as `sales_manager`.
    name: String,
    /// What it is for.
    description: Option<String>,
    /// What it allows; never more than the caller may do.
    permissions: Vec<Permission>,
    /// Workflow folders that it is limited to; everywhere when absent.
    namespaces: Option<Vec<String>>,
}

/// Changes to a role; absent fields stay.
#[derive(InputObject)]
pub struct RoleUpdateInput {
    /// Which.
    id: ID,
    /// Revision the change is based on.
    expected_revision: Option<i32>,
    /// What it is for; null removes it.
    description: MaybeUndefined<String>,
    /// What it allows; never more than the caller may do.
    permissions: Option<Vec<Permission>>,
    /// Workflow folders that it is limited to; null means everywhere.
    namespaces: MaybeUndefined<Vec<String>>,
}

/// A role to remove.
#[derive(InputObject)]
pub struct RoleDeleteInput {
    /// Which.
    id: ID,
}

/// Answer of a Role mutation.
#[derive(Debug, SimpleObject)]
pub struct RolePayload {
    /// The role.
    role: Option<Role>,
    /// What the caller can correct; empty on success.
    user_errors: Vec<UserError>,
}

impl RolePayload {
    fn of(outcome: Result<roles::Role, ServiceError>) -> Result<Self> {
        Ok(match user_errors(outcome)? {
            Ok(role) => Self { role: Some(Role(role)), user_errors: Vec::new() },
            Err(user_errors) => Self { role: None, user_errors },
        })
    }
}

/// What somebody said of a field that may be taken away.
#[expect(clippy::option_option, reason = "nothing said, taken away, or a value: as the use case takes it")]
fn said<T>(field: MaybeUndefined<T>) -> Option<Option<T>> {
    match field {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(value) => Some(Some(value)),
    }
}

/// Changes of roles.
#[derive(Default)]
pub struct RoleMutation;

/// Changes of roles.
#[Object]
impl RoleMutation {
    /// Creates a role.
    #[graphql(directive = authorized::apply(Permission::RoleWrite))]
    async fn role_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: RoleCreateInput,
    ) -> Option<RolePayload> {
        let create = async {
            let new = roles::NewRole {
                name: input.name,
                description: input.description,
                permissions: input.permissions.into_iter().map(Into::into).collect(),
                folders: input.namespaces,
            };
            RolePayload::of(roles::create(ctx.data::<Services>()?, viewer_of(ctx)?, new).await)
        };
        or_null(ctx, create.await)
    }

    /// Changes a role.
    #[graphql(directive = authorized::apply(Permission::RoleWrite))]
    async fn role_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: RoleUpdateInput,
    ) -> Option<RolePayload> {
        let update = async {
            let changes = roles::RoleChanges {
                expected_revision: input.expected_revision,
                description: said(input.description),
                permissions: input.permissions.map(|permissions| permissions.into_iter().map(Into::into).collect()),
                folders: said(input.namespaces),
            };
            let id = parse_id(&input.id)?;
            RolePayload::of(roles::update(ctx.data::<Services>()?, viewer_of(ctx)?, id, changes).await)
        };
        or_null(ctx, update.await)
    }

    /// Removes a role that nobody has.
    #[graphql(directive = authorized::apply(Permission::RoleWrite))]
    async fn role_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: RoleDeleteInput,
    ) -> Option<DeletePayload> {
        let delete = async {
            let id = parse_id(&input.id)?;
            DeletePayload::of(input.id, roles::delete(ctx.data::<Services>()?, viewer_of(ctx)?, id).await)
        };
        or_null(ctx, delete.await)
    }
}
