//! What callers may send: introspection, and which documents at all.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_graphql::ServerError;
use service::viewer::{Credential, Viewer};
use service::{Code, documents};

use crate::errors;
use crate::guard;
use crate::limits::GuardLimits;

/// Who may ask for the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Introspection {
    /// Everybody.
    On,
    /// Whoever showed credentials.
    #[default]
    SignedIn,
    /// Nobody.
    Off,
}

impl Introspection {
    pub(crate) fn admit(self, viewer: Option<&Viewer>) -> Result<(), ServerError> {
        match (self, viewer) {
            (Self::On, _) | (Self::SignedIn, Some(_)) => Ok(()),
            (Self::SignedIn, None) => Err(errors::server_error(
                Code::Unauthenticated,
                "the schema is told to those who are signed in; send credentials",
            )),
            (Self::Off, _) => Err(errors::server_error(
                Code::Forbidden,
                "this server does not tell its schema; `sluice schema graphql` prints it",
            )),
        }
    }
}

/// Which documents are executed.
#[derive(Debug, Clone, Default)]
pub enum OperationPolicy {
    /// Every one that keeps to the limits.
    #[default]
    Any,
    /// Those of a manifest; any other only for callers with an API key.
    Known(Manifest),
}

impl OperationPolicy {
    pub(crate) fn admit(&self, document: &str, viewer: Option<&Viewer>) -> Result<(), ServerError> {
        let Self::Known(manifest) = self else { return Ok(()) };
        let has_key = viewer.is_some_and(|viewer| matches!(viewer.credential, Credential::ApiKey { .. }));
        if has_key || manifest.find(&documents::digest(document)).is_some() {
            return Ok(());
        }
        Err(errors::server_error(
            Code::Forbidden,
            "this server executes the documents of its manifest only; use one of them, or an API key",
        ))
    }

    /// The document of the manifest with this digest.
    pub(crate) fn find(&self, digest: &str) -> Option<&str> {
        match self {
            Self::Any => None,
            Self::Known(manifest) => manifest.find(digest),
        }
    }
}

/// Documents by their digest.
#[derive(Debug, Clone, Default)]
pub struct Manifest(Arc<BTreeMap<String, String>>);

/// Why a text is no manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It is not JSON of the right form.
    #[error("it is not a JSON object of documents by their SHA-256 digest")]
    Json(#[source] serde_json::Error),
    /// A document is not what its digest says.
    #[error("the document under `{digest}` has the digest {found}")]
    Digest {
        /// The name of the entry.
        digest: String,
        /// The digest of the document.
        found: String,
    },
    /// A document would never be executed.
    #[error("the document under `{digest}` is refused by the limits: {reason}")]
    Document {
        /// The name of the entry.
        digest: String,
        /// What the guard says.
        reason: String,
    },
}

impl Manifest {
    /// Reads a JSON object: SHA-256 in hexadecimal digits, then the document.
    ///
    /// # Errors
    /// When the text is not that, or a document is not the one that its digest names.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let documents: BTreeMap<String, String> = serde_json::from_str(text).map_err(ManifestError::Json)?;
        for (digest, document) in &documents {
            let found = documents::digest(document);
            if *digest != found {
                return Err(ManifestError::Digest { digest: digest.clone(), found });
            }
            if let Err(refusal) = guard::check(document, &GuardLimits::SIGNED_IN) {
                return Err(ManifestError::Document { digest: digest.clone(), reason: refusal.to_string() });
            }
        }
        Ok(Self(Arc::new(documents)))
    }

    fn find(&self, digest: &str) -> Option<&str> {
        self.0.get(digest).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_with_a_document_under_a_foreign_digest_is_refused() {
        let good = documents::digest("{ a }");
        assert!(Manifest::parse(&format!("{{\"{good}\": \"{{ a }}\"}}")).unwrap().find(&good).is_some());
        for wrong in [format!("{{\"{good}\": \"{{ b }}\"}}"), "[]".to_owned(), "{\"x\": 1}".to_owned()] {
            assert!(Manifest::parse(&wrong).is_err(), "{wrong}");
        }
    }
}
