//! Approvals change hands.

use std::time::Duration;

use engine::Timestamp;
use ids::UserId;
use serde_json::json;
use store::ApprovalStatus;

use super::{Asks, Bed, NOW, code, no, yes};
use crate::approvals::{
    Assignee, Hindrance, LinkView, NewSubstitution, Ruling, ask_by_mail, by_token, claim, decide, decide_by_token,
    decisions, delegate, delete_substitution, reassign, release, remind, set_substitution,
};
use crate::code::Code;
use crate::error::ServiceError;
use crate::mail::{Mail, Mailer};
use crate::permission::Permission;
use crate::services::Settings;
use crate::viewer::{Origin, Viewer};

const NOBODY: &str = "usr_00000000000000000000000009";

fn id(viewer: &Viewer) -> UserId {
    viewer.user().unwrap()
}

fn away(user: Option<UserId>, substitute: UserId, from: i64, until: i64) -> NewSubstitution {
    NewSubstitution { user, substitute, from: Timestamp(from), until: Timestamp(until) }
}

/// The token of a mail.
fn token(mail: &Mail) -> String {
    let rest = mail.text.split("#token=").nth(1).unwrap();
    rest.split_whitespace().next().unwrap().to_owned()
}

#[tokio::test]
async fn whoever_is_asked_hands_it_over_to_somebody_who_could_decide_it_and_has_it_no_more() {
    let bed = Bed::new().await;
    let (ada, dan) = (bed.member("ada", "manager", true).await, bed.member("dan", "director", true).await);
    let (eve, sue) = (bed.member("eve", "manager", true).await, bed.member("sue", "manager", true).await);
    let asks = || Asks { started_by: Some(sue.actor.id.clone()), allow_self: true, ..Asks::default() };
    let approval = bed.asks(Asks { quorum: Some(2), ..asks() }).await;
    let over = |by: &Viewer, to: UserId| {
        let (services, by) = (bed.services.clone(), by.clone());
        async move { delegate(&services, &by, approval, to, Some("away".to_owned())).await }
    };
    assert_eq!(code(over(&dan, id(&ada)).await), Code::NotAssignee, "dan has nothing to hand over");
    assert_eq!(code(over(&ada, id(&sue)).await), Code::OwnRequest, "whatever the workflow allows");
    assert_eq!(code(over(&ada, NOBODY.parse().unwrap()).await), Code::NotFound);
    assert_eq!(code(over(&ada, id(&ada)).await), Code::Invalid);
    over(&ada, id(&dan)).await.unwrap();
    assert_eq!((bed.inbox(&ada).await, bed.inbox(&dan).await), (vec![], vec![approval]));
    assert_eq!(bed.standing(&ada, approval).await, Err(Hindrance::HandedOver), "the role asks her no more");
    assert_eq!(code(bed.approve(&ada, approval).await), Code::NotAssignee);
    assert_eq!(bed.approve(&dan, approval).await.unwrap(), ApprovalStatus::Pending);
    let found = decisions(&bed.services, &eve, &[approval]).await.unwrap().remove(&approval).unwrap();
    assert_eq!(found[0].on_behalf_of.as_deref(), Some(ada.actor.id.as_str()));
    assert_eq!(code(over(&eve, id(&dan)).await), Code::Conflict, "one person is one voice");
    assert_eq!(code(over(&dan, id(&eve)).await), Code::Conflict, "dan has decided");
    let noted: Vec<_> = ada.origin.trail.take().into_iter().filter_map(|change| change.action).collect();
    assert!(noted.contains(&"approval.delegated"), "{noted:?}");
}

#[tokio::test]
async fn a_chain_of_hand_overs_keeps_the_first_voice_and_has_an_end() {
    let bed = Bed::new().await;
    let (ada, bob) = (bed.member("ada", "manager", true).await, bed.member("bob", "director", true).await);
    let eve = bed.member("eve", "director", true).await;
    let approval = bed.asks(Asks::default()).await;
    let hand = async |from: &Viewer, to: &Viewer| delegate(&bed.services, from, approval, id(to), None).await;
    hand(&ada, &bob).await.unwrap();
    hand(&bob, &eve).await.unwrap();
    assert_eq!(bed.standing(&bob, approval).await, Err(Hindrance::NotAssignee));
    hand(&eve, &ada).await.unwrap();
    assert_eq!(bed.standing(&ada, approval).await, Ok(()), "it came back");
    for _round in 0..8 {
        hand(&ada, &bob).await.unwrap();
        hand(&bob, &ada).await.unwrap();
    }
    hand(&ada, &eve).await.unwrap();
    assert_eq!(code(hand(&eve, &bob).await), Code::TooLarge);
    decide(&bed.services, &eve, approval, yes(None)).await.unwrap();
    let found = decisions(&bed.services, &eve, &[approval]).await.unwrap().remove(&approval).unwrap();
    assert_eq!(found[0].on_behalf_of.as_deref(), Some(ada.actor.id.as_str()));
}

