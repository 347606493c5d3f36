//! GraphQL documents that callers of an organization sent once and then name by their digest.

use async_recursion::async_recursion as boxed;
use sha2::{Digest, Sha256};

use crate::error::ServiceError;
use crate::services::Services;
use crate::viewer::Viewer;

/// Documents that are kept of one organization; a further one takes the place of the oldest.
pub const KEPT: u64 = 1_000;

/// The digest of a document: SHA-256 in lower-case hexadecimal digits.
#[must_use]
pub fn digest(document: &str) -> String {
    crate::hex(&Sha256::digest(document))
}

/// The document with this digest, if someone of the viewer's organization sent it before.
///
/// # Errors
/// When the database is away.
#[boxed]
pub async fn find(services: &Services, viewer: &Viewer, digest: &str) -> Result<Option<String>, ServiceError> {
    Ok(services.store().persisted_document(viewer.organization, digest).await?)
}

/// Keeps a document under its digest, which is computed here and never taken from the caller.
///
/// # Errors
/// When the database is away.
#[boxed]
pub async fn keep(services: &Services, viewer: &Viewer, document: &str) -> Result<(), ServiceError> {
    let now = services.now().0;
    services.store().keep_document(viewer.organization, &digest(document), document, KEPT, now).await?;
    Ok(())
}
