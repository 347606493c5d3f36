//! Patterns over event names: `order.created`, `order.*`, `*.failed`, `order.**`.

use std::fmt;

/// Longest event name or pattern, in bytes.
pub const MAX_EVENT_NAME_BYTES: usize = 255;

/// A parsed event name or pattern (definition-language §2).
///
/// `*` stands for one part, except at the end, where it covers all parts that follow (at least
/// one), as `**` does. `order.*` fits `order.created` and `order.item.added`, not `order`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventPattern {
    source: String,
    is_exact: bool,
    covers_rest: bool,
}

/// Why a text is no event pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    #[error("an event name cannot be empty")]
    Empty,
    #[error("an event name has at most {MAX_EVENT_NAME_BYTES} bytes, this one has {0}")]
    TooLong(usize),
    #[error("`{0}` has an empty part; parts are separated by single dots")]
    EmptyPart(String),
    #[error("`{0}` has `**` before the end; it can only be the last part")]
    RestNotLast(String),
    #[error("`*` stands for a whole part, so `{0}` cannot be a part")]
    PartialStar(String),
    #[error("`{0}` contains a space or a control character")]
    BadCharacter(String),
}

impl EventPattern {
    /// Reads a name or a pattern.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        if text.len() > MAX_EVENT_NAME_BYTES {
            return Err(PatternError::TooLong(text.len()));
        }
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(PatternError::BadCharacter(text.escape_debug().to_string()));
        }
        let mut parts = text.split('.').peekable();
        let mut covers_rest = false;
        while let Some(part) = parts.next() {
            let is_last = parts.peek().is_none();
            match part {
                "" => return Err(PatternError::EmptyPart(text.to_owned())),
                "**" if !is_last => return Err(PatternError::RestNotLast(text.to_owned())),
                "*" | "**" => covers_rest = is_last,
                other if other.contains('*') => {
                    return Err(PatternError::PartialStar(other.to_owned()));
                }
                _ => {}
            }
        }
        Ok(Self { source: text.to_owned(), is_exact: !text.contains('*'), covers_rest })
    }

    /// Whether an event of this name fits.
    pub fn matches(&self, event: &str) -> bool {
        if self.is_exact {
            return self.source == event;
        }
        let mut wanted = self.source.split('.').peekable();
        let mut given = event.split('.');
        while let Some(part) = wanted.next() {
            let Some(name) = given.next() else { return false };
            if wanted.peek().is_none() && self.covers_rest {
                return true;
            }
            if part != "*" && part != name {
                return false;
            }
        }
        given.next().is_none()
    }

    /// Whether it is a plain name, so that it can be looked up instead of tried.
    pub fn is_exact(&self) -> bool {
        self.is_exact
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.source
    }
}

impl fmt::Display for EventPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(pattern: &str, event: &str) -> bool {
        EventPattern::parse(pattern).unwrap().matches(event)
    }

    #[test]
    fn a_name_fits_only_itself() {
        assert!(fits("order.created", "order.created"));
        assert!(!fits("order.created", "order.created.late"));
        assert!(!fits("order.created", "order"));
        assert!(EventPattern::parse("order.created").unwrap().is_exact());
    }

    #[test]
    fn a_star_in_the_middle_is_one_part() {
        assert!(fits("order.*.failed", "order.payment.failed"));
        assert!(!fits("order.*.failed", "order.payment.card.failed"));
        assert!(!fits("order.*.failed", "order.failed"));
        assert!(fits("*.failed", "payment.failed"));
    }

    #[test]
    fn a_final_star_covers_the_rest() {
        for pattern in ["order.*", "order.**"] {
            assert!(fits(pattern, "order.created"));
            assert!(fits(pattern, "order.item.added"));
            assert!(!fits(pattern, "order"));
            assert!(!fits(pattern, "orders.created"));
        }
        for pattern in ["*", "**"] {
            assert!(fits(pattern, "order"));
            assert!(fits(pattern, "order.item.added"));
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_its_reason() {
        assert_eq!(EventPattern::parse(""), Err(PatternError::Empty));
        assert_eq!(EventPattern::parse("a..b"), Err(PatternError::EmptyPart("a..b".into())));
        assert_eq!(EventPattern::parse(".a"), Err(PatternError::EmptyPart(".a".into())));
        assert_eq!(EventPattern::parse("a.**.b"), Err(PatternError::RestNotLast("a.**.b".into())));
        assert_eq!(EventPattern::parse("ord*"), Err(PatternError::PartialStar("ord*".into())));
        assert_eq!(EventPattern::parse("a b"), Err(PatternError::BadCharacter("a b".into())));
        assert_eq!(EventPattern::parse(&"a".repeat(256)), Err(PatternError::TooLong(256)));
    }
}
