//! The GraphQL schema.

use async_graphql::{EmptyMutation, EmptySubscription, Object, Schema, SimpleObject};

use crate::limits;

/// Entry points of the API.
pub struct Query;

/// This server.
#[derive(Debug, Clone, SimpleObject)]
pub struct ServerInfo {
    /// Version of the program.
    version: &'static str,
}

#[Object]
impl Query {
    /// This server.
    async fn server_info(&self) -> ServerInfo {
        ServerInfo { version: env!("CARGO_PKG_VERSION") }
    }
}

/// Builds the schema with the limits of the front door.
pub fn schema() -> Schema<Query, EmptyMutation, EmptySubscription> {
    Schema::build(Query, EmptyMutation, EmptySubscription)
        .limit_depth(limits::MAX_DEPTH)
        .limit_complexity(limits::MAX_COST)
        .limit_directives(limits::MAX_DIRECTIVES_PER_FIELD)
        .finish()
}
