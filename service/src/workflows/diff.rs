//! What differs between two definitions: as text, and in meaning.

use std::time::Duration;

use engine::check::{Offline, check};
use engine::definition::Format;
use engine::diff::{Difference, difference};
use serde_json::Value;
use similar::TextDiff;
use store::VersionRow;

use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::viewer::{Permission, Viewer};

/// How long a smallest difference of two texts is looked for; after that a larger one will do.
const PATIENCE: Duration = Duration::from_millis(200);

/// Lines around a change that are shown with it.
const CONTEXT: usize = 3;

/// What differs between two definitions.
#[derive(Debug)]
pub struct DefinitionDiff {
    /// In meaning.
    pub difference: Difference,
    /// As text, in the unified format; empty when both texts are the same.
    pub unified: String,
}

/// One side.
#[derive(Debug, Clone)]
pub struct Side {
    /// What it is called in the heads of the text.
    pub name: String,
    /// The text as it was written.
    pub source: String,
    /// The canonical definition.
    pub canonical: Value,
}

/// Compares two texts.
///
/// # Errors
/// `Forbidden`; `DEFINITION_INVALID` for a text that does not parse.
pub fn diff_texts(
    viewer: &Viewer,
    before: String,
    after: String,
    format: Format,
) -> Result<DefinitionDiff, ServiceError> {
    viewer.require(Permission::WorkflowRead)?;
    let side = |name: &str, source: String| {
        let checked = check(&source, format, &Offline);
        let Some(canonical) = checked.canonical else {
            let why = checked.problems.first().map_or_else(String::new, |problem| problem.message.clone());
            let mistake = Mistake::new(Code::DefinitionInvalid, name, format!("the definition has errors: {why}"));
            return Err(mistake.with_help("`definitionCheck` tells all of them."));
        };
        Ok(Side { name: name.to_owned(), source, canonical })
    };
    match (side("before", before), side("after", after)) {
        (Ok(before), Ok(after)) => Ok(diff(&before, &after)),
        (before, after) => Err(ServiceError::Mistakes(before.err().into_iter().chain(after.err()).collect())),
    }
}

/// Compares two versions of a workflow.
///
/// # Errors
/// `Forbidden`; when a stored definition cannot be read.
pub fn diff_versions(viewer: &Viewer, before: &VersionRow, after: &VersionRow) -> Result<DefinitionDiff, ServiceError> {
    viewer.require(Permission::WorkflowRead)?;
    Ok(diff(&side_of(before)?, &side_of(after)?))
}

/// Compares a version with a draft whose canonical form is known.
///
/// # Errors
/// As [`diff_versions`].
pub fn diff_draft(
    viewer: &Viewer,
    published: &VersionRow,
    source: String,
    canonical: Value,
) -> Result<DefinitionDiff, ServiceError> {
    viewer.require(Permission::WorkflowRead)?;
    Ok(diff(&side_of(published)?, &Side { name: "draft".to_owned(), source, canonical }))
}

fn side_of(version: &VersionRow) -> Result<Side, ServiceError> {
    let canonical = serde_json::from_str(&version.definition)
        .map_err(|error| ServiceError::Internal { what: "a stored definition cannot be read", source: error.into() })?;
    Ok(Side { name: format!("version {}", version.number), source: version.source.clone(), canonical })
}

fn diff(before: &Side, after: &Side) -> DefinitionDiff {
    DefinitionDiff { difference: difference(&before.canonical, &after.canonical), unified: unified(before, after) }
}

fn unified(before: &Side, after: &Side) -> String {
    if before.source == after.source {
        return String::new();
    }
    let text = TextDiff::configure().timeout(PATIENCE).diff_lines(before.source.as_str(), after.source.as_str());
    text.unified_diff().context_radius(CONTEXT).header(&before.name, &after.name).to_string()
}

#[cfg(test)]
mod tests {
    use ids::OrganizationId;

    use super::*;

    #[test]
    fn two_texts_are_compared_line_by_line_and_in_meaning() {
        let viewer = Viewer::owner(OrganizationId::new());
        let text = |kind: &str| {
            format!("workflow_id: a\nsteps:\n  - {{ id: one, type: action, action: {{ type: {kind} }} }}\n")
        };
        let diff = diff_texts(&viewer, text("allow"), text("block"), Format::Yaml).unwrap();
        assert_eq!(
            diff.unified,
            "--- before\n+++ after\n@@ -1,3 +1,3 @@\n workflow_id: a\n steps:\n\
             -  - { id: one, type: action, action: { type: allow } }\n\
             +  - { id: one, type: action, action: { type: block } }\n"
        );
        let told: Vec<_> = diff.difference.changes.iter().map(|change| change.summary.as_str()).collect();
        assert_eq!(told, ["step `one`: `/action/type` is `\"block\"`, and was `\"allow\"`"]);
        let same = diff_texts(&viewer, text("allow"), text("allow"), Format::Yaml).unwrap();
        assert!(same.unified.is_empty() && same.difference.changes.is_empty());
    }

    #[test]
    fn what_does_not_parse_is_told_on_both_sides() {
        let viewer = Viewer::owner(OrganizationId::new());
        let refused = diff_texts(&viewer, "steps: [".to_owned(), "{".to_owned(), Format::Yaml);
        let Err(ServiceError::Mistakes(mistakes)) = refused else { panic!("{refused:?}") };
        let fields: Vec<_> = mistakes.iter().map(|mistake| (mistake.code, mistake.field.join("."))).collect();
        assert_eq!(
            fields,
            [(Code::DefinitionInvalid, "before".to_owned()), (Code::DefinitionInvalid, "after".to_owned())]
        );
    }
}
