use ids::{ApiKeyId, InvitationId, MembershipId, OrganizationId, RoleId, UserId};
use sqlx::{ConnectOptions, Connection, Row};
use store::{
    Acceptance, ApiKeyRow, FOLLOWING_TABLES, InvitationRow, KEPT_TABLES, MemberFilter, MemberOutcome, MembershipRow,
    OrganizationChanges, OrganizationRow, PURGED_BY_OWNER, PURGED_TABLES, PageRequest, RoleRow, Store, StoreError,
    StringFilter, UserRow,
};

use crate::harness::Database;
use crate::identity::person;
use crate::on_both_databases;

/// The role that somebody must hold always.
fn owner() -> RoleId {
    RoleId::from_uuid(ids::uuid::Uuid::from_u128(1))
}

/// A role without a row, like all built-in ones.
fn viewer() -> RoleId {
    RoleId::from_uuid(ids::uuid::Uuid::from_u128(4))
}

async fn member(database: &Database, email: &str, role: RoleId) -> MembershipRow {
    member_of(&database.store, database.organization, email, role).await
}

async fn member_of(store: &Store, organization: OrganizationId, email: &str, role: RoleId) -> MembershipRow {
    let user = UserRow { display_name: email.split('@').next().unwrap().to_owned(), ..person(email) };
    store.insert_user(user.clone(), None).await.unwrap();
    let row = MembershipRow {
        id: MembershipId::new(),
        organization_id: organization,
        user_id: user.id,
        role_id: role,
        invited_by: None,
        joined_at_ms: 1,
    };
    store.insert_membership(row.clone()).await.unwrap();
    row
}

fn role(organization: OrganizationId, name: &str) -> RoleRow {
    RoleRow {
        id: RoleId::new(),
        organization_id: organization,
        name: name.to_owned(),
        description: None,
        permissions: r#"["WORKFLOW_READ"]"#.to_owned(),
        folders: None,
        revision: 1,
        created_at_ms: 1,
        updated_at_ms: 1,
    }
}

fn invitation(organization: OrganizationId, email: &str, token: &str) -> InvitationRow {
    InvitationRow {
        id: InvitationId::new(),
        organization_id: organization,
        email: email.to_owned(),
        role_id: viewer(),
        token_hash: token.to_owned(),
        invited_by: "usr_x".to_owned(),
        created_at_ms: 1,
        expires_at_ms: 100,
    }
}

fn key(organization: OrganizationId, on_behalf_of: UserId, token: &str) -> ApiKeyRow {
    ApiKeyRow {
        id: ApiKeyId::new(),
        organization_id: organization,
        display_name: "ci".to_owned(),
        is_agent: false,
        prefix: "slk_12345678".to_owned(),
        token_hash: token.to_owned(),
        permissions: "[]".to_owned(),
        folders: None,
        allowed_addresses: None,
        on_behalf_of,
        created_by: "usr_x".to_owned(),
        created_at_ms: 1,
        expires_at_ms: None,
        last_used_at_ms: None,
        last_used_from: None,
        revoked_at_ms: None,
        revoked_reason: None,
    }
}

/// Every table with a column `organization_id`, with the number of its rows of `organization`.
async fn rows_by_table(database: &Database, organization: OrganizationId) -> Vec<(String, i64)> {
    let mut counts = Vec::new();
    let listed = "select m.name from sqlite_master m, pragma_table_info(m.name) c
        where m.type = 'table' and c.name = 'organization_id' order by m.name";
    let on_postgresql = "select table_name::text from information_schema.columns
        where column_name = 'organization_id' and table_schema = current_schema() order by table_name";
    let id = organization.uuid();
    if database.is_postgresql() {
        let mut connection = database.postgresql_options().connect().await.unwrap();
        for row in sqlx::query(on_postgresql).fetch_all(&mut connection).await.unwrap() {
            let table: String = row.get(0);
            let count = format!("select count(*) from {table} where organization_id = $1");
            let count = sqlx::query_scalar(sqlx::AssertSqlSafe(count)).bind(id).fetch_one(&mut connection).await;
            counts.push((table, count.unwrap()));
        }
        connection.close().await.unwrap();
    } else {
        let mut connection = database.sqlite_options().connect().await.unwrap();
        for row in sqlx::query(listed).fetch_all(&mut connection).await.unwrap() {
            let table: String = row.get(0);
            let count = format!("select count(*) from {table} where organization_id = ?");
            let count = sqlx::query_scalar(sqlx::AssertSqlSafe(count)).bind(id).fetch_one(&mut connection).await;
            counts.push((table, count.unwrap()));
        }
        connection.close().await.unwrap();
    }
    counts
}

