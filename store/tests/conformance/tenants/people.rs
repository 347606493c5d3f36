//! What a tenant has of people: members, roles, invitations, keys, service accounts, and the log of what they did.

use ids::{ApiKeyId, AuditEntryId, InvitationId, MembershipId, OrganizationId, RoleId, UserId};
use store::{
    ApiKeyRow, AuditFilter, AuditOutcome, AuditSpan, InvitationRow, MemberFilter, MemberOutcome, MembershipRow,
    NewAuditEntry, Pace, PageRequest, RateKey, RateScope, RoleRow,
};

use super::{Asked, Tenant};
use crate::harness::Database;

const ALWAYS: AuditSpan = AuditSpan { from_ms: 0, to_ms: i64::MAX, after: None };
/// When an invitation or a key is looked at, before it is too old.
const IN_TIME: i64 = 5;

/// What a tenant has of people.
pub struct People {
    pub role: RoleId,
    pub key: ApiKeyId,
    pub invitation: InvitationId,
    /// Of the service account.
    pub membership: MembershipRow,
}

impl People {
    /// What no other tenant sees.
    pub fn texts(&self) -> [String; 5] {
        [
            self.role.to_string(),
            self.key.to_string(),
            self.invitation.to_string(),
            self.membership.id.to_string(),
            self.membership.user_id.to_string(),
        ]
    }
}

/// Somebody's role, key, invitation and service account, called the same for all tenants but for what they say.
pub async fn people(asked: &mut Asked, database: &Database, organization: OrganizationId, canary: &str) -> People {
    let store = &database.store;
    let role = role_row(RoleId::new(), organization, canary);
    ask!(asked, store, insert_role(role.clone()));
    let membership = MembershipRow {
        id: MembershipId::new(),
        organization_id: organization,
        user_id: UserId::new(),
        role_id: role.id,
        invited_by: Some(canary.to_owned()),
        joined_at_ms: 1,
    };
    assert!(ask!(asked, store, insert_service_account(membership.clone(), canary.to_owned(), false)));
    let key = key_row(organization, membership.user_id, canary);
    assert!(ask!(asked, store, insert_api_key(key.clone())));
    let invitation = InvitationRow {
        id: InvitationId::new(),
        organization_id: organization,
        email: "guest@example.com".to_owned(),
        role_id: role.id,
        token_hash: format!("invitation {canary}"),
        invited_by: canary.to_owned(),
        created_at_ms: 1,
        expires_at_ms: 100,
    };
    assert!(ask!(asked, store, replace_invitation(invitation.clone())));
    ask!(asked, store, audit(vec![entry(organization, canary)]));
    let turns = RateKey { organization_id: organization, scope: RateScope::Service, key: "same".to_owned() };
    let pace = Pace::new(1, std::time::Duration::from_hours(1), 1);
    assert_eq!(ask!(asked, store, take_turns(&turns, pace, 1, IN_TIME)), [IN_TIME], "{canary}: the turn is its own");
    People { role: role.id, key: key.id, invitation: invitation.id, membership }
}

fn role_row(id: RoleId, organization: OrganizationId, text: &str) -> RoleRow {
    RoleRow {
        id,
        organization_id: organization,
        name: "same".to_owned(),
        description: Some(text.to_owned()),
        permissions: "[]".to_owned(),
        folders: None,
        revision: 1,
        created_at_ms: 1,
        updated_at_ms: 1,
    }
}

fn key_row(organization: OrganizationId, on_behalf_of: UserId, text: &str) -> ApiKeyRow {
    ApiKeyRow {
        id: ApiKeyId::new(),
        organization_id: organization,
        display_name: text.to_owned(),
        is_agent: false,
        prefix: "slk_same".to_owned(),
        token_hash: format!("key {text}"),
        permissions: "[]".to_owned(),
        folders: None,
        allowed_addresses: None,
        on_behalf_of,
        created_by: "usr_same".to_owned(),
        created_at_ms: 1,
        expires_at_ms: None,
        last_used_at_ms: None,
        last_used_from: None,
        revoked_at_ms: None,
        revoked_reason: None,
    }
}

fn entry(organization: OrganizationId, text: &str) -> NewAuditEntry {
    NewAuditEntry {
        id: AuditEntryId::new(),
        organization_id: organization,
        at_ms: 1,
        actor_id: "usr_same".to_owned(),
        actor_kind: "user".to_owned(),
        actor_name: text.to_owned(),
        action: "workflow.published".to_owned(),
        outcome: AuditOutcome::Ok,
        code: None,
        target_type: "workflow".to_owned(),
        target_id: "same".to_owned(),
        target_name: text.to_owned(),
        changes: None,
        reason: Some(text.to_owned()),
        remote_address: None,
        user_agent: None,
        request_id: "same".to_owned(),
    }
}

