//! Ids of steps: each only once, and every reference leads to one.

use std::collections::BTreeMap;

use super::outline::{Body, Node, Outline, Reference};
use super::{Finder, rules};
use crate::{fix, pointer};

pub(super) fn check(outline: &Outline<'_>, finder: &mut Finder) {
    let mut first: BTreeMap<&str, (&Node<'_>, usize)> = BTreeMap::new();
    for (body, node) in nodes(outline) {
        if node.id.is_empty() {
            continue;
        }
        if let Some((other, _)) = first.get(node.id) {
            finder.add(
                rules::DUPLICATE_STEP,
                pointer::join(&node.pointer, "id"),
                Some(node.id),
                format!("the id `{}` is already taken by the step at {}", node.id, other.pointer),
                Some("give one of the two steps another id".to_owned()),
            );
        } else {
            first.insert(node.id, (node, body));
        }
    }
    for (index, body) in outline.bodies.iter().enumerate() {
        for node in &body.steps {
            for reference in &node.references {
                let own = body.find(reference.target).is_some();
                match first.get(reference.target) {
                    _ if own => {}
                    Some((_, home)) if *home != index => out_of_reach(node, reference, finder),
                    _ => unknown(body, node, reference, finder),
                }
            }
        }
    }
}

fn nodes<'o, 'a>(outline: &'o Outline<'a>) -> impl Iterator<Item = (usize, &'o Node<'a>)> {
    let bodies = outline.bodies.iter().enumerate();
    bodies.flat_map(|(index, body)| body.steps.iter().map(move |node| (index, node)))
}

fn out_of_reach(node: &Node<'_>, reference: &Reference<'_>, finder: &mut Finder) {
    finder.add(
        rules::STEP_OUT_OF_REACH,
        reference.pointer.clone(),
        Some(node.id),
        format!("`{}` names step `{}`, which stands in another list of steps", reference.key, reference.target),
        Some("name a step of the same list".to_owned()),
    );
}

fn unknown(body: &Body<'_>, node: &Node<'_>, reference: &Reference<'_>, finder: &mut Finder) {
    let message = format!("`{}` names step `{}`, which does not exist", reference.key, reference.target);
    let near = body.meant(reference.target);
    let suggestion = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None if reference.target == "end" => {
            format!("leave `{}` out to end the flow, or add a step of type `end` with this id", reference.key)
        }
        None if body.steps.len() <= 12 => {
            let mut ids: Vec<_> = body.steps.iter().map(|step| step.id).filter(|id| !id.is_empty()).collect();
            ids.dedup();
            format!("the steps here are {}", ids.join(", "))
        }
        None => "add the step, or name another".to_owned(),
    };
    let fix = near.map(|near| fix::replace(&reference.pointer, near)).unwrap_or_default();
    let pointer = reference.pointer.clone();
    finder.add_with(rules::UNKNOWN_STEP, pointer, Some(node.id), (message, Some(suggestion)), fix);
}
