//! JSON values whose texts may hold `{{ expressions }}`, compiled once.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::expression::Expression;
use super::measure::{MAX_VALUE_DEPTH, is_deeper, take};
use super::path::Path;
use super::scope::{Scope, lookup};
use super::text;
use super::{EvalError, Fault, MAX_OUTPUT, SECRETS, cut};
use crate::pointer::escape;

/// A compiled template of any JSON shape.
#[derive(Debug, Clone)]
pub struct Template {
    source: Value,
    node: Node,
}

#[derive(Debug, Clone)]
enum Node {
    /// Nothing to render.
    Literal,
    /// A text that is exactly one template keeps the value's type.
    Whole(Expression),
    Text(Vec<Piece>),
    /// Members that are literal with their value, the others with `null` in its place.
    List(Vec<(Value, Node)>),
    Object(Vec<(String, Value, Node)>),
}

/// An expression that reads a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SecretUse {
    /// Of the text that it stands in, relative to the template's value.
    pub(crate) pointer: String,
    /// The secret's name; `None` when the expression does more than name one.
    pub(crate) name: Option<String>,
    /// What stands before it in its text, when that is written out.
    pub(crate) after: Option<String>,
}

#[derive(Debug, Clone)]
enum Piece {
    Literal(String),
    Expression(Expression),
}

impl Node {
    const fn is_literal(&self) -> bool {
        matches!(self, Self::Literal)
    }

    /// What of the source is needed to render: copies on every level would multiply a deep value.
    fn keep(&self, source: &Value) -> Value {
        if self.is_literal() { source.clone() } else { Value::Null }
    }
}

const MORE: &str = "the rendered value has more than 1 MiB";

/// Faults that are told of one template.
const MOST_FAULTS: usize = 100;

impl Template {
    /// Compiles a value; all faults at once.
    ///
    /// # Errors
    /// The faults, with pointers relative to `value`.
    pub fn compile(value: &Value) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let node = compile(value, &mut String::new(), &mut faults);
        if faults.is_empty() { Ok(Self { source: value.clone(), node }) } else { Err(faults) }
    }

    /// The value with every template replaced; a missing value that is the whole text is `null`.
    ///
    /// # Errors
    /// When an expression cannot be computed, or the result is over 1 MiB.
    pub fn render(&self, scope: &dyn Scope) -> Result<Value, EvalError> {
        let mut left = MAX_OUTPUT;
        let value = render(&self.source, &self.node, scope, &mut left)?;
        // A loop that wraps its own result again and again would make what no reader can take.
        if !matches!(self.node, Node::Literal) && is_deeper(&value, MAX_VALUE_DEPTH) {
            let expression = cut(&self.source.to_string());
            return Err(EvalError::Limit { expression, limit: "the rendered value is nested over 64 deep" });
        }
        Ok(value)
    }

    /// The rendered value as text.
    ///
    /// # Errors
    /// As [`Self::render`].
    pub fn render_text(&self, scope: &dyn Scope) -> Result<String, EvalError> {
        Ok(match self.render(scope)? {
            Value::String(text) => text,
            other => text::to_text(&other),
        })
    }

    /// As written.
    #[must_use]
    pub const fn source(&self) -> &Value {
        &self.source
    }

    /// The paths that are read, as far as they are fixed.
    #[must_use]
    pub fn reads(&self) -> Vec<String> {
        let mut reads = Vec::new();
        collect(&self.node, &mut reads);
        reads
    }

    /// Where secrets are read, whether as they may be or not.
    pub(crate) fn secrets(&self) -> Vec<SecretUse> {
        let mut found = Vec::new();
        secrets(&self.node, &mut String::new(), &mut found);
        found
    }

    /// Whether more than plain paths is read, so that rendering can fail or take long.
    pub(super) fn computes(&self) -> bool {
        computes(&self.node)
    }

    /// Whether there is nothing to render.
    #[must_use]
    pub const fn is_literal(&self) -> bool {
        matches!(self.node, Node::Literal)
    }
}

