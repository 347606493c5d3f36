//! Where people of a tenant sign in.

use ids::{IdentityProviderId, MembershipId, OrganizationId, RoleId, UserId};
use store::{IdentityProviderRow, MembershipRow, UserIdentityRow};

use super::Asked;
use crate::harness::Database;
use crate::identity::person;

/// An identity provider of a tenant, and somebody who came from there.
pub async fn provider(
    asked: &mut Asked,
    database: &Database,
    organization: OrganizationId,
    slug: &str,
    canary: &str,
) -> (IdentityProviderId, UserId) {
    let (store, newcomer) = (&database.store, person(&format!("{slug}@example.com")));
    let id = IdentityProviderId::new();
    ask!(asked, store, put_identity_provider(provider_row(id, organization, canary)));
    let (user_id, subject) = (newcomer.id, "same".to_owned());
    let identity = UserIdentityRow { provider_id: id, subject, user_id, created_at_ms: 1 };
    let membership = MembershipRow {
        id: MembershipId::new(),
        organization_id: organization,
        user_id,
        role_id: RoleId::new(),
        invited_by: Some(id.to_string()),
        joined_at_ms: 1,
    };
    ask!(asked, store, insert_user_of_provider(newcomer, identity, membership));
    (id, user_id)
}

/// One with `text` in every place for words.
pub fn provider_row(id: IdentityProviderId, organization: OrganizationId, text: &str) -> IdentityProviderRow {
    IdentityProviderRow {
        id,
        organization_id: organization,
        name: text.to_owned(),
        issuer: text.to_owned(),
        client_id: "same".to_owned(),
        client_secret: Some(text.to_owned()),
        role_mapping: "{}".to_owned(),
        is_enabled: true,
        created_at_ms: 1,
        updated_at_ms: 1,
    }
}
