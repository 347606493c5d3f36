//! ID tokens: read, then trusted or not (OpenID Connect Core 1.0, 3.1.3.7).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use engine::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Number, Value};
use sha2::{Digest, Sha256, Sha512};

use super::keys::{Algorithm, Key};

/// Largest token that is looked at, in bytes.
const MAX_TOKEN: usize = 16 * 1_024;
/// How far the clocks of issuer and installation may differ, in milliseconds.
const LEEWAY_MS: i64 = 2 * 60 * 1_000;
/// Longest subject, in bytes, as the specification has it.
const MAX_SUBJECT: usize = 255;

/// Why a token is not trusted. For the log: nobody else is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not three parts of base64, or too long.
    #[error("it is not a signed token")]
    Malformed,
    /// The header says what cannot be followed, such as where to fetch a key.
    #[error("its header is refused")]
    Header,
    /// Signed in a way that is not accepted, or not at all.
    #[error("its algorithm is not accepted")]
    Algorithm,
    /// Signed with a key that the issuer does not have, or not for this algorithm.
    #[error("the issuer has no such key for its algorithm")]
    UnknownKey,
    /// Not signed by the key that it names.
    #[error("its signature is wrong")]
    Signature,
    /// A claim is missing or says something else than it has to.
    #[error("its claim `{0}` is not as it has to be")]
    Claim(&'static str),
}

/// A token whose header was read, and nothing else of it believed.
pub(super) struct Token<'a> {
    pub algorithm: Algorithm,
    pub kid: Option<String>,
    signed: &'a str,
    payload: &'a str,
    signature: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    // What would bring a key along, or change what the signature covers.
    jku: Option<Value>,
    jwk: Option<Value>,
    x5u: Option<Value>,
    crit: Option<Value>,
}

impl<'a> Token<'a> {
    pub fn read(text: &'a str) -> Result<Self, TokenError> {
        let mut parts = text.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError::Malformed);
        };
        if text.len() > MAX_TOKEN {
            return Err(TokenError::Malformed);
        }
        let signed = &text[..header.len() + 1 + payload.len()];
        let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_other| TokenError::Header)?;
        let brings_something = [&header.jku, &header.jwk, &header.x5u, &header.crit].into_iter().any(Option::is_some);
        if brings_something || header.typ.is_some_and(|typ| !typ.eq_ignore_ascii_case("JWT")) {
            return Err(TokenError::Header);
        }
        let algorithm = Algorithm::by_name(&header.alg).ok_or(TokenError::Algorithm)?;
        Ok(Self { algorithm, kid: header.kid, signed, payload, signature: decode(signature)? })
    }

    /// What the token says, if this key signed it.
    pub fn claims(&self, key: &Key) -> Result<Claims, TokenError> {
        if key.algorithm() != self.algorithm {
            return Err(TokenError::UnknownKey);
        }
        if !key.signed(self.signed.as_bytes(), &self.signature) {
            return Err(TokenError::Signature);
        }
        let payload = decode(self.payload)?;
        // The first reading refuses a claim that is there twice; what is mapped to roles is read from the second.
        let known = serde_json::from_slice(&payload).map_err(|_other| TokenError::Malformed)?;
        let all = serde_json::from_slice(&payload).map_err(|_other| TokenError::Malformed)?;
        Ok(Claims { known, all })
    }
}

fn decode(part: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_not_base64| TokenError::Malformed)
}

/// What a token of an issuer says.
pub(super) struct Claims {
    known: Known,
    all: Map<String, Value>,
}

#[derive(Deserialize)]
struct Known {
    iss: String,
    sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: Number,
    iat: Number,
    nbf: Option<Number>,
    nonce: Option<String>,
    at_hash: Option<String>,
    name: Option<String>,
    preferred_username: Option<String>,
    email: Option<String>,
    email_verified: Option<bool>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// What a token has to say.
pub(super) struct Expected<'a> {
    pub algorithm: Algorithm,
    pub issuer: &'a str,
    pub client_id: &'a str,
    pub nonce: &'a str,
    pub access_token: Option<&'a str>,
    /// When the sign-in began: no token for it was made before.
    pub begun_at: Timestamp,
    pub now: Timestamp,
}

