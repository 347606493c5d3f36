//! JSON Pointers (RFC 6901): `/steps/0/next`.

use std::borrow::Cow;

use serde_json::Value;

/// One reference token, with `~` and `/` escaped.
pub fn escape(token: &str) -> Cow<'_, str> {
    if token.contains(['~', '/']) {
        Cow::Owned(token.replace('~', "~0").replace('/', "~1"))
    } else {
        Cow::Borrowed(token)
    }
}

/// The token that `escape` made the text from.
pub fn unescape(token: &str) -> Cow<'_, str> {
    if token.contains('~') { Cow::Owned(token.replace("~1", "/").replace("~0", "~")) } else { Cow::Borrowed(token) }
}

/// The pointer of member `key` of the object at `base`.
pub fn join(base: &str, key: &str) -> String {
    format!("{base}/{}", escape(key))
}

/// The pointer of entry `index` of the list at `base`.
pub fn join_index(base: &str, index: usize) -> String {
    format!("{base}/{index}")
}

/// The pointer of what contains the value; `None` for the whole document.
pub fn parent(pointer: &str) -> Option<&str> {
    pointer.rfind('/').map(|at| &pointer[..at])
}

/// The value there, if there is one.
pub fn get<'a>(value: &'a Value, pointer: &str) -> Option<&'a Value> {
    value.pointer(pointer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_with_slashes_and_tildes_survive() {
        let pointer = join("", "a/b~c");
        assert_eq!(pointer, "/a~1b~0c");
        assert_eq!(unescape(&pointer[1..]), "a/b~c");
        assert_eq!(get(&serde_json::json!({"a/b~c": 1}), &pointer), Some(&serde_json::json!(1)));
    }

    #[test]
    fn the_parent_of_the_whole_is_nothing() {
        assert_eq!(parent("/steps/0"), Some("/steps"));
        assert_eq!(parent("/steps"), Some(""));
        assert_eq!(parent(""), None);
    }
}
