//! Signing up.

use async_recursion::async_recursion as boxed;
use ids::{MembershipId, OrganizationId, UserId};
use store::{FirstOwner, MembershipRow, OrganizationRow, StoreError, TokenPurpose, UserRow, Warrant};

use super::account::name_refusal;
use super::attempts::{self, Subject};
use super::sessions::{self, SignedIn};
use super::{BuiltInRole, email, one_time, passwords, recovery, secrets};
use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::mail;
use crate::services::Services;
use crate::viewer::Origin;

/// Who may sign up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignUp {
    /// Nobody but the first owner.
    Off,
    /// Whoever was invited to an organization.
    Invited,
    /// Everybody, who gets an organization of their own.
    Open,
}

impl SignUp {
    /// The word in settings.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [("off", Self::Off), ("invited", Self::Invited), ("open", Self::Open)]
            .into_iter()
            .find_map(|(word, value)| (word == text).then_some(value))
    }
}

/// What allows a sign-up besides the settings.
#[derive(Clone, PartialEq, Eq)]
pub enum Ticket {
    /// Nothing.
    None,
    /// The token of an invitation.
    Invitation(String),
    /// The token that was printed at the first start.
    Bootstrap(String),
}

/// Somebody who signs up.
pub struct NewAccount {
    /// Address.
    pub email: String,
    /// Password.
    pub password: String,
    /// Name to show.
    pub display_name: String,
    /// What allows it.
    pub ticket: Ticket,
}

/// What became of a sign-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registered {
    /// They are signed in.
    SignedIn(SignedIn),
    /// The address has to be confirmed first: whoever has it got a mail, whether it had an account before or not.
    MailSent,
}

/// Signs somebody up.
///
/// # Errors
/// Mistakes; [`ServiceError::RateLimited`]; the database is away.
#[boxed]
pub async fn register(services: &Services, new: NewAccount, origin: &Origin) -> Result<Registered, ServiceError> {
    allowed(services, &new.ticket)?;
    let email = checked(&new)?;
    let from = Subject::from(services, origin);
    attempts::count_all(services, &from).await?;
    // Before anything is looked up: the same work for every address.
    let hash = services.accounts().hasher.hash(&new.password).await?;
    let user = person(&email, &new.display_name, services.now().0);
    match new.ticket {
        Ticket::Bootstrap(token) => {
            let warrant = Warrant::Token(secrets::digest(&token));
            let signed_in = first_owner(services, user, hash, &warrant, origin).await?;
            attempts::succeeded(services, &from).await?;
            Ok(Registered::SignedIn(signed_in))
        }
        Ticket::Invitation(token) => {
            let signed_in = invited(services, user, hash, &token, origin).await?;
            attempts::succeeded(services, &from).await?;
            Ok(Registered::SignedIn(signed_in))
        }
        Ticket::None if services.settings().mailer.is_on() => {
            by_mail(services, user, hash, origin).await?;
            Ok(Registered::MailSent)
        }
        Ticket::None => at_once(services, user, hash, origin).await.map(Registered::SignedIn),
    }
}

fn allowed(services: &Services, ticket: &Ticket) -> Result<(), ServiceError> {
    let refused = |message: &str, help: &str| {
        Err(ServiceError::mistake(Mistake::new(Code::WrongState, "", message).with_help(help)))
    };
    match (services.settings().sign_up, ticket) {
        (_, Ticket::Bootstrap(_)) | (SignUp::Open, _) | (SignUp::Invited, Ticket::Invitation(_)) => Ok(()),
        (SignUp::Invited, Ticket::None) => refused(
            "only invited people can sign up here",
            "open the link of your invitation, or ask for one in the organization that you want to join",
        ),
        (SignUp::Off, Ticket::None | Ticket::Invitation(_)) => {
            refused("nobody can sign up here", "operators change that by SLUICE_SIGN_UP, or make accounts themselves")
        }
    }
}

