//! Compiled versions, and which version of a workflow is the published one.
//!
//! A version never changes, so its plan is cached without invalidation. Which version is published
//! does change: that is cached for a second at most, and forgotten at once where it was changed. So
//! another process may start the version before for up to a second after a publish.

use std::sync::Arc;
use std::time::Duration;

use engine::plan::Plan;
use ids::{OrganizationId, WorkflowId, WorkflowVersionId};
use moka::future::Cache;
use store::Store;

use crate::error::ServiceError;

/// How a workflow is named by whoever starts or asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum WorkflowRef {
    /// By id.
    Id(WorkflowId),
    /// By slug.
    Slug(String),
}

/// A version ready to run.
#[derive(Debug)]
pub struct LoadedVersion {
    /// Its id.
    pub id: WorkflowVersionId,
    /// Its workflow.
    pub workflow: WorkflowId,
    /// Slug of its workflow.
    pub slug: String,
    /// 1, 2, 3 …
    pub number: i32,
    /// The definition, compiled.
    pub plan: Plan,
}

/// What is known of a workflow at the moment somebody wants to start it.
#[derive(Debug)]
pub struct Published {
    /// The workflow.
    pub workflow: WorkflowId,
    /// Its slug.
    pub slug: String,
    /// Disabled workflows start nothing.
    pub is_enabled: bool,
    /// The published version.
    pub version: Option<Arc<LoadedVersion>>,
}

/// The caches of one process.
#[derive(Debug)]
pub struct Plans {
    versions: Cache<(OrganizationId, WorkflowVersionId), Arc<LoadedVersion>>,
    published: Cache<(OrganizationId, WorkflowRef), Option<Arc<Published>>>,
    default_timeout: Duration,
}

/// How many compiled versions are kept.
const VERSIONS: u64 = 2_000;
/// How many workflows are remembered with their published version.
const WORKFLOWS: u64 = 10_000;
/// How long another process may go on with the version that was published before.
const FRESHNESS: Duration = Duration::from_secs(1);

impl Plans {
    /// Empty caches; `default_timeout` bounds the running time of workflows that state none.
    #[must_use]
    pub fn new(default_timeout: Duration) -> Self {
        Self {
            versions: Cache::new(VERSIONS),
            published: Cache::builder().max_capacity(WORKFLOWS).time_to_live(FRESHNESS).build(),
            default_timeout,
        }
    }

    /// A version by its id; `None` when the organization has none such.
    ///
    /// # Errors
    /// When the database is away, or the stored definition no longer compiles.
    pub async fn version(
        &self,
        store: &Store,
        organization: OrganizationId,
        id: WorkflowVersionId,
    ) -> Result<Option<Arc<LoadedVersion>>, ServiceError> {
        if let Some(version) = self.versions.get(&(organization, id)).await {
            return Ok(Some(version));
        }
        let Some(row) = store.version(organization, id).await? else { return Ok(None) };
        let version = Arc::new(self.compile(&row)?);
        self.versions.insert((organization, id), Arc::clone(&version)).await;
        Ok(Some(version))
    }

    fn compile(&self, row: &store::VersionRow) -> Result<LoadedVersion, ServiceError> {
        let broken = |source: Box<dyn std::error::Error + Send + Sync>| ServiceError::Internal {
            what: "a stored definition does not compile",
            source,
        };
        let value: serde_json::Value = serde_json::from_str(&row.definition).map_err(|error| broken(error.into()))?;
        let definition = engine::definition::decode(&value).map_err(|problems| {
            let first = problems.first().map_or_else(String::new, |problem| problem.message.clone());
            broken(format!("{} problems, the first: {first}", problems.len()).into())
        })?;
        let slug = definition.workflow_id.clone();
        let settings = engine::plan::Settings { default_timeout: self.default_timeout };
        let plan = Plan::new(definition, settings).map_err(|error| broken(error.into()))?;
        Ok(LoadedVersion { id: row.id, workflow: row.workflow_id, slug, number: row.number, plan })
    }

    /// A workflow with its published version; `None` when the organization has none such.
    ///
    /// # Errors
    /// When the database is away, or the stored definition no longer compiles.
    pub async fn published(
        &self,
        store: &Store,
        organization: OrganizationId,
        reference: &WorkflowRef,
    ) -> Result<Option<Arc<Published>>, ServiceError> {
        let key = (organization, reference.clone());
        if let Some(known) = self.published.get(&key).await {
            return Ok(known);
        }
        let row = match reference {
            WorkflowRef::Id(id) => store.workflow(organization, *id).await?,
            WorkflowRef::Slug(slug) => store.workflow_by_slug(organization, slug).await?,
        };
        let published = match row {
            None => None,
            Some(row) => {
                let version = match row.published_version_id {
                    Some(id) => self.version(store, organization, id).await?,
                    None => None,
                };
                Some(Arc::new(Published { workflow: row.id, slug: row.slug, is_enabled: row.is_enabled, version }))
            }
        };
        self.published.insert(key, published.clone()).await;
        Ok(published)
    }

    /// Forgets which version of a workflow is published, after it was changed here.
    pub async fn forget(&self, organization: OrganizationId, workflow: WorkflowId, slug: &str) {
        self.published.invalidate(&(organization, WorkflowRef::Id(workflow))).await;
        self.published.invalidate(&(organization, WorkflowRef::Slug(slug.to_owned()))).await;
    }
}
