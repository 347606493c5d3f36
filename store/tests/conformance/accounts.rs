//! Sessions, tokens that count once, failures to sign in, and the first owner.

use ids::{RoleId, SessionId, UserId};
use store::{Failures, FirstOwner, OneTimeTokenRow, SessionRow, StoreError, TokenPurpose, UserPatch, Warrant};

use crate::harness::Database;
use crate::identity::person;
use crate::on_both_databases;

fn session(user: UserId) -> SessionRow {
    SessionRow {
        id: SessionId::new(),
        user_id: user,
        organization_id: None,
        generation: 1,
        user_agent: Some("test".to_owned()),
        remote_address: None,
        created_at_ms: 10,
        last_seen_at_ms: 10,
        expires_at_ms: 1_000,
        revoked_at_ms: None,
        revoked_reason: None,
    }
}

fn token(hash: &str, user: Option<UserId>, purpose: TokenPurpose, made_at_ms: i64) -> OneTimeTokenRow {
    OneTimeTokenRow {
        token_hash: hash.to_owned(),
        purpose,
        user_id: user,
        email: Some("ada@example.com".to_owned()),
        created_at_ms: made_at_ms,
        expires_at_ms: made_at_ms + 100,
    }
}

on_both_databases! {
    async fn of_two_refreshes_at_once_one_raises_the_generation(database: &Database) {
        let (store, home) = (&database.store, database.organization);
        let seen = session(UserId::new());
        store.insert_session(seen.clone()).await.unwrap();
        let (one, two) = tokio::join!(
            store.rotate_session(&seen, home, 2_000, 20),
            store.rotate_session(&seen, home, 2_000, 20),
        );
        let raised: Vec<_> = [one.unwrap(), two.unwrap()].into_iter().flatten().collect();
        let expected = SessionRow {
            generation: 2,
            organization_id: Some(home),
            last_seen_at_ms: 20,
            expires_at_ms: 2_000,
            ..seen.clone()
        };
        assert_eq!(raised, std::slice::from_ref(&expected));
        assert_eq!(store.session(seen.id).await.unwrap(), Some(expected));
    }

    async fn a_session_that_is_over_is_neither_refreshed_nor_ended_again(database: &Database) {
        let (store, home) = (&database.store, database.organization);
        let ada = UserId::new();
        let (expired, ended) = (session(ada), session(ada));
        store.insert_session(expired.clone()).await.unwrap();
        store.insert_session(ended.clone()).await.unwrap();
        assert!(store.revoke_session(ada, ended.id, "signed_out", 20).await.unwrap());
        assert!(!store.revoke_session(ada, ended.id, "again", 30).await.unwrap());
        assert_eq!(store.rotate_session(&ended, home, 5_000, 30).await.unwrap(), None);
        assert_eq!(store.rotate_session(&expired, home, 5_000, 1_000).await.unwrap(), None);
        assert!(store.live_sessions_of(ada, 1_000, 10).await.unwrap().is_empty());
        let row = store.session(ended.id).await.unwrap().unwrap();
        assert_eq!((row.revoked_at_ms, row.revoked_reason.as_deref()), (Some(20), Some("signed_out")));
    }

    async fn only_ones_own_sessions_are_ended_and_one_may_stay(database: &Database) {
        let store = &database.store;
        let (ada, grace) = (UserId::new(), UserId::new());
        let sessions = [session(ada), session(ada), session(grace)];
        for session in &sessions {
            store.insert_session(session.clone()).await.unwrap();
        }
        assert!(!store.revoke_session(ada, sessions[2].id, "x", 20).await.unwrap());
        let ended = store.revoke_sessions_of(ada, Some(sessions[0].id), "x", 20).await.unwrap();
        assert_eq!(ended, [sessions[1].id]);
        let left = store.live_sessions_of(ada, 20, 10).await.unwrap();
        assert_eq!(left, [sessions[0].clone()]);
        assert_eq!(store.live_sessions_of(grace, 20, 10).await.unwrap().len(), 1);
    }

    async fn a_token_counts_once_and_for_its_purpose_alone(database: &Database) {
        let store = &database.store;
        let purpose = TokenPurpose::ResetPassword;
        let row = token("a", Some(UserId::new()), purpose, 10);
        store.insert_one_time_token(row.clone()).await.unwrap();
        assert_eq!(store.take_one_time_token("a", TokenPurpose::VerifyEmail, 20).await.unwrap(), None);
        assert_eq!(store.one_time_token("a", purpose, 20).await.unwrap(), Some(row.clone()));
        assert_eq!(store.take_one_time_token("a", purpose, 110).await.unwrap(), None);
        let (one, two) = tokio::join!(
            store.take_one_time_token("a", purpose, 20),
            store.take_one_time_token("a", purpose, 20),
        );
        let taken: Vec<_> = [one.unwrap(), two.unwrap()].into_iter().flatten().collect();
        assert_eq!(taken, [row]);
        assert_eq!(store.one_time_token("a", purpose, 20).await.unwrap(), None);
    }

    async fn the_newest_token_of_a_person_is_the_one_that_counts(database: &Database) {
        let store = &database.store;
        let (ada, purpose) = (UserId::new(), TokenPurpose::VerifyEmail);
        store.insert_one_time_token(token("old", Some(ada), purpose, 10)).await.unwrap();
        store.insert_one_time_token(token("other", Some(ada), TokenPurpose::ResetPassword, 10)).await.unwrap();
        store.insert_one_time_token(token("new", Some(ada), purpose, 11)).await.unwrap();
        assert_eq!(store.take_one_time_token("old", purpose, 20).await.unwrap(), None);
        assert!(store.take_one_time_token("new", purpose, 20).await.unwrap().is_some());
        assert!(store.take_one_time_token("other", TokenPurpose::ResetPassword, 20).await.unwrap().is_some());
    }

    async fn of_two_failures_at_once_one_is_counted_and_the_other_looks_again(database: &Database) {
        let store = &database.store;
        let first = Failures { count: 1, last_at_ms: 10 };
        let (one, two) = tokio::join!(store.count_failure("s", None, first), store.count_failure("s", None, first));
        assert_eq!(usize::from(one.unwrap()) + usize::from(two.unwrap()), 1);
        let second = Failures { count: 2, last_at_ms: 11 };
        assert!(store.count_failure("s", Some(first), second).await.unwrap());
        assert!(!store.count_failure("s", Some(first), second).await.unwrap());
        assert_eq!(store.failures("s").await.unwrap(), Some(second));
        store.clear_failures("s").await.unwrap();
        assert_eq!(store.failures("s").await.unwrap(), None);
    }

    async fn what_is_long_over_is_swept_in_groups(database: &Database) {
        let store = &database.store;
        for number in 0..3 {
            store.insert_session(session(UserId::new())).await.unwrap();
            store.insert_one_time_token(token(&number.to_string(), None, TokenPurpose::Bootstrap, 10)).await.unwrap();
            let failures = Failures { count: 1, last_at_ms: 10 };
            assert!(store.count_failure(&number.to_string(), None, failures).await.unwrap());
        }
        assert_eq!(store.delete_old_sessions(1_000, 2).await.unwrap(), 0);
        assert_eq!(store.delete_old_sessions(1_001, 2).await.unwrap(), 2);
        assert_eq!(store.delete_old_sessions(1_001, 2).await.unwrap(), 1);
        assert_eq!(store.delete_old_one_time_tokens(111, 2).await.unwrap(), 2);
        assert_eq!(store.delete_old_failures(11, 2).await.unwrap(), 2);
        assert_eq!(store.delete_old_failures(11, 2).await.unwrap(), 1);
    }

    async fn two_tokens_of_two_processes_make_one_first_owner(database: &Database) {
        let (store, home, owner) = (&database.store, database.organization, RoleId::new());
        for hash in ["a", "b"] {
            store.insert_one_time_token(token(hash, None, TokenPurpose::Bootstrap, 0)).await.unwrap();
        }
        assert!(!store.has_people().await.unwrap());
        let (ada, grace) = (person("ada@example.com"), person("grace@example.com"));
        let (first, second) = (Warrant::Token("a".to_owned()), Warrant::Token("b".to_owned()));
        let (one, two) = tokio::join!(
            store.insert_first_owner(home, owner, ada, None, &first),
            store.insert_first_owner(home, owner, grace, None, &second),
        );
        let mut outcomes = [one.unwrap(), two.unwrap()];
        outcomes.sort_by_key(|outcome| *outcome != FirstOwner::Made);
        assert_eq!(outcomes, [FirstOwner::Made, FirstOwner::OwnerExists]);
        assert!(store.has_people().await.unwrap());
    }

    async fn a_first_owner_needs_a_token_that_counts_or_the_database(database: &Database) {
        let (store, home, owner) = (&database.store, database.organization, RoleId::new());
        let ada = person("ada@example.com");
        let unknown = Warrant::Token("unknown".to_owned());
        let refused = store.insert_first_owner(home, owner, ada.clone(), None, &unknown).await.unwrap();
        assert_eq!(refused, FirstOwner::TokenRefused);
        assert_eq!(store.user(ada.id).await.unwrap(), None);
        let made = store.insert_first_owner(home, owner, ada.clone(), None, &Warrant::NoOwnerYet).await.unwrap();
        assert_eq!(made, FirstOwner::Made);
        assert_eq!(store.memberships_of(ada.id).await.unwrap()[0].role_id, owner);
        let again = store.insert_first_owner(home, owner, person("b@example.com"), None, &Warrant::NoOwnerYet).await;
        assert_eq!(again.unwrap(), FirstOwner::OwnerExists);
        let forced = store.insert_first_owner(home, owner, person("c@example.com"), None, &Warrant::Force).await;
        assert_eq!(forced.unwrap(), FirstOwner::Made);
        let taken = store.insert_first_owner(home, owner, person("c@example.com"), None, &Warrant::Force).await;
        assert!(matches!(taken, Err(StoreError::Conflict { .. })), "{taken:?}");
    }

    async fn an_account_that_nobody_confirmed_goes_to_whoever_signs_up_last(database: &Database) {
        let (store, home) = (&database.store, database.organization);
        let ada = person("ada@example.com");
        store.insert_user(ada.clone(), Some("first".to_owned())).await.unwrap();
        assert!(store.reclaim_user(ada.id, "Grace", "second", 20).await.unwrap());
        assert_eq!(store.password_of(ada.id).await.unwrap().as_deref(), Some("second"));
        assert!(store.verify_email(ada.id, "ada@example.com", 30).await.unwrap());
        assert!(!store.verify_email(ada.id, "ada@example.com", 31).await.unwrap());
        assert!(!store.reclaim_user(ada.id, "Eve", "third", 40).await.unwrap());
        let member = person("bob@example.com");
        let owner = RoleId::new();
        store.insert_first_owner(home, owner, member.clone(), None, &Warrant::Force).await.unwrap();
        assert!(!store.reclaim_user(member.id, "Eve", "third", 40).await.unwrap());
    }

    async fn a_password_is_replaced_only_where_it_is_the_one_that_was_seen(database: &Database) {
        let store = &database.store;
        let ada = person("ada@example.com");
        store.insert_user(ada.clone(), Some("one".to_owned())).await.unwrap();
        assert!(!store.replace_password(ada.id, "other", "two", Some(20)).await.unwrap());
        assert!(store.replace_password(ada.id, "one", "two", Some(20)).await.unwrap());
        assert!(!store.reset_password(ada.id, "grace@example.com", "three", 30).await.unwrap());
        assert!(store.reset_password(ada.id, "ada@example.com", "three", 30).await.unwrap());
        assert_eq!(store.password_of(ada.id).await.unwrap().as_deref(), Some("three"));
    }

    async fn what_somebody_says_about_themselves_changes_field_by_field(database: &Database) {
        let store = &database.store;
        let ada = person("ada@example.com");
        store.insert_user(ada.clone(), None).await.unwrap();
        let patch = UserPatch { time_zone: Some("Europe/Berlin".to_owned()), ..UserPatch::default() };
        let updated = store.update_user(ada.id, patch).await.unwrap().unwrap();
        assert_eq!((updated.time_zone.as_str(), updated.display_name.as_str()), ("Europe/Berlin", "Ada"));
        assert_eq!(store.update_user(UserId::new(), UserPatch::default()).await.unwrap(), None);
        store.touch_user(ada.id, 100_000).await.unwrap();
        store.touch_user(ada.id, 130_000).await.unwrap();
        assert_eq!(store.user(ada.id).await.unwrap().unwrap().last_seen_at_ms, Some(100_000));
    }
}
