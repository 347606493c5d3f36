//! The document guard: one linear pass over a GraphQL document before the parser sees it.
//!
//! The parser is recursive and the validation rules walk every path through the fragments, so a few
//! hundred bytes can exhaust the stack or run for seconds. The guard needs neither recursion nor time:
//! it reads the text once with a stack of at most [`GuardLimits::depth`] brackets, then sums the size
//! of the document with its fragments expanded. Whatever it lets through parses and validates quickly.
//! It does not replace the parser: a document that passes may still be wrong.

mod graph;
mod lexer;
mod outline;
mod refusal;
mod scan;

pub use outline::{OperationKind, Outline};
pub use refusal::{Reason, Refusal};

use crate::limits::GuardLimits;

/// Refuses a document that is over a limit or that no parser accepts.
///
/// # Errors
/// [`Refusal`] says which limit or mistake, and where.
pub fn check(document: &str, limits: &GuardLimits) -> Result<Outline, Refusal> {
    inspect(document, limits).map_err(|fault| Refusal::locate(document, fault))
}

fn inspect(document: &str, limits: &GuardLimits) -> Result<Outline, Fault> {
    if document.len() > limits.bytes {
        return Err(Fault { reason: Reason::TooManyBytes { bytes: document.len(), limit: limits.bytes }, offset: 0 });
    }
    let definitions = scan::scan(document, limits)?;
    graph::check(&definitions, limits)?;
    Ok(Outline::of(&definitions))
}

/// A mistake at a byte of the document.
#[derive(Debug)]
struct Fault {
    reason: Reason,
    offset: usize,
}

#[cfg(test)]
mod tests;