#[tokio::test]
async fn whoever_administers_approvals_says_anew_who_decides() {
    let bed = Bed::new().await;
    let (ada, dan) = (bed.member("ada", "manager", true).await, bed.member("dan", "director", true).await);
    let approval = bed.asks(Asks { started_by: Some(ada.actor.id.clone()), ..Asks::default() }).await;
    let why = || "why".to_owned();
    let refused = reassign(&bed.services, &dan, approval, &[Assignee::User(id(&dan))], why()).await;
    assert!(matches!(refused, Err(ServiceError::Forbidden(_))));
    let owner = Viewer::owner(bed.organization);
    let (_name, director) = bed.roles[1];
    let to = [Assignee::Role(director), Assignee::User(NOBODY.parse().unwrap()), Assignee::User(id(&ada))];
    let all = reassign(&bed.services, &owner, approval, &to, why()).await.unwrap_err();
    let ServiceError::Mistakes(all) = all else { panic!("{all:?}") };
    let all: Vec<_> = all.iter().map(|one| (one.field.join("."), one.code)).collect();
    let expected = [("assigneeIds.1", Code::NotFound), ("assigneeIds.2", Code::OwnRequest)];
    assert_eq!(all, expected.map(|(field, code)| (field.to_owned(), code)));
    assert_eq!(code(reassign(&bed.services, &owner, approval, &to[..1], " ".to_owned()).await), Code::Required);
    reassign(&bed.services, &owner, approval, &to[..1], why()).await.unwrap();
    assert_eq!((bed.standing(&dan, approval).await, bed.inbox(&dan).await), (Ok(()), vec![approval]));
    let bob = bed.member("bob", "manager", true).await;
    assert_eq!(bed.standing(&bob, approval).await, Err(Hindrance::NotAssignee));
}

#[tokio::test]
async fn whoever_stands_in_decides_for_a_time_in_the_name_of_the_other() {
    let bed = Bed::new().await;
    let (ada, dan) = (bed.member("ada", "manager", true).await, bed.member("dan", "director", true).await);
    let eve = bed.member("eve", "director", true).await;
    let machine = bed.account("machine", "director", true, true).await;
    let (services, day) = (&bed.services, 86_400_000);
    let until = NOW + day;
    for (new, expected) in [
        (away(None, id(&ada), NOW, until), Code::Invalid),
        (away(None, NOBODY.parse().unwrap(), NOW, until), Code::NotFound),
        (away(None, id(&machine), NOW, until), Code::Invalid),
        (away(None, id(&dan), NOW, NOW), Code::Invalid),
        (away(None, id(&dan), NOW - day, NOW), Code::Invalid),
        (away(None, id(&dan), NOW, NOW + 400 * day), Code::Invalid),
    ] {
        assert_eq!(code(set_substitution(services, &ada, new).await), expected, "{new:?}");
    }
    let for_eve = set_substitution(services, &ada, away(Some(id(&eve)), id(&dan), NOW, until)).await;
    assert!(matches!(for_eve, Err(ServiceError::Forbidden(_))), "for others it takes more");
    let row = set_substitution(services, &ada, away(None, id(&dan), NOW, until)).await.unwrap();
    let [first, second, own] =
        [Asks::default(), Asks::default(), Asks { started_by: Some(ada.actor.id.clone()), ..Asks::default() }];
    let (first, second, own) = (bed.asks(first).await, bed.asks(second).await, bed.asks(own).await);
    let mut found = bed.inbox(&dan).await;
    found.sort();
    let mut expected = vec![first, second];
    expected.sort();
    assert_eq!(found, expected, "what ada started she does not decide, nor does anybody in her place");
    assert_eq!(bed.standing(&dan, own).await, Err(Hindrance::NotAssignee));
    assert_eq!(code(delegate(services, &dan, first, id(&eve), None).await), Code::NotAssignee);
    decide(services, &dan, first, no("too much")).await.unwrap();
    let told = decisions(services, &dan, &[first]).await.unwrap().remove(&first).unwrap();
    assert_eq!((told[0].person.as_str(), told[0].on_behalf_of.as_deref()), (&*dan.actor.id, Some(&*ada.actor.id)));
    assert_eq!(bed.standing(&ada, second).await, Ok(()), "whoever is away may decide all the same");

    assert_eq!(code(delete_substitution(services, &eve, row.id).await), Code::NotFound, "none of eve's business");
    bed.clock.advance(Duration::from_hours(24));
    assert_eq!(bed.standing(&dan, second).await, Err(Hindrance::NotAssignee), "the time is over");
    delete_substitution(services, &ada, row.id).await.unwrap();
}

