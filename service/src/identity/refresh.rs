//! Refresh tokens: `session . generation . HMAC`. Nothing secret is stored for them: whoever has the key of the
//! installation can say whether one was made here, and make the same one again.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use ids::SessionId;
use sha2::Sha256;

use crate::secret_key::SecretKey;

/// Longest text that is looked at; ours have at most 86 characters.
const MAX_LENGTH: usize = 128;

/// A refresh token that was made here.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct RefreshToken {
    /// The session that it continues.
    pub session: SessionId,
    /// How many were made for it before, plus one.
    pub generation: i32,
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RefreshToken({}.{}.***)", self.session, self.generation)
    }
}

impl RefreshToken {
    /// Its text: the same whenever it is asked for.
    pub fn sign(self, key: &SecretKey) -> String {
        let signed = format!("{}.{}", self.session, self.generation);
        let signature = URL_SAFE_NO_PAD.encode(mac(key, &signed).finalize().into_bytes());
        format!("{signed}.{signature}")
    }

    /// The token with this text; `None` for one that was not made here.
    pub fn parse(key: &SecretKey, text: &str) -> Option<Self> {
        if text.len() > MAX_LENGTH {
            return None;
        }
        let (signed, signature) = text.rsplit_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        mac(key, signed).verify_slice(&signature).ok()?;
        let (session, generation) = signed.split_once('.')?;
        Some(Self { session: session.parse().ok()?, generation: generation.parse().ok()? })
    }
}

fn mac(key: &SecretKey, signed: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&key.derive("refresh-token")).expect("HMAC takes keys of any length");
    mac.update(signed.as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refresh_token_is_the_same_each_time_and_good_for_its_session_and_generation_alone() {
        let key = SecretKey::new([1; 32]);
        let token = RefreshToken { session: SessionId::new(), generation: 3 };
        let text = token.sign(&key);
        assert_eq!(text, token.sign(&key));
        assert_eq!(RefreshToken::parse(&key, &text), Some(token));
        let next = RefreshToken { generation: 4, ..token };
        let signature = text.rsplit('.').next().unwrap();
        let raised = format!("{}.4.{signature}", token.session);
        for forged in [raised.as_str(), "", ".", "..", &text[1..], &text[..text.len() - 1], &format!("{text}=")] {
            assert_eq!(RefreshToken::parse(&key, forged), None, "{forged}");
        }
        assert_eq!(RefreshToken::parse(&SecretKey::new([2; 32]), &text), None);
        assert!(!format!("{next:?}").contains(signature));
    }
}
