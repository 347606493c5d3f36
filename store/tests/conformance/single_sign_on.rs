use ids::{IdentityProviderId, MembershipId, OrganizationId, RoleId, UserId};
use store::{IdentityProviderRow, MembershipRow, SignInFlowRow, StoreError, UserIdentityRow};

use crate::harness::Database;
use crate::identity::person;
use crate::on_both_databases;

fn provider(organization: OrganizationId) -> IdentityProviderRow {
    IdentityProviderRow {
        id: IdentityProviderId::new(),
        organization_id: organization,
        name: "Company".to_owned(),
        issuer: "https://id.example.com".to_owned(),
        client_id: "sluice".to_owned(),
        client_secret: Some("s1.sealed".to_owned()),
        role_mapping: "{}".to_owned(),
        is_enabled: true,
        created_at_ms: 1,
        updated_at_ms: 1,
    }
}

fn identity(provider: IdentityProviderId, subject: &str, user: UserId) -> UserIdentityRow {
    UserIdentityRow { provider_id: provider, subject: subject.to_owned(), user_id: user, created_at_ms: 3 }
}

fn member(provider: &IdentityProviderRow, user: UserId) -> MembershipRow {
    MembershipRow {
        id: MembershipId::new(),
        organization_id: provider.organization_id,
        user_id: user,
        role_id: RoleId::new(),
        invited_by: Some(provider.id.to_string()),
        joined_at_ms: 3,
    }
}

fn flow(state_hash: &str, expires_at_ms: i64) -> SignInFlowRow {
    SignInFlowRow {
        state_hash: state_hash.to_owned(),
        provider_id: IdentityProviderId::new(),
        nonce: "nonce".to_owned(),
        code_verifier: "verifier".to_owned(),
        browser_hash: "browser".to_owned(),
        created_at_ms: 10,
        expires_at_ms,
    }
}

