//! Checks a definition against what its organization has.

use engine::check::{Checked, Existence, Registry};
use engine::definition::Format;

use crate::error::ServiceError;
use crate::viewer::{Permission, Viewer};

/// What an organization has, as far as it can have it: there are no services, resources and
/// secrets yet, so whatever a definition names of these does not exist.
struct Organization;

impl Registry for Organization {
    fn workflow_exists(&self, _workflow_id: &str) -> Existence {
        Existence::Unknown
    }

    fn service_exists(&self, _name: &str) -> Existence {
        Existence::No
    }

    fn resource_exists(&self, _name: &str) -> Existence {
        Existence::No
    }

    fn secret_exists(&self, _name: &str) -> Existence {
        Existence::No
    }
}

/// Finds everything that is wrong with `source`, without saving anything.
///
/// # Errors
/// `Forbidden`.
pub fn check(viewer: &Viewer, source: &str, format: Format) -> Result<Checked, ServiceError> {
    viewer.require(Permission::WorkflowRead)?;
    Ok(checked(source, format))
}

pub(super) fn checked(source: &str, format: Format) -> Checked {
    engine::check::check(source, format, &Organization)
}
