//! Hooks: addresses that others call to start workflows.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, InputObject, Object, Result, SimpleObject};
use serde_json::Value;
use service::hooks::{self, Rotate, Verification};
use service::sealed::Secret;
use service::{Services, organization};
use store::HookRow;

use super::connection::{CountOf, PageArguments, Paged, paged};
use super::directives::authorized;
use super::errors::{IntoGraphql, UserError, or_null, user_errors};
use super::filters::parse_id;
use super::loaders::{loader, shared};
use super::scalars::{DateTime, Duration, Url};
use super::viewer::Permission;
use super::viewer_of;
use super::workflow::Workflow;

/// How callers of a hook prove themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "Verification")]
pub enum HookVerification {
    /// Not at all: whoever knows the address starts the workflow.
    None,
    /// By the HMAC-SHA256 of the body in a header.
    #[graphql(name = "HMAC_SHA256")]
    HmacSha256,
    /// As the Standard Webhooks specification says.
    StandardWebhooks,
}

/// Started by a call from outside.
#[derive(Debug, Clone, SimpleObject)]
pub struct WebhookTrigger {
    /// Path that was called.
    path: String,
    /// From where.
    remote_address: Option<String>,
}

impl WebhookTrigger {
    pub(super) fn of(trigger: &Value) -> Self {
        Self {
            path: trigger["path"].as_str().unwrap_or_default().to_owned(),
            remote_address: trigger["remote_address"].as_str().map(str::to_owned),
        }
    }
}

/// An address that others call to start a workflow: a webhook trigger of a published version.
#[derive(Debug, Clone)]
pub struct Hook {
    row: HookRow,
    /// Slug of its organization.
    organization: Arc<str>,
}

/// An address that others call to start a workflow: a webhook trigger of a published version.
#[Object]
impl Hook {
    /// Global id, prefix `hok_`.
    async fn id(&self) -> ID {
        ID(self.row.id.to_string())
    }

    /// Workflow that it starts.
    #[graphql(directive = authorized::apply(Permission::WorkflowRead))]
    async fn workflow(&self, ctx: &Context<'_>) -> Result<Option<Workflow>> {
        Ok(loader(ctx)?.load_one(self.row.workflow_id).await.map_err(|error| shared(&error))?.map(Workflow))
    }

    /// Path in its definition.
    async fn path(&self) -> &str {
        &self.row.path
    }

    /// HTTP method, in upper case.
    async fn method(&self) -> &str {
        &self.row.method
    }

    /// Where it is called.
    async fn url(&self, ctx: &Context<'_>) -> Result<Url> {
        Ok(Url(hooks::address(ctx.data::<Services>()?, &self.organization, &self.row)))
    }

    /// How callers prove themselves.
    async fn verification(&self) -> HookVerification {
        Verification::from_name(&self.row.verification).into()
    }

    /// Whether its workflow is enabled; calls are refused otherwise.
    async fn is_enabled(&self) -> bool {
        self.row.is_enabled
    }

    /// Whether it has a secret, which is never shown again. Without one, calls that have to prove themselves cannot.
    async fn has_secret(&self) -> bool {
        self.row.secret.is_some()
    }

    /// When the secret was set.
    async fn secret_rotated_at(&self) -> Option<DateTime> {
        self.row.rotated_at_ms.map(DateTime::from_ms)
    }

    /// Until when the secret before it counts too.
    async fn previous_secret_expires_at(&self) -> Option<DateTime> {
        self.row.previous_secret.as_ref().and(self.row.previous_until_ms).map(DateTime::from_ms)
    }

    /// When the address was first published.
    async fn created_at(&self) -> DateTime {
        DateTime::from_ms(self.row.created_at_ms)
    }
}

/// How long an old secret counts beside its successor.
const DEFAULT_OVERLAP: Duration = Duration(std::time::Duration::from_hours(24));

/// A hook to give a secret.
#[derive(InputObject)]
pub struct HookRotateSecretInput {
    /// Which.
    id: ID,
    /// The secret that the sender made, 16 to 512 bytes; a new one is made when absent.
    secret: Option<String>,
    /// How long the old one still counts, at most 30 days.
    #[graphql(default_with = "DEFAULT_OVERLAP")]
    overlap: Duration,
}

/// Answer of a `HookSecret` mutation.
#[derive(SimpleObject)]
pub struct HookSecretPayload {
    /// The hook.
    hook: Option<Hook>,
    /// The secret, if it was made now; shown only now.
    secret: Option<String>,
    /// What the caller can correct; empty on success.
    user_errors: Vec<UserError>,
}

/// What can be asked about hooks.
#[derive(Default)]
pub struct HookQuery;

/// What can be asked about hooks.
#[Object]
impl HookQuery {
    /// Addresses that others call to start workflows, oldest first.
    #[graphql(complexity = "first.or(last).unwrap_or(25).clamp(1, 100) as usize * child_complexity", directive = authorized::apply(Permission::WebhookWrite))]
    async fn hooks(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take the last n items, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
    ) -> Option<Paged<Hook>> {
        let read = async {
            let list = "hooks";
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let request = PageArguments { first, after, last, before }.request(ctx, list)?;
            let page = hooks::page(services, viewer, &request).await.graphql()?;
            let slug = slug(ctx).await?;
            paged(ctx, page, list, CountOf::Hooks, |row| Hook { row, organization: Arc::clone(&slug) })
        };
        or_null(ctx, read.await)
    }
}

/// Changes of hooks.
#[derive(Default)]
pub struct HookMutation;

/// Changes of hooks.
#[Object]
impl HookMutation {
    /// Gives a hook a new secret, which is shown once, or the one that its sender made; the old one counts for a while.
    #[graphql(directive = authorized::apply(Permission::WebhookWrite))]
    async fn hook_rotate_secret(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: HookRotateSecretInput,
    ) -> Option<HookSecretPayload> {
        or_null(ctx, rotate(ctx, input).await)
    }
}

async fn rotate(ctx: &Context<'_>, input: HookRotateSecretInput) -> Result<HookSecretPayload> {
    let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
    let rotate = Rotate { hook: parse_id(&input.id)?, secret: input.secret.map(Secret::new), overlap: input.overlap.0 };
    Ok(match user_errors(hooks::rotate(services, viewer, rotate).await)? {
        Ok(rotated) => HookSecretPayload {
            hook: Some(Hook { row: rotated.row, organization: slug(ctx).await? }),
            secret: rotated.secret.map(|secret| secret.reveal().to_owned()),
            user_errors: Vec::new(),
        },
        Err(user_errors) => HookSecretPayload { hook: None, secret: None, user_errors },
    })
}

/// Slug of the viewer's organization.
async fn slug(ctx: &Context<'_>) -> Result<Arc<str>> {
    Ok(organization(ctx.data::<Services>()?, viewer_of(ctx)?).await.graphql()?.slug.into())
}
