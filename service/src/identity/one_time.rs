//! Tokens that count once: 256 random bits that people get by mail or read in a log; only a digest is stored.

use std::time::Duration;

use store::{OneTimeTokenRow, TokenPurpose, UserRow};

use super::attempts::{self, Subject};
use super::secrets;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::services::Services;
use crate::viewer::Origin;

/// What tokens in mails begin with.
const PREFIX: &str = "slt_";

/// Makes a token that proves the address of `user`.
///
/// # Errors
/// When there is no randomness; the database is away.
pub(super) async fn make(
    services: &Services,
    purpose: TokenPurpose,
    user: &UserRow,
    lifetime: Duration,
) -> Result<String, ServiceError> {
    let token = secrets::make(PREFIX)?;
    let now = services.now();
    let row = OneTimeTokenRow {
        token_hash: secrets::digest(&token),
        purpose,
        user_id: Some(user.id),
        email: user.email.clone(),
        created_at_ms: now.0,
        expires_at_ms: now.plus(lifetime).0,
    };
    services.store().insert_one_time_token(row).await?;
    Ok(token)
}

/// The token with this text, if it counts; it is not used up yet. Those that do not are counted for where they
/// come from.
///
/// # Errors
/// A mistake in `token` when it does not count; [`ServiceError::RateLimited`]; the database is away.
pub(super) async fn look(
    services: &Services,
    token: &str,
    purpose: TokenPurpose,
    origin: &Origin,
) -> Result<OneTimeTokenRow, ServiceError> {
    let from = Subject::from(services, origin);
    attempts::count_all(services, &from).await?;
    let known = if secrets::is_well_formed(PREFIX, token) {
        services.store().one_time_token(&secrets::digest(token), purpose, services.now().0).await?
    } else {
        None
    };
    let known = known.ok_or_else(spent)?;
    attempts::succeeded(services, &from).await?;
    Ok(known)
}

/// What is said of a token that does not count, whatever the reason.
pub(super) fn spent() -> ServiceError {
    let mistake = Mistake::new(Code::NotFound, "token", "this link was used before, is too old, or was never sent");
    ServiceError::mistake(mistake.with_help("ask for a new mail, and use the newest one"))
}
