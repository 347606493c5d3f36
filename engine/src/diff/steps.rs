//! Steps: which are new, gone, renamed, elsewhere, or changed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::flow::{Place, TARGETS, places, retarget};
use super::head::in_words;
use super::values::{self, Differs};
use super::{Change, ChangeKind};

/// What of a step an execution that stands at it relies on.
const BREAKING: [&str; 4] = ["/type", "/wait/event", "/wait/match", "/workflow/workflow_id"];

pub(super) fn compare(before: &Value, after: &Value, changes: &mut Vec<Change>) {
    let (old, new) = (places(before), places(after));
    let renamed = renamed(&old, &new);
    let now = |id: &str| renamed.get(id).map_or_else(|| id.to_owned(), |new| (*new).to_owned());
    let entry = |places: &[Place<'_>]| places.first().map(|place| place.id.to_owned());
    if let (Some(was), Some(is)) = (entry(&old), entry(&new))
        && now(&was) != is
    {
        changes.push(Change {
            kind: ChangeKind::Changed,
            step: None,
            pointer: "/steps/0/id".to_owned(),
            before: Some(Value::String(was.clone())),
            after: Some(Value::String(is.clone())),
            is_breaking: false,
            summary: format!("the flow begins with `{is}`, no longer with `{was}`"),
        });
    }
    let by_id: BTreeMap<&str, &Place<'_>> = new.iter().map(|place| (place.id, place)).collect();
    let places_now = listed(&new);
    let places_before = listed(&old);
    for place in &old {
        let Some(target) = by_id.get(now(place.id).as_str()) else {
            changes.push(whole(ChangeKind::Removed, place, true, format!("step `{}` is gone", place.id)));
            continue;
        };
        if target.id != place.id {
            changes.push(Change {
                kind: ChangeKind::Renamed,
                step: Some(target.id.to_owned()),
                pointer: format!("{}/id", target.pointer),
                before: Some(Value::String(place.id.to_owned())),
                after: Some(Value::String(target.id.to_owned())),
                is_breaking: true,
                summary: format!("step `{}` is called `{}` now", place.id, target.id),
            });
        }
        moved(place, target, &now, changes);
        if let (Some(was), Some(is)) = (places_before.get(place.id), places_now.get(target.id))
            && was != is
            && place.within.map(&now).as_deref() == target.within
        {
            let holder = target.within.unwrap_or_default();
            let summary = format!("step `{}` comes at place {is} of `{holder}`, no longer at {was}", target.id);
            changes.push(Change { is_breaking: false, ..at_another_place(place, target, summary) });
        }
        fields(place, target, &now, changes);
    }
    let known: BTreeSet<String> = old.iter().map(|place| now(place.id)).collect();
    for place in new.iter().filter(|place| !known.contains(place.id)) {
        changes.push(whole(ChangeKind::Added, place, false, format!("step `{}` is new", place.id)));
    }
}

fn whole(kind: ChangeKind, place: &Place<'_>, is_breaking: bool, summary: String) -> Change {
    let value = Some(place.own.clone());
    let (before, after) = if kind == ChangeKind::Added { (None, value) } else { (value, None) };
    let (step, pointer) = (Some(place.id.to_owned()), place.pointer.clone());
    Change { kind, step, pointer, before, after, is_breaking, summary }
}

fn at_another_place(place: &Place<'_>, target: &Place<'_>, summary: String) -> Change {
    Change {
        kind: ChangeKind::Moved,
        step: Some(target.id.to_owned()),
        pointer: target.pointer.clone(),
        before: Some(Value::String(place.pointer.clone())),
        after: Some(Value::String(target.pointer.clone())),
        is_breaking: true,
        summary,
    }
}

/// It stands in another list.
fn moved(place: &Place<'_>, target: &Place<'_>, now: &impl Fn(&str) -> String, changes: &mut Vec<Change>) {
    let was = place.within.map(now);
    if was.as_deref() == target.within && place.branch == target.branch {
        return;
    }
    let of = |place: &Place<'_>| match place.within {
        None => "the flow itself".to_owned(),
        Some(holder) if place.branch > 0 => format!("branch {} of `{holder}`", place.branch + 1),
        Some(holder) => format!("`{holder}`"),
    };
    let summary = format!("step `{}` stands in {} now, no longer in {}", target.id, of(target), of(place));
    changes.push(at_another_place(place, target, summary));
}

/// Where listed order counts: the places, from 1, of the steps that stand in others.
fn listed<'a>(places: &[Place<'a>]) -> BTreeMap<&'a str, usize> {
    places.iter().filter(|place| place.within.is_some()).map(|place| (place.id, place.index + 1)).collect()
}

fn fields(place: &Place<'_>, target: &Place<'_>, now: &impl Fn(&str) -> String, changes: &mut Vec<Change>) {
    // What refers to a renamed step refers to the same step.
    let mut before = place.own.clone();
    retarget(&mut before, &|name| Some(now(name)));
    let mut found = Vec::new();
    values::compare(&before, &target.own, "", &mut found);
    for Differs { kind, pointer, before, after } in found {
        let key = pointer.rsplit('/').next().unwrap_or_default();
        let is_target = TARGETS.contains(&key);
        let summary = match (is_target, before.and_then(Value::as_str), after.and_then(Value::as_str)) {
            (true, Some(was), Some(is)) => {
                format!("step `{}` goes on to `{is}`, no longer to `{was}` (`{key}`)", target.id)
            }
            (true, None, Some(is)) => format!("step `{}` goes on to `{is}` (`{key}`)", target.id),
            (true, Some(was), None) => format!("step `{}` goes on no longer to `{was}` (`{key}`)", target.id),
            (_, _, _) => format!("step `{}`: {}", target.id, in_words(&pointer, before, after)),
        };
        let base = if after.is_some() { &target.pointer } else { &place.pointer };
        changes.push(Change {
            kind,
            step: Some(target.id.to_owned()),
            is_breaking: BREAKING.iter().any(|part| pointer == *part || pointer.starts_with(&format!("{part}/"))),
            pointer: format!("{base}{pointer}"),
            before: before.cloned(),
            after: after.cloned(),
            summary,
        });
    }
}

