//! Addresses as they are compared.

/// An address without space around it and in lower case; `None` when it is none.
///
/// Deliverability shows when mail is delivered; this refuses only what cannot be an address.
#[must_use]
pub fn parse(text: &str) -> Option<String> {
    let email = text.trim().to_lowercase();
    let (local, domain) = email.rsplit_once('@')?;
    let is_plain = email.chars().all(|c| !c.is_control() && !c.is_whitespace() && !"<>()[]\\,;:\"".contains(c));
    let is_domain = domain.split('.').all(|label| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    });
    let is_local = !local.is_empty() && local.len() <= 64 && !local.contains('@');
    (is_plain && is_domain && is_local && email.len() <= 254).then_some(email)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_compared_without_case_and_what_is_none_is_refused() {
        assert_eq!(parse("  Ada.Lovelace+x@Example.COM "), Some("ada.lovelace+x@example.com".to_owned()));
        assert_eq!(parse("root@localhost"), Some("root@localhost".to_owned()));
        for text in [
            "",
            "@",
            "a@",
            "@b",
            "a b@c",
            "a@b..c",
            "a@-b",
            "a@b@c",
            "a\0@b",
            "a\r\nbcc:x@y",
            "<a@b>",
            "a@b,c@d",
            "\"a\"@b",
            "a@[127.0.0.1]",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse(&format!("{}@b", "a".repeat(65))), None);
    }
}
