//! Reads and verifies the audit log.

use async_recursion::async_recursion as boxed;
use ids::AuditEntryId;
use store::{AuditFault, AuditFilter, AuditRow, AuditSpan, NewAuditEntry, Page, PageRequest};

use super::record::kind_of_name;
use crate::cursor::Seal;
use crate::error::ServiceError;
use crate::services::Services;
use crate::viewer::{Actor, Permission, Viewer};

/// Entries that one call verifies, about.
const PART: u64 = 10_000;
/// Name of the list that cursors of a verification belong to.
const LIST: &str = "audit_verify";

/// What a check of the chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Entries that were checked and fit.
    pub checked: u64,
    /// First entry that does not fit.
    pub first_broken: Option<AuditEntryId>,
    /// What is wrong there, in a sentence.
    pub problem: Option<String>,
    /// Where to go on; absent at the end.
    pub next: Option<String>,
}

/// A page of the entries that fit `filter`, newest first.
///
/// # Errors
/// `Forbidden`, a cursor of another list, or the database is away.
#[boxed]
pub async fn page(
    services: &Services,
    viewer: &Viewer,
    filter: &AuditFilter,
    request: &PageRequest,
) -> Result<Page<AuditRow>, ServiceError> {
    viewer.require(Permission::AuditRead)?;
    Ok(services.store().audit_entries(viewer.organization, filter, request).await?)
}

/// How many entries fit, counted up to ten thousand; false when counting stopped there.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn count(services: &Services, viewer: &Viewer, filter: &AuditFilter) -> Result<(u64, bool), ServiceError> {
    viewer.require(Permission::AuditRead)?;
    Ok(services.store().count_audit_entries(viewer.organization, filter).await?)
}

/// Checks a part of the entries from `window.0` on and before `window.1`, in Unix milliseconds; goes on behind `after`.
///
/// # Errors
/// `Forbidden`; `INVALID` for a cursor of something else; the database is away.
#[boxed]
pub async fn verify(
    services: &Services,
    viewer: &Viewer,
    window: (i64, i64),
    after: Option<&str>,
) -> Result<Verified, ServiceError> {
    viewer.require(Permission::AuditRead)?;
    let after = after.map(|text| Seal::of(services, viewer).read::<i64>(LIST, text, "after")).transpose();
    let after = after.map_err(ServiceError::mistake)?;
    let span = AuditSpan { from_ms: window.0, to_ms: window.1, after };
    let report = services.store().verify_audit(viewer.organization, span, PART).await?;
    Ok(Verified {
        checked: report.checked,
        first_broken: report.first_break.and_then(|found| found.id),
        problem: report.first_break.map(|found| format!("at place {}: {}", found.seq, told(found.fault))),
        next: report.next.map(|seq| Seal::of(services, viewer).write(LIST, &seq)),
    })
}

const fn told(fault: AuditFault) -> &'static str {
    match fault {
        AuditFault::Changed => "the entry is not what was written, or the secret key was changed since",
        AuditFault::Gap => "entries before this one were removed",
        AuditFault::Unlinked => {
            "the entry does not follow the one before it: entries were replaced or removed and the log went on"
        }
        AuditFault::TailMissing => "entries from here to the end of the log were removed",
        AuditFault::HeadForged => {
            "the record of the end of the log was changed or removed, or the secret key was changed since"
        }
    }
}

/// Who made an entry, as they were called then.
#[must_use]
pub fn actor_of(entry: &NewAuditEntry) -> Actor {
    Actor { id: entry.actor_id.clone(), display_name: entry.actor_name.clone(), kind: kind_of_name(&entry.actor_kind) }
}
