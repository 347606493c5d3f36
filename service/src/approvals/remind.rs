//! People are reminded by hand: it stands in the history, and whoever may decide gets a mail with a link of their own.

use async_recursion::async_recursion as boxed;
use std::collections::BTreeSet;
use std::time::Duration;

use engine::Timestamp;
use ids::{ApprovalId, RoleId, UserId};
use queue::Notice;
use store::{
    ApprovalRow, HandOutcome, LinkRow, MemberFilter, PageRequest, RemindApproval, SubstitutionFilter, UserRow,
};

use super::decide::{closed, refusal, unknown};
use super::links;
use super::read::within_reach;
use super::standing::Who;
use crate::audit::Change;
use crate::error::ServiceError;
use crate::identity::BuiltInRole;
use crate::mail::{self, Mail};
use crate::reach;
use crate::services::Services;
use crate::viewer::{Origin, Permission, Viewer};

/// After how long people may be reminded of the same approval again.
const PAUSE: Duration = Duration::from_mins(10);
/// People who get a mail at most.
pub(super) const MOST_MAILS: usize = 50;
/// Holders of a role who are looked at at most.
const MOST_HOLDERS: u64 = 100;

/// Reminds whoever may decide. Where no mail is set up, it stands in the history and in live inboxes alone.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; `CONFLICT` and `WRONG_STATE` when it is closed; [`ServiceError::RateLimited`] within ten
/// minutes of the last time; the database away.
#[boxed]
pub async fn remind(services: &Services, viewer: &Viewer, id: ApprovalId) -> Result<ApprovalRow, ServiceError> {
    viewer.require(Permission::ApprovalRead)?;
    let row = within_reach(services, viewer, id).await?.ok_or_else(|| unknown(id))?;
    let now = services.now();
    if !row.is_open(now.0) {
        return Err(refusal(services, viewer, &row, closed(&row)).await?);
    }
    if let Some(wait) = row.reminded_at_ms.and_then(|at_ms| left(at_ms, now)) {
        return Err(ServiceError::RateLimited { wait });
    }
    let (links, mails) = mails(services, &row, now).await?;
    viewer.origin.trail.note(Change::of("approval", id, row.step_path.clone()).named("approval.reminded"));
    let reminder = RemindApproval {
        organization_id: viewer.organization,
        approval_id: id,
        actor: viewer.actor.id.clone(),
        not_since_ms: now.0.saturating_sub(pause_ms()),
        links,
        at_ms: now.0,
    };
    match services.store().remind_approval(reminder).await? {
        HandOutcome::Done(row) => {
            // Only now do their links count.
            for mail in mails {
                services.settings().mailer.send(mail);
            }
            services.notices().publish(vec![Notice::told(viewer.organization, row.execution_id)]);
            Ok(*row)
        }
        HandOutcome::Moved(row) => {
            let wait = row.reminded_at_ms.and_then(|at_ms| left(at_ms, now)).unwrap_or(PAUSE);
            Err(ServiceError::RateLimited { wait })
        }
        HandOutcome::Closed(row) => Err(refusal(services, viewer, &row, closed(&row)).await?),
        HandOutcome::Unknown => Err(unknown(id)),
    }
}

fn pause_ms() -> i64 {
    i64::try_from(PAUSE.as_millis()).unwrap_or(i64::MAX)
}

/// How long it is until people may be reminded again.
fn left(at_ms: i64, now: Timestamp) -> Option<Duration> {
    let left_ms = at_ms.saturating_add(pause_ms()).saturating_sub(now.0);
    (left_ms > 0).then(|| Duration::from_millis(left_ms.unsigned_abs()))
}

/// A link and a mail for each person who may decide at this moment; none where no mail is set up.
pub(super) async fn mails(
    services: &Services,
    row: &ApprovalRow,
    now: Timestamp,
) -> Result<(Vec<LinkRow>, Vec<Mail>), ServiceError> {
    let (mut links, mut mails) = (Vec::new(), Vec::new());
    if !services.settings().mailer.is_on() {
        return Ok((links, mails));
    }
    let people = people(services, row, now).await?;
    for account in services.store().users_by_ids(&people).await? {
        if mails.len() >= MOST_MAILS {
            break;
        }
        let Some(address) = reachable(&account) else { continue };
        let (link, token) = links::make(row, account.id, now)?;
        if !may_decide(services, row, &link, now).await? {
            continue;
        }
        let base = &services.settings().public_url;
        let url = format!("{base}/approvals/{}#token={token}", row.id);
        let until = Timestamp(link.expires_at_ms).to_rfc3339();
        mails.push(mail::approval(address, &title(row), &url, &until));
        links.push(link);
    }
    Ok((links, mails))
}

/// What it is about, in one line: nothing of the data that needs a permission of its own.
fn title(row: &ApprovalRow) -> String {
    let about: Vec<&str> = [row.entity.as_deref(), row.entity_id.as_deref()].into_iter().flatten().collect();
    let title = if about.is_empty() { row.step_path.clone() } else { about.join(" ") };
    // A line of a mail, whatever the workflow made of it.
    title.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(200).collect()
}

fn reachable(account: &UserRow) -> Option<&str> {
    let is_reached = account.is_active && !account.is_service && account.email_verified_at_ms.is_some();
    account.email.as_deref().filter(|_address| is_reached)
}

async fn may_decide(
    services: &Services,
    row: &ApprovalRow,
    link: &LinkRow,
    now: Timestamp,
) -> Result<bool, ServiceError> {
    let Some(viewer) = links::viewer_of(services, link, &Origin::default()).await? else { return Ok(false) };
    if !reach::workflow(services, &viewer, row.workflow_id).await? {
        return Ok(false);
    }
    let who = Who::of(services, &viewer).await?;
    let known = who.asked_of(services, row).await?;
    Ok(who.judge(row, &known, now.0).is_ok())
}

/// Whoever may be asked, as far as the approval names them; those who stand in for them in their place.
async fn people(services: &Services, row: &ApprovalRow, now: Timestamp) -> Result<Vec<UserId>, ServiceError> {
    let (store, organization) = (services.store(), row.organization_id);
    let (mut named, mut roles) = (BTreeSet::new(), Vec::new());
    for (_id, assignee) in store.approval_assignees(organization, &[row.id]).await? {
        match assignee.split_once(':') {
            Some(("role", name)) => roles.push(name.to_owned()),
            Some(("user", name)) => match name.parse::<UserId>() {
                Ok(user) => named.extend([user]),
                Err(_an_address) => named.extend(store.user_by_email(name).await?.map(|account| account.id)),
            },
            _later => {}
        }
    }
    let own = if roles.is_empty() { Vec::new() } else { store.roles(organization).await? };
    for name in roles {
        let built_in = BuiltInRole::by_name(&name).map(BuiltInRole::id);
        let made = || own.iter().find(|role| role.name == name).map(|role| role.id);
        let Some(role): Option<RoleId> = built_in.or_else(made) else { continue };
        let filter = MemberFilter { role: Some(role), name: None, is_service: Some(false) };
        let page = store.members(organization, &filter, &PageRequest::first(MOST_HOLDERS)).await?;
        named.extend(page.rows.into_iter().map(|(_cursor, member)| member.user_id));
    }
    let mut people = BTreeSet::new();
    for user in named {
        let filter =
            SubstitutionFilter { user: Some(user), substitute: None, begun_at_ms: Some(now.0), not_over_at_ms: now.0 };
        let away = store.substitutions(organization, filter, 1).await?.pop();
        people.insert(away.map_or(user, |away| away.substitute_id));
    }
    Ok(people.into_iter().collect())
}
