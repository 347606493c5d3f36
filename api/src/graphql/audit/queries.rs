//! What can be asked about the audit log.

use async_graphql::{Context, Object};
use service::{Services, audit};

use super::entry::{AuditEntry, AuditFilter, AuditVerification, TimeWindowInput};
use crate::graphql::connection::{CountOf, PageArguments, Paged, paged};
use crate::graphql::directives::authorized;
use crate::graphql::errors::{IntoGraphql, or_null};
use crate::graphql::viewer::Permission;
use crate::graphql::viewer_of;

/// Reads the audit log.
#[derive(Default)]
pub struct AuditQuery;

const LIST: &str = "audit_entries";

/// Reads the audit log.
#[Object]
impl AuditQuery {
    /// Audit log, newest first.
    #[graphql(complexity = "first.or(last).unwrap_or(25).clamp(1, 100) as usize * child_complexity", directive = authorized::apply(Permission::AuditRead))]
    async fn audit_entries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take the last n items, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which items to return; all conditions must hold.")] filter: Option<AuditFilter>,
    ) -> Option<Paged<AuditEntry>> {
        let read = async {
            let services = ctx.data::<Services>()?;
            let filter = filter.unwrap_or_default().resolve(services)?;
            let request = PageArguments { first, after, last, before }.request(ctx, LIST)?;
            let page = audit::page(services, viewer_of(ctx)?, &filter, &request).await.graphql()?;
            paged(ctx, page, LIST, CountOf::AuditEntries(Box::new(filter)), AuditEntry)
        };
        or_null(ctx, read.await)
    }

    /// Checks that the log was not changed, some ten thousand entries at a time.
    #[graphql(complexity = "100 + child_complexity", directive = authorized::apply(Permission::AuditRead))]
    async fn audit_verify(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which entries to check, by their time.")] window: TimeWindowInput,
        #[graphql(desc = "Where to go on: `next` of the answer before.")] after: Option<String>,
    ) -> Option<AuditVerification> {
        let read = async {
            let services = ctx.data::<Services>()?;
            let window = window.resolve(services);
            let verified = audit::verify(services, viewer_of(ctx)?, window, after.as_deref()).await.graphql()?;
            Ok(verified.into())
        };
        or_null(ctx, read.await)
    }
}
