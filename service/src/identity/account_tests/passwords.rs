use super::{Bed, OTHER, PASSWORD, from, mistakes, newcomer};
use crate::Code;
use crate::identity::bootstrap::{self, Existing};
use crate::identity::registration::{self, NewAccount, Registered, Ticket};
use crate::identity::{SignUp, account, sessions};

#[tokio::test]
async fn a_changed_password_ends_the_other_sessions() {
    let bed = Bed::new().await;
    bed.ada().await;
    let here = bed.sign_in("ada@example.com", PASSWORD).await.unwrap();
    let there = bed.sign_in("ada@example.com", PASSWORD).await.unwrap();
    let viewer = bed.viewer(&here).await;
    let wrong = account::change_password(&bed.services, &viewer, OTHER, OTHER).await;
    assert_eq!(mistakes(wrong), [("currentPassword".to_owned(), Code::Invalid)]);
    let weak = account::change_password(&bed.services, &viewer, PASSWORD, "short").await;
    assert_eq!(mistakes(weak), [("newPassword".to_owned(), Code::Invalid)]);
    account::change_password(&bed.services, &viewer, PASSWORD, OTHER).await.unwrap();
    assert!(sessions::is_live(&bed.services, here.session).await.unwrap());
    assert!(!sessions::is_live(&bed.services, there.session).await.unwrap());
    assert!(bed.sign_in("ada@example.com", PASSWORD).await.is_err());
    assert!(bed.sign_in("ada@example.com", OTHER).await.is_ok());
}

#[tokio::test]
async fn what_somebody_changes_about_themselves_is_checked_all_at_once() {
    let bed = Bed::new().await;
    bed.ada().await;
    let signed_in = bed.sign_in("ada@example.com", PASSWORD).await.unwrap();
    let viewer = bed.viewer(&signed_in).await;
    let update = account::Update {
        display_name: Some(" ".to_owned()),
        time_zone: Some("Mars/Olympus".to_owned()),
        preferences: Some(serde_json::json!([1])),
    };
    let refused = mistakes(account::update(&bed.services, &viewer, update).await);
    let fields: Vec<&str> = refused.iter().map(|(field, _code)| field.as_str()).collect();
    assert_eq!(fields, ["displayName", "timeZone", "preferences"]);
    let update = account::Update { time_zone: Some("Europe/Berlin".to_owned()), ..account::Update::default() };
    let updated = account::update(&bed.services, &viewer, update).await.unwrap();
    assert_eq!((updated.time_zone.as_str(), updated.display_name.as_str()), ("Europe/Berlin", "ada"));
}

#[tokio::test]
async fn a_bootstrap_token_makes_one_owner_and_dies() {
    let bed = Bed::with(SignUp::Off, false).await;
    let first = bootstrap::token(&bed.services).await.unwrap().unwrap();
    let second = bootstrap::token(&bed.services).await.unwrap().unwrap();
    let with = |token: &str, email: &str| NewAccount { ticket: Ticket::Bootstrap(token.to_owned()), ..newcomer(email) };
    let made = registration::register(&bed.services, with(&first, "ada@example.com"), &from(1)).await.unwrap();
    let Registered::SignedIn(signed_in) = made else { unreachable!("{made:?}") };
    assert_eq!(signed_in.organization, bed.services.default_organization());
    assert_eq!(bed.viewer(&signed_in).await.roles.to_vec(), ["owner"]);
    for token in [&first, &second, &"slb_guessed".to_owned()] {
        let refused = registration::register(&bed.services, with(token, "eve@example.com"), &from(2)).await;
        assert_eq!(mistakes(refused), [("bootstrapToken".to_owned(), Code::WrongState)]);
    }
    assert_eq!(bootstrap::token(&bed.services).await.unwrap(), None);
    let respect = Existing::Respect;
    let refused = bootstrap::make_owner(&bed.services, "eve@example.com", None, PASSWORD, respect, &from(1)).await;
    assert_eq!(mistakes(refused), [(String::new(), Code::WrongState)]);
}

#[tokio::test]
async fn where_nobody_may_sign_up_nobody_does() {
    for (sign_up, expected) in [(SignUp::Off, 1), (SignUp::Invited, 1)] {
        let bed = Bed::with(sign_up, false).await;
        let refused = registration::register(&bed.services, newcomer("grace@example.com"), &from(1)).await;
        assert_eq!(mistakes(refused).len(), expected);
        assert_eq!(bed.services.store().user_by_email("grace@example.com").await.unwrap(), None);
    }
}

#[tokio::test]
async fn an_invitation_that_does_not_count_leaves_no_account_behind() {
    let bed = Bed::with(SignUp::Invited, false).await;
    let ticket = Ticket::Invitation("sli_guessed".to_owned());
    let invited = NewAccount { ticket, ..newcomer("grace@example.com") };
    assert!(registration::register(&bed.services, invited, &from(1)).await.is_err());
    assert_eq!(bed.services.store().user_by_email("grace@example.com").await.unwrap(), None);
}

#[tokio::test]
async fn without_mail_whoever_signs_up_is_signed_in_and_owns_an_organization() {
    let bed = Bed::with(SignUp::Open, false).await;
    let made = registration::register(&bed.services, newcomer("grace@example.com"), &from(1)).await.unwrap();
    let Registered::SignedIn(signed_in) = made else { unreachable!("{made:?}") };
    let organization = bed.services.store().organization(signed_in.organization).await.unwrap().unwrap();
    assert_eq!((organization.slug.as_str(), organization.name.as_str()), ("grace-hopper", "Grace Hopper"));
    let again = registration::register(&bed.services, newcomer("grace@example.com"), &from(1)).await;
    assert_eq!(mistakes(again), [("email".to_owned(), Code::AlreadyExists)]);
    let namesake = registration::register(&bed.services, newcomer("hopper@example.com"), &from(1)).await.unwrap();
    let Registered::SignedIn(namesake) = namesake else { unreachable!("{namesake:?}") };
    let other = bed.services.store().organization(namesake.organization).await.unwrap().unwrap();
    assert!(other.slug.starts_with("grace-hopper-"), "{}", other.slug);
}
