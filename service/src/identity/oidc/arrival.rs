//! Whoever signed in at an identity provider, here: found by their subject, never by an address.

use ids::{MembershipId, RoleId, UserId};
use serde_json::json;
use store::{IdentityProviderRow, MembershipRow, StoreError, UserIdentityRow, UserRow};

use super::refusal::Refusal;
use super::roles;
use super::token::Subject;
use crate::audit::Change;
use crate::services::Services;
use crate::viewer::Origin;

/// Who this is; made known if they have a role and nobody knew them.
pub(super) async fn arrive(
    services: &Services,
    provider: &IdentityProviderRow,
    subject: Subject,
    origin: &Origin,
) -> Result<UserId, Refusal> {
    let role = roles::given(services, provider, &subject.claims).await?;
    if let Some(known) = services.store().user_identity(provider.id, &subject.subject).await? {
        return return_of(services, provider, known.user_id, role, origin).await;
    }
    let role = role.ok_or(Refusal::NoRole)?;
    first_time(services, provider, subject, role, origin).await
}

/// Somebody who was here before. The provider decides about a membership that it made; one that people made
/// stays as they want it.
async fn return_of(
    services: &Services,
    provider: &IdentityProviderRow,
    user: UserId,
    role: Option<RoleId>,
    origin: &Origin,
) -> Result<UserId, Refusal> {
    let (store, organization) = (services.store(), provider.organization_id);
    if !store.user(user).await?.is_some_and(|user| user.is_active) {
        return Err(Refusal::Inactive);
    }
    let membership = store.membership_of(organization, user).await?;
    match (membership, role) {
        (None, None) => return Err(Refusal::NoRole),
        (None, Some(role)) => {
            let joined = joining(provider, user, role, services.now().0);
            origin.trail.note(Change::of("membership", joined.id, "").after(json!({ "user": user, "role": role })));
            store.insert_membership(joined).await?;
        }
        (Some(membership), Some(role)) => {
            if store.follow_provider(organization, user, provider.id, roles::OWNER.id(), role).await? {
                let change = Change::of("membership", membership.id, "");
                origin.trail.note(change.before(json!({ "role": membership.role_id })).after(json!({ "role": role })));
            }
        }
        (Some(membership), None) => {
            if store.leave_provider(organization, user, provider.id, roles::OWNER.id()).await? {
                let change = Change::of("membership", membership.id, "");
                origin.trail.note(change.before(json!({ "user": user, "role": membership.role_id })));
                services.known().grants.forget();
                return Err(Refusal::NoRole);
            }
        }
    }
    services.known().grants.forget();
    Ok(user)
}

async fn first_time(
    services: &Services,
    provider: &IdentityProviderRow,
    subject: Subject,
    role: RoleId,
    origin: &Origin,
) -> Result<UserId, Refusal> {
    let (store, now_ms) = (services.store(), services.now().0);
    // Whoever runs another organization's provider could claim any address of the installation.
    let is_trusted = provider.organization_id == services.default_organization();
    let email = subject.verified_email.filter(|_email| is_trusted);
    if let Some(email) = &email
        && store.user_by_email(email).await?.is_some()
    {
        // It may be their own: they signed in twice at once, and the other time was first.
        let own = store.user_identity(provider.id, &subject.subject).await?;
        return own.map(|known| known.user_id).ok_or(Refusal::AccountExists);
    }
    let user = UserRow {
        id: UserId::new(),
        display_name: subject.display_name.or_else(|| email.clone()).unwrap_or_else(|| subject.subject.clone()),
        email_verified_at_ms: email.as_ref().map(|_email| now_ms),
        email,
        is_service: false,
        is_active: true,
        time_zone: "UTC".to_owned(),
        preferences: "{}".to_owned(),
        created_at_ms: now_ms,
        last_seen_at_ms: None,
    };
    let id = user.id;
    let identity = UserIdentityRow {
        provider_id: provider.id,
        subject: subject.subject.clone(),
        user_id: id,
        created_at_ms: now_ms,
    };
    let change = Change::of("user", id, user.display_name.clone())
        .after(json!({ "identityProvider": provider.id, "role": role }));
    match store.insert_user_of_provider(user, identity, joining(provider, id, role, now_ms)).await {
        Ok(()) => {
            origin.trail.note(change);
            Ok(id)
        }
        // They signed in twice at once, or somebody took the address meanwhile.
        Err(StoreError::Conflict { .. }) => match store.user_identity(provider.id, &subject.subject).await? {
            Some(known) => Ok(known.user_id),
            None => Err(Refusal::AccountExists),
        },
        Err(error) => Err(error.into()),
    }
}

fn joining(provider: &IdentityProviderRow, user: UserId, role: RoleId, now_ms: i64) -> MembershipRow {
    MembershipRow {
        id: MembershipId::new(),
        organization_id: provider.organization_id,
        user_id: user,
        role_id: role,
        invited_by: Some(provider.id.to_string()),
        joined_at_ms: now_ms,
    }
}

/// Links an identity to somebody who is signed in.
pub(super) async fn link(
    services: &Services,
    provider: &IdentityProviderRow,
    subject: Subject,
    user: UserId,
    origin: &Origin,
) -> Result<(), Refusal> {
    let store = services.store();
    if store.membership_of(provider.organization_id, user).await?.is_none() {
        return Err(Refusal::NotSignedIn);
    }
    let identity = UserIdentityRow {
        provider_id: provider.id,
        subject: subject.subject.clone(),
        user_id: user,
        created_at_ms: services.now().0,
    };
    match store.insert_user_identity(identity).await {
        Ok(()) => {
            let change = Change::of("user", user, "").after(json!({ "identityProvider": provider.id }));
            origin.trail.note(change);
            Ok(())
        }
        Err(StoreError::Conflict { .. }) => {
            let known = store.user_identity(provider.id, &subject.subject).await?;
            if known.is_some_and(|known| known.user_id == user) { Ok(()) } else { Err(Refusal::LinkedElsewhere) }
        }
        Err(error) => Err(error.into()),
    }
}
