//! Changes of rules.

use async_graphql::{Context, Object, Result, SimpleObject};
use engine::problem as found;
use service::rules::Saved;
use service::{Code, Mistake, ServiceError, Services, rules};
use store::RuleRow;

use super::inputs::{RuleCreateInput, RuleDeleteInput, RuleDisableInput, RuleEnableInput, RuleUpdateInput};
use super::node::Rule;
use crate::graphql::deleted::DeletePayload;
use crate::graphql::directives::authorized;
use crate::graphql::errors::{UserError, or_null, user_errors};
use crate::graphql::filters::parse_id;
use crate::graphql::problem::Problem;
use crate::graphql::viewer::Permission;
use crate::graphql::viewer_of;

/// Answer of a Rule mutation.
#[derive(SimpleObject)]
pub struct RulePayload {
    /// The rule.
    rule: Option<Rule>,
    /// Findings about its definition; their pointers lead into it.
    problems: Vec<Problem>,
    /// What the caller can correct; empty on success.
    user_errors: Vec<UserError>,
}

impl RulePayload {
    /// A definition with errors is a mistake too: who looks at nothing else learns that nothing was saved.
    fn saved(outcome: Result<Saved, ServiceError>) -> Result<Self> {
        let (outcome, problems) = match outcome {
            Ok(Saved { rule: Some(row), problems }) => (Ok(row), problems),
            Ok(Saved { rule: None, problems }) => {
                let count = problems.iter().filter(|problem| problem.is_error()).count();
                let mistake = Mistake::new(
                    Code::DefinitionInvalid,
                    "definition",
                    format!("the definition of the rule has {count} errors"),
                );
                (Err(ServiceError::mistake(mistake.with_help("`problems` lists them."))), problems)
            }
            Err(error) => (Err(error), Vec::new()),
        };
        Self::with(outcome, &problems)
    }

    fn with(outcome: Result<RuleRow, ServiceError>, problems: &[found::Problem]) -> Result<Self> {
        let problems = problems.iter().map(Into::into).collect();
        Ok(match user_errors(outcome)? {
            Ok(row) => Self { rule: Some(Rule(row)), problems, user_errors: Vec::new() },
            Err(user_errors) => Self { rule: None, problems, user_errors },
        })
    }
}

/// Changes of rules.
#[derive(Default)]
pub struct RuleMutation;

/// Changes of rules.
#[Object]
impl RuleMutation {
    /// Creates a rule.
    #[graphql(directive = authorized::apply(Permission::RuleWrite))]
    async fn rule_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: RuleCreateInput,
    ) -> Option<RulePayload> {
        let create =
            async { RulePayload::saved(rules::create(ctx.data::<Services>()?, viewer_of(ctx)?, input.into()).await) };
        or_null(ctx, create.await)
    }

    /// Changes a rule. Executions that began before keep the version that they began with.
    #[graphql(directive = authorized::apply(Permission::RuleWrite))]
    async fn rule_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: RuleUpdateInput,
    ) -> Option<RulePayload> {
        let update = async {
            let id = parse_id(&input.id)?;
            RulePayload::saved(rules::update(ctx.data::<Services>()?, viewer_of(ctx)?, id, input.into()).await)
        };
        or_null(ctx, update.await)
    }

    /// Switches a rule on.
    #[graphql(directive = authorized::apply(Permission::RuleWrite))]
    async fn rule_enable(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: RuleEnableInput,
    ) -> Option<RulePayload> {
        let enable = async {
            let id = parse_id(&input.id)?;
            RulePayload::with(rules::enable(ctx.data::<Services>()?, viewer_of(ctx)?, id).await, &[])
        };
        or_null(ctx, enable.await)
    }

    /// Switches a rule off that no published version uses.
    #[graphql(directive = authorized::apply(Permission::RuleWrite))]
    async fn rule_disable(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: RuleDisableInput,
    ) -> Option<RulePayload> {
        let disable = async {
            let id = parse_id(&input.id)?;
            RulePayload::with(rules::disable(ctx.data::<Services>()?, viewer_of(ctx)?, id).await, &[])
        };
        or_null(ctx, disable.await)
    }

    /// Removes a rule that no published version uses.
    #[graphql(directive = authorized::apply(Permission::RuleWrite))]
    async fn rule_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: RuleDeleteInput,
    ) -> Option<DeletePayload> {
        let delete = async {
            let id = parse_id(&input.id)?;
            DeletePayload::of(input.id, rules::delete(ctx.data::<Services>()?, viewer_of(ctx)?, id).await)
        };
        or_null(ctx, delete.await)
    }
}
