use ids::{MembershipId, OrganizationId, RoleId, UserId};
use store::{MembershipRow, StoreError, UserRow};

use crate::harness::Database;
use crate::on_both_databases;

/// A person with this address.
pub fn person(email: &str) -> UserRow {
    UserRow {
        id: UserId::new(),
        email: Some(email.to_owned()),
        email_verified_at_ms: None,
        display_name: "Ada".to_owned(),
        is_service: false,
        is_active: true,
        time_zone: "UTC".to_owned(),
        preferences: "{}".to_owned(),
        created_at_ms: 1,
        last_seen_at_ms: None,
    }
}

fn membership(organization: OrganizationId, user: UserId) -> MembershipRow {
    MembershipRow {
        id: MembershipId::new(),
        organization_id: organization,
        user_id: user,
        role_id: RoleId::new(),
        invited_by: None,
        joined_at_ms: 2,
    }
}

on_both_databases! {
    async fn an_address_belongs_to_one_person(database: &Database) {
        let (ada, second) = (person("ada@example.com"), person("ada@example.com"));
        database.store.insert_user(ada.clone(), None).await.unwrap();
        let refused = database.store.insert_user(second, None).await;
        assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
        assert_eq!(database.store.user_by_email("ada@example.com").await.unwrap(), Some(ada.clone()));
        assert_eq!(database.store.user(ada.id).await.unwrap(), Some(ada.clone()));
        assert_eq!(database.store.users_by_ids(&[ada.id, UserId::new()]).await.unwrap(), [ada]);
    }

    async fn several_service_accounts_have_no_address(database: &Database) {
        for _each in 0..2 {
            let robot = UserRow { email: None, is_service: true, ..person("") };
            database.store.insert_user(robot, None).await.unwrap();
        }
    }

    async fn somebody_is_a_member_once_and_seen_from_there_alone(database: &Database) {
        let (store, own) = (&database.store, database.organization);
        let stranger = store.ensure_organization("stranger", "Stranger", 1).await.unwrap();
        let ada = person("ada@example.com");
        store.insert_user(ada.clone(), None).await.unwrap();
        let joined = membership(own, ada.id);
        store.insert_membership(joined.clone()).await.unwrap();
        let again = store.insert_membership(membership(own, ada.id)).await;
        assert!(matches!(again, Err(StoreError::Conflict { .. })), "{again:?}");
        assert_eq!(store.membership_of(own, ada.id).await.unwrap(), Some(joined.clone()));
        assert_eq!(store.membership_of(stranger, ada.id).await.unwrap(), None);
        assert_eq!(store.memberships_of(ada.id).await.unwrap(), [joined]);
    }
}
