use std::time::Duration;

use super::{Bed, OTHER, PASSWORD, from, mistakes, newcomer, wait_of};
use crate::Code;
use crate::identity::registration::{self, NewAccount, Registered};
use crate::identity::{recovery, sessions};

#[tokio::test]
async fn whoever_signs_up_is_nobody_until_they_open_the_link() {
    let mut bed = Bed::new().await;
    let made = registration::register(&bed.services, newcomer("Grace@example.com"), &from(1)).await.unwrap();
    assert_eq!(made, Registered::MailSent);
    assert!(bed.sign_in("grace@example.com", PASSWORD).await.is_err());
    let token = bed.mailed_token("Confirm your address").await;
    recovery::verify(&bed.services, &token, &from(1)).await.unwrap();
    assert_eq!(
        mistakes(recovery::verify(&bed.services, &token, &from(1)).await),
        [("token".to_owned(), Code::NotFound)]
    );
    let signed_in = bed.sign_in("grace@example.com", PASSWORD).await.unwrap();
    let organization = bed.services.store().organization(signed_in.organization).await.unwrap().unwrap();
    assert_eq!(organization.slug, "grace-hopper");
}

#[tokio::test]
async fn an_address_with_an_account_is_answered_like_one_without() {
    let mut bed = Bed::new().await;
    bed.ada().await;
    let taken = NewAccount { password: OTHER.to_owned(), ..newcomer("ada@example.com") };
    let taken = registration::register(&bed.services, taken, &from(1)).await;
    let free = registration::register(&bed.services, newcomer("grace@example.com"), &from(1)).await;
    assert_eq!(taken.unwrap(), free.unwrap());
    let first = bed.mails.recv().await.unwrap();
    let second = bed.mails.recv().await.unwrap();
    let to_ada = if first.to == "ada@example.com" { first } else { second };
    assert_eq!(to_ada.subject, "You have an account already");
    assert!(!to_ada.text.contains('#'), "{}", to_ada.text);
    // What signs in tells no more than the answer did.
    let known = bed.sign_in("ada@example.com", OTHER).await.unwrap_err();
    let unconfirmed = bed.sign_in("grace@example.com", PASSWORD).await.unwrap_err();
    assert_eq!(format!("{known:?}"), format!("{unconfirmed:?}"));
    assert!(bed.sign_in("ada@example.com", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn who_signs_up_last_with_an_address_that_nobody_confirmed_has_the_link_that_counts() {
    let mut bed = Bed::new().await;
    let eve = NewAccount { password: OTHER.to_owned(), ..newcomer("grace@example.com") };
    registration::register(&bed.services, eve, &from(9)).await.unwrap();
    let old = bed.mailed_token("Confirm your address").await;
    bed.advance(Duration::from_secs(1));
    registration::register(&bed.services, newcomer("grace@example.com"), &from(1)).await.unwrap();
    let new = bed.mailed_token("Confirm your address").await;
    assert!(recovery::verify(&bed.services, &old, &from(1)).await.is_err());
    recovery::verify(&bed.services, &new, &from(1)).await.unwrap();
    assert!(bed.sign_in("grace@example.com", OTHER).await.is_err());
    assert!(bed.sign_in("grace@example.com", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn a_reset_counts_once_ends_every_session_and_the_delay() {
    let mut bed = Bed::new().await;
    bed.ada().await;
    let before = bed.sign_in("ada@example.com", PASSWORD).await.unwrap();
    for _failure in 0..5 {
        let _refused = bed.sign_in("ada@example.com", "wrong password").await;
    }
    recovery::send_reset(&bed.services, " ADA@example.com", &from(2)).await.unwrap();
    let token = bed.mailed_token("Set a new password").await;
    let weak = recovery::reset(&bed.services, &token, "short", &from(2)).await;
    assert_eq!(mistakes(weak), [("newPassword".to_owned(), Code::Invalid)]);
    let user = recovery::reset(&bed.services, &token, OTHER, &from(2)).await.unwrap();
    assert!(user.email_verified_at_ms.is_some());
    assert!(!sessions::is_live(&bed.services, before.session).await.unwrap());
    assert!(bed.sign_in("ada@example.com", OTHER).await.is_ok());
    let again = recovery::reset(&bed.services, &token, PASSWORD, &from(2)).await;
    assert_eq!(mistakes(again), [("token".to_owned(), Code::NotFound)]);
    assert_eq!(bed.mails.recv().await.unwrap().subject, "Your password was changed");
}

#[tokio::test]
async fn a_link_is_good_for_an_hour() {
    let mut bed = Bed::new().await;
    bed.ada().await;
    recovery::send_reset(&bed.services, "ada@example.com", &from(2)).await.unwrap();
    let token = bed.mailed_token("Set a new password").await;
    bed.advance(Duration::from_hours(1));
    assert!(recovery::reset(&bed.services, &token, OTHER, &from(2)).await.is_err());
}

#[tokio::test]
async fn an_unknown_address_gets_no_mail_and_the_same_answer() {
    let mut bed = Bed::new().await;
    bed.ada().await;
    recovery::send_reset(&bed.services, "nobody@example.com", &from(1)).await.unwrap();
    recovery::send_reset(&bed.services, "no address", &from(1)).await.unwrap();
    recovery::send_reset(&bed.services, "ada@example.com", &from(1)).await.unwrap();
    assert_eq!(bed.mails.recv().await.unwrap().to, "ada@example.com");
}

#[tokio::test]
async fn nobody_fills_the_letter_box_of_somebody_else() {
    let mut bed = Bed::new().await;
    bed.ada().await;
    let signed_in = bed.sign_in("ada@example.com", PASSWORD).await.unwrap();
    let viewer = bed.viewer(&signed_in).await;
    for _mail in 0..5 {
        assert!(recovery::send_verification(&bed.services, &viewer).await.unwrap());
        bed.mailed_token("Confirm your address").await;
    }
    assert!(wait_of(recovery::send_verification(&bed.services, &viewer).await).is_some());
}

#[tokio::test]
async fn guessed_tokens_are_counted_for_where_they_come_from() {
    let bed = Bed::new().await;
    let mut limited = 0;
    for number in 0..20 {
        let guessed = recovery::verify(&bed.services, &format!("slt_{number}"), &from(3)).await;
        limited += usize::from(wait_of(guessed).is_some());
    }
    assert_eq!(limited, 10);
}
