//! What can be asked about rules.

use async_graphql::{Context, ID, Object};
use service::{Services, rules};

use super::inputs::{ExpressionEvaluateInput, RuleEvaluateInput, RuleFilter};
use super::node::Rule;
use super::trial::{ExpressionResult, RuleEvaluation};
use crate::graphql::connection::{CountOf, PageArguments, Paged, paged};
use crate::graphql::directives::authorized;
use crate::graphql::errors::{IntoGraphql, item_errors, or_null};
use crate::graphql::filters::parse_id;
use crate::graphql::viewer::Permission;
use crate::graphql::viewer_of;

/// What can be asked about rules.
#[derive(Default)]
pub struct RuleQuery;

/// What can be asked about rules.
#[Object]
impl RuleQuery {
    /// One rule.
    #[graphql(directive = authorized::apply(Permission::RuleRead))]
    async fn rule(&self, ctx: &Context<'_>, #[graphql(desc = "Global id.")] id: ID) -> Option<Rule> {
        let read = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let rows = rules::by_ids(services, viewer, &[parse_id(&id)?]).await.graphql()?;
            Ok(rows.into_iter().next().map(Rule))
        };
        or_null(ctx, read.await).flatten()
    }

    /// Rules, newest first.
    #[graphql(complexity = "first.or(last).unwrap_or(25).clamp(1, 100) as usize * child_complexity", directive = authorized::apply(Permission::RuleRead))]
    async fn rules(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take the last n items, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which items to return; all conditions must hold.")] filter: Option<RuleFilter>,
    ) -> Option<Paged<Rule>> {
        let read = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let filter = store::RuleFilter::from(filter.unwrap_or_default());
            let request = PageArguments { first, after, last, before }.request(ctx, "rules")?;
            let page = rules::page(services, viewer, &filter, &request).await.graphql()?;
            paged(ctx, page, "rules", CountOf::Rules(Box::new(filter)), Rule)
        };
        or_null(ctx, read.await)
    }

    /// Tries a rule, saved or not, on some data.
    #[graphql(complexity = "50 + child_complexity", directive = authorized::apply(Permission::RuleRead))]
    async fn rule_evaluate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to try.")] input: RuleEvaluateInput,
    ) -> Option<RuleEvaluation> {
        let evaluate = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let (subject, data) = input.split()?;
            Ok(match item_errors(rules::evaluate(services, viewer, subject, data).await)? {
                Ok(evaluation) => RuleEvaluation::of(evaluation),
                Err(user_errors) => RuleEvaluation::refused(user_errors),
            })
        };
        or_null(ctx, evaluate.await)
    }

    /// Tries an expression or template on some data.
    #[graphql(complexity = "50 + child_complexity", directive = authorized::apply(Permission::WorkflowRead))]
    async fn expression_evaluate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to try.")] input: ExpressionEvaluateInput,
    ) -> Option<ExpressionResult> {
        let evaluate = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            Ok(rules::expression(services, viewer, input.into()).await.graphql()?.into())
        };
        or_null(ctx, evaluate.await)
    }
}
