//! Where in a text each value stands. Found only when there are problems to place.

use std::collections::{BTreeMap, BTreeSet};

use super::{place_json, place_yaml};
use crate::definition::Format;
use crate::pointer;
use crate::problem::Range;

/// A value's place, and that of its key if it is a member of an object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub key: Option<Range>,
    pub value: Range,
}

/// Places by JSON Pointer.
#[derive(Debug, Default)]
pub(crate) struct Places {
    by_pointer: BTreeMap<String, Place>,
    /// Pointers to look for, and those of what is around them: a large text has many more values.
    wanted: BTreeSet<String>,
}

impl Places {
    /// The places of these values in a text that parses.
    #[expect(single_use_lifetimes, reason = "`impl Trait` cannot leave it out")]
    pub(crate) fn find<'w>(text: &str, format: Format, wanted: impl Iterator<Item = &'w str>) -> Self {
        let mut places = Self::default();
        for pointer in wanted {
            let mut at = Some(pointer);
            while let Some(around) = at.filter(|around| !places.wanted.contains(*around)) {
                places.wanted.insert(around.to_owned());
                at = pointer::parent(around);
            }
        }
        match format {
            Format::Json => place_json::walk(text, &mut places),
            Format::Yaml => place_yaml::walk(text, &mut places),
        }
        places
    }

    /// The place of a value, or of the nearest value around it (as inside a YAML alias).
    pub(crate) fn value(&self, pointer: &str) -> Option<Range> {
        self.nearest(pointer, |place| place.value)
    }

    /// The place of a member's key.
    pub(crate) fn key(&self, pointer: &str) -> Option<Range> {
        self.nearest(pointer, |place| place.key.unwrap_or(place.value))
    }

    fn nearest(&self, pointer: &str, pick: impl Fn(&Place) -> Range) -> Option<Range> {
        let mut at = pointer;
        if let Some(place) = self.by_pointer.get(at) {
            return Some(pick(place));
        }
        while let Some(around) = pointer::parent(at) {
            if let Some(place) = self.by_pointer.get(around) {
                return Some(place.value);
            }
            at = around;
        }
        None
    }

    pub(super) fn add(&mut self, pointer: &str, key: Option<Range>, value: Range) {
        if self.wanted.contains(pointer) {
            self.by_pointer.insert(pointer.to_owned(), Place { key, value });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What of the text lies at a place that does not go over a line's end.
    fn shown(text: &str, range: Range) -> String {
        assert_eq!(range.start_line, range.end_line, "{range:?}");
        let line = text.lines().nth(range.start_line as usize - 1).unwrap();
        let (start, end) = (range.start_column as usize - 1, range.end_column as usize - 1);
        line.chars().skip(start).take(end - start).collect()
    }

    fn value(text: &str, format: Format, pointer: &str) -> String {
        shown(text, Places::find(text, format, std::iter::once(pointer)).value(pointer).unwrap())
    }

    fn key(text: &str, format: Format, pointer: &str) -> String {
        shown(text, Places::find(text, format, std::iter::once(pointer)).key(pointer).unwrap())
    }

    const JSON: &str = "{\n  \"größe\": \"ß\\\"\", \"a/b\": [1, {\"c\": null}, [ ]],\n  \"t\\u0061g\": true\n}";
    const YAML: &str =
        "größe: ß\nlist:\n  - 1\n  - c: ~\n    d: \"x y\"\nflow: {a: [1, 22]}\nlike: &x {k: v}\nalias: *x\n";

    #[test]
    fn json_values_and_keys_are_found_by_pointer() {
        assert_eq!(value(JSON, Format::Json, "/größe"), "\"ß\\\"\"");
        assert_eq!(value(JSON, Format::Json, "/a~1b/0"), "1");
        assert_eq!(value(JSON, Format::Json, "/a~1b/1"), "{\"c\": null}");
        assert_eq!(key(JSON, Format::Json, "/a~1b/1/c"), "\"c\"");
        assert_eq!(value(JSON, Format::Json, "/a~1b/2"), "[ ]");
        assert_eq!(key(JSON, Format::Json, "/tag"), "\"t\\u0061g\"");
        let whole = Places::find(JSON, Format::Json, std::iter::once("")).value("").unwrap();
        assert_eq!((whole.start_line, whole.end_line, whole.end_column), (1, 4, 2));
    }

    #[test]
    fn yaml_values_and_keys_are_found_by_pointer() {
        assert_eq!(value(YAML, Format::Yaml, "/größe"), "ß");
        assert_eq!(value(YAML, Format::Yaml, "/list/0"), "1");
        assert_eq!(key(YAML, Format::Yaml, "/list/1/d"), "d");
        assert_eq!(value(YAML, Format::Yaml, "/list/1/d"), "\"x y\"");
        assert_eq!(value(YAML, Format::Yaml, "/flow/a/1"), "22");
        let list = Places::find(YAML, Format::Yaml, std::iter::once("/list")).value("/list").unwrap();
        assert_eq!((list.start_line, list.end_line), (3, 5));
    }

    #[test]
    fn what_an_alias_stands_for_has_the_place_of_the_alias() {
        assert_eq!(value(YAML, Format::Yaml, "/alias/k"), "*x");
    }

    #[test]
    fn what_is_missing_has_the_place_of_what_is_around_it() {
        assert_eq!(value(JSON, Format::Json, "/a~1b/1/nothing/here"), "{\"c\": null}");
    }
}