#[tokio::test]
async fn a_claim_tells_who_is_at_it_and_keeps_nobody_from_deciding() {
    let bed = Bed::new().await;
    let (ada, bob) = (bed.member("ada", "manager", true).await, bed.member("bob", "manager", true).await);
    let dan = bed.member("dan", "director", true).await;
    let approval = bed.asks(Asks::default()).await;
    assert_eq!(code(release(&bed.services, &ada, approval).await), Code::WrongState);
    assert_eq!(code(claim(&bed.services, &dan, approval).await), Code::NotAssignee);
    for _twice in 0..2 {
        let row = claim(&bed.services, &ada, approval).await.unwrap();
        assert_eq!(row.claimed_by.as_deref(), Some(ada.actor.id.as_str()));
    }
    assert_eq!(code(claim(&bed.services, &bob, approval).await), Code::Conflict);
    assert_eq!(code(release(&bed.services, &bob, approval).await), Code::Conflict);
    release(&bed.services, &Viewer::owner(bed.organization), approval).await.unwrap();
    claim(&bed.services, &ada, approval).await.unwrap();
    assert_eq!(bed.approve(&bob, approval).await.unwrap(), ApprovalStatus::Approved);
    assert_eq!(code(claim(&bed.services, &ada, approval).await), Code::Conflict, "it is decided");
}

/// Mails of a reminder by somebody, by address.
async fn mails(received: &mut tokio::sync::mpsc::UnboundedReceiver<Mail>, count: usize) -> Vec<Mail> {
    let mut mails = Vec::new();
    for _mail in 0..count {
        mails.push(received.recv().await.unwrap());
    }
    mails.sort_by(|one, other| one.to.cmp(&other.to));
    mails
}