/// The address as it is compared; every mistake at once.
fn checked(new: &NewAccount) -> Result<String, ServiceError> {
    let email = email::parse(&new.email);
    let mut mistakes = Vec::new();
    if email.is_none() {
        let mistake = Mistake::new(Code::Invalid, "email", "this is no mail address");
        mistakes.push(mistake.with_help("write it as in ada@example.com"));
    }
    mistakes.extend(passwords::refusal("password", &new.password, email.as_deref()));
    mistakes.extend(name_refusal(&new.display_name));
    match email {
        Some(email) if mistakes.is_empty() => Ok(email),
        _refused => Err(ServiceError::Mistakes(mistakes)),
    }
}

/// A new person; nobody has proven the address yet.
pub(super) fn person(email: &str, display_name: &str, now_ms: i64) -> UserRow {
    UserRow {
        id: UserId::new(),
        email: Some(email.to_owned()),
        email_verified_at_ms: None,
        display_name: display_name.trim().to_owned(),
        is_service: false,
        is_active: true,
        time_zone: "UTC".to_owned(),
        preferences: "{}".to_owned(),
        created_at_ms: now_ms,
        last_seen_at_ms: None,
    }
}

pub(super) fn note(user: &UserRow, how: &str, origin: &Origin) {
    let change = Change::of("user", user.id, user.display_name.clone());
    let change = change.after(serde_json::json!({"email": user.email, "displayName": user.display_name}));
    origin.trail.note(change.because(Some(how.to_owned())));
}

/// The owner of the default organization.
async fn first_owner(
    services: &Services,
    user: UserRow,
    hash: String,
    warrant: &Warrant,
    origin: &Origin,
) -> Result<SignedIn, ServiceError> {
    let home = services.default_organization();
    let role = BuiltInRole::Owner.id();
    let refused = |message: &str, help: &str| {
        ServiceError::mistake(Mistake::new(Code::WrongState, "bootstrapToken", message).with_help(help))
    };
    match services.store().insert_first_owner(home, role, user.clone(), Some(hash), warrant).await {
        Ok(FirstOwner::Made) => {}
        Ok(FirstOwner::OwnerExists | FirstOwner::TokenRefused) => {
            return Err(refused(
                "this bootstrap token does not count: it was used, is older than a day, or was never printed",
                "as long as nobody has an account, each start of `sluice api` prints one; later the owner invites",
            ));
        }
        Err(StoreError::Conflict { .. }) => return Err(taken()),
        Err(problem) => return Err(problem.into()),
    }
    note(&user, "bootstrap", origin);
    sessions::open(services, user.id, Some(home), origin).await
}

/// A member of the organization of an invitation. The token was given to whoever has the address, by mail or by hand.
async fn invited(
    services: &Services,
    user: UserRow,
    hash: String,
    token: &str,
    origin: &Origin,
) -> Result<SignedIn, ServiceError> {
    let Some(id) = insert_or_reclaim(services, &user, hash).await? else { return Err(taken()) };
    match super::invitations::accept_for(services, id, token, origin).await {
        Ok(membership) => {
            note(&UserRow { id, ..user }, "invited", origin);
            sessions::open(services, id, Some(membership.organization_id), origin).await
        }
        Err(refused) => {
            if id == user.id {
                services.store().delete_user(id).await?;
            }
            Err(refused)
        }
    }
}

/// Whoever has the address decides: the answer is the same for every address.
async fn by_mail(services: &Services, user: UserRow, hash: String, origin: &Origin) -> Result<(), ServiceError> {
    let email = user.email.clone().unwrap_or_default();
    let made = insert_or_reclaim(services, &user, hash).await?;
    if let Some(id) = made {
        note(&UserRow { id, ..user.clone() }, "signed_up", origin);
    }
    // Nobody's letter box is filled by strangers; whether a mail goes out is not told.
    match attempts::count(services, &Subject::mail(services, &email)).await {
        Ok(()) => {}
        Err(ServiceError::RateLimited { .. }) => return Ok(()),
        Err(problem) => return Err(problem),
    }
    let public_url = &services.settings().public_url;
    let mail = match made {
        Some(id) => {
            let user = UserRow { id, ..user };
            let token = one_time::make(services, TokenPurpose::VerifyEmail, &user, recovery::LIFETIME).await?;
            mail::verify_email(&email, public_url, &token)
        }
        None => mail::account_exists(&email, public_url),
    };
    services.settings().mailer.send(mail);
    Ok(())
}

