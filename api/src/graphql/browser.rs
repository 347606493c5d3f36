//! What a sign-in leaves in a browser, for the resolvers of sessions.

use async_graphql::Context;
use service::Services;
use service::identity::sessions::SignedIn;

use crate::cookies::{Cookies, left};

fn cookies<'a>(ctx: &Context<'a>) -> Option<&'a Cookies> {
    ctx.data_opt::<Cookies>()
}

/// Keeps the tokens of somebody who signed in, if their page asked for cookies.
pub(super) fn keep(ctx: &Context<'_>, signed_in: &SignedIn) -> async_graphql::Result<()> {
    let now = ctx.data::<Services>()?.now();
    if let Some(cookies) = cookies(ctx) {
        cookies.keep(
            (&signed_in.access_token, left(signed_in.access_expires_at, now)),
            (&signed_in.refresh_token, left(signed_in.refresh_expires_at, now)),
        );
    }
    Ok(())
}

/// Forgets the tokens of somebody who signed out.
pub(super) fn forget(ctx: &Context<'_>) {
    if let Some(cookies) = cookies(ctx) {
        cookies.forget();
    }
}

/// The refresh token that was given, or that the browser keeps.
pub(super) fn refresh_token(ctx: &Context<'_>, given: Option<String>) -> Option<String> {
    given.or_else(|| cookies(ctx)?.refresh_token().map(str::to_owned))
}
