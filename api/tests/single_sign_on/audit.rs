//! What sign-ins leave in the audit log.

use serde_json::json;
use service::Viewer;
use store::{AuditFilter, AuditOutcome, NewAuditEntry, PageRequest};

use crate::single_sign_on::desk::{Browser, Desk, ada};
use crate::single_sign_on::provider::Manner;

/// The log of the installation's own organization, oldest first.
async fn log(desk: &Desk) -> Vec<NewAuditEntry> {
    let owner = Viewer::owner(desk.services.default_organization());
    let page = PageRequest::first(100);
    let page = service::audit::page(&desk.services, &owner, &AuditFilter::default(), &page).await.unwrap();
    let mut entries: Vec<_> = page.rows.into_iter().map(|(_place, row)| row.entry).collect();
    entries.reverse();
    entries
}

fn told(entry: &NewAuditEntry) -> (&str, AuditOutcome, Option<&str>, &str) {
    (&entry.actor_id, entry.outcome, entry.code.as_deref(), &entry.target_type)
}

#[tokio::test]
async fn who_came_and_what_was_made_of_them_is_recorded() {
    let (desk, mut browser) = (Desk::new().await, Browser::default());
    browser.sign_in(&desk, ada()).await;
    let (user, session) = browser.session(&desk).unwrap();
    let (entries, user) = (log(&desk).await, user.to_string());
    let seen: Vec<_> = entries.iter().map(told).collect();
    let done = |target| (user.as_str(), AuditOutcome::Ok, None, target);
    assert_eq!(seen, [done("user"), done("session")]);
    assert!(entries.iter().all(|entry| entry.action == "singleSignOn" && !entry.request_id.is_empty()));
    assert_eq!(entries[1].target_id, session.to_string());
}

#[tokio::test]
async fn a_refused_sign_in_is_recorded_with_its_reason_and_without_the_token() {
    let (desk, mut browser) = (Desk::new().await, Browser::default());
    *desk.company.manner.lock().unwrap() = Manner { claims: json!({ "nonce": "another" }), ..Manner::default() };
    browser.sign_in(&desk, ada()).await;
    browser.back(&desk, "code=code-0&state=invented").await;
    let entries = log(&desk).await;
    let seen: Vec<_> = entries.iter().map(told).collect();
    let refused = ("anonymous", AuditOutcome::Denied, Some("SIGN_IN_UNTRUSTED"), "identity_provider");
    assert_eq!(seen, [refused], "a state that nobody was given leaves no entry");
    assert_eq!(entries[0].target_id, desk.company_id.to_string());
    assert_eq!(entries[0].changes, None);
}

#[tokio::test]
async fn a_place_that_the_provider_took_away_is_recorded_as_done_and_the_sign_in_as_refused() {
    let desk = Desk::new().await;
    Browser::default().sign_in(&desk, ada()).await;
    let before = log(&desk).await.len();
    let mut left = ada();
    left["groups"] = json!([]);
    Browser::default().sign_in(&desk, left).await;
    let entries = log(&desk).await;
    let seen: Vec<_> = entries[before..].iter().map(told).collect();
    let ended = ("sys_engine", AuditOutcome::Ok, None, "membership");
    let refused = ("anonymous", AuditOutcome::Denied, Some("SIGN_IN_NO_ROLE"), "identity_provider");
    assert_eq!(seen, [ended, refused]);
}
