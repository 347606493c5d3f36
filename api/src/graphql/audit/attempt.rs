//! What becomes known of a mutation while it is resolved, for its entry in the audit log.

use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::{Context, Error, ErrorExtensionValues, Value};
use service::Code;
use service::audit::Outcome;

tokio::task_local! {
    static CURRENT: Attempt;
}

/// One root field of a mutation; all clones are the same attempt.
#[derive(Clone, Default)]
pub(super) struct Attempt(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    refused: Option<Code>,
    failed: Option<Code>,
    target: Option<String>,
}

impl Attempt {
    /// Runs `work` as this attempt.
    pub(super) async fn scope<T>(&self, work: impl Future<Output = T>) -> T {
        CURRENT.scope(self.clone(), work).await
    }

    /// What came of it, when nothing else is known.
    pub(super) fn outcome(&self) -> Outcome {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.failed.or(known.refused).map_or(Outcome::Ok, Outcome::of)
    }

    /// The first id that the input names.
    pub(super) fn target(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).target.clone()
    }

    /// The field ended in an error.
    pub(super) fn fail(&self, extensions: Option<&ErrorExtensionValues>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.failed.get_or_insert(code_in(extensions));
    }
}

fn note(set: impl FnOnce(&mut Known)) {
    // Nobody asks outside of mutations.
    let _outside = CURRENT.try_with(|attempt| set(&mut attempt.0.lock().unwrap_or_else(PoisonError::into_inner)));
}

/// The use case refused the input.
pub(in crate::graphql) fn note_refusal(code: Code) {
    note(|known| {
        known.refused.get_or_insert(code);
    });
}

/// The input names an object.
pub(in crate::graphql) fn note_target(id: &str) {
    note(|known| {
        known.target.get_or_insert_with(|| id.to_owned());
    });
}

/// A root field was refused before it was resolved, because of who asks.
pub(in crate::graphql) fn note_denial(extensions: Option<&ErrorExtensionValues>) {
    note(|known| {
        known.failed.get_or_insert(code_in(extensions));
    });
}

/// A root field ends in an error; what fails below it is not the mutation.
pub(in crate::graphql) fn note_error(ctx: &Context<'_>, error: &Error) {
    if ctx.path_node.as_ref().is_some_and(|node| node.parent.is_none()) {
        note(|known| {
            known.failed.get_or_insert(code_in(error.extensions.as_ref()));
        });
    }
}

fn code_in(extensions: Option<&ErrorExtensionValues>) -> Code {
    let Some(Value::String(text)) = extensions.and_then(|extensions| extensions.get("code")) else {
        return Code::Internal;
    };
    Code::ALL.iter().copied().find(|code| code.as_str() == text).unwrap_or(Code::Internal)
}