on_both_databases! {
    async fn an_identity_provider_is_changed_and_removed_by_its_organization_alone(database: &Database) {
        let (store, own) = (&database.store, database.organization);
        let stranger = store.ensure_organization("stranger", "Stranger", 1).await.unwrap();
        let made = provider(own);
        store.put_identity_provider(made.clone()).await.unwrap();
        let stolen = IdentityProviderRow { organization_id: stranger, issuer: "https://evil".to_owned(), ..made.clone() };
        store.put_identity_provider(stolen).await.unwrap();
        assert_eq!(store.identity_provider(own, made.id).await.unwrap(), Some(made.clone()));
        assert_eq!(store.identity_provider(stranger, made.id).await.unwrap(), None);
        assert_eq!(store.identity_providers(stranger).await.unwrap(), []);

        let off = IdentityProviderRow {
            name: "Elsewhere".to_owned(), client_secret: None, is_enabled: false, updated_at_ms: 2, ..made.clone()
        };
        store.put_identity_provider(IdentityProviderRow { created_at_ms: 9, ..off.clone() }).await.unwrap();
        assert_eq!(store.identity_providers(own).await.unwrap(), [off]);
        assert_eq!(store.enabled_identity_provider(made.id).await.unwrap(), None);

        let ada = person("ada@example.com");
        store.insert_user(ada.clone(), None).await.unwrap();
        store.insert_user_identity(identity(made.id, "42", ada.id)).await.unwrap();
        assert!(!store.delete_identity_provider(stranger, made.id).await.unwrap());
        assert!(store.user_identity(made.id, "42").await.unwrap().is_some());
        assert!(store.delete_identity_provider(own, made.id).await.unwrap());
        assert!(!store.delete_identity_provider(own, made.id).await.unwrap());
        assert_eq!(store.user_identity(made.id, "42").await.unwrap(), None);
    }

    async fn a_subject_is_one_person_and_made_with_everything_or_not_at_all(database: &Database) {
        let (store, company) = (&database.store, provider(database.organization));
        let (ada, grace) = (person("ada@example.com"), person("grace@example.com"));
        let own = identity(company.id, "42", ada.id);
        store.insert_user_of_provider(ada.clone(), own.clone(), member(&company, ada.id)).await.unwrap();
        assert_eq!(store.user_identity(company.id, "42").await.unwrap(), Some(own.clone()));
        assert_eq!(store.user_identity(IdentityProviderId::new(), "42").await.unwrap(), None);
        assert_eq!(store.user(ada.id).await.unwrap(), Some(ada.clone()));
        assert!(store.membership_of(database.organization, ada.id).await.unwrap().is_some());

        let taken = identity(company.id, "42", grace.id);
        let refused = store.insert_user_of_provider(grace.clone(), taken.clone(), member(&company, grace.id)).await;
        assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
        assert_eq!(store.user(grace.id).await.unwrap(), None);
        let refused = store.insert_user_identity(taken).await;
        assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
        store.insert_user_identity(identity(company.id, "43", ada.id)).await.unwrap();
    }

    async fn a_provider_changes_the_memberships_that_it_made_and_no_others(database: &Database) {
        let (store, own, company) = (&database.store, database.organization, provider(database.organization));
        let (ada, grace, role) = (person("ada@example.com"), person("grace@example.com"), RoleId::new());
        let made = member(&company, ada.id);
        store.insert_user_of_provider(ada.clone(), identity(company.id, "42", ada.id), made.clone()).await.unwrap();
        store.insert_user(grace.clone(), None).await.unwrap();
        let by_hand = MembershipRow { invited_by: None, ..member(&company, grace.id) };
        store.insert_membership(by_hand.clone()).await.unwrap();

        let kept = RoleId::new();
        assert!(store.follow_provider(own, ada.id, company.id, kept, role).await.unwrap());
        assert!(!store.follow_provider(own, ada.id, company.id, kept, role).await.unwrap());
        assert!(!store.follow_provider(own, ada.id, company.id, role, kept).await.unwrap());
        assert!(!store.follow_provider(own, ada.id, IdentityProviderId::new(), kept, RoleId::new()).await.unwrap());
        assert!(!store.follow_provider(own, grace.id, company.id, kept, role).await.unwrap());
        let followed = MembershipRow { role_id: role, ..made };
        assert_eq!(store.membership_of(own, ada.id).await.unwrap(), Some(followed));

        assert!(!store.leave_provider(own, grace.id, company.id, kept).await.unwrap());
        assert!(!store.leave_provider(own, ada.id, company.id, role).await.unwrap());
        assert!(store.leave_provider(own, ada.id, company.id, kept).await.unwrap());
        assert_eq!(store.membership_of(own, ada.id).await.unwrap(), None);
        assert_eq!(store.membership_of(own, grace.id).await.unwrap(), Some(by_hand));
    }

    async fn a_sign_in_that_has_begun_is_taken_once(database: &Database) {
        let store = &database.store;
        let begun = flow("one", 1_000);
        store.insert_sign_in_flow(begun.clone()).await.unwrap();
        let takers = (0..8).map(|_taker| store.take_sign_in_flow("one", 500));
        let taken = futures::future::try_join_all(takers).await.unwrap();
        assert_eq!(taken.into_iter().flatten().collect::<Vec<_>>(), [begun]);
        assert_eq!(store.take_sign_in_flow("unknown", 500).await.unwrap(), None);
    }

    async fn a_sign_in_that_expired_is_found_no_more_and_swept(database: &Database) {
        let store = &database.store;
        store.insert_sign_in_flow(flow("late", 1_000)).await.unwrap();
        assert_eq!(store.take_sign_in_flow("late", 1_000).await.unwrap(), None);
        store.insert_sign_in_flow(flow("old", 1_000)).await.unwrap();
        let new = SignInFlowRow { created_at_ms: 2_000, ..flow("new", 3_000) };
        store.insert_sign_in_flow(new).await.unwrap();
        assert_eq!(database.damage("delete from sign_in_flow").await, 1);
    }
}
