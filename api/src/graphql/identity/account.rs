//! What people change about their accounts.

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};
use service::identity::{account, recovery};
use service::{ServiceError, Services};
use store::UserRow;

use super::user::User;
use crate::graphql::directives::{public, signed_in as needs_sign_in};
use crate::graphql::errors::{UserError, or_null, user_errors};
use crate::graphql::scalars::{Json, TimeZone};
use crate::graphql::{origin_of, viewer_of};

/// Changes to the caller; absent fields stay.
#[derive(InputObject)]
pub struct UserUpdateInput {
    /// Name to show.
    display_name: Option<String>,
    /// Zone for times.
    time_zone: Option<TimeZone>,
    /// Settings of the UI.
    preferences: Option<Json>,
}

/// A new password.
#[derive(InputObject)]
pub struct PasswordChangeInput {
    /// Old one.
    current_password: String,
    /// New one, 12 to 256 characters.
    new_password: String,
}

/// An address to confirm.
#[derive(InputObject)]
pub struct EmailVerifyInput {
    /// Token of the mail.
    token: String,
}

/// Whose password is to be set anew.
#[derive(InputObject)]
pub struct PasswordResetSendInput {
    /// Address.
    email: String,
}

/// A new password by mail.
#[derive(InputObject)]
pub struct PasswordResetInput {
    /// Token of the mail.
    token: String,
    /// New password, 12 to 256 characters.
    new_password: String,
}

/// Answer of a User mutation.
#[derive(SimpleObject)]
pub struct UserPayload {
    /// The person.
    user: Option<User>,
    /// What the caller can correct; empty on success.
    user_errors: Vec<UserError>,
}

impl UserPayload {
    fn of(outcome: Result<UserRow, ServiceError>) -> Result<Self> {
        Ok(match user_errors(outcome)? {
            Ok(row) => Self { user: Some(row.into()), user_errors: Vec::new() },
            Err(user_errors) => Self { user: None, user_errors },
        })
    }
}

/// Answer of a mutation that sends a mail.
#[derive(SimpleObject)]
pub struct MailPayload {
    /// True: the mail goes out, if there is anything to send.
    is_accepted: bool,
    /// What the caller can correct; empty on success.
    user_errors: Vec<UserError>,
}

impl MailPayload {
    fn of<T>(outcome: Result<T, ServiceError>) -> Result<Self> {
        Ok(match user_errors(outcome)? {
            Ok(_accepted) => Self { is_accepted: true, user_errors: Vec::new() },
            Err(user_errors) => Self { is_accepted: false, user_errors },
        })
    }
}

/// Answer of a mutation by a token of a mail.
#[derive(SimpleObject)]
pub struct MailTokenPayload {
    /// Address of the account, to sign in with.
    email: Option<String>,
    /// What the caller can correct; empty on success.
    user_errors: Vec<UserError>,
}

impl MailTokenPayload {
    fn of(outcome: Result<UserRow, ServiceError>) -> Result<Self> {
        Ok(match user_errors(outcome)? {
            Ok(row) => Self { email: row.email, user_errors: Vec::new() },
            Err(user_errors) => Self { email: None, user_errors },
        })
    }
}

/// Changes to accounts.
#[derive(Default)]
pub struct AccountMutation;

/// Changes to accounts.
#[Object]
impl AccountMutation {
    /// Changes the caller's name, zone, preferences.
    #[graphql(directive = needs_sign_in::apply())]
    async fn user_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: UserUpdateInput,
    ) -> Option<UserPayload> {
        let run = async {
            let update = account::Update {
                display_name: input.display_name,
                time_zone: input.time_zone.map(|zone| zone.0),
                preferences: input.preferences.map(|preferences| preferences.0),
            };
            UserPayload::of(account::update(ctx.data::<Services>()?, viewer_of(ctx)?, update).await)
        };
        or_null(ctx, run.await)
    }

    /// Changes the caller's password and ends other sessions.
    #[graphql(directive = needs_sign_in::apply())]
    async fn password_change(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: PasswordChangeInput,
    ) -> Option<UserPayload> {
        let run = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let (current, new) = (&input.current_password, &input.new_password);
            UserPayload::of(account::change_password(services, viewer, current, new).await)
        };
        or_null(ctx, run.await)
    }

    /// Sends the caller a mail to confirm their address with.
    #[graphql(directive = needs_sign_in::apply())]
    async fn email_verification_send(&self, ctx: &Context<'_>) -> Option<MailPayload> {
        let run =
            async { MailPayload::of(recovery::send_verification(ctx.data::<Services>()?, viewer_of(ctx)?).await) };
        or_null(ctx, run.await)
    }

    /// Confirms the address that a mail was sent to.
    #[graphql(directive = public::apply())]
    async fn email_verify(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: EmailVerifyInput,
    ) -> Option<MailTokenPayload> {
        let run = async {
            MailTokenPayload::of(recovery::verify(ctx.data::<Services>()?, &input.token, origin_of(ctx)).await)
        };
        or_null(ctx, run.await)
    }

    /// Sends a mail to set a new password with. The answer is the same when the address has no account.
    #[graphql(directive = public::apply())]
    async fn password_reset_send(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: PasswordResetSendInput,
    ) -> Option<MailPayload> {
        let run = async {
            MailPayload::of(recovery::send_reset(ctx.data::<Services>()?, &input.email, origin_of(ctx)).await)
        };
        or_null(ctx, run.await)
    }

    /// Sets a new password with the token of a mail and ends every session.
    #[graphql(directive = public::apply())]
    async fn password_reset(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: PasswordResetInput,
    ) -> Option<MailTokenPayload> {
        let run = async {
            let services = ctx.data::<Services>()?;
            MailTokenPayload::of(recovery::reset(services, &input.token, &input.new_password, origin_of(ctx)).await)
        };
        or_null(ctx, run.await)
    }
}