/// Whoever signed in at an identity provider.
pub(super) struct Subject {
    /// What the issuer calls them, for ever and nobody else.
    pub subject: String,
    /// Name to show.
    pub display_name: Option<String>,
    /// Address, when the issuer says that it is proven.
    pub verified_email: Option<String>,
    /// Everything that the token says.
    pub claims: Map<String, Value>,
}

impl Claims {
    /// Refuses a token that was made by or for somebody else, at another time or for another sign-in.
    pub fn check(self, expected: &Expected<'_>) -> Result<Subject, TokenError> {
        let Self { known, all } = self;
        let refused = |claim| Err(TokenError::Claim(claim));
        if known.iss != expected.issuer {
            return refused("iss");
        }
        let (is_for_us, is_for_others) = match &known.aud {
            Audience::One(audience) => (audience == expected.client_id, false),
            Audience::Several(all) => (all.iter().any(|audience| audience == expected.client_id), all.len() > 1),
        };
        if !is_for_us {
            return refused("aud");
        }
        if known.azp.as_ref().map_or(is_for_others, |azp| azp != expected.client_id) {
            return refused("azp");
        }
        let now = expected.now.0;
        if moment(&known.exp).is_none_or(|exp| exp.saturating_add(LEEWAY_MS) <= now) {
            return refused("exp");
        }
        let begun = expected.begun_at.0.saturating_sub(LEEWAY_MS);
        if moment(&known.iat).is_none_or(|iat| iat < begun || iat > now.saturating_add(LEEWAY_MS)) {
            return refused("iat");
        }
        if known.nbf.as_ref().is_some_and(|nbf| moment(nbf).is_none_or(|nbf| nbf > now.saturating_add(LEEWAY_MS))) {
            return refused("nbf");
        }
        if known.nonce.as_deref() != Some(expected.nonce) {
            return refused("nonce");
        }
        if let Some(hash) = &known.at_hash
            && expected.access_token.is_none_or(|token| half_hash(expected.algorithm, token) != *hash)
        {
            return refused("at_hash");
        }
        if known.sub.is_empty() || known.sub.len() > MAX_SUBJECT || known.sub.chars().any(char::is_control) {
            return refused("sub");
        }
        let is_verified = known.email_verified == Some(true);
        Ok(Subject {
            subject: known.sub,
            display_name: [known.name, known.preferred_username].into_iter().flatten().find_map(|name| shown(&name)),
            verified_email: known.email.filter(|_email| is_verified).and_then(|email| address(&email)),
            claims: all,
        })
    }
}

/// Seconds since 1970 as Unix milliseconds.
#[expect(clippy::cast_possible_truncation, reason = "fractions of a second are left out; what is too large saturates")]
fn moment(seconds: &Number) -> Option<i64> {
    let whole = seconds.as_i64().or_else(|| seconds.as_f64().map(|seconds| seconds as i64))?;
    Some(whole.saturating_mul(1_000))
}

/// The left half of the digest that belongs to the algorithm.
fn half_hash(algorithm: Algorithm, token: &str) -> String {
    match algorithm {
        Algorithm::Rs256 | Algorithm::Es256 => URL_SAFE_NO_PAD.encode(&Sha256::digest(token)[..16]),
        Algorithm::EdDsa => URL_SAFE_NO_PAD.encode(&Sha512::digest(token)[..32]),
    }
}

/// Longest name that is kept, in characters.
const MAX_NAME: usize = 200;

fn shown(name: &str) -> Option<String> {
    let name: String = name.trim().chars().filter(|letter| !letter.is_control()).take(MAX_NAME).collect();
    (!name.is_empty()).then_some(name)
}

/// Longest address, in bytes (RFC 5321).
const MAX_ADDRESS: usize = 254;

/// An address as it is compared: trimmed and in lower case.
fn address(email: &str) -> Option<String> {
    let email = email.trim().to_lowercase();
    let (local, domain) = email.rsplit_once('@')?;
    let is_address = !local.is_empty()
        && !domain.is_empty()
        && email.len() <= MAX_ADDRESS
        && !email.chars().any(|letter| letter.is_control() || letter.is_whitespace());
    is_address.then_some(email)
}