fn computes(node: &Node) -> bool {
    match node {
        Node::Literal => false,
        Node::Whole(expression) => expression.as_path().is_none(),
        Node::Text(pieces) => pieces.iter().any(|piece| match piece {
            Piece::Literal(_) => false,
            Piece::Expression(expression) => expression.as_path().is_none(),
        }),
        Node::List(members) => members.iter().any(|(_, member)| computes(member)),
        Node::Object(fields) => fields.iter().any(|(_, _, field)| computes(field)),
    }
}

fn compile(value: &Value, pointer: &mut String, faults: &mut Vec<Fault>) -> Node {
    if faults.len() >= MOST_FAULTS {
        return Node::Literal;
    }
    match value {
        Value::String(text) => match pieces(text) {
            Ok(pieces) => of_pieces(pieces),
            Err(fault) => {
                faults.push(Fault { pointer: pointer.clone(), ..fault });
                Node::Literal
            }
        },
        Value::Array(members) => {
            let nodes: Vec<Node> = members
                .iter()
                .enumerate()
                .map(|(index, member)| below(member, &index.to_string(), pointer, faults))
                .collect();
            if nodes.iter().all(Node::is_literal) {
                return Node::Literal;
            }
            Node::List(members.iter().zip(nodes).map(|(member, node)| (node.keep(member), node)).collect())
        }
        Value::Object(fields) => {
            let nodes: Vec<Node> = fields.iter().map(|(key, field)| below(field, key, pointer, faults)).collect();
            if nodes.iter().all(Node::is_literal) {
                return Node::Literal;
            }
            let kept = |((key, field), node): ((&String, &Value), Node)| (key.clone(), node.keep(field), node);
            Node::Object(fields.iter().zip(nodes).map(kept).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Node::Literal,
    }
}

fn below(value: &Value, key: &str, pointer: &mut String, faults: &mut Vec<Fault>) -> Node {
    let length = pointer.len();
    pointer.push('/');
    pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
    let node = compile(value, pointer, faults);
    pointer.truncate(length);
    node
}

fn of_pieces(mut pieces: Vec<Piece>) -> Node {
    if let [Piece::Expression(_)] = pieces.as_slice()
        && let Some(Piece::Expression(expression)) = pieces.pop()
    {
        return Node::Whole(expression);
    }
    if pieces.iter().all(|piece| matches!(piece, Piece::Literal(_))) { Node::Literal } else { Node::Text(pieces) }
}

fn pieces(text: &str) -> Result<Vec<Piece>, Fault> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        if start > 0 {
            pieces.push(Piece::Literal(rest[..start].to_owned()));
        }
        let inside = &rest[start + 2..];
        let Some(end) = end_of_expression(inside) else {
            let message = format!("`{{{{` at character {} is not closed", text.len() - rest.len() + start + 1);
            return Err(Fault::new("", "bad-template", message).suggest("close it with `}}`"));
        };
        pieces.push(Piece::Expression(Expression::compile(&inside[..end])?));
        rest = &inside[end + 2..];
    }
    if !rest.is_empty() {
        pieces.push(Piece::Literal(rest.to_owned()));
    }
    Ok(pieces)
}

/// Where the `}}` stands that closes an expression; braces and texts inside it are skipped.
fn end_of_expression(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    let mut quote: Option<u8> = None;
    while at < bytes.len() {
        let next = bytes[at];
        match quote {
            Some(_) if next == b'\\' => at += 1,
            Some(open) if next == open => quote = None,
            Some(_) => {}
            None => match next {
                b'"' | b'\'' => quote = Some(next),
                b'{' => depth += 1,
                b'}' if depth > 0 => depth -= 1,
                b'}' if bytes.get(at + 1) == Some(&b'}') => return Some(at),
                _other => {}
            },
        }
        at += 1;
    }
    None
}

