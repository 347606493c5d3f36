//! Positions in lists, as clients carry them: opaque, and bound to the list they came from.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::code::Code;
use crate::error::Mistake;

/// Longest cursor that is looked at, in bytes.
const MAX_BYTES: usize = 1_024;

#[derive(Serialize, Deserialize)]
struct Sealed<T> {
    /// List and order, such as `executions:QUEUED_AT:DESC`.
    l: String,
    /// Position in it.
    p: T,
}

/// Writes `position` in the list named `list`.
///
/// # Panics
/// Never: positions are plain data.
#[must_use]
pub fn write<T: Serialize>(list: &str, position: &T) -> String {
    let sealed = Sealed { l: list.to_owned(), p: position };
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&sealed).expect("positions are plain data"))
}

/// Reads a position in the list named `list` out of the argument `argument`.
///
/// # Errors
/// When the text is no cursor, or one of another list or order.
pub fn read<T: DeserializeOwned>(list: &str, text: &str, argument: &str) -> Result<T, Mistake> {
    let malformed = || {
        Mistake::new(Code::Invalid, argument, format!("`{argument}` is not a cursor"))
            .with_help("Pass a cursor that this list returned, unchanged.")
    };
    if text.len() > MAX_BYTES {
        return Err(malformed());
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_not_base64| malformed())?;
    let sealed: Sealed<serde_json::Value> = serde_json::from_slice(&bytes).map_err(|_not_json| malformed())?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_back_to_its_place_in_its_own_list_only() {
        let cursor = write("events:DESC", &(17_i64, "abc".to_owned()));
        assert_eq!(read::<(i64, String)>("events:DESC", &cursor, "after").unwrap(), (17, "abc".to_owned()));
        let other = read::<(i64, String)>("events:ASC", &cursor, "after").unwrap_err();
        assert!(other.message.contains("another list"), "{}", other.message);
    }

    #[test]
    fn what_is_no_cursor_is_refused_and_named() {
        for text in ["", "!!", "bm90IGpzb24", "e30", &"a".repeat(5_000)] {
            let mistake = read::<i64>("events", text, "before").unwrap_err();
            assert_eq!((mistake.code, mistake.field), (Code::Invalid, vec!["before".to_owned()]));
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "[A-Za-z0-9_-]{0,60}") {
            let _outcome = read::<(i64, i64)>("events", &text, "after");
        }
    }
}
