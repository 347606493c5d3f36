//! Our spellings that minijinja does not know, rewritten into its own.
//!
//! `items.length` becomes a filter, since minijinja would look for a field; `items.*.qty` becomes
//! one that collects; a leading dot or `$.` is dropped. Texts in quotes are left alone.

/// The expression as minijinja reads it.
pub(super) fn rewrite(expression: &str) -> String {
    let mut output = String::with_capacity(expression.len() + 16);
    let mut rest = expression;
    let mut quote: Option<char> = None;
    let mut previous = ' ';
    while let Some(next) = rest.chars().next() {
        let width = next.len_utf8();
        if let Some(open) = quote {
            output.push(next);
            if next == '\\' {
                if let Some(escaped) = rest[width..].chars().next() {
                    output.push(escaped);
                    rest = &rest[width + escaped.len_utf8()..];
                    continue;
                }
            } else if next == open {
                quote = None;
            }
            rest = &rest[width..];
            previous = next;
            continue;
        }
        if next == '"' || next == '\'' {
            quote = Some(next);
        }
        if let Some((replacement, length)) = special(rest, previous) {
            output.push_str(&replacement);
            rest = &rest[length..];
            previous = ')';
            continue;
        }
        output.push(next);
        rest = &rest[width..];
        previous = next;
    }
    output
}

/// What stands for the beginning of `rest`, and how many bytes of it are replaced.
fn special(rest: &str, previous: char) -> Option<(String, usize)> {
    let after_value = previous.is_alphanumeric() || matches!(previous, '_' | ')' | ']' | '"' | '\'');
    if !after_value {
        // A dot that follows nothing is the root; `$.` is too.
        let skipped = if rest.starts_with("$.") { 2 } else { usize::from(rest.starts_with('.')) };
        let next = rest[skipped..].chars().next();
        return (skipped > 0 && next.is_some_and(|next| next.is_alphabetic() || next == '_'))
            .then(|| (String::new(), skipped));
    }
    if let Some(tail) = rest.strip_prefix(".length") {
        let ends =
            tail.chars().next().is_none_or(|next| !(next.is_alphanumeric() || matches!(next, '_' | '(' | '.' | '[')));
        return ends.then(|| ("|__length".to_owned(), ".length".len()));
    }
    let tail = rest.strip_prefix(".*.").or_else(|| rest.strip_prefix("[*]."))?;
    let length = tail
        .find(|next: char| !(next.is_alphanumeric() || matches!(next, '_' | '.' | '-' | '*')))
        .unwrap_or(tail.len());
    let path = tail[..length].trim_end_matches(['.', '*', '-']);
    if path.is_empty() {
        return None;
    }
    Some((format!("|__each(\"{path}\")"), rest.len() - tail.len() + path.len()))
}

/// The expression with `l[a:b]` as `l[[a,b]]`; nothing if it has no slices.
///
/// minijinja (3.1) does not say that a slice reads what is sliced; of this expression it does. It is
/// only looked at, never computed.
pub(super) fn without_slices(expression: &str) -> Option<String> {
    struct Open {
        bracket: char,
        start: usize,
        /// Where the part after the last colon begins.
        part: usize,
        is_slice: bool,
    }
    let mut output = String::with_capacity(expression.len() + 8);
    let mut open: Vec<Open> = Vec::new();
    let (mut quote, mut is_escaped, mut has_slices) = (None, false, false);
    for next in expression.chars() {
        if let Some(end) = quote {
            quote = (next != end || is_escaped).then_some(end);
            is_escaped = next == '\\' && !is_escaped;
            output.push(next);
            continue;
        }
        match next {
            '"' | '\'' => quote = Some(next),
            ':' => {
                if let Some(slice) = open.last_mut().filter(|open| open.bracket == '[') {
                    if output[slice.part..].trim().is_empty() {
                        output.push('0');
                    }
                    output.push(',');
                    (slice.part, slice.is_slice) = (output.len(), true);
                    continue;
                }
            }
            ')' | ']' | '}' => {
                if let Some(slice) = open.pop().filter(|open| open.is_slice) {
                    if output[slice.part..].trim().is_empty() {
                        output.push('0');
                    }
                    output.insert(slice.start, '[');
                    output.push(']');
                    has_slices = true;
                }
            }
            _other => {}
        }
        output.push(next);
        if matches!(next, '(' | '[' | '{') {
            open.push(Open { bracket: next, start: output.len(), part: output.len(), is_slice: false });
        }
    }
    has_slices.then_some(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_become_lists_for_those_who_look_for_what_is_read() {
        let cases = [
            ("l[0:2] | sum", Some("l[[0,2]] | sum")),
            ("l[1:]", Some("l[[1,0]]")),
            ("l[:n]", Some("l[[0,n]]")),
            ("a[b[1:2]:f(c)]", Some("a[[b[[1,2]],f(c)]]")),
            ("l[0] ~ '[1:2]' ~ {'a': 1}", None),
            ("'it\\'s' ~ s[::2]", Some("'it\\'s' ~ s[[0,0,2]]")),
        ];
        for (written, rewritten) in cases {
            assert_eq!(without_slices(written).as_deref(), rewritten, "{written}");
        }
    }

    #[test]
    fn our_spellings_become_filters_and_texts_stay() {
        let cases = [
            ("a.length", "a|__length"),
            ("a.length + 1", "a|__length + 1"),
            ("a.lengthy", "a.lengthy"),
            ("items.*.qty | sum", "items|__each(\"qty\") | sum"),
            ("items[*].a.b", "items|__each(\"a.b\")"),
            (".order.total > $.limit", "order.total > limit"),
            ("'a.length' ~ \"x.*.y\"", "'a.length' ~ \"x.*.y\""),
            ("0.5 * a", "0.5 * a"),
            ("a * .5", "a * .5"),
            ("a * b.c", "a * b.c"),
        ];
        for (written, rewritten) in cases {
            assert_eq!(rewrite(written), rewritten);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_rewriting_panic(text in "\\PC{0,60}") {
            let _rewritten = rewrite(&text);
            let _without_slices = without_slices(&text);
        }
    }
}
