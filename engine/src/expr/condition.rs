//! Conditions as they are written, compiled: `{field, operator, value}`, groups, expressions.

use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value, json};

use super::certain;
use super::expression::Expression;
use super::operator::Operator;
use super::path::Path;
use super::template::Template;
use super::{Fault, cut};
use crate::definition::suggest::duration as spelt_duration;
use crate::{duration, fix};

/// A compiled condition.
#[derive(Debug, Clone)]
pub struct Condition {
    source: Value,
    pub(super) node: Node,
}

#[derive(Debug, Clone)]
pub(super) enum Node {
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    Expression(Expression),
    Leaf(Leaf),
    /// `true` or `false`, as written.
    Constant(bool),
}

#[derive(Debug, Clone)]
pub(super) struct Leaf {
    pub(super) field: Path,
    pub(super) operator: Operator,
    pub(super) value: Option<Template>,
    /// A literal pattern, compiled once.
    pub(super) pattern: Option<Regex>,
}

/// Largest compiled pattern, in bytes.
const MAX_PATTERN: usize = 1024 * 1024;
/// Longest pattern as written, in bytes.
const MAX_PATTERN_TEXT: usize = 4 * 1024;
/// Deepest nesting of groups.
const MAX_DEPTH: usize = 32;

impl Condition {
    /// Compiles a condition; all faults at once.
    ///
    /// # Errors
    /// The faults, with pointers relative to `value`.
    pub fn compile(value: &Value) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let node = compile(value, "", 0, &mut faults);
        match node {
            Some(node) if faults.is_empty() => Ok(Self { source: value.clone(), node }),
            _has_faults => Err(faults),
        }
    }

    /// A condition that holds when all of `conditions` do.
    #[must_use]
    pub(crate) fn all_of(conditions: Vec<Self>) -> Self {
        let (sources, nodes): (Vec<Value>, Vec<Node>) =
            conditions.into_iter().map(|condition| (condition.source, condition.node)).unzip();
        Self { source: json!({ "and": sources }), node: Node::And(nodes) }
    }

    /// How many patterns a condition has as it is written: each may take a mebibyte once compiled.
    pub(crate) fn patterns(value: &Value) -> usize {
        patterns(value, 2 * MAX_DEPTH + 2)
    }

    /// The paths that are read, as far as they are fixed.
    #[must_use]
    pub fn reads(&self) -> Vec<String> {
        let mut reads = Vec::new();
        collect(&self.node, &mut reads);
        reads
    }

    /// As written.
    #[must_use]
    pub const fn source(&self) -> &Value {
        &self.source
    }

    /// How it always comes out, when that is certain.
    #[must_use]
    pub fn constant(&self) -> Option<bool> {
        certain::outcome(&self.node)
    }
}

