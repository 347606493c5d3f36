//! Access tokens: signed statements about who asks, good for ten minutes and checked without a query.
//!
//! JSON Web Tokens (RFC 7519) with HMAC-SHA256 and one fixed header: a token with any other header is
//! refused before anything in it is read, so that no algorithm, key id or key address can be chosen from outside.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use engine::Timestamp;
use hmac::{Hmac, KeyInit as _, Mac as _};
use ids::{OrganizationId, SessionId, UserId};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use uuid::Uuid;

use crate::services::Services;

/// How long a token is good.
pub const LIFETIME: Duration = Duration::from_mins(10);

/// How far the clocks of two servers may be apart.
const LEEWAY_S: i64 = 10;

/// `{"alg":"HS256","typ":"at+jwt"}`: the only header there is.
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9";

/// Whom tokens are for.
const AUDIENCE: &str = "sluice-api";

/// Longest text that is looked at; ours have about 450 characters.
const MAX_LENGTH: usize = 1_024;

/// What a valid token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessToken {
    /// Who.
    pub user: UserId,
    /// By which session.
    pub session: SessionId,
    /// Where.
    pub organization: OrganizationId,
    /// Its end.
    pub expires_at: Timestamp,
}

/// Why a token does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is no token of this sort.
    #[error("this is no access token")]
    Malformed,
    /// Somebody else made it, or changed it.
    #[error("the token was not made here")]
    Forged,
    /// It is of another installation or for another purpose.
    #[error("the token is not for this server")]
    Misdirected,
    /// It is not good yet, or not any more.
    #[error("the token is expired")]
    Expired,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    iss: String,
    aud: String,
    sub: UserId,
    sid: SessionId,
    org: OrganizationId,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: Uuid,
}

/// A new token, and when it ends.
#[must_use]
pub fn issue(
    services: &Services,
    user: UserId,
    session: SessionId,
    organization: OrganizationId,
) -> (String, Timestamp) {
    let issued_at = services.now().0.div_euclid(1_000);
    let expires_at = issued_at.saturating_add(lifetime_s());
    let claims = Claims {
        iss: services.settings().public_url.clone(),
        aud: AUDIENCE.to_owned(),
        sub: user,
        sid: session,
        org: organization,
        iat: issued_at,
        nbf: issued_at,
        exp: expires_at,
        jti: Uuid::now_v7(),
    };
    let claims = serde_json::to_vec(&claims).expect("texts and numbers are JSON");
    let signed = format!("{HEADER}.{}", URL_SAFE_NO_PAD.encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(mac(services, &signed).finalize().into_bytes());
    (format!("{signed}.{signature}"), Timestamp(expires_at.saturating_mul(1_000)))
}

/// Reads a token that was made by [`issue`] with the key and for the address of this installation.
///
/// It does not say that the session still counts: [`super::sessions::is_live`] does.
///
/// # Errors
/// [`TokenError`]; callers answer all of them alike.
pub fn verify(services: &Services, token: &str) -> Result<AccessToken, TokenError> {
    if token.len() > MAX_LENGTH {
        return Err(TokenError::Malformed);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(TokenError::Malformed)?;
    if header != HEADER {
        return Err(TokenError::Malformed);
    }
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_not_base64| TokenError::Malformed)?;
    mac(services, signed).verify_slice(&signature).map_err(|_differs| TokenError::Forged)?;
    let claims = URL_SAFE_NO_PAD.decode(claims).map_err(|_not_base64| TokenError::Malformed)?;
    let claims: Claims = serde_json::from_slice(&claims).map_err(|_other_claims| TokenError::Malformed)?;
    if claims.iss != services.settings().public_url || claims.aud != AUDIENCE {
        return Err(TokenError::Misdirected);
    }
    let now = services.now().0.div_euclid(1_000);
    let is_early = now.saturating_add(LEEWAY_S) < claims.nbf.max(claims.iat);
    let is_late = now.saturating_sub(LEEWAY_S) >= claims.exp;
    let is_long = claims.exp.saturating_sub(claims.iat) > lifetime_s();
    if is_early || is_late || is_long {
        return Err(TokenError::Expired);
    }
    Ok(AccessToken {
        user: claims.sub,
        session: claims.sid,
        organization: claims.org,
        expires_at: Timestamp(claims.exp.saturating_mul(1_000)),
    })
}

fn lifetime_s() -> i64 {
    i64::try_from(LIFETIME.as_secs()).expect("ten minutes are few seconds")
}

fn mac(services: &Services, signed: &str) -> Hmac<Sha256> {
    let key = services.settings().secret_key.derive("access-token");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
    mac.update(signed.as_bytes());
    mac
}
