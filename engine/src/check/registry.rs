//! Names that an organization has.

use super::outline::{Outline, Used};
use super::{Finder, rules};

/// Whether a name that a definition uses is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existence {
    Yes,
    No,
    /// Nobody can tell, as in an offline check.
    Unknown,
}

/// What an organization has, for the names that a definition uses.
pub trait Registry {
    fn workflow_exists(&self, workflow_id: &str) -> Existence;
    fn service_exists(&self, name: &str) -> Existence;
    fn resource_exists(&self, name: &str) -> Existence;
    fn secret_exists(&self, name: &str) -> Existence;
}

/// The registry of an offline check: everything is [`Existence::Unknown`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Offline;

impl Registry for Offline {
    fn workflow_exists(&self, _workflow_id: &str) -> Existence {
        Existence::Unknown
    }

    fn service_exists(&self, _name: &str) -> Existence {
        Existence::Unknown
    }

    fn resource_exists(&self, _name: &str) -> Existence {
        Existence::Unknown
    }

    fn secret_exists(&self, _name: &str) -> Existence {
        Existence::Unknown
    }
}

pub(super) fn check(outline: &Outline<'_>, known: &dyn Registry, finder: &mut Finder) {
    for used in &outline.uses {
        let (rule, existence, message) = match used.what {
            Used::Workflow(id) => {
                (rules::UNKNOWN_WORKFLOW, known.workflow_exists(id), format!("there is no workflow `{id}`"))
            }
            Used::Service(name) => {
                (rules::UNKNOWN_SERVICE, known.service_exists(name), format!("there is no service `{name}`"))
            }
            Used::ActionType(_)
            | Used::TriggerType(_)
            | Used::Rule
            | Used::HookSecret
            | Used::Resource(_)
            | Used::Spread
            | Used::Loader { .. } => continue,
        };
        if existence == Existence::No {
            finder.add(rule, used.pointer.clone(), used.step, message, None);
        }
    }
}
