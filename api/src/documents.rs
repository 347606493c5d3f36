//! Documents that came before: programs send few different ones, each many times.
//!
//! What was checked and parsed once is kept by its text, so that a repeated document costs neither the
//! guard nor the parser. Validation belongs to the engine and runs each time.

use std::sync::Arc;

use async_graphql::ServerError;
use async_graphql::parser::parse_query;
use async_graphql::parser::types::ExecutableDocument;
use moka::sync::Cache;

use crate::guard::{self, Outline};
use crate::limits::GuardLimits;

/// Longest text that is kept, in bytes: longer ones are seldom sent twice, and someone who sends many must not
/// push out what others use.
const MAX_KEPT: usize = 8 * 1_024;

/// Texts that are kept in all, in bytes; parsed they take about ten times as much.
const CAPACITY: u64 = 1_024 * 1_024;

/// A document that passed the guard.
#[derive(Debug)]
pub(crate) struct Known {
    /// Its operations.
    pub outline: Outline,
    /// As the engine wants it; absent when it does not parse, which the engine tells better.
    pub parsed: Option<ExecutableDocument>,
}

/// The guard, and what it knows.
#[derive(Debug, Clone)]
pub(crate) struct Documents {
    limits: GuardLimits,
    kept: Cache<String, Arc<Known>>,
}

impl Documents {
    pub fn new(limits: GuardLimits) -> Self {
        let weigh = |text: &String, _known: &Arc<Known>| u32::try_from(text.len()).unwrap_or(u32::MAX);
        Self { limits, kept: Cache::builder().max_capacity(CAPACITY).weigher(weigh).build() }
    }

    /// Checks a document, unless it was checked before.
    pub fn check(&self, text: &str) -> Result<Arc<Known>, ServerError> {
        if let Some(known) = self.kept.get(text) {
            return Ok(known);
        }
        let outline = guard::check(text, &self.limits).map_err(guard::Refusal::into_server_error)?;
        let known = Arc::new(Known { outline, parsed: parse_query(text).ok() });
        if text.len() <= MAX_KEPT {
            self.kept.insert(text.to_owned(), Arc::clone(&known));
        }
        Ok(known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::OperationKind;

    #[test]
    fn a_document_is_parsed_once() {
        let documents = Documents::new(GuardLimits::SIGNED_IN);
        let first = documents.check("mutation Go { go }").unwrap();
        assert_eq!(first.outline.kind(None), Some(OperationKind::Mutation));
        assert!(first.parsed.is_some());
        assert!(Arc::ptr_eq(&first, &documents.check("mutation Go { go }").unwrap()));
    }

    #[test]
    fn what_the_guard_refuses_is_refused_each_time() {
        let documents = Documents::new(GuardLimits::SIGNED_IN);
        for _time in 0..2 {
            assert!(documents.check("query { a(").is_err());
        }
    }

    #[test]
    fn long_documents_are_not_kept() {
        let documents = Documents::new(GuardLimits::SIGNED_IN);
        let long = format!("query {{ a }} # {}", "x".repeat(MAX_KEPT));
        let first = documents.check(&long).unwrap();
        assert!(!Arc::ptr_eq(&first, &documents.check(&long).unwrap()));
    }
}
