//! Mails to whoever may decide: once when an approval is opened, and each time that a reminder or an escalation is due.

use async_recursion::async_recursion as boxed;
use std::time::Duration;

use tracing::warn;

use super::remind::{MOST_MAILS, mails};
use crate::error::{ServiceError, chain};
use crate::services::Services;

/// Approvals that are looked at in one pass.
const SOME: u64 = 20;
/// No further approval is taken on in this pass after so long: other reconcilers wait.
const BUDGET: Duration = Duration::from_millis(500);
/// How long whoever took an approval on may take to find out who is asked; others go on then.
const LEASE: Duration = Duration::from_secs(30);

/// Sends what is owed of approvals that were opened, or have come due; answers for how many a mail was sent.
///
/// Any number of processes may do it at once: each approval is taken on by one of them, and settled before its mails
/// go. Whoever dies before that leaves it to others; whoever dies after it has sent nothing, and people find it in
/// their inbox, or are reminded.
///
/// # Errors
/// When the database is away; the next pass goes on.
#[boxed]
pub async fn ask_by_mail(services: &Services) -> Result<u64, ServiceError> {
    let (store, mailer) = (services.store(), &services.settings().mailer);
    let owed = store.approvals_to_mail(services.now().0, SOME).await?;
    let (until, mut count) = (services.now().plus(BUDGET), 0);
    for row in owed {
        let now = services.now();
        // What has no place among the mails on their way would be dropped: it waits for the next pass.
        if now >= until || mailer.free() < MOST_MAILS {
            break;
        }
        if !store.claim_approval_mail(row.organization_id, row.id, now.0, now.plus(LEASE).0).await? {
            continue;
        }
        let (links, mails) = match mails(services, &row, now).await {
            Ok(found) if row.is_open(now.0) => found,
            Ok(_too_late) => (Vec::new(), Vec::new()),
            Err(problem @ (ServiceError::Unavailable(_) | ServiceError::Overloaded)) => return Err(problem),
            Err(problem) => {
                // It would fail for ever, and keep others from theirs.
                warn!(approval = %row.id, error = %chain(&problem), "nobody is asked by mail about approval {}", row.id);
                (Vec::new(), Vec::new())
            }
        };
        let is_settled = store.settle_approval_mail(row.organization_id, row.id, row.revision, links, now.0).await?;
        if is_settled && !mails.is_empty() {
            count += 1;
            for mail in mails {
                mailer.send(mail);
            }
        }
    }
    Ok(count)
}
