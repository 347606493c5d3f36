//! The first owner of an installation: by a token that is printed once, or by whoever reaches the database.
//! There is no default password.

use async_recursion::async_recursion as boxed;
use std::time::Duration;

use ids::UserId;
use store::{FirstOwner, OneTimeTokenRow, StoreError, TokenPurpose, Warrant};

use super::account::name_refusal;
use super::registration::{note, person};
use super::{BuiltInRole, email, passwords, secrets};
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::services::Services;
use crate::viewer::Origin;

/// How long a bootstrap token is good.
pub const LIFETIME: Duration = Duration::from_hours(24);

/// A token that makes its bearer the first owner, when nobody has an account yet. Several processes that start at
/// once print one each; the first that is used makes the others worthless.
///
/// # Errors
/// When the database is away.
#[boxed]
pub async fn token(services: &Services) -> Result<Option<String>, ServiceError> {
    let store = services.store();
    if store.has_people().await? {
        return Ok(None);
    }
    let token = secrets::make("slb_")?;
    let now = services.now();
    let row = OneTimeTokenRow {
        token_hash: secrets::digest(&token),
        purpose: TokenPurpose::Bootstrap,
        user_id: None,
        email: None,
        created_at_ms: now.0,
        expires_at_ms: now.plus(LIFETIME).0,
    };
    store.insert_one_time_token(row).await?;
    Ok(Some(token))
}

/// Whether an owner who exists stands in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Then nobody is made.
    Respect,
    /// A further one is made.
    Overrule,
}

/// Makes an owner of the default organization, for whoever reaches the database.
///
/// # Errors
/// Mistakes; the database is away.
#[boxed]
pub async fn make_owner(
    services: &Services,
    address: &str,
    display_name: Option<&str>,
    password: &str,
    existing: Existing,
    origin: &Origin,
) -> Result<UserId, ServiceError> {
    let Some(email) = email::parse(address) else {
        let mistake = Mistake::new(Code::Invalid, "email", format!("`{address}` is no mail address"));
        return Err(ServiceError::mistake(mistake.with_help("write it as in ada@example.com")));
    };
    let display_name = display_name.unwrap_or_else(|| email.split('@').next().unwrap_or_default());
    let mut mistakes: Vec<Mistake> = passwords::refusal("password", password, Some(&email)).into_iter().collect();
    mistakes.extend(name_refusal(display_name));
    if !mistakes.is_empty() {
        return Err(ServiceError::Mistakes(mistakes));
    }
    let hash = services.accounts().hasher.hash(password).await?;
    let user = person(&email, display_name, services.now().0);
    let warrant = match existing {
        Existing::Respect => Warrant::NoOwnerYet,
        Existing::Overrule => Warrant::Force,
    };
    let (home, role) = (services.default_organization(), BuiltInRole::Owner.id());
    match services.store().insert_first_owner(home, role, user.clone(), Some(hash), &warrant).await {
        Ok(FirstOwner::Made) => {
            note(&user, "bootstrap", origin);
            Ok(user.id)
        }
        Ok(FirstOwner::OwnerExists | FirstOwner::TokenRefused) => {
            let mistake = Mistake::new(Code::WrongState, "", "the organization has an owner already");
            Err(ServiceError::mistake(
                mistake
                    .with_help("they invite others; when nobody can sign in as owner any more, give --force-new-owner"),
            ))
        }
        Err(StoreError::Conflict { .. }) => {
            let mistake = Mistake::new(Code::AlreadyExists, "email", "this address has an account already");
            Err(ServiceError::mistake(mistake.with_help("choose another address")))
        }
        Err(problem) => Err(problem.into()),
    }
}