/// Renders with `left` bytes to go, so that many large values are not all made before one is too many.
fn render(source: &Value, node: &Node, scope: &dyn Scope, left: &mut usize) -> Result<Value, EvalError> {
    Ok(match node {
        Node::Literal => source.clone(),
        Node::Whole(expression) => {
            let value = expression.evaluate(scope)?;
            if !take(&value, left) {
                return Err(EvalError::Limit { expression: cut(expression.source()), limit: MORE });
            }
            value
        }
        Node::Text(pieces) => {
            let text = render_text(pieces, scope)?;
            let over = || EvalError::Limit { expression: cut(&text), limit: MORE };
            *left = left.checked_sub(text.len()).ok_or_else(over)?;
            Value::String(text)
        }
        Node::List(members) => {
            let mut list = Vec::with_capacity(members.len());
            for (source, node) in members {
                list.push(render(source, node, scope, left)?);
            }
            Value::Array(list)
        }
        Node::Object(fields) => {
            let mut object = Map::new();
            for (key, source, node) in fields {
                object.insert(key.clone(), render(source, node, scope, left)?);
            }
            Value::Object(object)
        }
    })
}

fn render_text(pieces: &[Piece], scope: &dyn Scope) -> Result<String, EvalError> {
    let mut output = String::new();
    for piece in pieces {
        match piece {
            Piece::Literal(literal) => output.push_str(literal),
            Piece::Expression(expression) => {
                let value: Cow<'_, Value> = match expression.as_path() {
                    // Borrowed: a value that only becomes text is not copied first.
                    Some(path) => lookup(scope, path).unwrap_or(Cow::Owned(Value::Null)),
                    None => Cow::Owned(expression.evaluate(scope)?),
                };
                text::push(&mut output, &value);
            }
        }
        if output.len() > MAX_OUTPUT {
            return Err(EvalError::Limit { expression: cut(&output), limit: "the rendered text has more than 1 MiB" });
        }
    }
    Ok(output)
}

fn secrets(node: &Node, pointer: &mut String, found: &mut Vec<SecretUse>) {
    match node {
        Node::Literal => {}
        Node::Whole(expression) => found.extend(secret(expression, pointer, Some(String::new()))),
        Node::Text(pieces) => {
            let mut before = Some(String::new());
            for piece in pieces {
                match piece {
                    Piece::Literal(text) => before.iter_mut().for_each(|before| before.push_str(text)),
                    Piece::Expression(expression) => {
                        found.extend(secret(expression, pointer, before.take()));
                    }
                }
            }
        }
        Node::List(members) => {
            for (index, (_, member)) in members.iter().enumerate() {
                secrets_below(member, &index.to_string(), pointer, found);
            }
        }
        Node::Object(fields) => {
            for (key, _, field) in fields {
                secrets_below(field, key, pointer, found);
            }
        }
    }
}

fn secrets_below(node: &Node, key: &str, pointer: &mut String, found: &mut Vec<SecretUse>) {
    let length = pointer.len();
    pointer.push('/');
    pointer.push_str(&escape(key));
    secrets(node, pointer, found);
    pointer.truncate(length);
}

fn secret(expression: &Expression, pointer: &str, after: Option<String>) -> Option<SecretUse> {
    let is_read = |path: &String| Path::parse(path).is_ok_and(|path| path.root() == SECRETS);
    if !expression.reads().iter().any(is_read) {
        return None;
    }
    let name = expression.as_path().and_then(Path::only_name).map(str::to_owned);
    Some(SecretUse { pointer: pointer.to_owned(), name, after })
}

fn collect(node: &Node, reads: &mut Vec<String>) {
    match node {
        Node::Literal => {}
        Node::Whole(expression) => reads.extend(expression.reads()),
        Node::Text(pieces) => {
            for piece in pieces {
                if let Piece::Expression(expression) = piece {
                    reads.extend(expression.reads());
                }
            }
        }
        Node::List(members) => members.iter().for_each(|(_, node)| collect(node, reads)),
        Node::Object(fields) => fields.iter().for_each(|(_, _, node)| collect(node, reads)),
    }
}
