//! People and what they sign in with.

use async_recursion::async_recursion as boxed;
use std::str::FromStr;

use serde_json::{Value, json};
use store::{UserPatch, UserRow};

use super::attempts::{self, Subject};
use super::email;
use super::passwords::{self, Comparison};
use super::sessions::{self, Reason, SignedIn, without_session};
use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::mail;
use crate::services::Services;
use crate::viewer::{Credential, Origin, Viewer};

/// Most characters of a name.
const LONGEST_NAME: usize = 100;
/// Most bytes of the settings of the UI.
const LARGEST_PREFERENCES: usize = 64 * 1_024;

/// Signs somebody in with a password.
///
/// The answer is the same, and takes as long, for a wrong password, an unknown account, one that may not sign in,
/// and one whose address was never confirmed.
///
/// # Errors
/// A mistake; [`ServiceError::RateLimited`]; [`ServiceError::Overloaded`]; the database is away.
#[boxed]
pub async fn sign_in(
    services: &Services,
    email: &str,
    password: &str,
    origin: &Origin,
) -> Result<SignedIn, ServiceError> {
    let email = email::parse(email).unwrap_or_else(|| email.trim().chars().take(254).collect());
    let mut subjects = Subject::from(services, origin);
    subjects.push(Subject::account(services, &email));
    if let Err(refused) = attempts::count_all(services, &subjects).await {
        metrics::counter!("sluice_sign_ins_total", "outcome" => "delayed").increment(1);
        return Err(refused);
    }
    let store = services.store();
    let known = store.user_by_email(&email.replace('\0', "")).await?;
    // Asked for an unknown account too: the same number of queries.
    let id = known.as_ref().map_or_else(ids::UserId::new, |user| user.id);
    let stored = store.password_of(id).await?;
    let compared = services.accounts().hasher.compare(password, stored.as_deref()).await?;
    let user = match (known, compared) {
        (Some(user), Comparison::Right | Comparison::RightAndOld) if may_sign_in(services, &user).await? => user,
        (known, _) => {
            metrics::counter!("sluice_sign_ins_total", "outcome" => "refused").increment(1);
            note_refusal(known.as_ref(), origin);
            return Err(wrong());
        }
    };
    attempts::succeeded(services, &subjects).await?;
    if let (Comparison::RightAndOld, Some(stored)) = (compared, stored) {
        let hash = services.accounts().hasher.hash(password).await?;
        store.replace_password(user.id, &stored, &hash, None).await?;
    }
    let signed_in = sessions::open(services, user.id, None, origin).await?;
    store.touch_user(user.id, services.now().0).await?;
    metrics::counter!("sluice_sign_ins_total", "outcome" => "succeeded").increment(1);
    Ok(signed_in)
}

/// Active, and not waiting for the address to be confirmed: an account that somebody made with an address of others
/// is none before.
async fn may_sign_in(services: &Services, user: &UserRow) -> Result<bool, ServiceError> {
    if !user.is_active || user.is_service {
        return Ok(false);
    }
    let is_confirmed = user.email_verified_at_ms.is_some();
    Ok(is_confirmed || !services.store().memberships_of(user.id).await?.is_empty())
}

fn note_refusal(known: Option<&UserRow>, origin: &Origin) {
    // What was typed may be a password in the wrong field: only accounts that exist are named.
    let (id, name) = known.map_or_else(
        || ("unknown".to_owned(), String::new()),
        |user| (user.id.to_string(), user.email.clone().unwrap_or_default()),
    );
    origin.trail.note(Change::of("user", id, name).because(Some("sign_in_refused".to_owned())));
}

fn wrong() -> ServiceError {
    let mistake = Mistake::new(Code::Invalid, "", "the address or the password is wrong");
    ServiceError::mistake(mistake.with_help(
        "look at both again; whoever signed up a moment ago opens the link in the mail first, and a forgotten \
         password is set anew by `passwordResetSend`",
    ))
}

/// The person behind the viewer; `None` for keys and installations without sign-in.
///
/// # Errors
/// When the database is away.
#[boxed]
pub async fn of_viewer(services: &Services, viewer: &Viewer) -> Result<Option<UserRow>, ServiceError> {
    match viewer.credential {
        Credential::Session { user, .. } => Ok(services.store().user(user).await?),
        Credential::ApiKey { .. } | Credential::Link { .. } | Credential::Unguarded | Credential::System => Ok(None),
    }
}

/// Changes to the viewer's account; absent fields stay.
#[derive(Debug, Clone, Default)]
pub struct Update {
    /// Name to show.
    pub display_name: Option<String>,
    /// IANA zone for times.
    pub time_zone: Option<String>,
    /// Settings of the UI, an object.
    pub preferences: Option<Value>,
}

