//! What this server is.

use async_graphql::{Enum, Object, SimpleObject};

use super::connection::MAX_PAGE;
use super::identity_provider::AuthenticationInfo;
use super::scalars::{DateTime, int};
use crate::limits;

/// How a server runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum ServerMode {
    /// One process, SQLite.
    Embedded,
    /// PostgreSQL and Redis.
    Cluster,
}

/// Limits of a server.
#[derive(Debug, Clone, SimpleObject)]
pub struct ServerLimits {
    /// Items per page.
    max_page_size: i32,
    /// Size of a definition, in bytes.
    max_definition_bytes: i32,
    /// Size of an input or output, in bytes.
    max_payload_bytes: i32,
    /// Depth of a query.
    max_query_depth: i32,
    /// Cost of a query.
    max_query_cost: i32,
    /// Items in a batch.
    max_batch_size: i32,
}

/// This server.
pub struct ServerInfo {
    pub(super) mode: ServerMode,
    pub(super) now: DateTime,
    pub(super) max_payload_bytes: usize,
}

/// This server.
#[Object]
impl ServerInfo {
    /// Version.
    async fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    /// Now, for clocks that are off.
    async fn time(&self) -> DateTime {
        self.now
    }

    /// How it runs.
    async fn mode(&self) -> ServerMode {
        self.mode
    }

    /// Ways to sign in.
    async fn authentication(&self) -> AuthenticationInfo {
        AuthenticationInfo
    }

    /// Limits.
    async fn limits(&self) -> ServerLimits {
        ServerLimits {
            max_page_size: int(MAX_PAGE),
            max_definition_bytes: int(engine::definition::MAX_DEFINITION_BYTES),
            max_payload_bytes: int(self.max_payload_bytes),
            max_query_depth: int(limits::MAX_DEPTH),
            max_query_cost: int(limits::MAX_COST),
            max_batch_size: int(service::executions::MAX_BATCH),
        }
    }
}