/// Without mail nobody can prove an address, and an address that is taken has to be told.
async fn at_once(services: &Services, user: UserRow, hash: String, origin: &Origin) -> Result<SignedIn, ServiceError> {
    match services.store().insert_user(user.clone(), Some(hash)).await {
        Ok(()) => {}
        Err(StoreError::Conflict { .. }) => return Err(taken()),
        Err(problem) => return Err(problem.into()),
    }
    let home = found_home(services, &user).await?;
    note(&user, "signed_up", origin);
    sessions::open(services, user.id, Some(home), origin).await
}

/// A new account, or one with this address that nobody has confirmed and that is a member nowhere: whoever signs up
/// last is who the newest mail is about. `None` when the address is taken.
async fn insert_or_reclaim(services: &Services, user: &UserRow, hash: String) -> Result<Option<UserId>, ServiceError> {
    let store = services.store();
    match store.insert_user(user.clone(), Some(hash.clone())).await {
        Ok(()) => return Ok(Some(user.id)),
        Err(StoreError::Conflict { .. }) => {}
        Err(problem) => return Err(problem.into()),
    }
    let known = store.user_by_email(user.email.as_deref().unwrap_or_default()).await?;
    let Some(known) = known.filter(|known| known.is_active && !known.is_service) else { return Ok(None) };
    let is_reclaimed = store.reclaim_user(known.id, &user.display_name, &hash, user.created_at_ms).await?;
    Ok(is_reclaimed.then_some(known.id))
}

/// Founds the organization of somebody who signed up by themselves.
///
/// # Errors
/// When the database is away.
pub(super) async fn found_home(services: &Services, owner: &UserRow) -> Result<OrganizationId, ServiceError> {
    let base = slug_of(&owner.display_name);
    let mut slug = base.clone();
    for _try in 0..8 {
        let now_ms = services.now().0;
        let organization = OrganizationRow {
            id: OrganizationId::new(),
            slug: slug.clone(),
            name: owner.display_name.clone(),
            description: None,
            revision: 1,
            created_at_ms: now_ms,
        };
        let place = MembershipRow {
            id: MembershipId::new(),
            organization_id: organization.id,
            user_id: owner.id,
            role_id: BuiltInRole::Owner.id(),
            invited_by: None,
            joined_at_ms: now_ms,
        };
        let id = organization.id;
        match services.store().insert_organization(organization, place).await {
            Ok(()) => {
                services.known().forget();
                return Ok(id);
            }
            // By chance rather than by number: nobody learns how many there are.
            Err(StoreError::Conflict { .. }) => slug = format!("{base}-{}", chance()?),
            Err(problem) => return Err(problem.into()),
        }
    }
    Err(ServiceError::internal("an organization cannot be named")("eight slugs were taken".into()))
}

fn chance() -> Result<String, ServiceError> {
    let mut bytes = [0; 3];
    getrandom::fill(&mut bytes)
        .map_err(|problem| ServiceError::internal("there are no random bytes")(Box::new(problem)))?;
    Ok(crate::hex(&bytes))
}

/// A name for addresses out of a name to show.
fn slug_of(name: &str) -> String {
    let lower = name.to_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let slug: String = words.collect::<Vec<_>>().join("-").chars().take(40).collect();
    let slug = slug.trim_end_matches('-');
    let is_slug = slug.len() >= 2 && slug.starts_with(|c: char| c.is_ascii_lowercase());
    if is_slug { slug.to_owned() } else { "organization".to_owned() }
}

fn taken() -> ServiceError {
    let mistake = Mistake::new(Code::AlreadyExists, "email", "this address has an account already");
    ServiceError::mistake(mistake.with_help("sign in; an invitation is accepted by `invitationAccept` then"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_made_of_plain_letters_and_digits() {
        for (name, slug) in [
            ("Ada Lovelace", "ada-lovelace"),
            ("  ACME & Söhne, 2nd  ", "acme-s-hne-2nd"),
            ("Ада", "organization"),
            ("--", "organization"),
            ("42", "organization"),
            ("X", "organization"),
        ] {
            assert_eq!(slug_of(name), slug);
        }
        assert!(slug_of(&"long ".repeat(30)).len() <= 40);
    }
}