fn patterns(value: &Value, levels: usize) -> usize {
    let Some(left) = levels.checked_sub(1) else { return 0 };
    match value {
        Value::Array(members) => members.iter().map(|member| patterns(member, left)).sum(),
        Value::Object(fields) => {
            let operator = fields.get("operator").and_then(Value::as_str).and_then(Operator::parse);
            let own = usize::from(operator == Some(Operator::Regex));
            own + fields.values().map(|field| patterns(field, left)).sum::<usize>()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

fn compile(value: &Value, pointer: &str, depth: usize, faults: &mut Vec<Fault>) -> Option<Node> {
    if depth > MAX_DEPTH {
        faults.push(Fault::new(pointer, "bad-condition", format!("conditions nest at most {MAX_DEPTH} deep")));
        return None;
    }
    match value {
        Value::Bool(value) => Some(Node::Constant(*value)),
        Value::String(text) => expression(text, pointer, faults),
        Value::Object(fields) => object(fields, pointer, depth, faults),
        Value::Null | Value::Number(_) | Value::Array(_) => {
            let fault = Fault::new(pointer, "bad-condition", "a condition is an object");
            faults.push(fault.suggest(
                "write `{field, operator, value}`, `{and: […]}`, `{or: […]}`, `{not: …}` or `{expression: \"…\"}`",
            ));
            None
        }
    }
}

fn expression(text: &str, pointer: &str, faults: &mut Vec<Fault>) -> Option<Node> {
    let trimmed = text.trim();
    let inner = trimmed.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")).unwrap_or(trimmed);
    match Expression::compile(inner) {
        Ok(expression) => Some(Node::Expression(expression)),
        Err(fault) => {
            faults.push(Fault { pointer: pointer.to_owned(), code: "bad-expression", ..fault });
            None
        }
    }
}

/// The keys that say what sort of condition it is.
const KINDS: [&str; 5] = ["field", "and", "or", "not", "expression"];

fn object(fields: &Map<String, Value>, pointer: &str, depth: usize, faults: &mut Vec<Fault>) -> Option<Node> {
    let kinds: Vec<&str> = KINDS.into_iter().filter(|kind| fields.contains_key(*kind)).collect();
    let [kind] = kinds.as_slice() else {
        let message = if kinds.is_empty() {
            "a condition needs one of `field`, `and`, `or`, `not`, `expression`".to_owned()
        } else {
            format!("a condition has exactly one of {}, not {}", KINDS.join(", "), kinds.join(" and "))
        };
        faults.push(Fault::new(pointer, "bad-condition", message));
        return None;
    };
    let allowed: &[&str] = if *kind == "field" { &["field", "operator", "value"] } else { std::slice::from_ref(kind) };
    for key in fields.keys().filter(|key| !allowed.contains(&key.as_str()) && !key.starts_with("x-")) {
        let fault = Fault::new(
            &format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1")),
            "unknown-key",
            format!("a condition with `{kind}` has no key `{}`", cut(key)),
        );
        let near = allowed.iter().find(|known| strsim::levenshtein(known, key) <= 2);
        faults.push(match near {
            Some(near) if !fields.contains_key(*near) => {
                let fix = fix::rename(&fault.pointer, near, &fields[key]);
                fault.suggest(format!("did you mean `{near}`?")).correct(fix)
            }
            Some(near) => fault.suggest(format!("did you mean `{near}`?")),
            None => fault,
        });
    }
    match *kind {
        "and" => members(fields, "and", pointer, depth, faults).map(Node::And),
        "or" => members(fields, "or", pointer, depth, faults).map(Node::Or),
        "not" => compile(&fields["not"], &format!("{pointer}/not"), depth + 1, faults)
            .map(|inner| Node::Not(Box::new(inner))),
        "expression" => match &fields["expression"] {
            Value::String(text) => expression(text, &format!("{pointer}/expression"), faults),
            _other => {
                faults.push(Fault::new(&format!("{pointer}/expression"), "bad-condition", "`expression` is a text"));
                None
            }
        },
        _field => leaf(fields, pointer, faults).map(Node::Leaf),
    }
}

fn members(
    fields: &Map<String, Value>,
    key: &str,
    pointer: &str,
    depth: usize,
    faults: &mut Vec<Fault>,
) -> Option<Vec<Node>> {
    let Some(list) = fields[key].as_array().filter(|list| !list.is_empty()) else {
        faults.push(Fault::new(
            &format!("{pointer}/{key}"),
            "bad-condition",
            format!("`{key}` is a list of at least one condition"),
        ));
        return None;
    };
    let compiled: Vec<Option<Node>> = list
        .iter()
        .enumerate()
        .map(|(index, member)| compile(member, &format!("{pointer}/{key}/{index}"), depth + 1, faults))
        .collect();
    compiled.into_iter().collect()
}

fn leaf(fields: &Map<String, Value>, pointer: &str, faults: &mut Vec<Fault>) -> Option<Leaf> {
    let field = field(&fields["field"], &format!("{pointer}/field"), faults);
    let operator = operator(fields, pointer, faults)?;
    let value = match fields.get("value") {
        None if operator.needs_value() => {
            faults.push(Fault::new(pointer, "missing-key", format!("`{}` needs a `value`", operator.name())));
            return None;
        }
        None => None,
        Some(value) => match Template::compile(value) {
            Ok(template) => Some(template),
            Err(wrong) => {
                faults.extend(
                    wrong
                        .into_iter()
                        .map(|fault| Fault { pointer: format!("{pointer}/value{}", fault.pointer), ..fault }),
                );
                return None;
            }
        },
    };
    let mut pattern = None;
    if let Some(template) = value.as_ref().filter(|template| template.is_literal()) {
        match literal(operator, template.source()) {
            Ok(compiled) => pattern = compiled,
            Err((code, message)) => {
                let fault = Fault::new(&format!("{pointer}/value"), code, message);
                let meant = template.source().as_str().filter(|_| code == "bad-duration").and_then(spelt_duration);
                faults.push(match meant {
                    Some(meant) => {
                        let fix = fix::replace(&fault.pointer, meant.as_str());
                        fault.suggest(format!("write `{meant}`")).correct(fix)
                    }
                    None => fault,
                });
                return None;
            }
        }
    }
    Some(Leaf { field: field?, operator, value, pattern })
}

fn field(value: &Value, pointer: &str, faults: &mut Vec<Fault>) -> Option<Path> {
    let Value::String(text) = value else {
        faults.push(Fault::new(pointer, "bad-condition", "`field` is a path, such as `order.total`"));
        return None;
    };
    let trimmed = text.trim();
    let inner = trimmed.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")).unwrap_or(trimmed);
    match Path::parse(inner) {
        Ok(path) => Some(path),
        Err(problem) => {
            let fault = Fault::new(pointer, "bad-condition", problem.to_string());
            faults.push(fault.suggest("for a computed value use `{expression: \"…\"}`"));
            None
        }
    }
}

fn operator(fields: &Map<String, Value>, pointer: &str, faults: &mut Vec<Fault>) -> Option<Operator> {
    match fields.get("operator") {
        Some(Value::String(word)) => Operator::parse(word).or_else(|| {
            let fault = Fault::new(
                &format!("{pointer}/operator"),
                "bad-operator",
                format!("there is no operator `{}`", cut(word)),
            );
            let near = Operator::nearest(word);
            // A word that is far from every operator may mean any of them.
            let is_near = strsim::levenshtein(near, word) <= 2 && word.len() > 2;
            let fix = if is_near { fix::replace(&fault.pointer, near) } else { Vec::new() };
            faults.push(fault.suggest(format!("did you mean `{near}`?")).correct(fix));
            None
        }),
        Some(_other) => {
            faults.push(Fault::new(
                &format!("{pointer}/operator"),
                "bad-operator",
                "`operator` is a text, such as `eq`",
            ));
            None
        }
        None => {
            faults.push(
                Fault::new(pointer, "missing-key", "a condition with `field` needs an `operator`")
                    .suggest("such as `eq`, `gt`, `in` or `exists`"),
            );
            None
        }
    }
}

/// Checks a literal right side against its operator.
fn literal(operator: Operator, value: &Value) -> Result<Option<Regex>, (&'static str, String)> {
    match operator {
        Operator::Regex => match value {
            Value::String(text) => pattern(text).map(Some).map_err(|reason| ("bad-regex", reason)),
            _other => Err(("bad-regex", "a pattern is a text".to_owned())),
        },
        Operator::Between if value.as_array().is_none_or(|bounds| bounds.len() != 2) => {
            Err(("bad-condition", "`between` takes a list of two values".to_owned()))
        }
        Operator::In | Operator::NotIn | Operator::HasAll | Operator::HasAny if !value.is_array() => {
            Err(("bad-condition", format!("`{}` takes a list", operator.name())))
        }
        Operator::WithinLast | Operator::OlderThan => match value {
            Value::String(text) => {
                duration::parse(text).map(|_length| None).map_err(|problem| ("bad-duration", problem.to_string()))
            }
            _other => Err(("bad-duration", format!("`{}` takes a length of time, such as `30d`", operator.name()))),
        },
        _any_value => Ok(None),
    }
}

/// Compiles a pattern with bounds; matching is linear in the text.
pub(super) fn pattern(text: &str) -> Result<Regex, String> {
    if text.len() > MAX_PATTERN_TEXT {
        return Err(format!("the pattern has {} bytes, at most {MAX_PATTERN_TEXT} are allowed", text.len()));
    }
    RegexBuilder::new(text).size_limit(MAX_PATTERN).dfa_size_limit(MAX_PATTERN).nest_limit(50).build().map_err(
        |problem| match problem {
            regex::Error::CompiledTooBig(_) => format!("`{}` is too large a pattern", cut(text)),
            other => {
                let reason = other.to_string();
                let last = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                format!("`{}` is not a pattern: {last}", cut(text))
            }
        },
    )
}

fn collect(node: &Node, reads: &mut Vec<String>) {
    match node {
        Node::And(members) | Node::Or(members) => members.iter().for_each(|member| collect(member, reads)),
        Node::Not(inner) => collect(inner, reads),
        Node::Expression(expression) => reads.extend(expression.reads()),
        Node::Leaf(leaf) => {
            reads.push(leaf.field.as_str().to_owned());
            reads.extend(leaf.value.as_ref().map(Template::reads).unwrap_or_default());
        }
        Node::Constant(_) => {}
    }
}
