//! JSON values whose texts may hold `{{ expressions }}`, compiled once.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::expression::{Expression, weight};
use super::scope::{Scope, lookup};
use super::text;
use super::{EvalError, Fault, MAX_OUTPUT, cut};

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
    List(Vec<(Value, Node)>),
    Object(Vec<(String, Value, Node)>),
}

#[derive(Debug, Clone)]
enum Piece {
    Literal(String),
    Expression(Expression),
}

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
        let value = render(&self.source, &self.node, scope)?;
        if !matches!(self.node, Node::Literal) && weight(&value) > MAX_OUTPUT {
            return Err(EvalError::Limit {
                expression: cut(&self.source.to_string()),
                limit: "the rendered value has more than 1 MiB",
            });
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
    match value {
        Value::String(text) => match pieces(text) {
            Ok(pieces) => of_pieces(pieces),
            Err(fault) => {
                faults.push(Fault { pointer: pointer.clone(), ..fault });
                Node::Literal
            }
        },
        Value::Array(members) => {
            let nodes: Vec<(Value, Node)> = members
                .iter()
                .enumerate()
                .map(|(index, member)| (member.clone(), below(member, &index.to_string(), pointer, faults)))
                .collect();
            if nodes.iter().all(|(_, node)| matches!(node, Node::Literal)) { Node::Literal } else { Node::List(nodes) }
        }
        Value::Object(fields) => {
            let nodes: Vec<(String, Value, Node)> = fields
                .iter()
                .map(|(key, field)| (key.clone(), field.clone(), below(field, key, pointer, faults)))
                .collect();
            if nodes.iter().all(|(_, _, node)| matches!(node, Node::Literal)) {
                Node::Literal
            } else {
                Node::Object(nodes)
            }
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

fn render(source: &Value, node: &Node, scope: &dyn Scope) -> Result<Value, EvalError> {
    Ok(match node {
        Node::Literal => source.clone(),
        Node::Whole(expression) => expression.evaluate(scope)?,
        Node::Text(pieces) => Value::String(render_text(pieces, scope)?),
        Node::List(members) => {
            Value::Array(members.iter().map(|(source, node)| render(source, node, scope)).collect::<Result<_, _>>()?)
        }
        Node::Object(fields) => {
            let mut object = Map::new();
            for (key, source, node) in fields {
                object.insert(key.clone(), render(source, node, scope)?);
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
