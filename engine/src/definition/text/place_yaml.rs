//! Places in YAML that is known to parse.

use saphyr_parser::{Event, Marker, Parser, Span};

use super::places::Places;
use crate::pointer;
use crate::problem::Range;

/// An open list or mapping.
struct Open {
    pointer: String,
    key: Option<Range>,
    start: Marker,
    /// End of the last thing in it.
    end: Marker,
    kind: Kind,
}

enum Kind {
    List { next: usize },
    Mapping { key: Option<(String, Range)> },
}

/// Records the place of every value that is written out; what an alias stands for has none.
pub(super) fn walk(text: &str, places: &mut Places) {
    let mut open: Vec<Open> = Vec::new();
    for event in Parser::new_from_str(text) {
        // serde-saphyr accepts a little more than this parser; the rest then has no places.
        let Ok((event, span)) = event else { return };
        match event {
            Event::Scalar(text, ..) => scalar(&mut open, places, &text, span),
            Event::Alias(_) => scalar(&mut open, places, "", span),
            Event::SequenceStart(..) => {
                let (pointer, key) = child(&open);
                open.push(Open { pointer, key, start: span.start, end: span.end, kind: Kind::List { next: 0 } });
            }
            Event::MappingStart(..) => {
                let (pointer, key) = child(&open);
                open.push(Open { pointer, key, start: span.start, end: span.end, kind: Kind::Mapping { key: None } });
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(closed) = open.pop() {
                    // The end of a block is an empty span at whatever comes next.
                    let end = if span.is_empty() { closed.end } else { span.end };
                    places.add(&closed.pointer, closed.key, range(closed.start, end));
                    advance(&mut open, end);
                }
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {}
        }
    }
}

fn scalar(open: &mut [Open], places: &mut Places, text: &str, span: Span) {
    if let Some(Open { end, kind: Kind::Mapping { key: key @ None }, .. }) = open.last_mut() {
        *key = Some((text.to_owned(), range(span.start, span.end)));
        *end = span.end;
        return;
    }
    let (pointer, key) = child(open);
    places.add(&pointer, key, range(span.start, span.end));
    advance(open, span.end);
}

/// The pointer and the key of the value that comes now.
fn child(open: &[Open]) -> (String, Option<Range>) {
    match open.last() {
        None => (String::new(), None),
        Some(parent) => match &parent.kind {
            Kind::List { next } => (pointer::join_index(&parent.pointer, *next), None),
            Kind::Mapping { key: Some((key, place)) } => (pointer::join(&parent.pointer, key), Some(*place)),
            // A list or mapping as a key: serde-saphyr refuses it, so this is never looked up.
            Kind::Mapping { key: None, .. } => (pointer::join(&parent.pointer, "?"), None),
        },
    }
}

/// The innermost open thing has got a value that ends there.
fn advance(open: &mut [Open], at: Marker) {
    if let Some(parent) = open.last_mut() {
        parent.end = at;
        match &mut parent.kind {
            Kind::List { next } => *next += 1,
            Kind::Mapping { key } => *key = None,
        }
    }
}

fn range(start: Marker, end: Marker) -> Range {
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    Range {
        start_line: number(start.line()),
        start_column: number(start.col()).saturating_add(1),
        end_line: number(end.line()),
        end_column: number(end.col()).saturating_add(1),
    }
}
