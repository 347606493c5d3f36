//! How deep the tree of an expression can become, told from its text: the parser and the compiler
//! of minijinja walk that tree by recursion, and a stack that overflows ends the whole process.

use super::Fault;

/// Deepest nesting of brackets.
const MAX_NESTING: usize = 32;
/// Longest chain of operators, filters and fields that hang on each other.
const MAX_CHAIN: usize = 256;

/// Refuses an expression whose tree would be too deep.
pub(super) fn check(text: &str) -> Result<(), Fault> {
    let fault = |message: String| Err(Fault::new("", "bad-template", message));
    let depth = measure(text);
    if depth.brackets > MAX_NESTING {
        return fault(format!("the expression nests deeper than {MAX_NESTING} brackets"));
    }
    if depth.chain > MAX_CHAIN {
        return fault(format!("the expression chains more than {MAX_CHAIN} operators, filters and fields"));
    }
    Ok(())
}

struct Depth {
    brackets: usize,
    chain: usize,
}

/// What hangs on each other between two brackets.
#[derive(Clone, Copy, Default)]
struct Level {
    /// `and` and `or`: what they join stands side by side below them.
    joins: usize,
    /// Everything else since the last join.
    links: usize,
    /// The longest that `links` was before a join.
    longest: usize,
}

impl Level {
    fn depth(self) -> usize {
        self.joins + self.links.max(self.longest)
    }
}

fn measure(text: &str) -> Depth {
    let mut around: Vec<Level> = Vec::new();
    // The levels in `around` do not change while something inside them is read.
    let mut above = 0_usize;
    let mut level = Level::default();
    let mut depth = Depth { brackets: 0, chain: 0 };
    let mut quote: Option<char> = None;
    let mut signs = 0_usize;
    let mut characters = text.char_indices().peekable();
    while let Some((at, next)) = characters.next() {
        if let Some(open) = quote {
            match next {
                '\\' => drop(characters.next()),
                _ if next == open => quote = None,
                _inside => {}
            }
            continue;
        }
        // A run of signs nests as brackets do.
        signs = match next {
            '-' | '+' => signs + 1,
            _ if next.is_whitespace() => signs,
            _other => 0,
        };
        depth.brackets = depth.brackets.max(signs);
        match next {
            '"' | '\'' => quote = Some(next),
            '(' | '[' | '{' => {
                level.links += 1;
                above += level.depth();
                around.push(level);
                level = Level::default();
            }
            ')' | ']' | '}' => {
                level = around.pop().unwrap_or_default();
                above = above.saturating_sub(level.depth());
            }
            // What a comma or a colon separates stands side by side.
            ',' | ':' => level = Level::default(),
            '.' | '|' | '+' | '-' | '*' | '/' | '%' | '~' | '=' | '<' | '>' | '!' => level.links += 1,
            _ if next.is_alphabetic() => {
                let mut end = at + next.len_utf8();
                while let Some((_, more)) = characters.next_if(|(_, more)| more.is_alphanumeric() || *more == '_') {
                    end += more.len_utf8();
                }
                match &text[at..end] {
                    "and" | "or" => {
                        level.joins += 1;
                        level.longest = level.longest.max(level.links);
                        level.links = 0;
                    }
                    "not" | "in" | "is" | "if" | "else" => level.links += 1,
                    _name => {}
                }
            }
            _other => {}
        }
        depth.brackets = depth.brackets.max(around.len());
        depth.chain = depth.chain.max(above + level.depth());
    }
    depth
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hangs_on_each_other_counts_and_what_stands_side_by_side_does_not() {
        for (text, chain) in [
            ("a", 0),
            ("a + b", 1),
            ("a.b.c", 2),
            ("a.b.c or a.b.c or a.b.c", 4),
            ("a|upper|trim", 2),
            ("[a + b, c + d, e + f]", 2),
            ("f(a.b)", 2),
            ("'a + b + c' ~ d", 1),
            ("'a\\' + b' ~ d", 1),
            ("not\tnot\nnot a", 3),
            ("nothing + android", 1),
        ] {
            assert_eq!(measure(text).chain, chain, "{text}");
        }
    }

    #[test]
    fn long_alternatives_and_lists_are_no_chains() {
        let alternatives = vec!["order.customer.tier == 'gold'"; 200].join(" or ");
        assert!(check(&alternatives).is_ok());
        let list = format!("[{}]", vec!["order.total * 2"; 500].join(", "));
        assert!(check(&list).is_ok());
    }
}
