//! A person.

use async_graphql::{ID, SimpleObject};
use store::UserRow;

use crate::graphql::scalars::{DateTime, TimeZone};
use crate::graphql::viewer::ActorKind;

/// A person.
#[derive(Debug, Clone, SimpleObject)]
pub struct User {
    /// Global id, prefix `usr_`.
    id: ID,
    /// Name to show.
    display_name: String,
    /// USER.
    kind: ActorKind,
    /// Address.
    email: String,
    /// True: somebody who reads mail to the address has confirmed it.
    is_email_verified: bool,
    /// Zone for times.
    time_zone: TimeZone,
    /// False: may not sign in.
    is_active: bool,
    /// When it was created.
    created_at: DateTime,
    /// Last sign-in.
    last_seen_at: Option<DateTime>,
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        Self {
            id: ID(row.id.to_string()),
            display_name: row.display_name,
            kind: ActorKind::User,
            email: row.email.unwrap_or_default(),
            is_email_verified: row.email_verified_at_ms.is_some(),
            time_zone: TimeZone(row.time_zone),
            is_active: row.is_active,
            created_at: DateTime::from_ms(row.created_at_ms),
            last_seen_at: row.last_seen_at_ms.map(DateTime::from_ms),
        }
    }
}
