//! Texts that prove something by being known: keys and tokens out of 32 random bytes, stored as digests alone.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::error::ServiceError;

/// Characters of 32 bytes in base64.
const RANDOM: usize = 43;
/// Characters of the checksum.
const CHECKSUM: usize = 6;

/// A new secret: `prefix`, 43 random characters, and a checksum, by which scanners and typing errors are told apart
/// without the database.
pub fn make(prefix: &str) -> Result<String, ServiceError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| ServiceError::Internal { what: "there are no random bytes", source: error.into() })?;
    let text = format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes));
    Ok(format!("{text}{}", checksum(&text)))
}

/// Whether `text` has the shape of a secret with `prefix`.
pub fn is_well_formed(prefix: &str, text: &str) -> bool {
    let Some(rest) = text.strip_prefix(prefix) else { return false };
    if rest.len() != RANDOM + CHECKSUM || !rest.is_ascii() {
        return false;
    }
    let (body, sum) = text.split_at(prefix.len() + RANDOM);
    checksum(body) == sum
}

/// What is stored of a secret: 256 random bits need no slow hash.
pub fn digest(text: &str) -> String {
    crate::hex(&Sha256::digest(text))
}

fn checksum(text: &str) -> String {
    let mut sum = URL_SAFE_NO_PAD.encode(Sha256::digest(text));
    sum.truncate(CHECKSUM);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_is_found_without_the_database() {
        let secret = make("slk_").unwrap();
        assert_eq!(secret.len(), 4 + RANDOM + CHECKSUM);
        assert!(is_well_formed("slk_", &secret) && !is_well_formed("sli_", &secret));
        let last = if secret.ends_with('A') { 'B' } else { 'A' };
        let mistyped = format!("{}{last}", &secret[..secret.len() - 1]);
        for text in [mistyped.as_str(), "slk_", "", &secret[..20], "slk_ü"] {
            assert!(!is_well_formed("slk_", text), "{text}");
        }
        assert_ne!(make("slk_").unwrap(), secret);
    }
}