on_both_databases! {
    async fn two_owners_who_demote_each_other_at_once_leave_one(database: &Database) {
        let (store, own) = (&database.store, database.organization);
        for round in 0..8 {
            let ada = member(database, &format!("ada{round}@example.com"), owner()).await;
            let bob = member(database, &format!("bob{round}@example.com"), owner()).await;
            let other = database.another_process().await;
            let (first, second) = tokio::join!(
                store.change_role_of_member(own, &ada, viewer(), true, owner()),
                other.change_role_of_member(own, &bob, viewer(), true, owner()),
            );
            let outcomes = [first.unwrap(), second.unwrap()];
            let refused = outcomes.iter().filter(|outcome| **outcome == MemberOutcome::LastOwner).count();
            assert_eq!(refused, 1, "{outcomes:?}");
            let filter = MemberFilter { role: Some(owner()), ..MemberFilter::default() };
            let owners = store.members(own, &filter, &PageRequest::first(10)).await.unwrap();
            assert_eq!(owners.rows.len(), 1);
            // The next round begins without owners.
            database.damage("delete from membership").await;
            other.close().await;
        }
    }

    async fn two_owners_who_leave_at_once_leave_one_behind(database: &Database) {
        let (store, own) = (&database.store, database.organization);
        let ada = member(database, "ada@example.com", owner()).await;
        let bob = member(database, "bob@example.com", owner()).await;
        let (first, second) =
            tokio::join!(store.remove_member(own, &ada, owner(), 5), store.remove_member(own, &bob, owner(), 5));
        let outcomes = [first.unwrap(), second.unwrap()];
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == MemberOutcome::LastOwner).count(), 1, "{outcomes:?}");
    }

    async fn a_service_account_or_a_switched_off_person_is_no_owner_to_rely_on(database: &Database) {
        let (store, own) = (&database.store, database.organization);
        let ada = member(database, "ada@example.com", owner()).await;
        let robot = MembershipRow { id: MembershipId::new(), user_id: UserId::new(), ..ada.clone() };
        assert!(store.insert_service_account(robot, "robot".to_owned(), true).await.unwrap());
        let off = UserRow { is_active: false, ..person("off@example.com") };
        store.insert_user(off.clone(), None).await.unwrap();
        store.insert_membership(MembershipRow { id: MembershipId::new(), user_id: off.id, ..ada.clone() }).await.unwrap();
        let outcome = store.remove_member(own, &ada, owner(), 5).await.unwrap();
        assert_eq!(outcome, MemberOutcome::LastOwner);
    }

    async fn a_role_in_use_is_not_deleted_and_not_given_after_it_is(database: &Database) {
        let (store, own) = (&database.store, database.organization);
        let role = role(own, "reader");
        store.insert_role(role.clone()).await.unwrap();
        let again = store.insert_role(RoleRow { id: RoleId::new(), ..role.clone() }).await;
        assert!(matches!(again, Err(StoreError::Conflict { .. })), "{again:?}");
        let ada = member(database, "ada@example.com", role.id).await;
        assert!(!store.delete_role(own, role.id, 5).await.unwrap());
        let changed = store.change_role_of_member(own, &ada, viewer(), true, owner()).await.unwrap();
        assert_eq!(changed, MemberOutcome::Done(MembershipRow { role_id: viewer(), ..ada.clone() }));
        let stranger = store.ensure_organization("stranger", "Stranger", 1).await.unwrap();
        assert!(!store.delete_role(stranger, role.id, 5).await.unwrap());
        assert!(store.delete_role(own, role.id, 5).await.unwrap());
        let seen = MembershipRow { role_id: viewer(), ..ada };
        let gone = store.change_role_of_member(own, &seen, role.id, false, owner()).await.unwrap();
        assert_eq!(gone, MemberOutcome::NoSuchRole);
    }

    async fn a_role_is_changed_on_the_revision_that_was_seen(database: &Database) {
        let (store, own) = (&database.store, database.organization);
        let role = role(own, "reader");
        store.insert_role(role.clone()).await.unwrap();
        let changed = RoleRow { folders: Some(r#"["sales"]"#.to_owned()), updated_at_ms: 9, ..role.clone() };
        let after = store.update_role(changed.clone()).await.unwrap().unwrap();
        assert_eq!(after, RoleRow { revision: 2, ..changed.clone() });
        assert_eq!(store.update_role(changed).await.unwrap(), None);
        assert_eq!(store.role(own, role.id).await.unwrap(), Some(after.clone()));
        assert_eq!(store.roles(own).await.unwrap(), [after]);
    }

    async fn a_second_invitation_of_an_address_replaces_the_first(database: &Database) {
        let (store, own) = (&database.store, database.organization);
        assert!(store.replace_invitation(invitation(own, "eve@example.com", "one")).await.unwrap());
        assert!(store.replace_invitation(invitation(own, "eve@example.com", "two")).await.unwrap());
        assert_eq!(store.invitation_by_token("one", 2).await.unwrap(), None);
        assert_eq!(store.count_invitations(own, 2).await.unwrap(), (1, true));
        assert_eq!(store.count_invitations(own, 100).await.unwrap(), (0, true));
    }

    async fn an_invitation_is_accepted_once_by_its_address_in_time(database: &Database) {
        let (store, own) = (&database.store, database.organization);
        store.replace_invitation(invitation(own, "eve@example.com", "token")).await.unwrap();
        let (eve, mallory) = (person("eve@example.com"), person("mallory@example.com"));
        for user in [&eve, &mallory] {
            store.insert_user(user.clone(), None).await.unwrap();
        }
        let accept = |user: UserId, email: &'static str, now: i64| store.accept_invitation("token", user, email, now);
        assert_eq!(accept(mallory.id, "mallory@example.com", 5).await.unwrap(), Acceptance::NotOpen);
        assert_eq!(accept(eve.id, "eve@example.com", 100).await.unwrap(), Acceptance::NotOpen);
        let (first, second) = tokio::join!(accept(eve.id, "eve@example.com", 5), accept(eve.id, "eve@example.com", 5));
        let outcomes = [first.unwrap(), second.unwrap()];
        let joined = outcomes.iter().filter(|outcome| matches!(outcome, Acceptance::Joined(_))).count();
        assert_eq!(joined, 1, "{outcomes:?}");
        assert_eq!(store.role_in_force(own, eve.id).await.unwrap(), Some(viewer()));
    }

    async fn a_member_who_leaves_takes_keys_and_invitations_along(database: &Database) {
        let (store, own) = (&database.store, database.organization);
        let _stays = member(database, "owner@example.com", owner()).await;
        let ada = member(database, "ada@example.com", owner()).await;
        store.insert_api_key(key(own, ada.user_id, "digest")).await.unwrap();
        let invited = InvitationRow { invited_by: ada.user_id.to_string(), ..invitation(own, "eve@example.com", "t") };
        store.replace_invitation(invited).await.unwrap();
        let outcome = store.remove_member(own, &ada, owner(), 7).await.unwrap();
        assert_eq!(outcome, MemberOutcome::Done(ada.clone()));
        let left = store.api_key_by_token("digest").await.unwrap().unwrap();
        assert_eq!(left.revoked_at_ms, Some(7));
        assert_eq!(store.count_invitations(own, 8).await.unwrap(), (0, true));
        assert_eq!(store.role_in_force(own, ada.user_id).await.unwrap(), None);
    }

    async fn nobody_holds_a_role_who_is_switched_off_or_whose_organization_is_deleted(database: &Database) {
        let (store, own) = (&database.store, database.organization);
        let ada = member(database, "ada@example.com", owner()).await;
        assert_eq!(store.role_in_force(own, ada.user_id).await.unwrap(), Some(owner()));
        database.damage("update user_account set is_active = false").await;
        assert_eq!(store.role_in_force(own, ada.user_id).await.unwrap(), None);
        database.damage("update user_account set is_active = true").await;
        assert!(store.delete_organization(own, 9).await.unwrap());
        assert_eq!(store.role_in_force(own, ada.user_id).await.unwrap(), None);
        assert_eq!(store.organization(own).await.unwrap(), None);
        assert!(!store.delete_organization(own, 10).await.unwrap());
        assert!(!store.insert_api_key(key(own, ada.user_id, "late")).await.unwrap());
    }

    async fn members_are_found_by_role_name_and_sort(database: &Database) {
        let (store, own) = (&database.store, database.organization);
        let ada = member(database, "ada@example.com", owner()).await;
        let bob = member(database, "bob@example.org", viewer()).await;
        let robot = MembershipRow { id: MembershipId::new(), user_id: UserId::new(), ..bob.clone() };
        store.insert_service_account(robot.clone(), "robot".to_owned(), true).await.unwrap();
        let named = |text: &str| Some(StringFilter { contains: Some(text.to_owned()), ..StringFilter::default() });
        let none = MemberFilter::default;
        let cases = [
            (none(), vec![ada.id, bob.id, robot.id]),
            (MemberFilter { role: Some(viewer()), ..none() }, vec![bob.id, robot.id]),
            (MemberFilter { name: named("EXAMPLE.COM"), ..none() }, vec![ada.id]),
            (MemberFilter { name: named("ob"), ..none() }, vec![bob.id, robot.id]),
            (MemberFilter { is_service: Some(true), ..none() }, vec![robot.id]),
            (MemberFilter { is_service: Some(false), role: Some(viewer()), ..none() }, vec![bob.id]),
        ];
        for (filter, expected) in cases {
            let page = store.members(own, &filter, &PageRequest::first(10)).await.unwrap();
            let found: Vec<MembershipId> = page.rows.iter().map(|(_, row)| row.id).collect();
            assert_eq!(found, expected, "{filter:?}");
            assert_eq!(store.count_members(own, &filter).await.unwrap(), (expected.len() as u64, true));
        }
        let counts = store.count_members_by_role(own, &[viewer(), owner()]).await.unwrap();
        assert_eq!((counts[&viewer()], counts[&owner()]), (2, 1));
        let stranger = store.ensure_organization("stranger", "Stranger", 1).await.unwrap();
        assert!(!store.delete_service_account(stranger, robot.user_id, 5).await.unwrap());
        assert!(!store.delete_service_account(own, bob.user_id, 5).await.unwrap());
        assert!(store.delete_service_account(own, robot.user_id, 5).await.unwrap());
        assert_eq!(store.user(robot.user_id).await.unwrap(), None);
    }

    async fn a_renewed_key_ends_no_later_than_it_would_have(database: &Database) {
        let (store, own) = (&database.store, database.organization);
        let ada = member(database, "ada@example.com", owner()).await;
        let old = ApiKeyRow { expires_at_ms: Some(50), ..key(own, ada.user_id, "old") };
        store.insert_api_key(old.clone()).await.unwrap();
        let next = key(own, ada.user_id, "next");
        assert!(store.rotate_api_key(old.id, 80, next.clone()).await.unwrap());
        assert_eq!(store.api_key(own, old.id).await.unwrap().unwrap().expires_at_ms, Some(50));
        let last = key(own, ada.user_id, "last");
        assert!(store.rotate_api_key(next.id, 80, last.clone()).await.unwrap());
        assert_eq!(store.api_key(own, next.id).await.unwrap().unwrap().expires_at_ms, Some(80));
        let void = store.revoke_api_key(own, last.id, Some("lost".to_owned()), 60).await.unwrap().unwrap();
        assert_eq!((void.revoked_at_ms, void.revoked_reason.as_deref()), (Some(60), Some("lost")));
        let again = store.revoke_api_key(own, last.id, None, 70).await.unwrap().unwrap();
        assert_eq!(again.revoked_at_ms, Some(60));
        assert!(!store.rotate_api_key(last.id, 80, key(own, ada.user_id, "none")).await.unwrap());
        store.touch_api_key(own, old.id, Some("192.0.2.7".to_owned()), 30).await.unwrap();
        store.touch_api_key(own, old.id, None, 20).await.unwrap();
        let used = store.api_key(own, old.id).await.unwrap().unwrap();
        assert_eq!((used.last_used_at_ms, used.last_used_from.as_deref()), (Some(30), Some("192.0.2.7")));
    }

    async fn an_organization_is_made_with_its_owner_and_changed_on_its_revision(database: &Database) {
        let store = &database.store;
        let ada = person("ada@example.com");
        store.insert_user(ada.clone(), None).await.unwrap();
        let made = OrganizationRow {
            id: OrganizationId::new(),
            slug: "acme".to_owned(),
            name: "Acme".to_owned(),
            description: None,
            revision: 1,
            created_at_ms: 3,
        };
        let first = |organization: OrganizationId| MembershipRow {
            id: MembershipId::new(),
            organization_id: organization,
            user_id: ada.id,
            role_id: owner(),
            invited_by: None,
            joined_at_ms: 3,
        };
        store.insert_organization(made.clone(), first(made.id)).await.unwrap();
        let second = OrganizationRow { id: OrganizationId::new(), ..made.clone() };
        let taken = store.insert_organization(second.clone(), first(second.id)).await;
        assert!(matches!(taken, Err(StoreError::Conflict { .. })), "{taken:?}");
        let page = store.organizations_of(ada.id, &PageRequest::first(10)).await.unwrap();
        assert_eq!(page.rows.into_iter().map(|(_, row)| row).collect::<Vec<_>>(), std::slice::from_ref(&made));
        let changes = OrganizationChanges { description: Some(Some("Anvils".to_owned())), name: None };
        let changed = store.update_organization(made.id, Some(1), changes.clone(), 5).await.unwrap().unwrap();
        assert_eq!((changed.revision, changed.description.as_deref()), (2, Some("Anvils")));
        assert_eq!(store.update_organization(made.id, Some(1), changes, 6).await.unwrap(), None);
    }

    async fn of_a_deleted_organization_no_row_is_left_and_nothing_of_another_is_gone(database: &Database) {
        let (store, own) = (&database.store, database.organization);
        let other = store.ensure_organization("other", "Other", 1).await.unwrap();
        let stays = member_of(store, other, "stays@example.com", owner()).await;
        let ada = member(database, "ada@example.com", owner()).await;
        let robot = MembershipRow { id: MembershipId::new(), user_id: UserId::new(), ..ada.clone() };
        store.insert_service_account(robot.clone(), "robot".to_owned(), true).await.unwrap();
        store.insert_role(role(own, "reader")).await.unwrap();
        store.insert_api_key(key(own, ada.user_id, "digest")).await.unwrap();
        store.replace_invitation(invitation(own, "eve@example.com", "t")).await.unwrap();
        let scope = store::RetentionScope::Organization;
        store.set_retention(own, scope, Some(store::Retention::default())).await.unwrap();
        for _each in 0..5 {
            let _execution = database.started(database.new_execution()).await;
        }
        assert_eq!(store.purge_organization(own, 3).await.unwrap(), 0, "it is not deleted");
        store.delete_organization(own, 10).await.unwrap();
        assert!(store.deleted_organizations(10).await.unwrap().is_empty());
        assert_eq!(store.deleted_organizations(11).await.unwrap(), [own]);
        let mut rounds = 0;
        while store.purge_organization(own, 3).await.unwrap() > 0 {
            rounds += 1;
            assert!(rounds < 100);
        }
        assert!(rounds > 5, "it was not done in small groups");
        for (table, count) in rows_by_table(database, own).await {
            assert_eq!(count, 0, "{table}");
            let lists = [&KEPT_TABLES[..], &FOLLOWING_TABLES, &PURGED_TABLES];
            let is_known = lists.iter().any(|list| list.contains(&table.as_str()));
            assert!(is_known, "`{table}` names an organization: list it in store/src/organizations/purge.rs");
        }
        assert!(PURGED_BY_OWNER.iter().all(|(_, _, owner, _)| PURGED_TABLES.contains(owner)));
        assert_eq!(store.user(robot.user_id).await.unwrap(), None);
        assert!(store.user(ada.user_id).await.unwrap().is_some(), "people stay");
        assert!(store.deleted_organizations(11).await.unwrap().is_empty());
        assert_eq!(store.role_in_force(other, stays.user_id).await.unwrap(), Some(owner()));
    }
}
