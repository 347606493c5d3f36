//! `<`, `<=`, `>`, `>=` of expressions, given the meaning that they have in conditions.
//!
//! minijinja orders any two values, a missing one below everything: `risk < 50` would hold for who
//! has no risk. So a comparison with one of these operators becomes a filter of our own; all other
//! text stays as it is.

use std::cmp::Ordering;

use minijinja::Value;
use minijinja::value::{Rest, ValueKind};

use super::moment;

/// Name of the filter: `(a)|__ordered('<', (b))`, and further pairs for `a < b < c`.
pub(super) const FILTER: &str = "__ordered";

/// The expression with its comparisons of order as calls of the filter.
pub(super) fn rewrite(expression: &str) -> String {
    let has_order = expression.contains(['<', '>']);
    has_order.then(|| level(&mut Scanner { rest: expression }, None)).flatten().unwrap_or_else(|| expression.to_owned())
}

/// A comparison whose end is not known yet.
#[derive(Default)]
struct Chain {
    /// As written, brackets inside rewritten.
    text: String,
    operands: Vec<String>,
    operators: Vec<&'static str>,
    current: String,
}

impl Chain {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.current.push_str(text);
    }

    fn compare(&mut self, operator: &'static str, written: &str) {
        self.text.push_str(written);
        self.operands.push(std::mem::take(&mut self.current));
        self.operators.push(operator);
    }

    /// Ends the comparison.
    fn flush(&mut self, output: &mut String) {
        let mut chain = std::mem::take(self);
        chain.operands.push(chain.current);
        let has_order = chain.operators.iter().any(|operator| operator.starts_with(['<', '>']));
        // What lacks a side is left for the parser to complain about.
        let is_whole = chain.operands.iter().all(|operand| !operand.trim().is_empty());
        if !(has_order && is_whole) || chain.operators.contains(&"in") {
            output.push_str(&chain.text);
            return;
        }
        let mut operands = chain.operands.iter().map(|operand| operand.trim());
        let first = operands.next().unwrap_or_default();
        for part in [" ((", first, ")|", FILTER, "("] {
            output.push_str(part);
        }
        for (operator, operand) in chain.operators.iter().zip(operands) {
            for part in ["'", operator, "',(", operand, "),"] {
                output.push_str(part);
            }
        }
        output.push_str(")) ");
    }
}

struct Scanner<'a> {
    rest: &'a str,
}

impl<'a> Scanner<'a> {
    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    /// A text in quotes; everything that is left if it does not end.
    fn quoted(&mut self, quote: char) -> &'a str {
        let mut escaped = false;
        let end = self.rest.char_indices().skip(1).find(|(_, next)| {
            let ends = *next == quote && !escaped;
            escaped = *next == '\\' && !escaped;
            ends
        });
        self.take(end.map_or(self.rest.len(), |(at, _)| at + 1))
    }
}

const OPERATORS: [&str; 6] = ["<=", ">=", "==", "!=", "<", ">"];

/// One level of brackets, up to `close`; nothing when the brackets do not agree.
fn level(scanner: &mut Scanner<'_>, close: Option<char>) -> Option<String> {
    let mut output = String::new();
    let mut chain = Chain::default();
    let mut previous = ' ';
    while let Some(next) = scanner.rest.chars().next() {
        if Some(next) == close {
            chain.flush(&mut output);
            return Some(output);
        }
        match next {
            '"' | '\'' => chain.push(scanner.quoted(next)),
            '(' | '[' | '{' => {
                let end = match next {
                    '(' => ')',
                    '[' => ']',
                    _brace => '}',
                };
                scanner.take(1);
                let inside = level(scanner, Some(end))?;
                scanner.take(1);
                chain.push(&format!("{next}{inside}{end}"));
            }
            ')' | ']' | '}' => return None,
            _other if next.is_alphanumeric() || next == '_' => {
                let word = |c: char| c.is_alphanumeric() || c == '_';
                let length = scanner.rest.find(|c: char| !word(c)).unwrap_or(scanner.rest.len());
                let word = scanner.take(length);
                match word {
                    _field if previous == '.' => chain.push(word),
                    "and" | "or" | "not" | "if" | "else" => {
                        chain.flush(&mut output);
                        output.push_str(word);
                    }
                    "in" => chain.compare("in", word),
                    _name => chain.push(word),
                }
            }
            _other => match OPERATORS.into_iter().find(|operator| scanner.rest.starts_with(operator)) {
                Some(operator) => chain.compare(operator, scanner.take(operator.len())),
                None if matches!(next, ',' | ':' | '=') => {
                    chain.flush(&mut output);
                    output.push_str(scanner.take(1));
                }
                None => chain.push(scanner.take(next.len_utf8())),
            },
        }
        previous = next;
    }
    chain.flush(&mut output);
    close.is_none().then_some(output)
}

/// Whether every pair of a chain is in order.
pub(super) fn ordered(first: Value, pairs: Rest<Value>) -> bool {
    let mut left = first;
    for pair in pairs.chunks_exact(2) {
        let [operator, right] = pair else { return false };
        if !holds(&left, operator.as_str().unwrap_or_default(), right) {
            return false;
        }
        left = right.clone();
    }
    true
}

fn holds(left: &Value, operator: &str, right: &Value) -> bool {
    match operator {
        "==" => left == right,
        "!=" => left != right,
        "<" => order(left, right).is_some_and(Ordering::is_lt),
        "<=" => order(left, right).is_some_and(Ordering::is_le),
        ">" => order(left, right).is_some_and(Ordering::is_gt),
        ">=" => order(left, right).is_some_and(Ordering::is_ge),
        _unknown => false,
    }
}

/// Numbers by value, moments by instant, other texts by code point; anything else has no order.
fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left.kind(), right.kind()) {
        (ValueKind::Number, ValueKind::Number) => Some(left.cmp(right)),
        (ValueKind::String, ValueKind::String) => {
            let (left, right) = (left.as_str()?, right.as_str()?);
            let moments = moment::absolute(left).zip(moment::absolute(right));
            Some(moments.map_or_else(|| left.cmp(right), |(left, right)| left.cmp(&right)))
        }
        _no_order => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_of_order_become_calls_and_everything_else_stays() {
        let cases = [
            ("a < b", " ((a)|__ordered('<',(b),)) "),
            ("not a + 1 >= b | default(0) and c", "not ((a + 1)|__ordered('>=',(b | default(0)),)) and c"),
            ("1 < x < 5", " ((1)|__ordered('<',(x),'<',(5),)) "),
            ("f(a > b, k=c)", "f( ((a)|__ordered('>',(b),)) , k=c)"),
            ("'a < b' == c", "'a < b' == c"),
            ("\"it\\\"s <\" ~ a", "\"it\\\"s <\" ~ a"),
            ("a == b and c in d", "a == b and c in d"),
            ("a.not < 1", " ((a.not)|__ordered('<',(1),)) "),
            ("a <", "a <"),
            ("(a < b", "(a < b"),
        ];
        for (written, rewritten) in cases {
            assert_eq!(rewrite(written), rewritten, "{written}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_rewriting_panic(text in "[a<>=()\\[\\]{}'\" .!né\\\\]{0,40}") {
            let _rewritten = rewrite(&text);
        }
    }
}
