//! Unpublished work on a workflow.

use async_graphql::{Context, Object, Result};
use service::{Services, workflows};
use store::WorkflowRow;
use tokio::sync::OnceCell;

use super::diff::DefinitionDiff;
use crate::graphql::errors::IntoGraphql;
use crate::graphql::loaders::{loader, shared};
use crate::graphql::problem::Problem;
use crate::graphql::scalars::{DateTime, Json};
use crate::graphql::viewer::Actor;
use crate::graphql::viewer_of;
use crate::graphql::workflow::{DefinitionFormat, WorkflowVersion, format_named};

/// Unpublished work on a workflow.
#[derive(Debug)]
pub struct WorkflowDraft {
    row: WorkflowRow,
    /// What the check says: several fields tell of it.
    check: OnceCell<Option<workflows::DraftCheck>>,
}

impl WorkflowDraft {
    /// The draft of a workflow, if it has one.
    pub(in crate::graphql) fn of(row: &WorkflowRow) -> Option<Self> {
        row.draft_source.as_ref().map(|_there| Self { row: row.clone(), check: OnceCell::new() })
    }

    fn source_text(&self) -> &str {
        self.row.draft_source.as_deref().unwrap_or_default()
    }

    async fn check(&self, ctx: &Context<'_>) -> Result<Option<&workflows::DraftCheck>> {
        let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
        let check = || async { workflows::check_draft(services, viewer, &self.row).await.graphql() };
        Ok(self.check.get_or_try_init(check).await?.as_ref())
    }
}

/// Unpublished work on a workflow.
#[Object]
impl WorkflowDraft {
    /// The canonical definition; null when the text does not parse.
    #[graphql(complexity = "5 + child_complexity")]
    async fn definition(&self, ctx: &Context<'_>) -> Result<Option<Json>> {
        Ok(self.check(ctx).await?.and_then(|check| check.canonical.clone()).map(async_graphql::Json))
    }

    /// The text as written.
    async fn source(&self) -> &str {
        self.source_text()
    }

    /// Format of the text.
    async fn format(&self) -> DefinitionFormat {
        format_named(self.row.draft_format.as_deref().unwrap_or("yaml"))
    }

    /// Positions of the steps on the canvas.
    async fn layout(&self) -> Result<Option<Json>> {
        let read = |text: &String| {
            serde_json::from_str(text)
                .map(async_graphql::Json)
                .map_err(|_unreadable| async_graphql::Error::new("a stored layout cannot be read"))
        };
        self.row.draft_layout.as_ref().map(read).transpose()
    }

    /// What stands in the way of publishing, and warnings.
    #[graphql(complexity = "5 + child_complexity")]
    async fn problems(&self, ctx: &Context<'_>) -> Result<Vec<Problem>> {
        let check = self.check(ctx).await?;
        Ok(check.into_iter().flat_map(|check| &check.problems).map(Into::into).collect())
    }

    /// True without problems of severity ERROR, when it is a definition of this workflow.
    #[graphql(complexity = "5 + child_complexity")]
    async fn is_publishable(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(self.check(ctx).await?.is_some_and(|check| check.is_publishable))
    }

    /// Version the draft started from.
    #[graphql(complexity = "5 + child_complexity")]
    async fn based_on(&self, ctx: &Context<'_>) -> Result<Option<WorkflowVersion>> {
        let Some(number) = self.row.draft_based_on else { return Ok(None) };
        let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
        let row = workflows::version_by_number(services, viewer, self.row.id, number).await.graphql()?;
        Ok(row.map(WorkflowVersion))
    }

    /// What publishing would change; null for a first version, and when the text does not parse.
    #[graphql(complexity = "20 + child_complexity")]
    async fn diff(&self, ctx: &Context<'_>) -> Result<Option<DefinitionDiff>> {
        let Some(published) = self.row.published_version_id else { return Ok(None) };
        let Some(canonical) = self.check(ctx).await?.and_then(|check| check.canonical.clone()) else {
            return Ok(None);
        };
        let published = loader(ctx)?.load_one(published).await.map_err(|error| shared(&error))?;
        let Some(published) = published else { return Ok(None) };
        let found = workflows::diff_draft(viewer_of(ctx)?, &published, self.source_text().to_owned(), canonical);
        Ok(Some(found.graphql()?.into()))
    }

    /// Last save.
    async fn updated_at(&self) -> DateTime {
        DateTime::from_ms(self.row.draft_saved_at_ms.unwrap_or(self.row.updated_at_ms))
    }

    /// Who saved last.
    async fn updated_by(&self) -> Actor {
        Actor::from_id(self.row.draft_saved_by.as_deref().unwrap_or(&self.row.created_by))
    }
}
