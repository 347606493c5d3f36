//! How the steps of a list lead to each other: what is never reached, and what never ends.

use serde_json::Value;

use super::outline::{Body, Node, Outline};
use super::{Finder, rules};
use crate::fix::Operation;
use crate::pointer;

/// Cycles that are listed one by one in a list of steps.
const MOST_CYCLES: usize = 20;

/// A way from one step to another of the same list.
struct Edge<'b> {
    to: usize,
    /// Pointer of the reference; `None` when the listed order leads there.
    pointer: Option<&'b str>,
    /// Something has to happen outside before this way is taken.
    waits: bool,
}

pub(super) fn check(outline: &Outline<'_>, finder: &mut Finder) {
    for body in outline.bodies.iter().filter(|body| !body.steps.is_empty()) {
        let edges = edges(body);
        let reached = reached(&edges);
        unreachable(body, &reached, finder);
        cycles(body, &edges, &reached, finder);
    }
}

fn edges<'b>(body: &'b Body<'_>) -> Vec<Vec<Edge<'b>>> {
    let targets = |node: &'b Node<'_>| {
        node.references.iter().filter_map(|reference| {
            // A misspelt reference counts as the one that was meant, so that one slip is not
            // reported twice.
            let to = body.find(reference.target).or_else(|| body.find(body.meant(reference.target)?))?;
            let waits = matches!(reference.key, "on_approved" | "on_rejected" | "on_expired" | "on_timeout");
            Some(Edge { to, pointer: Some(&reference.pointer), waits })
        })
    };
    let mut edges: Vec<Vec<Edge<'b>>> = body.steps.iter().map(|node| targets(node).collect()).collect();
    if body.is_ordered {
        for (index, node) in body.steps.iter().enumerate() {
            if index + 1 < body.steps.len() && goes_on(node) {
                edges[index].push(Edge { to: index + 1, pointer: None, waits: false });
            }
        }
    }
    edges
}

/// Whether a step of an ordered list can go on to the one listed after it.
fn goes_on(node: &Node<'_>) -> bool {
    let names = |key| node.references.iter().any(|reference| reference.key == key);
    match node.kind {
        "fail" | "end" => false,
        "condition" => !(names("on_true") && names("on_false") || names("next")),
        "switch" => !(names("default") || names("next")),
        _ => !names("next"),
    }
}

/// Whether a step's own `next` is the way on from it.
fn goes_by_next(node: &Node<'_>) -> bool {
    !matches!(node.kind, "" | "condition" | "switch" | "fail" | "end")
}

fn reached(edges: &[Vec<Edge<'_>>]) -> Vec<bool> {
    let mut reached = vec![false; edges.len()];
    let mut open = vec![0];
    while let Some(index) = open.pop() {
        if !std::mem::replace(&mut reached[index], true) {
            open.extend(edges[index].iter().map(|edge| edge.to));
        }
    }
    reached
}

fn unreachable(body: &Body<'_>, reached: &[bool], finder: &mut Finder) {
    for (index, node) in body.steps.iter().enumerate().filter(|(index, _)| !reached[*index]) {
        // The second of two steps with one id cannot be named; that is said elsewhere.
        if node.id.is_empty() || body.find(node.id) != Some(index) {
            continue;
        }
        let before = index.checked_sub(1).map(|before| &body.steps[before]);
        let (suggestion, fix) = match before {
            Some(before) if !body.is_ordered && before.references.is_empty() && goes_by_next(before) => {
                let hint = format!(
                    "steps at the top level run only when another names them: add \"next\": \
                     \"{}\" to step `{}`",
                    node.id, before.id
                );
                let add = Operation::Add { path: pointer::join(&before.pointer, "next"), value: Value::from(node.id) };
                (hint, vec![add])
            }
            _ => ("name it in another step, or remove it".to_owned(), Vec::new()),
        };
        let words = (format!("no path leads to step `{}`", node.id), Some(suggestion));
        finder.add_with(rules::UNREACHABLE_STEP, node.pointer.clone(), Some(node.id), words, fix);
    }
}

/// Reports each circle of steps in which nothing waits.
fn cycles(body: &Body<'_>, edges: &[Vec<Edge<'_>>], reached: &[bool], finder: &mut Finder) {
    let pauses = |index: usize| matches!(body.steps[index].kind, "wait" | "approval" | "while");
    let mut alive: Vec<bool> = (0..edges.len()).map(|index| reached[index] && !pauses(index)).collect();
    for _ in 0..MOST_CYCLES {
        peel(edges, &mut alive);
        let Some(start) = alive.iter().position(|alive| *alive) else { return };
        // Everything left has a way on, so following ways must come back to a step already seen.
        let mut path: Vec<(usize, Option<&str>)> = Vec::new();
        let mut place = vec![None; edges.len()];
        let mut at = start;
        let from = loop {
            if let Some(from) = place[at] {
                break from;
            }
            place[at] = Some(path.len());
            let Some(edge) = edges[at].iter().find(|edge| alive[edge.to] && !edge.waits) else {
                return;
            };
            path.push((at, edge.pointer));
            at = edge.to;
        };
        let circle = &path[from..];
        report(body, circle, finder);
        for (index, _) in circle {
            alive[*index] = false;
        }
    }
}

/// Takes away, again and again, every step that leads nowhere any more.
fn peel(edges: &[Vec<Edge<'_>>], alive: &mut [bool]) {
    let mut ways_on = vec![0_usize; edges.len()];
    let mut comes_from = vec![Vec::new(); edges.len()];
    for (index, list) in edges.iter().enumerate().filter(|(index, _)| alive[*index]) {
        for edge in list.iter().filter(|edge| alive[edge.to] && !edge.waits) {
            ways_on[index] += 1;
            comes_from[edge.to].push(index);
        }
    }
    let mut ends: Vec<usize> = (0..edges.len()).filter(|index| alive[*index] && ways_on[*index] == 0).collect();
    while let Some(index) = ends.pop() {
        alive[index] = false;
        for &before in &comes_from[index] {
            ways_on[before] -= 1;
            if ways_on[before] == 0 {
                ends.push(before);
            }
        }
    }
}

fn report(body: &Body<'_>, circle: &[(usize, Option<&str>)], finder: &mut Finder) {
    let Some(&(first, _)) = circle.first() else { return };
    let Some(&(last, back)) = circle.last() else { return };
    let name = |index: usize| format!("`{}`", body.steps[index].id);
    let mut names: Vec<_> = circle.iter().take(6).map(|(index, _)| name(*index)).collect();
    if circle.len() > 6 {
        names.push("…".to_owned());
    }
    names.push(name(first));
    let message = format!("{} is a circle without a step that waits: it would never end", names.join(" → "));
    let hint = "put a `wait` or `approval` step into it, or repeat with a `while` step";
    finder.add(
        rules::ENDLESS_CYCLE,
        back.unwrap_or(&body.steps[last].pointer).to_owned(),
        Some(body.steps[last].id),
        message,
        Some(hint.to_owned()),
    );
}
