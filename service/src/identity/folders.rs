//! Workflow folders that roles, keys and viewers are limited to. A folder reaches what is below it; no list means
//! everywhere, an empty list nowhere.

use std::sync::Arc;

use crate::code::Code;
use crate::error::Mistake;

/// Most folders of one role or key.
const MOST: usize = 50;
/// Longest name of a folder, in characters.
const LONGEST: usize = 200;

/// Out of a stored JSON list.
#[must_use]
pub fn from_json(text: Option<&str>) -> Option<Arc<[String]>> {
    // What cannot be read reaches nothing: refusing is safe, guessing is not.
    text.map(|text| serde_json::from_str::<Vec<String>>(text).unwrap_or_default().into())
}

/// As a JSON list.
///
/// # Panics
/// Never: texts are JSON.
#[must_use]
pub fn to_json(folders: Option<&[String]>) -> Option<String> {
    folders.map(|folders| serde_json::to_string(folders).expect("texts are JSON"))
}

/// Whether `folder` is one of `allowed` or below it.
#[must_use]
pub fn reaches(allowed: Option<&[String]>, folder: &str) -> bool {
    allowed.is_none_or(|allowed| allowed.iter().any(|above| is_below(folder, above)))
}

fn is_below(folder: &str, above: &str) -> bool {
    folder.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether everything in `inner` is reached by `outer`.
#[must_use]
pub fn contain(outer: Option<&[String]>, inner: Option<&[String]>) -> bool {
    match (outer, inner) {
        (None, _anywhere) => true,
        (Some(_some), None) => false,
        (Some(_some), Some(inner)) => inner.iter().all(|folder| reaches(outer, folder)),
    }
}

/// What both reach.
#[must_use]
pub fn intersection(one: Option<&Arc<[String]>>, other: Option<&Arc<[String]>>) -> Option<Arc<[String]>> {
    let (one, other) = match (one, other) {
        (None, limit) | (limit, None) => return limit.cloned(),
        (Some(one), Some(other)) => (one, other),
    };
    let mut both: Vec<String> = one.iter().filter(|folder| reaches(Some(other), folder)).cloned().collect();
    both.extend(other.iter().filter(|folder| reaches(Some(one), folder)).cloned());
    both.sort();
    both.dedup();
    Some(both.into())
}

/// What is wrong with folders that somebody gives.
pub(super) fn check(field: &str, folders: Option<&[String]>) -> Vec<Mistake> {
    let Some(folders) = folders else { return Vec::new() };
    if folders.is_empty() || folders.len() > MOST {
        let message = format!("`{field}` has 1 to {MOST} folders, not {}", folders.len());
        return vec![Mistake::new(Code::Invalid, field, message).with_help("Leave it out to mean everywhere.")];
    }
    let each = folders.iter().enumerate();
    each.filter_map(|(place, folder)| {
        let field = format!("{field}.{place}");
        if folder.is_empty() { Some(no_folder(&field)) } else { check_one(&field, folder) }
    })
    .collect()
}

/// What is wrong with the folder of a workflow; the empty name means that it is in none.
pub(crate) fn check_one(field: &str, folder: &str) -> Option<Mistake> {
    let is_name = folder.is_empty()
        || folder.chars().count() <= LONGEST
            && folder.split('/').all(|part| !part.is_empty() && part.trim() == part)
            && !folder.chars().any(char::is_control);
    (!is_name).then(|| no_folder(field))
}

fn no_folder(field: &str) -> Mistake {
    let message = format!("a folder is a path such as `sales/emea`, of at most {LONGEST} characters");
    Mistake::new(Code::Invalid, field, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(folders: &[&str]) -> Arc<[String]> {
        folders.iter().map(|folder| (*folder).to_owned()).collect::<Vec<_>>().into()
    }

    #[test]
    fn what_two_limits_reach_is_the_deeper_folder_of_each_pair() {
        let (one, other) = (list(&["sales", "legal/eu"]), list(&["sales/emea", "legal", "finance"]));
        assert_eq!(intersection(Some(&one), Some(&other)), Some(list(&["legal/eu", "sales/emea"])));
        assert_eq!(intersection(Some(&one), None), Some(one.clone()));
        assert_eq!(intersection(None, None), None);
        assert_eq!(intersection(Some(&list(&["a"])), Some(&list(&["b"]))), Some(list(&[])));
    }

    #[test]
    fn a_wider_limit_is_never_contained_in_a_narrower_one() {
        assert!(contain(None, None) && contain(Some(&list(&["a"])), Some(&list(&["a/b"]))));
        assert!(!contain(Some(&list(&["a"])), None) && !contain(Some(&list(&["a/b"])), Some(&list(&["a"]))));
    }

    #[test]
    fn folders_that_cannot_be_read_reach_nothing() {
        let none = from_json(Some("not json")).unwrap();
        assert!(!reaches(Some(&none), "sales") && !reaches(Some(&none), ""));
    }
}
