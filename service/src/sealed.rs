//! Secrets at rest: encrypted, and bound to the place where they are stored.
//!
//! XChaCha20-Poly1305 under a key of the organization, which is derived from the key of the
//! installation and stored nowhere. What is authenticated with the text names organization, kind and
//! object: a ciphertext that was copied into another row does not open there. The nonces are random,
//! with 192 bits, so that any number of secrets can be sealed under one key.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use ids::OrganizationId;

use crate::hex;
use crate::secret_key::SecretKey;

/// Begins every sealed text; another scheme gets another number.
const VERSION: &str = "s1";
/// Bytes of a nonce.
const NONCE: usize = 24;
/// Bytes of the digest by which a sealed text tells the key that it needs.
const FINGERPRINT: usize = 4;

/// Where a secret is stored, which decides where it opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// Whose it is.
    pub organization: OrganizationId,
    /// Sort of secret, such as `identity_provider.client_secret`.
    pub kind: &'static str,
    /// Of which object: its global id; with a version, where it has several.
    pub id: &'a str,
}

/// A secret that was opened. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A secret in clear text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The clear text.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// Why a secret could not be sealed or opened. Never repeats it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// It was sealed with another key of the installation.
    #[error("it was sealed under another SLUICE_SECRET_KEY; start with that key, or set the secret again")]
    AnotherKey,
    /// Changed, cut off, or moved here from another place.
    #[error("it was damaged, or sealed for another place; set the secret again")]
    Damaged,
    /// The operating system gives no random bytes.
    #[error("the operating system gives no random bytes")]
    NoRandomness,
}

/// Seals `secret` for its place: `s1.KEY.TEXT`, with a fingerprint of the key and the nonce before the text.
///
/// # Errors
/// When there are no random bytes.
pub fn seal(key: &SecretKey, place: Place<'_>, secret: &Secret) -> Result<String, SealError> {
    let mut nonce = [0; NONCE];
    getrandom::fill(&mut nonce).map_err(|_none| SealError::NoRandomness)?;
    let context = context(place);
    let payload = Payload { msg: secret.0.as_bytes(), aad: &context };
    // Only a text of more than 256 GiB is refused.
    let sealed = cipher(key, place).encrypt(&XNonce::from(nonce), payload).map_err(|_too_long| SealError::Damaged)?;
    let text = URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat());
    Ok(format!("{VERSION}.{}.{text}", fingerprint(key)))
}

/// Opens what [`seal`] made for the same place.
///
/// # Errors
/// When it was sealed under another key or for another place, or is not what it was.
pub fn open(key: &SecretKey, place: Place<'_>, sealed: &str) -> Result<Secret, SealError> {
    let mut parts = sealed.split('.');
    let (Some(VERSION), Some(made_with), Some(text), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(SealError::Damaged);
    };
    if made_with != fingerprint(key) {
        return Err(SealError::AnotherKey);
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_not_base64| SealError::Damaged)?;
    let (nonce, text) = bytes.split_first_chunk::<NONCE>().ok_or(SealError::Damaged)?;
    let context = context(place);
    let opened = cipher(key, place)
        .decrypt(&XNonce::from(*nonce), Payload { msg: text, aad: &context })
        .map_err(|_not_authentic| SealError::Damaged)?;
    String::from_utf8(opened).map(Secret).map_err(|_not_text| SealError::Damaged)
}

fn sealing(key: &SecretKey) -> SecretKey {
    SecretKey::new(key.derive("sealed"))
}

fn cipher(key: &SecretKey, place: Place<'_>) -> XChaCha20Poly1305 {
    let own = sealing(key).digest("organization", place.organization.uuid().as_bytes());
    XChaCha20Poly1305::new(&own.into())
}

fn fingerprint(key: &SecretKey) -> String {
    hex(&sealing(key).digest("fingerprint", b"")[..FINGERPRINT])
}

/// Each part with its length before it, so that no two places read alike.
fn context(place: Place<'_>) -> Vec<u8> {
    let organization = place.organization.uuid();
    let parts = [VERSION.as_bytes(), organization.as_bytes(), place.kind.as_bytes(), place.id.as_bytes()];
    parts.iter().flat_map(|part| (part.len() as u64).to_be_bytes().into_iter().chain(part.iter().copied())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(organization: OrganizationId) -> Place<'static> {
        Place { organization, kind: "identity_provider.client_secret", id: "idp_1" }
    }

    #[test]
    fn a_secret_opens_where_it_was_sealed_and_nowhere_else() {
        let (key, organization) = (SecretKey::new([7; 32]), OrganizationId::new());
        let here = place(organization);
        let sealed = seal(&key, here, &Secret::new("hunter2 🔑")).unwrap();
        assert_eq!(open(&key, here, &sealed).unwrap().reveal(), "hunter2 🔑");
        for elsewhere in [
            place(OrganizationId::new()),
            Place { id: "idp_2", ..here },
            Place { kind: "secret", ..here },
            Place { kind: "identity_provider.client_secreti", id: "dp_1", ..here },
        ] {
            assert_eq!(open(&key, elsewhere, &sealed), Err(SealError::Damaged), "{elsewhere:?}");
        }
    }

    #[test]
    fn another_key_is_told_from_damage() {
        let (key, here) = (SecretKey::new([7; 32]), place(OrganizationId::new()));
        let sealed = seal(&key, here, &Secret::new("hunter2")).unwrap();
        assert_eq!(open(&SecretKey::new([8; 32]), here, &sealed), Err(SealError::AnotherKey));
        let last = if sealed.ends_with('A') { 'E' } else { 'A' };
        let changed = format!("{}{last}", &sealed[..sealed.len() - 1]);
        for damaged in [changed.as_str(), &sealed[..20], "", "hunter2", "s2.00000000.AAAA", &format!("{sealed}.x")] {
            assert!(open(&key, here, damaged).is_err(), "{damaged}");
        }
    }

    #[test]
    fn no_two_sealed_texts_are_alike_and_none_shows_the_secret() {
        let (key, here) = (SecretKey::new([7; 32]), place(OrganizationId::new()));
        let secret = Secret::new("hunter2");
        let (one, two) = (seal(&key, here, &secret).unwrap(), seal(&key, here, &secret).unwrap());
        assert_ne!(one, two);
        assert!(!one.contains("hunter2"));
        assert_eq!(format!("{secret:?}"), "Secret(***)");
    }
}
