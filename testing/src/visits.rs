//! The order of steps: those of a parallel step may come in any order.

use engine::machine::{BodyKind, Event};
use serde_json::json;

use crate::expect::Difference;
use crate::seen::Seen;

/// What differs between the expected and the seen order. A step is named by its id or by its path.
pub(crate) fn differences(expected: &[String], seen: &Seen) -> Vec<Difference> {
    let parallel: Vec<String> = seen.journal.iter().filter_map(parallel_body).collect();
    let mut expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < seen.steps_visited.len() && !expected.is_empty() {
        let group = group_at(&seen.steps_visited[at..], &parallel);
        let wanted: Vec<&str> = expected.drain(..group.len().min(expected.len())).collect();
        at += group.len();
        let mut left: Vec<&String> = group.iter().collect();
        for (index, name) in wanted.iter().enumerate() {
            if let Some(position) = left.iter().position(|path| is_called(path, name)) {
                left.remove(position);
            } else {
                let place = format!("steps_visited[{}]", at - group.len() + index);
                found.push(Difference::other(&place, &json!(name), &json!(group.get(index))));
            }
        }
        if wanted.len() < group.len() {
            found.push(Difference::surplus("steps_visited", &json!(left)));
        }
        if !found.is_empty() {
            // Everything behind it would differ too.
            found.push(whole(seen));
            return found;
        }
    }
    if !expected.is_empty() {
        found.push(Difference::missing("steps_visited", &json!(expected)));
    }
    if at < seen.steps_visited.len() {
        found.push(Difference::surplus("steps_visited", &json!(seen.steps_visited[at..])));
    }
    if !found.is_empty() {
        found.push(whole(seen));
    }
    found
}

fn whole(seen: &Seen) -> Difference {
    let place = format!("steps_visited, seen in all: {}", seen.steps_visited.join(", "));
    Difference { place, expected: None, seen: None }
}

fn parallel_body(event: &Event) -> Option<String> {
    match event {
        Event::BodyBegan { path, kind: BodyKind::Branches, .. } => Some(format!("{path}.")),
        _other => None,
    }
}

/// The steps at the beginning that may come in any order: those of one parallel step, or one step alone.
fn group_at<'s>(visited: &'s [String], parallel: &[String]) -> &'s [String] {
    // The outermost: what it holds is in any order, whatever lies in between.
    let around =
        parallel.iter().filter(|prefix| visited[0].starts_with(prefix.as_str())).min_by_key(|prefix| prefix.len());
    let Some(prefix) = around else { return &visited[..1] };
    let length = visited.iter().take_while(|path| path.starts_with(prefix.as_str())).count();
    &visited[..length]
}

fn is_called(path: &str, name: &str) -> bool {
    path == name || path.rsplit('.').next().is_some_and(|id| id == name)
}