/// What `of` finds out about the people of all.
pub async fn picture(database: &Database, asked: &mut Asked, of: OrganizationId, all: &[Tenant]) -> Vec<String> {
    let store = &database.store;
    let mut seen = Vec::new();
    let mut note = |answer: String| seen.push(answer);
    let page = PageRequest::first(100);
    let everybody = MemberFilter::default();
    for one in all.iter().map(|tenant| &tenant.people) {
        note(format!("{:?}", ask!(asked, store, role(of, one.role))));
        note(format!("{:?}", ask!(asked, store, count_members_by_role(of, &[one.role]))));
        note(format!("{:?}", ask!(asked, store, membership(of, one.membership.id))));
        note(format!("{:?}", ask!(asked, store, role_in_force(of, one.membership.user_id))));
        note(format!("{:?}", ask!(asked, store, api_key(of, one.key))));
    }
    let keys: Vec<ApiKeyId> = all.iter().map(|tenant| tenant.people.key).collect();
    note(format!("{:?}", ask!(asked, store, roles(of))));
    note(format!("{:?}", ask!(asked, store, members(of, &everybody, &page))));
    note(format!("{:?}", ask!(asked, store, count_members(of, &everybody))));
    note(format!("{:?}", ask!(asked, store, api_keys_by_ids(of, &keys))));
    note(format!("{:?}", ask!(asked, store, api_keys(of, &page))));
    note(format!("{:?}", ask!(asked, store, count_api_keys(of))));
    note(format!("{:?}", ask!(asked, store, invitations(of, IN_TIME, &page))));
    note(format!("{:?}", ask!(asked, store, count_invitations(of, IN_TIME))));
    note(format!("{:?}", ask!(asked, store, audit_entries(of, &AuditFilter::default(), &page))));
    note(format!("{:?}", ask!(asked, store, count_audit_entries(of, &AuditFilter::default()))));
    note(format!("{:?}", ask!(asked, store, verify_audit(of, ALWAYS, 100))));
    seen
}

/// What `intruder` can do to the people of `victim` by naming them.
pub async fn intrude(database: &Database, asked: &mut Asked, intruder: &Tenant, victim: &Tenant) {
    let (store, own, theirs) = (&database.store, intruder.id, &victim.people);
    let mine = "mine now".to_owned();
    let is_done = |outcome: &MemberOutcome| matches!(outcome, MemberOutcome::Done(_));
    let (role, nobody) = (intruder.people.role, RoleId::new());
    let changed = ask!(asked, store, change_role_of_member(own, &theirs.membership, role, false, nobody));
    assert!(!is_done(&changed), "{changed:?}");
    let removed = ask!(asked, store, remove_member(own, &theirs.membership, nobody, IN_TIME));
    assert!(!is_done(&removed), "{removed:?}");
    let account = theirs.membership.user_id;
    assert!(!ask!(asked, store, rename_service_account(own, account, mine.clone())));
    assert!(!ask!(asked, store, delete_service_account(own, account, IN_TIME)));
    let successor = key_row(own, intruder.people.membership.user_id, &format!("after {}", victim.canary));
    assert!(!ask!(asked, store, rotate_api_key(theirs.key, IN_TIME, successor)));
    assert_eq!(ask!(asked, store, revoke_api_key(own, theirs.key, Some(mine.clone()), IN_TIME)), None);
    ask!(asked, store, touch_api_key(own, theirs.key, Some(mine.clone()), IN_TIME));
    assert_eq!(ask!(asked, store, delete_invitation(own, theirs.invitation, IN_TIME)), None);
    assert_eq!(ask!(asked, store, update_role(role_row(theirs.role, own, &mine))), None);
    assert!(!ask!(asked, store, delete_role(own, theirs.role, IN_TIME)));
}

/// What is removed from the log of one stays in that of another.
pub async fn cut(database: &Database, asked: &mut Asked, one: &Tenant, other: &Tenant) {
    let (store, filter) = (&database.store, AuditFilter::default());
    let before = store.count_audit_entries(other.id, &filter).await.unwrap();
    ask!(asked, store, cut_audit(one.id, i64::MAX));
    assert_eq!(store.count_audit_entries(other.id, &filter).await.unwrap(), before);
    let report = store.verify_audit(other.id, ALWAYS, 100).await.unwrap();
    assert_eq!((report.checked, report.first_break), (1, None));
}
