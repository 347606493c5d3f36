//! The key of the installation, and the keys for single purposes that are derived from it.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// 32 secret bytes. Never printed; what signs or encrypts uses a key derived for its purpose.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey(Arc<[u8; 32]>);

impl SecretKey {
    /// The key with these bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Arc::new(bytes))
    }

    /// Out of 32 bytes in base64, as `SLUICE_SECRET_KEY` holds them; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text.trim()).ok()?;
        Some(Self::new(bytes.try_into().ok()?))
    }

    /// The key for one purpose, such as `access-token`: HMAC-SHA256 of the purpose under this key, the
    /// expansion step of HKDF (RFC 5869) for an input that is uniformly random already.
    ///
    /// # Panics
    /// Never: HMAC takes keys of any length.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        self.digest("derive", purpose.as_bytes())
    }

    /// A keyed digest of `data` for one purpose: the same for the same data, and telling nothing about it.
    ///
    /// # Panics
    /// Never: HMAC takes keys of any length.
    #[must_use]
    pub fn digest(&self, purpose: &str, data: &[u8]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&*self.0).expect("HMAC takes keys of any length");
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        mac.update(data);
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_never_printed_and_gives_another_key_for_each_purpose() {
        let key = SecretKey::new([7; 32]);
        assert_eq!(format!("{key:?}"), "SecretKey(***)");
        assert_ne!(key.derive("one"), key.derive("two"));
        assert_ne!(key.digest("a", b"bc"), key.digest("ab", b"c"));
        assert_eq!(SecretKey::parse(&STANDARD.encode([7; 32])), Some(key));
        assert_eq!(SecretKey::parse("short"), None);
    }
}
