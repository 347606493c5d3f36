//! Reads parts by name, so that a list costs a constant number of queries.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::dataloader::Loader;
use async_graphql::{Context, Result};
use service::ServiceError;
use service::parts::{secrets, services};
use store::{SecretRow, ServiceRow};

use super::called::Service;
use super::secret::Secret;
use crate::graphql::loaders::{Reader, loader, shared};

/// The secret of a name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct SecretOf(String);

#[async_graphql::async_trait::async_trait]
impl Loader<SecretOf> for Reader {
    type Value = SecretRow;
    type Error = Arc<ServiceError>;

    async fn load(&self, keys: &[SecretOf]) -> Result<HashMap<SecretOf, SecretRow>, Self::Error> {
        let names: Vec<String> = keys.iter().map(|key| key.0.clone()).collect();
        let rows = secrets::by_names(&self.services, &self.viewer, &names).await?;
        Ok(rows.into_iter().map(|row| (SecretOf(row.name.clone()), row)).collect())
    }
}

/// The service of a name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct ServiceOf(String);

#[async_graphql::async_trait::async_trait]
impl Loader<ServiceOf> for Reader {
    type Value = ServiceRow;
    type Error = Arc<ServiceError>;

    async fn load(&self, keys: &[ServiceOf]) -> Result<HashMap<ServiceOf, ServiceRow>, Self::Error> {
        let names: Vec<String> = keys.iter().map(|key| key.0.clone()).collect();
        let rows = services::by_names(&self.services, &self.viewer, &names).await?;
        Ok(rows.into_iter().map(|row| (ServiceOf(row.name.clone()), row)).collect())
    }
}

/// The secret of this name, if there is one.
pub(super) async fn secret(ctx: &Context<'_>, name: &str) -> Result<Option<Secret>> {
    let key = SecretOf(name.to_owned());
    Ok(loader(ctx)?.load_one(key).await.map_err(|error| shared(&error))?.map(Secret))
}

/// The service of this name, if there is one.
pub(super) async fn service(ctx: &Context<'_>, name: &str) -> Result<Option<Service>> {
    let key = ServiceOf(name.to_owned());
    Ok(loader(ctx)?.load_one(key).await.map_err(|error| shared(&error))?.map(Service))
}
