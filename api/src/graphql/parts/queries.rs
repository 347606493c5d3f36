//! What can be asked about secrets, variables, services and loaders.

use async_graphql::{Context, ID, Object};
use service::Services;
use service::parts::{resources, secrets, services as registry, variables};
use store::PartFilter;

use super::called::Service;
use super::inputs::ServiceFilter;
use super::resource::ResourceLoader;
use super::secret::Secret;
use super::variable::Variable;
use crate::graphql::connection::{CountOf, PageArguments, Paged, paged};
use crate::graphql::directives::authorized;
use crate::graphql::errors::{IntoGraphql, or_null};
use crate::graphql::filters::parse_id;
use crate::graphql::viewer::Permission;
use crate::graphql::viewer_of;

/// What can be asked about secrets, variables, services and loaders.
#[derive(Default)]
pub struct PartQuery;

/// The parts with these words in name or description.
fn with_words(search: Option<String>) -> PartFilter {
    PartFilter { search, ..PartFilter::default() }
}

/// What can be asked about secrets, variables, services and loaders.
#[Object]
impl PartQuery {
    /// One service.
    #[graphql(directive = authorized::apply(Permission::ServiceRead))]
    async fn service(&self, ctx: &Context<'_>, #[graphql(desc = "Global id.")] id: ID) -> Option<Service> {
        let read = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let rows = registry::by_ids(services, viewer, &[parse_id(&id)?]).await.graphql()?;
            Ok(rows.into_iter().next().map(Service))
        };
        or_null(ctx, read.await).flatten()
    }

    /// Services, newest first.
    #[graphql(complexity = "first.or(last).unwrap_or(25).clamp(1, 100) as usize * child_complexity", directive = authorized::apply(Permission::ServiceRead))]
    async fn services(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take the last n items, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which items to return; all conditions must hold.")] filter: Option<ServiceFilter>,
    ) -> Option<Paged<Service>> {
        let read = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let filter = store::ServiceFilter::from(filter.unwrap_or_default());
            let request = PageArguments { first, after, last, before }.request(ctx, "services")?;
            let page = registry::page(services, viewer, &filter, &request).await.graphql()?;
            paged(ctx, page, "services", CountOf::Services(Box::new(filter)), Service)
        };
        or_null(ctx, read.await)
    }

    /// One loader.
    #[graphql(directive = authorized::apply(Permission::ServiceRead))]
    async fn resource_loader(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global id.")] id: ID,
    ) -> Option<ResourceLoader> {
        let read = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let rows = resources::by_ids(services, viewer, &[parse_id(&id)?]).await.graphql()?;
            Ok(rows.into_iter().next().map(ResourceLoader))
        };
        or_null(ctx, read.await).flatten()
    }

    /// Loaders, newest first.
    #[graphql(complexity = "first.or(last).unwrap_or(25).clamp(1, 100) as usize * child_complexity", directive = authorized::apply(Permission::ServiceRead))]
    async fn resource_loaders(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take the last n items, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
        #[graphql(desc = "Search text: words of the name or the description.")] search: Option<String>,
    ) -> Option<Paged<ResourceLoader>> {
        let read = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let filter = with_words(search);
            let request = PageArguments { first, after, last, before }.request(ctx, "resource_loaders")?;
            let page = resources::page(services, viewer, &filter, &request).await.graphql()?;
            paged(ctx, page, "resource_loaders", CountOf::ResourceLoaders(Box::new(filter)), ResourceLoader)
        };
        or_null(ctx, read.await)
    }

    /// Names of secrets, newest first; never values.
    #[graphql(complexity = "first.or(last).unwrap_or(25).clamp(1, 100) as usize * child_complexity", directive = authorized::apply(Permission::SecretUse))]
    async fn secrets(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take the last n items, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
        #[graphql(desc = "Search text: words of the name or the description.")] search: Option<String>,
    ) -> Option<Paged<Secret>> {
        let read = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let filter = with_words(search);
            let request = PageArguments { first, after, last, before }.request(ctx, "secrets")?;
            let page = secrets::page(services, viewer, &filter, &request).await.graphql()?;
            paged(ctx, page, "secrets", CountOf::Secrets(Box::new(filter)), Secret)
        };
        or_null(ctx, read.await)
    }

    /// Variables, newest first.
    #[graphql(complexity = "first.or(last).unwrap_or(25).clamp(1, 100) as usize * child_complexity", directive = authorized::apply(Permission::WorkflowRead))]
    async fn variables(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take the last n items, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
        #[graphql(desc = "Search text: words of the name or the description.")] search: Option<String>,
    ) -> Option<Paged<Variable>> {
        let read = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let filter = with_words(search);
            let request = PageArguments { first, after, last, before }.request(ctx, "variables")?;
            let page = variables::page(services, viewer, &filter, &request).await.graphql()?;
            paged(ctx, page, "variables", CountOf::Variables(Box::new(filter)), Variable)
        };
        or_null(ctx, read.await)
    }
}