/// How often those that are left are looked through: each time may find what the next time needs, and whoever renames
/// steps that name each other across and across is told that some are gone and others new, which is true as well.
const PASSES: usize = 16;

/// Old ids to new ones, of steps that are the same but for their ids and the ids of other renamed steps.
fn renamed<'a>(old: &[Place<'a>], new: &[Place<'a>]) -> BTreeMap<&'a str, &'a str> {
    let (old_ids, new_ids): (BTreeSet<&str>, BTreeSet<&str>) =
        (old.iter().map(|place| place.id).collect(), new.iter().map(|place| place.id).collect());
    let mut gone: Vec<&Place<'a>> = old.iter().filter(|place| !new_ids.contains(place.id)).collect();
    let mut come: BTreeMap<Likeness, Vec<&'a str>> = BTreeMap::new();
    for place in new.iter().filter(|place| !old_ids.contains(place.id)) {
        let within = place.within.map(str::to_owned);
        come.entry((within, place.branch, place.own.to_string())).or_default().push(place.id);
    }
    let mut known = BTreeMap::new();
    for _pass in 0..PASSES {
        let before = known.len();
        let mut left = Vec::new();
        for place in gone {
            // Of several that are the same nobody can say which one it is.
            match come.get_mut(&likeness(place, &known)) {
                Some(same) if same.len() == 1 => drop(known.insert(place.id, same.remove(0))),
                _none_or_several => left.push(place),
            }
        }
        gone = left;
        if known.len() == before || gone.is_empty() {
            break;
        }
        // Steps mostly name those behind them, and stand in those before them.
        gone.reverse();
    }
    known
}

/// What two steps that are the same have in common: where they stand, and all but the id.
type Likeness = (Option<String>, usize, String);

fn likeness(place: &Place<'_>, known: &BTreeMap<&str, &str>) -> Likeness {
    let rename = |name: &str| known.get(name).map(|new| (*new).to_owned());
    let within = place.within.map(|holder| rename(holder).unwrap_or_else(|| holder.to_owned()));
    let mut own = place.own.clone();
    retarget(&mut own, &rename);
    (within, place.branch, own.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::shown;
    use super::*;

    #[test]
    fn of_two_steps_that_are_the_same_none_is_taken_for_the_renamed_one() {
        let before = json!({ "steps": [{ "id": "a", "type": "end" }] });
        let after = json!({ "steps": [{ "id": "b", "type": "end" }, { "id": "c", "type": "end" }] });
        assert_eq!(renamed(&places(&before), &places(&after)), BTreeMap::new());
        assert_eq!(shown(&json!("x".repeat(100))).chars().count(), 63);
    }

    #[test]
    fn every_step_of_a_long_flow_can_get_another_id() {
        let flow = |prefix: &str| {
            let step =
                |index: u32| json!({ "id": format!("{prefix}{index}"), "next": format!("{prefix}{}", index + 1) });
            let mut steps: Vec<_> = (0..3_000).map(step).collect();
            steps.push(json!({ "id": format!("{prefix}3000"), "type": "end" }));
            json!({ "steps": steps })
        };
        let (before, after) = (flow("a"), flow("b"));
        let known = renamed(&places(&before), &places(&after));
        assert_eq!(known.len(), 3_001);
        assert_eq!(known["a17"], "b17");
    }

    #[test]
    fn branches_are_told_apart_however_they_are_written() {
        let definition = json!({ "steps": [{ "id": "p", "parallel": { "branches": [
            [{ "id": "a" }, { "id": "b" }], [{ "id": "c", "foreach": { "steps": [{ "id": "d" }] } }]] } },
            { "id": "q", "parallel": { "steps": [{ "id": "e" }, { "id": "f" }] } }] });
        let seen: Vec<_> = places(&definition)
            .into_iter()
            .map(|place| {
                (place.id.to_owned(), place.within.map(str::to_owned), place.branch, place.index, place.pointer)
            })
            .collect();
        let place = |id: &str, within: &str, branch, index, pointer: &str| {
            (id.to_owned(), Some(within.to_owned()).filter(|name| !name.is_empty()), branch, index, pointer.to_owned())
        };
        assert_eq!(
            seen,
            [
                place("p", "", 0, 0, "/steps/0"),
                place("a", "p", 0, 0, "/steps/0/parallel/branches/0/0"),
                place("b", "p", 0, 1, "/steps/0/parallel/branches/0/1"),
                place("c", "p", 1, 0, "/steps/0/parallel/branches/1/0"),
                place("d", "c", 0, 0, "/steps/0/parallel/branches/1/0/foreach/steps/0"),
                place("q", "", 0, 1, "/steps/1"),
                place("e", "q", 0, 0, "/steps/1/parallel/steps/0"),
                place("f", "q", 1, 0, "/steps/1/parallel/steps/1"),
            ]
        );
    }
}
