use std::time::Duration;

use super::{Bed, PASSWORD, from};
use crate::ServiceError;
use crate::identity::sessions::{self, GRACE, SignedIn};
use crate::identity::tokens;

async fn refresh(bed: &Bed, token: &str) -> Result<SignedIn, ServiceError> {
    sessions::refresh(&bed.services, token, &from(1)).await
}

fn is_refused(outcome: &Result<SignedIn, ServiceError>) -> bool {
    matches!(outcome, Err(ServiceError::Unauthenticated))
}

#[tokio::test]
async fn each_refresh_gives_the_next_pair_and_the_session_goes_on() {
    let bed = Bed::new().await;
    bed.ada().await;
    let first = bed.sign_in("ada@example.com", PASSWORD).await.unwrap();
    bed.advance(Duration::from_hours(24));
    let second = refresh(&bed, &first.refresh_token).await.unwrap();
    assert_eq!((second.session, second.organization), (first.session, first.organization));
    assert_ne!(second.refresh_token, first.refresh_token);
    assert!(second.refresh_expires_at > first.refresh_expires_at);
    assert!(tokens::verify(&bed.services, &first.access_token).is_err());
    assert_eq!(tokens::verify(&bed.services, &second.access_token).unwrap().session, first.session);
}

#[tokio::test]
async fn a_refresh_token_that_comes_again_later_ends_the_session_of_thief_and_owner() {
    let bed = Bed::new().await;
    bed.ada().await;
    let stolen = bed.sign_in("ada@example.com", PASSWORD).await.unwrap();
    let owner = refresh(&bed, &stolen.refresh_token).await.unwrap();
    assert!(sessions::is_live(&bed.services, owner.session).await.unwrap());
    bed.advance(GRACE + Duration::from_millis(1));
    let origin = from(9);
    assert!(is_refused(&sessions::refresh(&bed.services, &stolen.refresh_token, &origin).await));
    assert!(format!("{:?}", origin.trail.take()).contains("token_reused"));
    assert!(is_refused(&refresh(&bed, &owner.refresh_token).await));
    assert!(!sessions::is_live(&bed.services, owner.session).await.unwrap());
}

#[tokio::test]
async fn two_generations_back_there_is_no_grace() {
    let bed = Bed::new().await;
    bed.ada().await;
    let first = bed.sign_in("ada@example.com", PASSWORD).await.unwrap();
    let second = refresh(&bed, &first.refresh_token).await.unwrap();
    refresh(&bed, &second.refresh_token).await.unwrap();
    assert!(is_refused(&refresh(&bed, &first.refresh_token).await));
    assert!(!sessions::is_live(&bed.services, first.session).await.unwrap());
}

#[tokio::test]
async fn browsers_that_refresh_at_once_get_the_same_next_token() {
    let bed = Bed::new().await;
    bed.ada().await;
    let first = bed.sign_in("ada@example.com", PASSWORD).await.unwrap();
    let races = (0..8).map(|_browser| refresh(&bed, &first.refresh_token));
    let outcomes = futures::future::join_all(races).await;
    let next: Vec<String> = outcomes.into_iter().map(|outcome| outcome.unwrap().refresh_token).collect();
    assert!(next.iter().all(|token| *token == next[0] && *token != first.refresh_token), "{next:?}");
    // A lost answer, a moment later.
    bed.advance(GRACE);
    assert_eq!(refresh(&bed, &first.refresh_token).await.unwrap().refresh_token, next[0]);
}

#[tokio::test]
async fn a_session_slides_for_thirty_days_and_ends_after_ninety() {
    let bed = Bed::new().await;
    bed.ada().await;
    let mut signed_in = bed.sign_in("ada@example.com", PASSWORD).await.unwrap();
    let lazy = bed.sign_in("ada@example.com", PASSWORD).await.unwrap();
    for _fortnight in 0..6 {
        bed.advance(Duration::from_hours(14 * 24));
        signed_in = refresh(&bed, &signed_in.refresh_token).await.unwrap();
    }
    assert!(is_refused(&refresh(&bed, &lazy.refresh_token).await));
    bed.advance(Duration::from_hours(14 * 24));
    assert!(is_refused(&refresh(&bed, &signed_in.refresh_token).await));
}

#[tokio::test]
async fn signing_out_ends_the_session_at_once_and_no_other() {
    let bed = Bed::new().await;
    bed.ada().await;
    let here = bed.sign_in("ada@example.com", PASSWORD).await.unwrap();
    let there = bed.sign_in("ada@example.com", PASSWORD).await.unwrap();
    let viewer = bed.viewer(&here).await;
    assert_eq!(sessions::of_viewer(&bed.services, &viewer).await.unwrap().len(), 2);
    assert_eq!(sessions::revoke(&bed.services, &viewer, None).await.unwrap(), here.session);
    assert!(is_refused(&refresh(&bed, &here.refresh_token).await));
    assert!(!sessions::is_live(&bed.services, here.session).await.unwrap());
    assert!(sessions::is_live(&bed.services, there.session).await.unwrap());
    assert!(sessions::revoke(&bed.services, &viewer, Some(here.session)).await.is_err());
    assert_eq!(sessions::revoke_all(&bed.services, &viewer, false).await.unwrap(), 1);
    assert!(is_refused(&refresh(&bed, &there.refresh_token).await));
}

#[tokio::test]
async fn switching_makes_the_token_before_it_old() {
    let bed = Bed::new().await;
    bed.ada().await;
    let first = bed.sign_in("ada@example.com", PASSWORD).await.unwrap();
    let viewer = bed.viewer(&first).await;
    let switched = sessions::switch(&bed.services, &viewer, first.organization).await.unwrap();
    assert_ne!(switched.refresh_token, first.refresh_token);
    bed.advance(GRACE + Duration::from_millis(1));
    assert!(is_refused(&refresh(&bed, &first.refresh_token).await));
}

#[tokio::test]
async fn what_holds_tokens_prints_none() {
    let bed = Bed::new().await;
    bed.ada().await;
    let signed_in = bed.sign_in("ada@example.com", PASSWORD).await.unwrap();
    let printed = format!("{signed_in:?}");
    assert!(!printed.contains(&signed_in.access_token) && !printed.contains(&signed_in.refresh_token), "{printed}");
}
