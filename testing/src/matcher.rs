//! Texts that stand for many: `<any>`, `<timestamp>`, `<timestamp:+24h>`, `<url>`, `<one-of:a|b>`.

use std::time::Duration;

use engine::Timestamp;
use regex::{Captures, Regex};
use serde_json::Value;

/// How far a moment may be off.
const TOLERANCE_MS: i64 = 60_000;

/// Whether `seen` is what `expected` says. `began` is when the run began.
pub(crate) fn fits(expected: &str, seen: &str, began: Timestamp) -> bool {
    if !expected.contains('<') {
        return expected == seen;
    }
    let mut pattern = String::from("(?s)^");
    let mut offsets = Vec::new();
    let mut rest = expected;
    while let Some(at) = rest.find('<') {
        let (before, after) = rest.split_at(at);
        pattern.push_str(&regex::escape(before));
        let Some((piece, length)) = piece(after, &mut offsets) else {
            pattern.push_str(&regex::escape("<"));
            rest = &after[1..];
            continue;
        };
        pattern.push_str(&piece);
        rest = &after[length..];
    }
    pattern.push_str(&regex::escape(rest));
    pattern.push('$');
    // Everything in it is escaped or ours.
    let Ok(regex) = Regex::new(&pattern) else { return expected == seen };
    regex.captures(seen).is_some_and(|found| moments_fit(&found, &offsets, began))
}

/// The pattern of the matcher at the beginning of `text`, and its length.
fn piece(text: &str, offsets: &mut Vec<Option<Duration>>) -> Option<(String, usize)> {
    let end = text.find('>')?;
    let inside = &text[1..end];
    let moment = r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2}))";
    let pattern = match inside.split_once(':') {
        None if inside == "any" => ".*".to_owned(),
        None if inside == "url" => r"https?://\S+".to_owned(),
        None if inside == "timestamp" => {
            offsets.push(None);
            moment.to_owned()
        }
        Some(("timestamp", offset)) => {
            offsets.push(Some(engine::duration::parse(offset.strip_prefix('+')?).ok()?));
            moment.to_owned()
        }
        Some(("one-of", choices)) => {
            let choices: Vec<String> = choices.split('|').map(regex::escape).collect();
            format!("(?:{})", choices.join("|"))
        }
        _other => return None,
    };
    Some((pattern, end + 1))
}

fn moments_fit(found: &Captures<'_>, offsets: &[Option<Duration>], began: Timestamp) -> bool {
    offsets.iter().enumerate().all(|(index, offset)| {
        let text = found.get(index + 1).map_or("", |moment| moment.as_str());
        let Some(moment) = engine::expr::moment_of(&Value::String(text.to_owned()), began) else { return false };
        offset.is_none_or(|offset| (moment.0 - began.plus(offset).0).abs() <= TOLERANCE_MS)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matchers_stand_for_many_texts_and_everything_else_for_itself() {
        let began = Timestamp(1_767_225_600_000);
        for (expected, seen, is_fit) in [
            ("plain", "plain", true),
            ("plain", "other", false),
            ("a <any> c", "a b\nb c", true),
            ("<timestamp>", "2026-01-01T00:00:00.000Z", true),
            ("<timestamp>", "yesterday", false),
            ("due <timestamp:+24h>", "due 2026-01-02T00:00:59Z", true),
            ("due <timestamp:+24h>", "due 2026-01-02T00:02:00Z", false),
            ("see <url>", "see https://example.org/a?b=c", true),
            ("<one-of:a|b.c>", "b.c", true),
            ("<one-of:a|b.c>", "bxc", false),
            ("a < b", "a < b", true),
            ("<unknown>", "<unknown>", true),
            ("(a)+", "(a)+", true),
        ] {
            assert_eq!(fits(expected, seen, began), is_fit, "`{expected}` and `{seen}`");
        }
    }
}
