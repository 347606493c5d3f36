//! Organizations.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, Result, SimpleObject};
use ids::OrganizationId;
use service::identity::{grants, invitations, members, organizations, roles};
use service::{ServiceError, Services, Viewer, retention};
use store::{OrganizationChanges, OrganizationRow};

use super::invitation::Invitation;
use super::member::{MemberFilter, Membership};
use super::role::Role;
use crate::graphql::connection::{CountOf, PageArguments, Paged, paged};
use crate::graphql::deleted::DeletePayload;
use crate::graphql::directives::{authorized, signed_in};
use crate::graphql::errors::{IntoGraphql, UserError, invalid, or_null, user_errors};
use crate::graphql::filters::parse_id;
use crate::graphql::retention::{RetentionPolicy, RetentionPolicyInput};
use crate::graphql::scalars::DateTime;
use crate::graphql::viewer::Permission;
use crate::graphql::viewer_of;

/// A tenant.
#[derive(Debug, Clone)]
pub struct Organization(OrganizationRow);

impl From<OrganizationRow> for Organization {
    fn from(row: OrganizationRow) -> Self {
        Self(row)
    }
}

impl Organization {
    /// The caller, who must be in this organization: what belongs to it is read nowhere else.
    fn here<'a>(&self, ctx: &Context<'a>) -> Result<(&'a Services, &'a Viewer)> {
        let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
        if viewer.organization == self.0.id {
            return Ok((services, viewer));
        }
        Err(invalid(format!("{} is not where you are now; change to it with `organizationSwitch` first", self.0.id)))
    }
}

/// A tenant.
#[Object]
impl Organization {
    /// Global id, prefix `org_`.
    async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// Name for addresses.
    async fn slug(&self) -> &str {
        &self.0.slug
    }

    /// Title.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// What it is.
    async fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    /// Grows with each change.
    async fn revision(&self) -> i32 {
        self.0.revision
    }

    /// When it was created.
    async fn created_at(&self) -> DateTime {
        DateTime::from_ms(self.0.created_at_ms)
    }

    /// How long executions are kept whose workflow says nothing.
    async fn default_retention(&self, ctx: &Context<'_>) -> Result<RetentionPolicy> {
        let (services, viewer) = self.here(ctx)?;
        Ok(retention::of_organization(services, viewer).await.graphql()?.into())
    }

    /// Members, service accounts included, oldest first.
    #[graphql(complexity = "first.or(last).unwrap_or(25).clamp(1, 100) as usize * child_complexity", directive = authorized::apply(Permission::MemberRead))]
    async fn members(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take the last n items, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which items to return; all conditions must hold.")] filter: Option<MemberFilter>,
    ) -> Result<Paged<Membership>> {
        let (services, viewer) = self.here(ctx)?;
        let filter = filter.unwrap_or_default().resolve()?;
        let list = "members";
        let request = PageArguments { first, after, last, before }.request(ctx, list)?;
        let page = members::page(services, viewer, &filter, &request).await.graphql()?;
        paged(ctx, page, list, CountOf::Members(Box::new(filter)), Membership)
    }

    /// Open invitations, oldest first.
    #[graphql(complexity = "first.or(last).unwrap_or(25).clamp(1, 100) as usize * child_complexity", directive = authorized::apply(Permission::MemberRead))]
    async fn invitations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take the last n items, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
    ) -> Result<Paged<Invitation>> {
        let (services, viewer) = self.here(ctx)?;
        let list = "invitations";
        let request = PageArguments { first, after, last, before }.request(ctx, list)?;
        let page = invitations::page(services, viewer, &request).await.graphql()?;
        paged(ctx, page, list, CountOf::Invitations, Invitation)
    }

    /// Roles, built-in and own.
    #[graphql(complexity = "25 * child_complexity", directive = authorized::apply(Permission::MemberRead))]
    async fn roles(&self, ctx: &Context<'_>) -> Result<Vec<Role>> {
        let (services, viewer) = self.here(ctx)?;
        Ok(roles::all(services, viewer).await.graphql()?.into_iter().map(Role).collect())
    }

    /// Role of the caller; null when it was deleted.
    async fn viewer_role(&self, ctx: &Context<'_>) -> Result<Option<Role>> {
        let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
        let there = Viewer { organization: self.0.id, ..viewer.clone() };
        Ok(roles::of_viewer(services, &there).await.graphql()?.map(Role))
    }

    /// Permissions of the caller.
    async fn viewer_permissions(&self, ctx: &Context<'_>) -> Result<Vec<Permission>> {
        let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
        let permissions = match viewer.user() {
            Some(user) if viewer.organization != self.0.id => {
                let grant = grants::of_member(services, self.0.id, user).await.graphql()?;
                grant.map_or(service::viewer::Permissions::NONE, |grant| grant.permissions)
            }
            _here => viewer.permissions,
        };
        Ok(permissions.iter().map(Permission::from).collect())
    }
}

