//! Compiled versions, and which version of a workflow is the published one.
//!
//! A version never changes, so its plan is cached without invalidation. Which version is published
//! does change: that is cached for a second at most, and forgotten at once where it was changed. So
//! another process may start the version before for up to a second after a publish. The same holds for rules: which
//! versions of them an execution has is recorded when it is started, and never changes.

use async_recursion::async_recursion as boxed;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use engine::plan::Plan;
use ids::{OrganizationId, RuleId, WorkflowId, WorkflowVersionId};
use moka::future::Cache;
use store::Store;

use crate::error::ServiceError;
use crate::rules::Pins;

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
    /// The rules that its steps name.
    pub rules: BTreeSet<String>,
}

/// Which content of a rule is the current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CurrentRule {
    /// The rule.
    pub id: RuleId,
    /// Number of its content.
    pub version: i32,
    /// Disabled rules cannot be used.
    pub is_enabled: bool,
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

/// A version, and the versions of rules that it is loaded with, as the row of an execution tells them.
type VersionKey = (OrganizationId, WorkflowVersionId, Option<Arc<str>>);

/// The caches of one process.
#[derive(Debug)]
pub struct Plans {
    /// With the versions of rules that an execution has, if it has any: these never change either.
    versions: Cache<VersionKey, Arc<LoadedVersion>>,
    rules: Cache<(OrganizationId, String), Option<CurrentRule>>,
    published: Cache<(OrganizationId, WorkflowRef), Option<Arc<Published>>>,
    default_timeout: Duration,
}

/// How many compiled versions are kept.
const VERSIONS: u64 = 2_000;
/// How many rules are remembered with their current version.
const RULES: u64 = 10_000;
/// How many workflows are remembered with their published version.
const WORKFLOWS: u64 = 10_000;
/// How long another process may go on with the version, of a workflow or a rule, that was the current one before.
const FRESHNESS: Duration = Duration::from_secs(1);

impl Plans {
    /// Empty caches; `default_timeout` bounds the running time of workflows that state none.
    #[must_use]
    pub fn new(default_timeout: Duration) -> Self {
        Self {
            versions: Cache::new(VERSIONS),
            rules: Cache::builder().max_capacity(RULES).time_to_live(FRESHNESS).build(),
            published: Cache::builder().max_capacity(WORKFLOWS).time_to_live(FRESHNESS).build(),
            default_timeout,
        }
    }

    /// A version by its id, without rules: to look at, not to run. `None` when the organization has none such.
    ///
    /// # Errors
    /// When the database is away, or the stored definition no longer compiles.
    #[boxed]
    pub async fn version(
        &self,
        store: &Store,
        organization: OrganizationId,
        id: WorkflowVersionId,
    ) -> Result<Option<Arc<LoadedVersion>>, ServiceError> {
        self.runnable(store, organization, id, None).await
    }

    /// A version by its id with the versions of rules that an execution has, as its row tells them; `None` when the
    /// organization has none such.
    ///
    /// # Errors
    /// When the database is away, or what is stored no longer compiles.
    #[boxed]
    pub async fn runnable(
        &self,
        store: &Store,
        organization: OrganizationId,
        id: WorkflowVersionId,
        rules: Option<&str>,
    ) -> Result<Option<Arc<LoadedVersion>>, ServiceError> {
        let key = (organization, id, rules.map(Arc::from));
        if let Some(version) = self.versions.get(&key).await {
            return Ok(Some(version));
        }
        let Some(row) = store.version(organization, id).await? else { return Ok(None) };
        let mut version = self.compile(&row)?;
        if let Some(rules) = rules {
            let rules = Pins::of(rules)?.load(store, organization).await?;
            version.plan = version.plan.with_rules(rules);
        }
        let version = Arc::new(version);
        self.versions.insert(key, Arc::clone(&version)).await;
        Ok(Some(version))
    }

    /// What the organization has under each of `slugs` now.
    ///
    /// # Errors
    /// When the database is away.
    #[boxed]
    pub async fn current_rules(
        &self,
        store: &Store,
        organization: OrganizationId,
        slugs: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, Option<CurrentRule>>, ServiceError> {
        let (mut found, mut unknown) = (BTreeMap::new(), Vec::new());
        for slug in slugs {
            match self.rules.get(&(organization, slug.clone())).await {
                Some(known) => {
                    found.insert(slug.clone(), known);
                }
                None => unknown.push(slug.clone()),
            }
        }
        let rows = store.rules_by_slugs(organization, &unknown).await?;
        for slug in unknown {
            let row = rows.iter().find(|row| row.slug == slug);
            let rule = row.map(|row| CurrentRule { id: row.id, version: row.version, is_enabled: row.is_enabled });
            self.rules.insert((organization, slug.clone()), rule).await;
            found.insert(slug, rule);
        }
        Ok(found)
    }

    /// Forgets which content of a rule is the current one, after it was changed here.
    #[boxed]
    pub async fn forget_rule(&self, organization: OrganizationId, slug: &str) {
        self.rules.invalidate(&(organization, slug.to_owned())).await;
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
        let rules = engine::rule::names(&definition);
        let settings = engine::plan::Settings { default_timeout: self.default_timeout };
        let plan = Plan::new(definition, settings).map_err(|error| broken(error.into()))?;
        Ok(LoadedVersion { id: row.id, workflow: row.workflow_id, slug, number: row.number, plan, rules })
    }

    /// A workflow with its published version; `None` when the organization has none such.
    ///
    /// # Errors
    /// When the database is away, or the stored definition no longer compiles.
    #[boxed]
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
    #[boxed]
    pub async fn forget(&self, organization: OrganizationId, workflow: WorkflowId, slug: &str) {
        self.published.invalidate(&(organization, WorkflowRef::Id(workflow))).await;
        self.published.invalidate(&(organization, WorkflowRef::Slug(slug.to_owned()))).await;
    }
}