#[tokio::test]
async fn a_reminder_sends_each_who_may_decide_a_link_that_decides_once_in_their_name() {
    let (mailer, mut received) = Mailer::to_channel();
    let bed = Bed::with(Settings { mailer, ..Settings::default() }).await;
    let (ada, bob) = (bed.member("ada", "manager", true).await, bed.member("bob", "manager", true).await);
    let (eve, sue) = (bed.member("eve", "director", true).await, bed.member("sue", "manager", true).await);
    bed.member("unconfirmed", "manager", false).await;
    set_substitution(&bed.services, &bob, away(None, id(&eve), NOW, NOW + 1_000_000)).await.unwrap();
    let approval = bed.asks(Asks { started_by: Some(sue.actor.id.clone()), ..Asks::default() }).await;
    remind(&bed.services, &sue, approval).await.unwrap();
    let mails = mails(&mut received, 2).await;
    let to: Vec<&str> = mails.iter().map(|mail| mail.to.as_str()).collect();
    assert_eq!(to, ["ada@example.com", "eve@example.com"], "neither who started it nor who is away");
    assert!(received.try_recv().is_err());
    assert!(matches!(remind(&bed.services, &ada, approval).await, Err(ServiceError::RateLimited { .. })));

    let (origin, link) = (Origin::default(), token(&mails[0]));
    let view = by_token(&bed.services, &link, &origin).await.unwrap();
    assert_eq!((view.row.id, view.standing, view.shows_data), (approval, Ok(()), false));
    assert_eq!(view.person.display_name, "ada");
    assert_eq!(code(by_token(&bed.services, "sla_guessed", &origin).await), Code::NotFound);
    let refused = decide_by_token(&bed.services, &link, no(" "), &origin).await;
    assert_eq!(code(refused), Code::Required, "what is refused does not use it up");
    let racing = (0..50).map(|_one| {
        let (services, link) = (bed.services.clone(), link.clone());
        tokio::spawn(async move { decide_by_token(&services, &link, yes(None), &Origin::default()).await })
    });
    let racing: Vec<_> = racing.collect();
    let mut winners: Vec<LinkView> = Vec::new();
    for one in racing {
        match one.await.unwrap() {
            Ok(view) => winners.push(view),
            Err(refused) => assert_eq!(code::<()>(Err(refused)), Code::LinkUsed),
        }
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(winners[0].row.decided_by.as_deref(), Some(ada.actor.id.as_str()));
    let (organization, actor) = {
        let _used = decide_by_token(&bed.services, &link, yes(None), &origin).await;
        origin.trail.acting().unwrap()
    };
    assert_eq!((organization, actor.id), (bed.organization, ada.actor.id.clone()), "in the log under her name");
    let view = by_token(&bed.services, &link, &origin).await.unwrap();
    assert_eq!((view.row.status, view.standing), (ApprovalStatus::Approved, Err(Code::LinkUsed)));
    let second = decide_by_token(&bed.services, &token(&mails[1]), yes(None), &origin).await;
    assert_eq!(code(second), Code::Conflict, "ada was first");
}

#[tokio::test]
async fn who_may_decide_is_asked_by_mail_once_and_the_link_decides() {
    let (mailer, mut received) = Mailer::to_channel();
    let bed = Bed::with(Settings { mailer, ..Settings::default() }).await;
    bed.member("ada", "manager", true).await;
    let (eve, sue) = (bed.member("eve", "director", true).await, bed.member("sue", "manager", true).await);
    bed.member("unconfirmed", "manager", false).await;
    let users = vec![id(&eve).to_string()];
    let approval = bed.asks(Asks { users, started_by: Some(sue.actor.id.clone()), ..Asks::default() }).await;
    assert_eq!(ask_by_mail(&bed.services).await.unwrap(), 1);
    assert_eq!(ask_by_mail(&bed.services).await.unwrap(), 0, "once");
    let mails = mails(&mut received, 2).await;
    let to: Vec<&str> = mails.iter().map(|mail| mail.to.as_str()).collect();
    assert_eq!(to, ["ada@example.com", "eve@example.com"], "by role and by name, and not who started it");
    assert!(received.try_recv().is_err());
    let decided = decide_by_token(&bed.services, &token(&mails[1]), yes(None), &Origin::default()).await.unwrap();
    assert_eq!((decided.row.id, decided.row.decided_by.as_deref()), (approval, Some(eve.actor.id.as_str())));
}

#[tokio::test]
async fn an_escalation_sends_the_mail_again_also_to_those_whom_the_other_role_adds() {
    let (mailer, mut received) = Mailer::to_channel();
    let bed = Bed::with(Settings { mailer, ..Settings::default() }).await;
    bed.member("ada", "manager", true).await;
    let eve = bed.member("eve", "director", true).await;
    let approval = bed.asks(Asks::default()).await;
    assert_eq!(ask_by_mail(&bed.services).await.unwrap(), 1);
    assert_eq!(mails(&mut received, 1).await[0].to, "ada@example.com");
    bed.escalates(approval, "director").await;
    assert_eq!(ask_by_mail(&bed.services).await.unwrap(), 1);
    assert_eq!(ask_by_mail(&bed.services).await.unwrap(), 0, "once");
    let again = mails(&mut received, 2).await;
    let to: Vec<&str> = again.iter().map(|mail| mail.to.as_str()).collect();
    assert_eq!(to, ["ada@example.com", "eve@example.com"]);
    let decided = decide_by_token(&bed.services, &token(&again[1]), yes(None), &Origin::default()).await.unwrap();
    assert_eq!(decided.row.decided_by.as_deref(), Some(eve.actor.id.as_str()));
}

#[tokio::test]
async fn what_has_no_place_among_the_mails_on_their_way_is_asked_later() {
    let (mailer, mut received) = Mailer::to_channel();
    let bed = Bed::with(Settings { mailer: mailer.clone(), ..Settings::default() }).await;
    bed.member("ada", "manager", true).await;
    bed.asks(Asks::default()).await;
    let kept = mailer.keep(u32::try_from(mailer.free()).unwrap() - 1);
    assert_eq!(ask_by_mail(&bed.services).await.unwrap(), 0);
    assert_eq!(bed.services.store().approvals_to_mail(NOW, 10).await.unwrap().len(), 1, "it is still owed");
    drop(kept);
    assert_eq!(ask_by_mail(&bed.services).await.unwrap(), 1);
    assert_eq!(mails(&mut received, 1).await[0].to, "ada@example.com");
}

#[tokio::test]
async fn what_somebody_else_has_taken_on_is_asked_by_others_only_once_they_are_gone() {
    let (mailer, mut received) = Mailer::to_channel();
    let bed = Bed::with(Settings { mailer, ..Settings::default() }).await;
    bed.member("ada", "manager", true).await;
    let approval = bed.asks(Asks::default()).await;
    let gone = Duration::from_secs(30);
    let until_ms = Timestamp(NOW).plus(gone).0;
    assert!(bed.services.store().claim_approval_mail(bed.organization, approval, NOW, until_ms).await.unwrap());
    assert_eq!(ask_by_mail(&bed.services).await.unwrap(), 0);
    bed.clock.advance(gone);
    assert_eq!(ask_by_mail(&bed.services).await.unwrap(), 1);
    assert_eq!(mails(&mut received, 1).await.len(), 1);
    assert!(received.try_recv().is_err(), "once");
}

#[tokio::test]
async fn nobody_is_asked_by_mail_about_what_is_closed_or_where_no_mail_is_set_up() {
    let (mailer, mut received) = Mailer::to_channel();
    let bed = Bed::with(Settings { mailer, ..Settings::default() }).await;
    bed.member("ada", "manager", true).await;
    bed.asks(Asks { expires_at_ms: Some(NOW + 5), ..Asks::default() }).await;
    bed.clock.advance(Duration::from_millis(5));
    assert_eq!(ask_by_mail(&bed.services).await.unwrap(), 0);
    assert!(received.try_recv().is_err());
    let owed = bed.services.store().approvals_to_mail(i64::MAX, 10).await.unwrap();
    assert_eq!(owed, [], "it is settled all the same");
    let silent = Bed::with(Settings::default()).await;
    silent.member("ada", "manager", true).await;
    silent.asks(Asks::default()).await;
    assert_eq!(silent.services.store().approvals_to_mail(i64::MAX, 10).await.unwrap(), []);
}

#[tokio::test]
async fn a_link_ends_with_its_time_and_with_what_its_person_may() {
    let (mailer, mut received) = Mailer::to_channel();
    let bed = Bed::with(Settings { mailer, ..Settings::default() }).await;
    let ada = bed.member("ada", "manager", true).await;
    let origin = Origin::default();
    let ruling = || Ruling { data: Some(json!({})), ..yes(None) };
    let expiring = bed.asks(Asks { expires_at_ms: Some(NOW + 5_000), ..Asks::default() }).await;
    let lasting = bed.asks(Asks::default()).await;
    remind(&bed.services, &ada, expiring).await.unwrap();
    let expiring = token(&mails(&mut received, 1).await[0]);
    remind(&bed.services, &ada, lasting).await.unwrap();
    let lasting = token(&mails(&mut received, 1).await[0]);
    bed.clock.advance(Duration::from_secs(5));
    assert_eq!(code(by_token(&bed.services, &expiring, &origin).await), Code::LinkExpired, "with its approval");
    assert_eq!(code(decide_by_token(&bed.services, &expiring, ruling(), &origin).await), Code::LinkExpired);

    let (owner, role) = (Viewer::owner(bed.organization), bed.roles[0].1);
    let permissions = [Permission::ApprovalRead].into_iter().collect();
    let lowered = crate::identity::roles::RoleChanges { permissions: Some(permissions), ..Default::default() };
    crate::identity::roles::update(&bed.services, &owner, role, lowered).await.unwrap();
    let refused = decide_by_token(&bed.services, &lasting, ruling(), &origin).await;
    assert!(matches!(refused, Err(ServiceError::Forbidden(_))), "{refused:?}");
    bed.clock.advance(Duration::from_hours(8 * 24));
    assert_eq!(code(decide_by_token(&bed.services, &lasting, ruling(), &origin).await), Code::LinkExpired);
}
