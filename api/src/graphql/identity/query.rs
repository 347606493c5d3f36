//! Queries about organizations, permissions, keys and service accounts.

use async_graphql::{Context, ID, Object, SimpleObject};
use service::Services;
use service::identity::{api_keys, members, organizations};
use store::MemberFilter;

use super::api_key::ApiKey;
use super::organization::Organization;
use super::service_account::ServiceAccount;
use crate::graphql::connection::{CountOf, PageArguments, Paged, paged};
use crate::graphql::directives::{authorized, signed_in};
use crate::graphql::errors::{IntoGraphql, or_null};
use crate::graphql::filters::parse_id;
use crate::graphql::viewer::Permission;
use crate::graphql::viewer_of;

/// A permission with its meaning.
#[derive(SimpleObject)]
pub struct PermissionInfo {
    /// Permission.
    permission: Permission,
    /// Title.
    title: &'static str,
    /// Meaning.
    description: &'static str,
    /// Shelf in the role editor.
    group: String,
}

/// What can be asked about organizations.
#[derive(Default)]
pub struct OrganizationQuery;

/// What can be asked about organizations.
#[Object]
impl OrganizationQuery {
    /// One organization of the caller.
    #[graphql(directive = signed_in::apply())]
    async fn organization(&self, ctx: &Context<'_>, #[graphql(desc = "Global id.")] id: ID) -> Option<Organization> {
        let read = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            organizations::organization(services, viewer, parse_id(&id)?).await.graphql()
        };
        or_null(ctx, read.await).flatten().map(Organization::from)
    }

    /// Organizations of the caller, oldest first.
    #[graphql(complexity = "first.or(last).unwrap_or(25).clamp(1, 100) as usize * child_complexity", directive = signed_in::apply())]
    async fn organizations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take the last n items, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
    ) -> Option<Paged<Organization>> {
        let read = async {
            let list = "organizations";
            let request = PageArguments { first, after, last, before }.request(ctx, list)?;
            let page = organizations::page(ctx.data::<Services>()?, viewer_of(ctx)?, &request).await.graphql()?;
            paged(ctx, page, list, CountOf::Organizations, Organization::from)
        };
        or_null(ctx, read.await)
    }

    /// All permissions with their meaning, for the role editor.
    #[graphql(directive = signed_in::apply())]
    async fn permissions(&self, ctx: &Context<'_>) -> Option<Vec<PermissionInfo>> {
        let info = |permission: &service::viewer::Permission| PermissionInfo {
            permission: (*permission).into(),
            title: permission.title(),
            description: permission.description(),
            group: permission.group(),
        };
        let read = viewer_of(ctx).map(|_viewer| service::viewer::Permission::ALL.iter().map(info).collect());
        or_null(ctx, read)
    }

    /// Keys of programs, void ones included, newest first.
    #[graphql(complexity = "first.or(last).unwrap_or(25).clamp(1, 100) as usize * child_complexity", directive = authorized::apply(Permission::ApiKeyWrite))]
    async fn api_keys(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take the last n items, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
    ) -> Option<Paged<ApiKey>> {
        let read = async {
            let list = "apiKeys";
            let request = PageArguments { first, after, last, before }.request(ctx, list)?;
            let page = api_keys::page(ctx.data::<Services>()?, viewer_of(ctx)?, &request).await.graphql()?;
            paged(ctx, page, list, CountOf::ApiKeys, ApiKey)
        };
        or_null(ctx, read.await)
    }

    /// Service accounts, oldest first.
    #[graphql(complexity = "first.or(last).unwrap_or(25).clamp(1, 100) as usize * child_complexity", directive = authorized::apply(Permission::MemberRead))]
    async fn service_accounts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take the last n items, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
    ) -> Option<Paged<ServiceAccount>> {
        let read = async {
            let list = "serviceAccounts";
            let filter = MemberFilter { is_service: Some(true), ..MemberFilter::default() };
            let request = PageArguments { first, after, last, before }.request(ctx, list)?;
            let page = members::page(ctx.data::<Services>()?, viewer_of(ctx)?, &filter, &request).await.graphql()?;
            paged(ctx, page, list, CountOf::Members(Box::new(filter)), ServiceAccount)
        };
        or_null(ctx, read.await)
    }
}
