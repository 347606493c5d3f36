//! Who stands in the way of deleting a part.

use async_recursion::async_recursion as boxed;
use ids::WorkflowId;
use store::{PartDeleted, PartKind, PartName};

use super::services::MAX_SERVICES;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::reach;
use crate::services::Services;
use crate::viewer::Viewer;

/// Workflows and parts that a refusal names.
const MOST_NAMED: usize = 10;
/// Uses that are counted.
const MOST_USES: u64 = 500;

/// A part on its way out.
pub struct Leaving<'a> {
    /// Which.
    pub part: &'a PartName,
    /// `the secret`, `the service` …
    pub called: &'static str,
    /// What is said when it is not there any more.
    pub absent: ServiceError,
}

/// Nothing when it is gone; else why it is not.
///
/// # Errors
/// `NOT_FOUND`; `IN_USE`, naming who uses it; the database away.
#[boxed]
pub async fn settle<'a>(
    services: &'a Services,
    viewer: &'a Viewer,
    outcome: PartDeleted,
    leaving: Leaving<'a>,
) -> Result<(), ServiceError> {
    let Leaving { part, called, absent } = leaving;
    let (users, help) = match outcome {
        PartDeleted::Done => return Ok(()),
        PartDeleted::Absent => return Err(absent),
        PartDeleted::InUse => {
            let users = format!("published versions name it, of {}", workflows(services, viewer, part).await?);
            (users, "Publish versions of these workflows that do not name it.")
        }
        PartDeleted::ReferredTo => {
            let users = format!("it is used by {}", referring(services, viewer, part).await?);
            (users, "Change or delete these first.")
        }
    };
    let message = format!("{called} `{}` cannot be deleted: {users}", part.name);
    Err(ServiceError::mistake(Mistake::new(Code::InUse, "id", message).with_help(help)))
}

/// The workflows whose published versions name it, as far as the viewer reaches them.
async fn workflows(services: &Services, viewer: &Viewer, part: &PartName) -> Result<String, ServiceError> {
    let uses = services.store().part_uses(viewer.organization, part, MOST_USES).await?;
    let ids: Vec<WorkflowId> = uses.iter().map(|used| used.workflow_id).take(MOST_NAMED).collect();
    let rows = services.store().workflows_by_ids(viewer.organization, &ids).await?;
    let named = rows.iter().filter(|row| reach::has(viewer, row)).map(|row| format!("`{}`", row.slug)).collect();
    Ok(listed(named, uses.len()))
}

/// The services that are called with a secret, or the resources that are fetched from a service.
async fn referring(services: &Services, viewer: &Viewer, part: &PartName) -> Result<String, ServiceError> {
    let store = services.store();
    let names: Vec<String> = match part.kind {
        PartKind::Secret => {
            let all = store.all_services(viewer.organization, MAX_SERVICES).await?;
            let called = all.into_iter().filter(|row| row.auth_secret.as_deref() == Some(part.name.as_str()));
            called.map(|row| format!("the service `{}`", row.name)).collect()
        }
        PartKind::Service => {
            let all = store.resource_loaders_of(viewer.organization, &part.name, MOST_USES).await?;
            all.into_iter().map(|row| format!("the resource `{}`", row.name)).collect()
        }
        PartKind::Variable | PartKind::Resource => Vec::new(),
    };
    let count = names.len();
    Ok(listed(names.into_iter().take(MOST_NAMED).collect(), count))
}

fn listed(mut names: Vec<String>, count: usize) -> String {
    let others = count.saturating_sub(names.len());
    if others > 0 || names.is_empty() {
        names.push(format!("{others} others"));
    }
    names.join(", ")
}
