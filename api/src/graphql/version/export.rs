//! Definitions as files.

use async_graphql::{Context, InputObject, Result, SimpleObject};
use service::{Services, workflows};

use crate::graphql::connection::{PageArguments, next_of};
use crate::graphql::errors::IntoGraphql;
use crate::graphql::filters::WorkflowFilter;
use crate::graphql::viewer_of;
use crate::graphql::workflow::DefinitionFormat;

/// Files of one answer at most.
const FILES: i32 = 100;

/// What to export.
#[derive(Debug, Default, InputObject)]
pub struct WorkflowExportInput {
    /// Which workflows; all but archived ones when absent.
    filter: Option<WorkflowFilter>,
    /// Format; as written when absent. A text that is written anew has no comments.
    format: Option<DefinitionFormat>,
    /// Continue where an answer before ended: its `next`.
    after: Option<String>,
}

/// Definitions as files.
#[derive(Debug, SimpleObject)]
pub struct ExportBundle {
    /// Files, 100 at most: of each workflow the published definition, or the draft if there is none.
    files: Vec<ExportFile>,
    /// Where the rest begins; null when there is no more.
    next: Option<String>,
}

/// A file.
#[derive(Debug, SimpleObject)]
pub struct ExportFile {
    /// Path: folder, slug and the ending of the format.
    path: String,
    /// Text.
    content: String,
}

pub(super) async fn export(ctx: &Context<'_>, input: WorkflowExportInput) -> Result<ExportBundle> {
    const LIST: &str = "export";
    let filter = input.filter.unwrap_or_default().resolve()?.or_present();
    let arguments = PageArguments { first: Some(FILES), after: input.after, ..PageArguments::default() };
    let request = arguments.request(ctx, LIST)?;
    let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
    let format = input.format.map(Into::into);
    let exported = workflows::export(services, viewer, &filter, format, &request).await.graphql()?;
    let file = |file: workflows::ExportFile| ExportFile { path: file.path, content: file.content };
    let next = exported.next.map(|position| next_of(ctx, LIST, &position)).transpose()?;
    Ok(ExportBundle { files: exported.files.into_iter().map(file).collect(), next })
}
