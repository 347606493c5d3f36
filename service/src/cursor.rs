//! Positions in lists, as clients carry them: opaque, sealed for one organization, and bound to the list they came
//! from.
//!
//! A position names rows and times, so nobody may make one up, and one of another organization leads nowhere.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ids::OrganizationId;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::code::Code;
use crate::error::Mistake;
use crate::secret_key::SecretKey;
use crate::services::Services;
use crate::viewer::Viewer;

/// Longest cursor that is looked at, in bytes.
const MAX_BYTES: usize = 1_024;

/// Bytes of the code that a cursor begins with: 128 bits cannot be guessed.
const CODE_BYTES: usize = 16;

#[derive(Serialize, Deserialize)]
struct Sealed<T> {
    /// List and order, such as `executions:QUEUED_AT:DESC`.
    l: String,
    /// Position in it.
    p: T,
}

/// Writes and reads the cursors of one organization.
#[derive(Debug, Clone)]
pub struct Seal {
    key: SecretKey,
    organization: OrganizationId,
}

impl Seal {
    /// The seal of the organization that `viewer` is in.
    #[must_use]
    pub fn of(services: &Services, viewer: &Viewer) -> Self {
        Self::new(services.settings().secret_key.clone(), viewer.organization)
    }

    /// The seal of an organization, under the key of the installation.
    #[must_use]
    pub const fn new(key: SecretKey, organization: OrganizationId) -> Self {
        Self { key, organization }
    }

    /// Writes `position` in the list named `list`.
    ///
    /// # Panics
    /// Never: positions are plain data.
    #[must_use]
    pub fn write<T: Serialize>(&self, list: &str, position: &T) -> String {
        let sealed = Sealed { l: list.to_owned(), p: position };
        let place = serde_json::to_vec(&sealed).expect("positions are plain data");
        let mut bytes = self.code(&place).to_vec();
        bytes.extend(place);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a position in the list named `list` out of the argument `argument`.
    ///
    /// # Errors
    /// When the text is no cursor of this organization, or one of another list or order.
    pub fn read<T: DeserializeOwned>(&self, list: &str, text: &str, argument: &str) -> Result<T, Mistake> {
        let malformed = || {
            Mistake::new(Code::Invalid, argument, format!("`{argument}` is not a cursor"))
                .with_help("Pass a cursor that this list returned, unchanged.")
        };
        if text.len() > MAX_BYTES {
            return Err(malformed());
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_not_base64| malformed())?;
        let (code, place) = bytes.split_first_chunk::<CODE_BYTES>().ok_or_else(malformed)?;
        if !is_same(code, &self.code(place)) {
            return Err(malformed());
        }
        let sealed: Sealed<serde_json::Value> = serde_json::from_slice(place).map_err(|_not_json| malformed())?;
        if sealed.l != list {
            return Err(Mistake::new(
                Code::Invalid,
                argument,
                format!("`{argument}` is a cursor of another list or order"),
            )
            .with_help(
                "Use a cursor only with the list, filter and order it came from; begin without a cursor otherwise.",
            ));
        }
        serde_json::from_value(sealed.p).map_err(|_other_position| malformed())
    }

    fn code(&self, place: &[u8]) -> [u8; CODE_BYTES] {
        let mut data = self.organization.uuid().as_bytes().to_vec();
        data.extend(place);
        let digest = self.key.digest("cursor", &data);
        std::array::from_fn(|index| digest[index])
    }
}

/// Compares in the same time wherever they differ.
fn is_same(left: &[u8; CODE_BYTES], right: &[u8; CODE_BYTES]) -> bool {
    left.iter().zip(right).fold(0, |differs, (left, right)| differs | (left ^ right)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal() -> Seal {
        Seal { key: SecretKey::new([7; 32]), organization: OrganizationId::new() }
    }

    #[test]
    fn a_cursor_leads_back_to_its_place_in_its_own_list_only() {
        let seal = seal();
        let cursor = seal.write("events:DESC", &(17_i64, "abc".to_owned()));
        assert_eq!(seal.read::<(i64, String)>("events:DESC", &cursor, "after").unwrap(), (17, "abc".to_owned()));
        let other = seal.read::<(i64, String)>("events:ASC", &cursor, "after").unwrap_err();
        assert!(other.message.contains("another list"), "{}", other.message);
    }

    #[test]
    fn a_cursor_of_another_organization_or_installation_is_none() {
        let (own, other) = (seal(), seal());
        let cursor = own.write("events", &17_i64);
        let elsewhere = Seal { key: SecretKey::new([8; 32]), organization: own.organization };
        for stranger in [other, elsewhere] {
            let mistake = stranger.read::<i64>("events", &cursor, "after").unwrap_err();
            assert_eq!(mistake.message, "`after` is not a cursor");
        }
    }

    #[test]
    fn a_cursor_that_was_changed_anywhere_is_none() {
        let seal = seal();
        let bytes = URL_SAFE_NO_PAD.decode(seal.write("events", &17_i64)).unwrap();
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            let mistake = seal.read::<i64>("events", &URL_SAFE_NO_PAD.encode(changed), "after").unwrap_err();
            assert_eq!(mistake.message, "`after` is not a cursor", "byte {place}");
        }
    }

    #[test]
    fn what_is_no_cursor_is_refused_and_named() {
        for text in ["", "!!", "bm90IGpzb24", "e30", "eyJsIjoiZXZlbnRzIiwicCI6MTd9", &"a".repeat(5_000)] {
            let mistake = seal().read::<i64>("events", text, "before").unwrap_err();
            assert_eq!((mistake.code, mistake.field), (Code::Invalid, vec!["before".to_owned()]));
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "[A-Za-z0-9_-]{0,60}") {
            let _outcome = seal().read::<(i64, i64)>("events", &text, "after");
        }
    }
}