/// Changes the viewer's name, zone and preferences.
///
/// # Errors
/// Mistakes; the database is away.
#[boxed]
pub async fn update(services: &Services, viewer: &Viewer, update: Update) -> Result<UserRow, ServiceError> {
    let Credential::Session { user, .. } = viewer.credential else { return Err(without_session()) };
    let preferences = update.preferences.as_ref().map(Value::to_string);
    let mut mistakes = Vec::new();
    mistakes.extend(update.display_name.as_deref().and_then(name_refusal));
    if let Some(zone) = update.time_zone.as_deref().filter(|zone| chrono_tz::Tz::from_str(zone).is_err()) {
        let shown: String = zone.chars().take(64).collect();
        mistakes.push(
            Mistake::new(Code::Invalid, "timeZone", format!("`{shown}` is not a time zone"))
                .with_help("use a name of the IANA database, such as Europe/Berlin or UTC"),
        );
    }
    if update.preferences.as_ref().is_some_and(|preferences| !preferences.is_object()) {
        let mistake = Mistake::new(Code::Invalid, "preferences", "the preferences are not an object");
        mistakes.push(mistake.with_help("send an object, such as {\"theme\": \"dark\"}"));
    }
    if preferences.as_ref().is_some_and(|preferences| preferences.len() > LARGEST_PREFERENCES) {
        let message = format!("the preferences have more than {LARGEST_PREFERENCES} bytes");
        mistakes.push(Mistake::new(Code::TooLarge, "preferences", message).with_help("keep less in them"));
    }
    if !mistakes.is_empty() {
        return Err(ServiceError::Mistakes(mistakes));
    }
    let before = services.store().user(user).await?.ok_or(ServiceError::Unauthenticated)?;
    let patch = UserPatch {
        display_name: update.display_name.map(|name| name.trim().to_owned()),
        time_zone: update.time_zone,
        preferences,
    };
    let after = services.store().update_user(user, patch).await?.ok_or(ServiceError::Unauthenticated)?;
    let told = |user: &UserRow| json!({"displayName": user.display_name, "timeZone": user.time_zone});
    let change = Change::of("user", user, after.display_name.clone()).before(told(&before)).after(told(&after));
    viewer.origin.trail.note(change);
    Ok(after)
}

/// Changes the viewer's password, and ends their other sessions.
///
/// # Errors
/// Mistakes; [`ServiceError::RateLimited`]; the database is away.
#[boxed]
pub async fn change_password(
    services: &Services,
    viewer: &Viewer,
    current: &str,
    new: &str,
) -> Result<UserRow, ServiceError> {
    let Credential::Session { user, session } = viewer.credential else { return Err(without_session()) };
    let store = services.store();
    let user = store.user(user).await?.ok_or(ServiceError::Unauthenticated)?;
    if let Some(mistake) = passwords::refusal("newPassword", new, user.email.as_deref()) {
        return Err(ServiceError::mistake(mistake));
    }
    let Some(stored) = store.password_of(user.id).await? else {
        let mistake = Mistake::new(Code::WrongState, "currentPassword", "this account has no password");
        return Err(ServiceError::mistake(mistake.with_help("set one by mail: `passwordResetSend`")));
    };
    // Whoever found an unlocked browser must not guess without end.
    let email = user.email.clone().unwrap_or_default();
    let subject = [Subject::account(services, &email)];
    attempts::count_all(services, &subject).await?;
    if services.accounts().hasher.compare(current, Some(&stored)).await? == Comparison::Wrong {
        note_refusal(Some(&user), &viewer.origin);
        let mistake = Mistake::new(Code::Invalid, "currentPassword", "this is not the password of the account");
        return Err(ServiceError::mistake(mistake.with_help("a forgotten password is set anew by mail")));
    }
    let hash = services.accounts().hasher.hash(new).await?;
    if !store.replace_password(user.id, &stored, &hash, Some(services.now().0)).await? {
        let mistake = Mistake::new(Code::Conflict, "currentPassword", "the password was changed meanwhile");
        return Err(ServiceError::mistake(mistake.with_help("sign in again")));
    }
    attempts::succeeded(services, &subject).await?;
    let change = Change::of("user", user.id, user.display_name.clone());
    viewer.origin.trail.note(change.because(Some("password_changed".to_owned())));
    sessions::revoke_all_of(services, user.id, Some(session), Reason::PasswordChanged, &viewer.origin).await?;
    if !email.is_empty() {
        services.settings().mailer.send(mail::password_changed(&email, &services.settings().public_url));
    }
    Ok(user)
}

/// What is wrong with a name to show.
pub(super) fn name_refusal(name: &str) -> Option<Mistake> {
    let length = name.trim().chars().count();
    let mistake = |code, message: String| Some(Mistake::new(code, "displayName", message));
    if length == 0 {
        return mistake(Code::Required, "the name is empty".to_owned());
    }
    if length > LONGEST_NAME {
        return mistake(Code::TooLarge, format!("the name has more than {LONGEST_NAME} characters"));
    }
    // Control characters forge lines of logs and mails.
    name.chars().any(char::is_control).then(|| {
        Mistake::new(Code::Invalid, "displayName", "the name holds control characters").with_help("leave them out")
    })
}
