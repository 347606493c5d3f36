//! Changes of services and loaders.

use async_graphql::{Context, Object, Result, SimpleObject};
use service::parts::{resources, services as registered};
use service::{ServiceError, Services};
use store::{ResourceLoaderRow, ServiceRow};

use super::called::Service;
use super::registry_inputs::{
    ResourceLoaderCreateInput, ResourceLoaderDeleteInput, ResourceLoaderUpdateInput, ServiceCreateInput,
    ServiceDeleteInput, ServiceUpdateInput,
};
use super::resource::ResourceLoader;
use crate::graphql::deleted::DeletePayload;
use crate::graphql::directives::authorized;
use crate::graphql::errors::{UserError, or_null, user_errors};
use crate::graphql::filters::parse_id;
use crate::graphql::viewer::Permission;
use crate::graphql::viewer_of;

/// Answer of a Service mutation.
#[derive(SimpleObject)]
pub struct ServicePayload {
    /// The service.
    service: Option<Service>,
    /// What the caller can correct; empty on success.
    user_errors: Vec<UserError>,
}

impl ServicePayload {
    fn of(outcome: Result<ServiceRow, ServiceError>) -> Result<Self> {
        Ok(match user_errors(outcome)? {
            Ok(row) => Self { service: Some(Service(row)), user_errors: Vec::new() },
            Err(user_errors) => Self { service: None, user_errors },
        })
    }
}

/// Answer of a ResourceLoader mutation.
#[derive(SimpleObject)]
pub struct ResourceLoaderPayload {
    /// The loader.
    resource_loader: Option<ResourceLoader>,
    /// What the caller can correct; empty on success.
    user_errors: Vec<UserError>,
}

impl ResourceLoaderPayload {
    fn of(outcome: Result<ResourceLoaderRow, ServiceError>) -> Result<Self> {
        Ok(match user_errors(outcome)? {
            Ok(row) => Self { resource_loader: Some(ResourceLoader(row)), user_errors: Vec::new() },
            Err(user_errors) => Self { resource_loader: None, user_errors },
        })
    }
}

/// Changes of services and loaders.
#[derive(Default)]
pub struct RegistryMutation;

/// Changes of services and loaders.
#[Object]
impl RegistryMutation {
    /// Registers a service. One that is called with a secret needs SECRET_USE too.
    #[graphql(directive = authorized::apply(Permission::ServiceWrite))]
    async fn service_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ServiceCreateInput,
    ) -> Option<ServicePayload> {
        let create = async {
            let input = input.parsed()?;
            ServicePayload::of(registered::create(ctx.data::<Services>()?, viewer_of(ctx)?, input).await)
        };
        or_null(ctx, create.await)
    }

    /// Changes a service; it counts for the next call. Another secret, or another place for one, needs SECRET_USE too.
    #[graphql(directive = authorized::apply(Permission::ServiceWrite))]
    async fn service_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ServiceUpdateInput,
    ) -> Option<ServicePayload> {
        let update = async {
            let id = parse_id(&input.id)?;
            let input = input.parsed()?;
            ServicePayload::of(registered::update(ctx.data::<Services>()?, viewer_of(ctx)?, id, input).await)
        };
        or_null(ctx, update.await)
    }

    /// Removes a service that nobody uses.
    #[graphql(directive = authorized::apply(Permission::ServiceWrite))]
    async fn service_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ServiceDeleteInput,
    ) -> Option<DeletePayload> {
        let delete = async {
            let id = parse_id(&input.id)?;
            DeletePayload::of(input.id, registered::delete(ctx.data::<Services>()?, viewer_of(ctx)?, id).await)
        };
        or_null(ctx, delete.await)
    }

    /// Creates a loader.
    #[graphql(directive = authorized::apply(Permission::ServiceWrite))]
    async fn resource_loader_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ResourceLoaderCreateInput,
    ) -> Option<ResourceLoaderPayload> {
        let create = async {
            let input = input.parsed()?;
            ResourceLoaderPayload::of(resources::create(ctx.data::<Services>()?, viewer_of(ctx)?, input).await)
        };
        or_null(ctx, create.await)
    }

    /// Changes a loader; it counts for executions that begin after it.
    #[graphql(directive = authorized::apply(Permission::ServiceWrite))]
    async fn resource_loader_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ResourceLoaderUpdateInput,
    ) -> Option<ResourceLoaderPayload> {
        let update = async {
            let id = parse_id(&input.id)?;
            let input = input.parsed()?;
            ResourceLoaderPayload::of(resources::update(ctx.data::<Services>()?, viewer_of(ctx)?, id, input).await)
        };
        or_null(ctx, update.await)
    }

    /// Removes a loader that nobody uses.
    #[graphql(directive = authorized::apply(Permission::ServiceWrite))]
    async fn resource_loader_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ResourceLoaderDeleteInput,
    ) -> Option<DeletePayload> {
        let delete = async {
            let id = parse_id(&input.id)?;
            DeletePayload::of(input.id, resources::delete(ctx.data::<Services>()?, viewer_of(ctx)?, id).await)
        };
        or_null(ctx, delete.await)
    }
}
