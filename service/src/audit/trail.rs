//! What one request changed, in the words of the use cases that changed it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use ids::OrganizationId;
use serde_json::Value;

use crate::viewer::Actor;

/// One thing that was changed, or that somebody tried to change. Without secrets: whoever notes it leaves them out.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Sort of object, such as `role`.
    pub target_type: &'static str,
    /// Its global id; a name where it has none.
    pub target_id: String,
    /// Its name then.
    pub target_name: String,
    /// What it was, as far as it matters; null when it is new.
    pub before: Value,
    /// What it is now; null when it is gone.
    pub after: Value,
    /// Why, in the words of whoever did it.
    pub reason: Option<String>,
    /// What happened, such as `role.created`; what the request is called when absent.
    pub action: Option<&'static str>,
}

impl Change {
    /// Something happened to an object.
    #[must_use]
    pub fn of(target_type: &'static str, target_id: impl fmt::Display, target_name: impl Into<String>) -> Self {
        Self {
            target_type,
            target_id: target_id.to_string(),
            target_name: target_name.into(),
            before: Value::Null,
            after: Value::Null,
            reason: None,
            action: None,
        }
    }

    /// What happened, such as `role.created`.
    #[must_use]
    pub fn named(self, action: &'static str) -> Self {
        Self { action: Some(action), ..self }
    }

    /// What it was.
    #[must_use]
    pub fn before(self, before: Value) -> Self {
        Self { before, ..self }
    }

    /// What it is now.
    #[must_use]
    pub fn after(self, after: Value) -> Self {
        Self { after, ..self }
    }

    /// Why.
    #[must_use]
    pub fn because(self, reason: Option<String>) -> Self {
        Self { reason, ..self }
    }
}

/// Collects the changes of one request; cheap to clone, all clones are the same trail.
#[derive(Clone, Default)]
pub struct Trail(Arc<Mutex<Noted>>);

#[derive(Default)]
struct Noted {
    changes: Vec<Change>,
    acting: Option<(OrganizationId, Actor)>,
}

impl Trail {
    /// Adds a change.
    pub fn note(&self, change: Change) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).changes.push(change);
    }

    /// Takes what was noted so far.
    #[must_use]
    pub fn take(&self) -> Vec<Change> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).changes)
    }

    /// The request came without credentials, and turned out to be of somebody: it stands in the log of their
    /// organization, under their name.
    pub fn acts_as(&self, organization: OrganizationId, actor: Actor) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).acting = Some((organization, actor));
    }

    /// Whose request it turned out to be.
    #[must_use]
    pub fn acting(&self) -> Option<(OrganizationId, Actor)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).acting.clone()
    }
}

impl fmt::Debug for Trail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trail")
    }
}

/// Where somebody comes from is the same whatever was noted meanwhile.
impl PartialEq for Trail {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for Trail {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_on_a_clone_is_on_the_trail_once() {
        let trail = Trail::default();
        trail.clone().note(Change::of("role", "rol_1", "reader").because(Some("asked for".to_owned())));
        let taken = trail.take();
        assert_eq!(taken.len(), 1);
        assert_eq!(taken[0].target_name, "reader");
        assert!(trail.take().is_empty());
    }
}
