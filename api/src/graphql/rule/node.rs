//! A rule.

use async_graphql::{ComplexObject, Context, Enum, ID, Object, Result, SimpleObject};
use ids::WorkflowId;
use service::{Services, rules, workflows};
use store::{RuleRow, WorkflowFilter, WorkflowOrder};

use crate::graphql::connection::{CountOf, PageArguments, Paged, paged};
use crate::graphql::directives::authorized;
use crate::graphql::errors::IntoGraphql;
use crate::graphql::loaders::{loader, shared};
use crate::graphql::scalars::{DateTime, Json};
use crate::graphql::viewer::{Actor, Permission};
use crate::graphql::viewer_of;
use crate::graphql::workflow::Workflow;

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum RuleKind {
    /// Answers true or false.
    Condition,
    /// Answers a list of failed checks.
    Validation,
    /// Adds data.
    Enrichment,
}

impl From<RuleKind> for engine::rule::RuleKind {
    fn from(kind: RuleKind) -> Self {
        match kind {
            RuleKind::Condition => Self::Condition,
            RuleKind::Validation => Self::Validation,
            RuleKind::Enrichment => Self::Enrichment,
        }
    }
}

impl From<RuleKind> for store::RuleKind {
    fn from(kind: RuleKind) -> Self {
        match kind {
            RuleKind::Condition => Self::Condition,
            RuleKind::Validation => Self::Validation,
            RuleKind::Enrichment => Self::Enrichment,
        }
    }
}

impl From<store::RuleKind> for RuleKind {
    fn from(kind: store::RuleKind) -> Self {
        match kind {
            store::RuleKind::Condition => Self::Condition,
            store::RuleKind::Validation => Self::Validation,
            store::RuleKind::Enrichment => Self::Enrichment,
        }
    }
}

/// A place of a published version that names a rule.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(complex)]
pub struct RuleUse {
    #[graphql(skip)]
    workflow_id: WorkflowId,
    /// The step.
    step_key: String,
    /// JSON Pointer of the name in the definition.
    pointer: String,
}

#[ComplexObject]
impl RuleUse {
    /// The workflow.
    async fn workflow(&self, ctx: &Context<'_>) -> Result<Option<Workflow>> {
        Ok(loader(ctx)?.load_one(self.workflow_id).await.map_err(|error| shared(&error))?.map(Workflow))
    }
}

/// Most places that are listed.
const MOST_USES: u64 = 100;

/// A reusable condition, check or addition.
#[derive(Debug, Clone)]
pub struct Rule(pub(super) RuleRow);

/// A reusable condition, check or addition.
#[Object]
impl Rule {
    /// Global id, prefix `rule_`.
    async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// Name in definitions, as `rule_id` of a step.
    async fn slug(&self) -> &str {
        &self.0.slug
    }

    /// Title.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// What it is for.
    async fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    /// What it does.
    async fn kind(&self) -> RuleKind {
        self.0.kind.into()
    }

    /// Conditions and effects.
    async fn definition(&self) -> Result<Json> {
        Ok(async_graphql::Json(serde_json::from_str(&self.0.definition)?))
    }

    /// JSON Schema of the data it reads.
    async fn input_schema(&self) -> Result<Option<Json>> {
        Ok(self.0.input_schema.as_deref().map(serde_json::from_str).transpose()?.map(async_graphql::Json))
    }

    /// Number of its definition, which grows with each change of it. Executions keep the version that they began
    /// with.
    async fn version(&self) -> i32 {
        self.0.version
    }

    /// False: no version of a workflow that names it can be published.
    async fn is_enabled(&self) -> bool {
        self.0.is_enabled
    }

    /// Workflows whose published version uses it.
    #[graphql(complexity = "first.or(last).unwrap_or(25).clamp(1, 100) as usize * child_complexity", directive = authorized::apply(Permission::WorkflowRead))]
    async fn used_by(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take the last n items, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
    ) -> Result<Paged<Workflow>> {
        let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
        let list = format!("users:{}", self.0.id);
        let request = PageArguments { first, after, last, before }.request(ctx, &list)?;
        let filter = WorkflowFilter { uses_rule: Some(self.0.id), ..WorkflowFilter::default() };
        let page = workflows::page(services, viewer, &filter, WorkflowOrder::default(), &request).await.graphql()?;
        paged(ctx, page, &list, CountOf::Workflows(Box::new(filter)), Workflow)
    }

    /// The places of published versions that name it, workflow by workflow, at most 100.
    #[graphql(complexity = "100 * child_complexity", directive = authorized::apply(Permission::WorkflowRead))]
    async fn uses(&self, ctx: &Context<'_>) -> Result<Vec<RuleUse>> {
        let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
        let uses = rules::uses(services, viewer, self.0.id, MOST_USES).await.graphql()?;
        let shown = uses.into_iter().map(|used| RuleUse {
            workflow_id: used.workflow_id,
            step_key: used.step,
            pointer: used.pointer,
        });
        Ok(shown.collect())
    }

    /// Grows with each change.
    async fn revision(&self) -> i32 {
        self.0.revision
    }

    /// When it was created.
    async fn created_at(&self) -> DateTime {
        DateTime::from_ms(self.0.created_at_ms)
    }

    /// Last change.
    async fn updated_at(&self) -> DateTime {
        DateTime::from_ms(self.0.updated_at_ms)
    }

    /// Who changed it last.
    async fn updated_by(&self) -> Actor {
        Actor::from_id(&self.0.updated_by)
    }
}
