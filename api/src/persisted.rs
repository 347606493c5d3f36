//! Documents that are named by their digest: `extensions.persistedQuery`.

use std::fmt::Debug;
use std::sync::Arc;

use async_graphql::ServerError;
use futures::FutureExt;
use futures::future::BoxFuture;
use ids::OrganizationId;
use moka::sync::Cache;
use serde::Deserialize;
use service::{Code, ServiceError, Services, Viewer, documents};

use crate::errors;

/// Longest document that is kept, in bytes.
const MAX_KEPT: usize = 16 * 1_024;

/// Documents in memory in all, in bytes.
const CAPACITY: u64 = 4 * 1_024 * 1_024;

/// Where the documents of organizations are kept.
pub trait PersistedDocuments: Debug + Send + Sync {
    /// The document with this digest, if the viewer's organization keeps it.
    fn find<'a>(&'a self, viewer: &'a Viewer, digest: &'a str)
    -> BoxFuture<'a, Result<Option<Arc<str>>, ServiceError>>;

    /// Keeps a document under its digest.
    fn keep<'a>(&'a self, viewer: &'a Viewer, document: &'a str) -> BoxFuture<'a, Result<(), ServiceError>>;
}

/// In the database, with those that were used in memory.
#[derive(Debug)]
pub struct StoredDocuments {
    services: Services,
    /// By organization and digest: what one organization sent, no other can name.
    known: Cache<(OrganizationId, String), Arc<str>>,
}

impl StoredDocuments {
    /// Those of the database.
    #[must_use]
    pub fn new(services: Services) -> Self {
        let weigh = |_key: &(OrganizationId, String), text: &Arc<str>| u32::try_from(text.len()).unwrap_or(u32::MAX);
        Self { services, known: Cache::builder().max_capacity(CAPACITY).weigher(weigh).build() }
    }
}

impl PersistedDocuments for StoredDocuments {
    fn find<'a>(
        &'a self,
        viewer: &'a Viewer,
        digest: &'a str,
    ) -> BoxFuture<'a, Result<Option<Arc<str>>, ServiceError>> {
        async move {
            let key = (viewer.organization, digest.to_owned());
            if let Some(known) = self.known.get(&key) {
                return Ok(Some(known));
            }
            let found: Option<Arc<str>> = documents::find(&self.services, viewer, digest).await?.map(Arc::from);
            if let Some(found) = &found {
                self.known.insert(key, Arc::clone(found));
            }
            Ok(found)
        }
        .boxed()
    }

    fn keep<'a>(&'a self, viewer: &'a Viewer, document: &'a str) -> BoxFuture<'a, Result<(), ServiceError>> {
        async move {
            let key = (viewer.organization, documents::digest(document));
            if !self.known.contains_key(&key) {
                documents::keep(&self.services, viewer, document).await?;
                self.known.insert(key, Arc::from(document));
            }
            Ok(())
        }
        .boxed()
    }
}

/// `extensions.persistedQuery`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    version: u32,
    sha256_hash: String,
}

/// The digest that a request names, if it names one.
pub(crate) fn digest_of(
    extensions: Option<&serde_json::Map<String, serde_json::Value>>,
) -> Result<Option<String>, ServerError> {
    let bad = |message: &str| Err(errors::server_error(Code::BadRequest, message));
    let Some(value) = extensions.and_then(|extensions| extensions.get("persistedQuery")) else { return Ok(None) };
    let Ok(named) = Named::deserialize(value) else {
        return bad("`extensions.persistedQuery` has `version` and `sha256Hash`");
    };
    if named.version != 1 {
        return bad("`extensions.persistedQuery.version` must be 1");
    }
    let is_digest = |text: &str| text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !is_digest(&named.sha256_hash) {
        return bad("`extensions.persistedQuery.sha256Hash` is SHA-256 in 64 lower-case hexadecimal digits");
    }
    Ok(Some(named.sha256_hash))
}

/// The document that a digest names.
pub(crate) async fn find(
    kept: Option<&Arc<dyn PersistedDocuments>>,
    viewer: Option<&Viewer>,
    digest: &str,
) -> Result<Arc<str>, ServerError> {
    let found = match (kept, viewer) {
        (Some(kept), Some(viewer)) => kept.find(viewer, digest).await.map_err(|problem| unavailable(&problem))?,
        // Whoever is nobody could fill the memory of everybody.
        _nobody_keeps => None,
    };
    found.ok_or_else(|| {
        errors::server_error(
            Code::PersistedQueryNotFound,
            "no document with this digest is known here; send it once with its text",
        )
    })
}

/// Keeps a document that passed the guard, if its sender may.
pub(crate) async fn keep(kept: Option<&Arc<dyn PersistedDocuments>>, viewer: Option<&Viewer>, document: &str) {
    let (Some(kept), Some(viewer)) = (kept, viewer) else { return };
    if document.len() > MAX_KEPT {
        return;
    }
    // It is executed all the same; the next caller sends it again.
    if let Err(problem) = kept.keep(viewer, document).await {
        tracing::warn!(error = %service::chain(&problem), "a document could not be kept");
    }
}

/// A text under the digest of another would be executed for everybody who names that one.
pub(crate) fn check_digest(document: &str, digest: &str) -> Result<(), ServerError> {
    if documents::digest(document) == digest {
        return Ok(());
    }
    Err(errors::server_error(Code::BadRequest, "`extensions.persistedQuery.sha256Hash` is not the digest of `query`"))
}

fn unavailable(problem: &ServiceError) -> ServerError {
    tracing::warn!(error = %service::chain(problem), "persisted documents cannot be read");
    errors::server_error(Code::Unavailable, "persisted documents cannot be read now; try again, or send the document")
}
