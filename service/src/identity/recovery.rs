//! Proving an address, and setting a new password by mail.

use async_recursion::async_recursion as boxed;
use std::time::Duration;

use store::{TokenPurpose, UserRow};

use super::attempts::{self, Subject};
use super::sessions::{self, Reason, without_session};
use super::{email, one_time, passwords, registration, secrets};
use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError, chain};
use crate::mail;
use crate::services::Services;
use crate::viewer::{Credential, Origin, Viewer};

/// How long a link in a mail is good.
pub const LIFETIME: Duration = Duration::from_hours(1);

/// Sends the viewer a mail to confirm their address with. False when it is confirmed already.
///
/// # Errors
/// A mistake when this server sends no mail; [`ServiceError::RateLimited`]; the database is away.
#[boxed]
pub async fn send_verification(services: &Services, viewer: &Viewer) -> Result<bool, ServiceError> {
    let Credential::Session { user, .. } = viewer.credential else { return Err(without_session()) };
    require_mail(services)?;
    let user = services.store().user(user).await?.ok_or(ServiceError::Unauthenticated)?;
    let Some(email) = user.email.clone().filter(|_email| user.email_verified_at_ms.is_none()) else {
        return Ok(false);
    };
    attempts::count(services, &Subject::mail(services, &email)).await?;
    let token = one_time::make(services, TokenPurpose::VerifyEmail, &user, LIFETIME).await?;
    services.settings().mailer.send(mail::verify_email(&email, &services.settings().public_url, &token));
    Ok(true)
}

/// Confirms the address that a mail with this token was sent to. Somebody who signed up by themselves gets their
/// organization now.
///
/// # Errors
/// A mistake for a token that does not count; [`ServiceError::RateLimited`]; the database is away.
#[boxed]
pub async fn verify(services: &Services, token: &str, origin: &Origin) -> Result<UserRow, ServiceError> {
    let purpose = TokenPurpose::VerifyEmail;
    one_time::look(services, token, purpose, origin).await?;
    let taken = services.store().take_one_time_token(&secrets::digest(token), purpose, services.now().0).await?;
    let taken = taken.ok_or_else(one_time::spent)?;
    let (Some(user), Some(email)) = (taken.user_id, taken.email) else { return Err(one_time::spent()) };
    confirm(services, user, &email, origin).await?;
    services.store().user(user).await?.ok_or_else(one_time::spent)
}

/// Sends whoever has this address a mail to set a new password with, if they have an account. The answer is the
/// same, and comes as soon, when they have none.
///
/// # Errors
/// A mistake when this server sends no mail; [`ServiceError::RateLimited`] for where the request comes from; the
/// database is away.
#[boxed]
pub async fn send_reset(services: &Services, address: &str, origin: &Origin) -> Result<(), ServiceError> {
    require_mail(services)?;
    // Not given back: whoever asks is not known to be anybody.
    attempts::count_all(services, &Subject::from(services, origin)).await?;
    let Some(email) = email::parse(address) else { return Ok(()) };
    // Off the request: what an account costs more than none is not to be measured.
    let services = services.clone();
    tokio::spawn(async move {
        if let Err(problem) = send_reset_now(&services, &email).await {
            tracing::warn!(error = %chain(&problem), "a mail to set a new password could not be made");
        }
    });
    Ok(())
}

async fn send_reset_now(services: &Services, email: &str) -> Result<(), ServiceError> {
    let known = services.store().user_by_email(email).await?;
    let Some(user) = known.filter(|user| user.is_active && !user.is_service) else { return Ok(()) };
    attempts::count(services, &Subject::mail(services, email)).await?;
    let token = one_time::make(services, TokenPurpose::ResetPassword, &user, LIFETIME).await?;
    services.settings().mailer.send(mail::reset_password(email, &services.settings().public_url, &token));
    Ok(())
}

/// Sets a new password with the token of a mail, and ends every session of the account. The address is confirmed
/// with it.
///
/// # Errors
/// Mistakes; [`ServiceError::RateLimited`]; the database is away.
#[boxed]
pub async fn reset(services: &Services, token: &str, new: &str, origin: &Origin) -> Result<UserRow, ServiceError> {
    let purpose = TokenPurpose::ResetPassword;
    let known = one_time::look(services, token, purpose, origin).await?;
    // Looked at before the token is used up: a password that is refused does not cost the mail.
    if let Some(mistake) = passwords::refusal("newPassword", new, known.email.as_deref()) {
        return Err(ServiceError::mistake(mistake));
    }
    let hash = services.accounts().hasher.hash(new).await?;
    let (store, now_ms) = (services.store(), services.now().0);
    let taken = store.take_one_time_token(&secrets::digest(token), purpose, now_ms).await?;
    let taken = taken.ok_or_else(one_time::spent)?;
    let (Some(user), Some(email)) = (taken.user_id, taken.email) else { return Err(one_time::spent()) };
    if !store.reset_password(user, &email, &hash, now_ms).await? {
        return Err(one_time::spent());
    }
    sessions::revoke_all_of(services, user, None, Reason::PasswordReset, origin).await?;
    confirm(services, user, &email, origin).await?;
    attempts::succeeded(services, &[Subject::account(services, &email)]).await?;
    let user = store.user(user).await?.ok_or_else(one_time::spent)?;
    let change = Change::of("user", user.id, user.display_name.clone());
    origin.trail.note(change.because(Some("password_reset".to_owned())));
    services.settings().mailer.send(mail::password_changed(&email, &services.settings().public_url));
    Ok(user)
}

async fn confirm(services: &Services, user: ids::UserId, email: &str, origin: &Origin) -> Result<(), ServiceError> {
    let store = services.store();
    if !store.verify_email(user, email, services.now().0).await? {
        return Ok(());
    }
    let user = store.user(user).await?.ok_or_else(one_time::spent)?;
    let change = Change::of("user", user.id, user.display_name.clone());
    origin.trail.note(change.because(Some("email_confirmed".to_owned())));
    // Whoever signed up by themselves stands nowhere until the address is theirs.
    if store.memberships_of(user.id).await?.is_empty() {
        registration::found_home(services, &user).await?;
    }
    Ok(())
}

fn require_mail(services: &Services) -> Result<(), ServiceError> {
    if services.settings().mailer.is_on() {
        return Ok(());
    }
    let mistake = Mistake::new(Code::WrongState, "", "this server sends no mail");
    Err(ServiceError::mistake(mistake.with_help("operators set up mail by SLUICE_MAIL_URL")))
}