/// An organization to make.
#[derive(InputObject)]
pub struct OrganizationCreateInput {
    /// Name.
    name: String,
    /// Name in addresses: lower-case letters, digits and `-`.
    slug: String,
    /// What it is.
    description: Option<String>,
}

/// Changes to an organization; absent fields stay.
#[derive(InputObject)]
pub struct OrganizationUpdateInput {
    /// Which; the caller's when absent.
    id: Option<ID>,
    /// Revision the change is based on.
    expected_revision: Option<i32>,
    /// Name.
    name: Option<String>,
    /// What it is; null removes it.
    description: MaybeUndefined<String>,
    /// How long executions are kept whose workflow says nothing.
    default_retention: Option<RetentionPolicyInput>,
}

/// An organization to remove.
#[derive(InputObject)]
pub struct OrganizationDeleteInput {
    /// Which.
    id: ID,
    /// Its slug, as a safeguard.
    confirm_slug: String,
}

/// Answer of an Organization mutation.
#[derive(Debug, SimpleObject)]
pub struct OrganizationPayload {
    /// The organization.
    organization: Option<Organization>,
    /// What the caller can correct; empty on success.
    user_errors: Vec<UserError>,
}

impl OrganizationPayload {
    fn of(outcome: Result<OrganizationRow, ServiceError>) -> Result<Self> {
        Ok(match user_errors(outcome)? {
            Ok(row) => Self { organization: Some(row.into()), user_errors: Vec::new() },
            Err(user_errors) => Self { organization: None, user_errors },
        })
    }
}

/// Changes of organizations.
#[derive(Default)]
pub struct OrganizationMutation;

/// Changes of organizations.
#[Object]
impl OrganizationMutation {
    /// Creates an organization; the caller becomes its owner.
    #[graphql(directive = signed_in::apply())]
    async fn organization_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: OrganizationCreateInput,
    ) -> Option<OrganizationPayload> {
        let create = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let OrganizationCreateInput { name, slug, description } = input;
            let new = organizations::NewOrganization { name, slug, description };
            OrganizationPayload::of(organizations::create(services, viewer, new).await)
        };
        or_null(ctx, create.await)
    }

    /// Changes the caller's organization.
    #[graphql(directive = authorized::apply(Permission::OrganizationWrite))]
    async fn organization_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: OrganizationUpdateInput,
    ) -> Option<OrganizationPayload> {
        let update = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let id = input.id.as_ref().map(parse_id::<OrganizationId>).transpose()?.unwrap_or(viewer.organization);
            let changes = OrganizationChanges {
                name: input.name,
                description: match input.description {
                    MaybeUndefined::Undefined => None,
                    MaybeUndefined::Null => Some(None),
                    MaybeUndefined::Value(text) => Some(Some(text)),
                },
            };
            let outcome = async {
                let row = organizations::update(services, viewer, id, input.expected_revision, changes).await?;
                if let Some(kept) = input.default_retention {
                    retention::set_for_organization(services, viewer, kept.into()).await?;
                }
                Ok(row)
            };
            OrganizationPayload::of(outcome.await)
        };
        or_null(ctx, update.await)
    }

    /// Ends all access to the caller's organization at once; its data is deleted after 30 days.
    #[graphql(directive = authorized::apply(Permission::OrganizationWrite))]
    async fn organization_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: OrganizationDeleteInput,
    ) -> Option<DeletePayload> {
        let delete = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let id = parse_id(&input.id)?;
            DeletePayload::of(input.id, organizations::delete(services, viewer, id, &input.confirm_slug).await)
        };
        or_null(ctx, delete.await)
    }
}
