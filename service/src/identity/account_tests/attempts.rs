use std::time::{Duration, Instant};

use super::{Bed, PASSWORD, from, mistakes, wait_of};
use crate::Code;
use crate::identity::{account, sweep};

#[tokio::test]
async fn after_five_failures_even_the_right_password_waits_and_a_success_forgets_them() {
    let bed = Bed::new().await;
    bed.ada().await;
    for _failure in 0..5 {
        let refused = bed.sign_in("ada@example.com", "wrong password").await;
        assert_eq!(mistakes(refused), [(String::new(), Code::Invalid)]);
    }
    assert_eq!(wait_of(bed.sign_in("ada@example.com", PASSWORD).await), Some(Duration::from_secs(1)));
    bed.advance(Duration::from_secs(1));
    bed.sign_in("Ada@Example.com ", PASSWORD).await.unwrap();
    for _failure in 0..4 {
        assert!(wait_of(bed.sign_in("ada@example.com", "wrong password").await).is_none());
    }
}

#[tokio::test]
async fn an_unknown_account_is_slowed_down_like_a_known_one_and_told_the_same() {
    let bed = Bed::new().await;
    bed.ada().await;
    for _failure in 0..5 {
        let known = bed.sign_in("ada@example.com", "wrong password").await;
        let unknown = account::sign_in(&bed.services, "nobody@example.com", "wrong password", &from(2)).await;
        assert_eq!(format!("{:?}", known.unwrap_err()), format!("{:?}", unknown.unwrap_err()));
    }
    let known = wait_of(bed.sign_in("ada@example.com", "wrong password").await);
    let unknown = account::sign_in(&bed.services, "nobody@example.com", "wrong password", &from(2)).await;
    assert_eq!(known, wait_of(unknown));
}

#[tokio::test]
async fn of_a_hundred_attempts_at_once_from_one_address_ten_are_evaluated() {
    let bed = Bed::new().await;
    let emails: Vec<String> = (0..100).map(|number| format!("person-{number}@example.com")).collect();
    let tries = emails.iter().map(|email| bed.sign_in(email, "wrong password"));
    let outcomes = futures::future::join_all(tries).await;
    let mut evaluated = outcomes.iter().filter(|outcome| wait_of_ref(outcome).is_none()).count();
    // Those that lost every race were told to wait, and leave some of the ten.
    while wait_of(bed.sign_in(&format!("late-{evaluated}@example.com"), "wrong password").await).is_none() {
        evaluated += 1;
    }
    assert_eq!(evaluated, 10);
    bed.advance(Duration::from_secs(30));
    assert!(wait_of(bed.sign_in("ada@example.com", "wrong password").await).is_none());
    assert!(wait_of(bed.sign_in("ada@example.com", "wrong password").await).is_some());
}

fn wait_of_ref<T>(outcome: &Result<T, crate::ServiceError>) -> Option<()> {
    matches!(outcome, Err(crate::ServiceError::RateLimited { .. })).then_some(())
}

#[tokio::test]
async fn of_many_attempts_at_one_account_from_many_addresses_five_are_evaluated() {
    let bed = Bed::new().await;
    bed.ada().await;
    let origins: Vec<_> = (1..=40).map(from).collect();
    let tries = origins.iter().map(|origin| account::sign_in(&bed.services, "ada@example.com", "wrong one", origin));
    let outcomes = futures::future::join_all(tries).await;
    let evaluated = outcomes.iter().filter(|outcome| wait_of_ref(outcome).is_none()).count();
    assert!((1..=5).contains(&evaluated), "{evaluated}");
}

#[tokio::test]
async fn what_was_typed_for_an_unknown_account_is_not_on_the_trail() {
    let bed = Bed::new().await;
    bed.ada().await;
    let origin = from(1);
    for email in ["my secret in the wrong field", "ada@example.com"] {
        let _refused = account::sign_in(&bed.services, email, "the wrong password", &origin).await;
    }
    let noted = format!("{:?}", origin.trail.take());
    assert!(noted.contains("sign_in_refused") && noted.contains("ada@example.com"), "{noted}");
    assert!(!noted.contains("secret") && !noted.contains("wrong password"), "{noted}");
}

#[tokio::test]
async fn failures_are_forgotten_after_a_day_and_swept() {
    let bed = Bed::new().await;
    for _failure in 0..5 {
        let _refused = bed.sign_in("ada@example.com", "wrong password").await;
    }
    bed.advance(Duration::from_hours(25));
    assert_eq!(sweep::run(&bed.services).await.unwrap(), 2);
    assert_eq!(sweep::run(&bed.services).await.unwrap(), 0);
    assert!(wait_of(bed.sign_in("ada@example.com", "wrong password").await).is_none());
}

/// Measured, not asserted: a machine under load would make a rule of it a lottery. Both take the same way through the
/// code, which other tests hold.
#[tokio::test]
async fn an_unknown_account_takes_as_long_as_a_wrong_password() {
    let bed = Bed::new().await;
    bed.ada().await;
    let mut took = [Duration::ZERO; 2];
    for number in 0..8 {
        for (place, email) in ["ada@example.com", "nobody@example.com"].into_iter().enumerate() {
            bed.advance(Duration::from_hours(25));
            let began = Instant::now();
            let refused = account::sign_in(&bed.services, email, "wrong password", &from(number)).await;
            took[place] += began.elapsed();
            assert!(wait_of(refused).is_none());
        }
    }
    let ratio = took[0].as_secs_f64() / took[1].as_secs_f64();
    eprintln!("known {:?}, unknown {:?}, ratio {ratio:.3}", took[0], took[1]);
}
