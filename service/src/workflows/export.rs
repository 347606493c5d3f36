//! Definitions as files, to be kept beside code and brought in again.

use async_recursion::async_recursion as boxed;
use std::collections::BTreeMap;

use engine::definition::{self, Format};
use ids::WorkflowVersionId;
use serde_json::Value;
use store::{Cursor, PageRequest, WorkflowFilter, WorkflowOrder, WorkflowRow};

use super::import::format_from_name;
use super::read;
use crate::error::ServiceError;
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// A definition as a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportFile {
    /// Path: folder, slug, and the ending of the format.
    pub path: String,
    /// Text.
    pub content: String,
}

/// Some of the files.
#[derive(Debug, Clone)]
pub struct Exported {
    /// Files.
    pub files: Vec<ExportFile>,
    /// Where the rest begins; none when there is no more.
    pub next: Option<Cursor>,
}

/// Exports the published definitions of the workflows that fit, or the drafts of those without one, page by page. A
/// text in the format that is asked for is given as it was written; another one is written anew, without its comments.
///
/// # Errors
/// `Forbidden`, a filter that nests too deep, or the database is away.
#[boxed]
pub async fn export(
    services: &Services,
    viewer: &Viewer,
    filter: &WorkflowFilter,
    format: Option<Format>,
    request: &PageRequest,
) -> Result<Exported, ServiceError> {
    viewer.require(Permission::WorkflowRead)?;
    let page = read::page(services, viewer, filter, WorkflowOrder::default(), request).await?;
    let published: Vec<WorkflowVersionId> = page.rows.iter().filter_map(|(_, row)| row.published_version_id).collect();
    let versions = services.store().versions_by_ids(viewer.organization, &published).await?;
    let versions: BTreeMap<WorkflowVersionId, store::VersionRow> =
        versions.into_iter().map(|version| (version.id, version)).collect();
    let next = page.rows.last().filter(|_last| page.has_next).map(|(cursor, _)| cursor.clone());
    let mut files = Vec::with_capacity(page.rows.len());
    for (_, row) in &page.rows {
        let version = row.published_version_id.and_then(|id| versions.get(&id));
        let (source, written, canonical) = match (version, &row.draft_source) {
            (Some(version), _) => (&version.source, version.format.as_str(), Some(version.definition.as_str())),
            (None, Some(draft)) => (draft, row.draft_format.as_deref().unwrap_or_default(), None),
            (None, None) => continue,
        };
        files.push(file(row, source, format_from_name(written), canonical, format)?);
    }
    Ok(Exported { files, next })
}

fn file(
    row: &WorkflowRow,
    source: &str,
    written: Format,
    canonical: Option<&str>,
    wanted: Option<Format>,
) -> Result<ExportFile, ServiceError> {
    let other = wanted.filter(|wanted| *wanted != written).zip(canonical);
    let (format, content) = match other {
        Some((format, canonical)) => {
            let value: Value = serde_json::from_str(canonical).map_err(|error| ServiceError::Internal {
                what: "a stored definition cannot be read",
                source: error.into(),
            })?;
            (format, definition::write(&value, format))
        }
        // A draft may not parse: it is given as it is.
        None => (written, source.to_owned()),
    };
    let ending = match format {
        Format::Json => "json",
        Format::Yaml => "yaml",
    };
    let folder = if row.namespace.is_empty() { String::new() } else { format!("{}/", row.namespace) };
    Ok(ExportFile { path: format!("{folder}{}.{ending}", row.slug), content })
}
