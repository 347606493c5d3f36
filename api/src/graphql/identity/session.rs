//! Signing in, staying signed in, signing out.

use async_graphql::{ComplexObject, Context, ID, InputObject, Object, Result, SimpleObject};
use service::identity::registration::{self, NewAccount, Registered, Ticket};
use service::identity::sessions::SignedIn;
use service::identity::{account, organizations, recognise, sessions};
use service::viewer::Credential;
use service::{Code, Mistake, ServiceError, Services};
use store::SessionRow;

use crate::graphql::browser;
use crate::graphql::deleted::DeletePayload;
use crate::graphql::directives::{public, signed_in as needs_sign_in};
use crate::graphql::errors::{IntoGraphql, UserError, or_null, user_errors};
use crate::graphql::filters::parse_id;
use crate::graphql::scalars::{DateTime, int};
use crate::graphql::viewer::Viewer;
use crate::graphql::{origin_of, viewer_of};

/// A signed-in browser or program.
#[derive(Debug, SimpleObject)]
pub struct Session {
    /// Global id, prefix `ses_`.
    id: ID,
    /// Browser or program.
    user_agent: Option<String>,
    /// From where it was opened.
    remote_address: Option<String>,
    /// Since when.
    created_at: DateTime,
    /// When it was last refreshed.
    last_seen_at: DateTime,
    /// Its end unless it is refreshed before.
    expires_at: DateTime,
    /// True for the caller's.
    is_current: bool,
}

impl Session {
    /// As the caller with this credential sees it.
    pub fn of(row: SessionRow, credential: Credential) -> Self {
        let is_current = matches!(credential, Credential::Session { session, .. } if session == row.id);
        Self {
            id: ID(row.id.to_string()),
            user_agent: row.user_agent,
            remote_address: row.remote_address,
            created_at: DateTime::from_ms(row.created_at_ms),
            last_seen_at: DateTime::from_ms(row.last_seen_at_ms),
            expires_at: DateTime::from_ms(row.expires_at_ms),
            is_current,
        }
    }
}

/// A sign-in.
#[derive(InputObject)]
pub struct SessionCreateInput {
    /// Address.
    email: String,
    /// Password.
    password: String,
}

/// A new token.
#[derive(InputObject)]
pub struct SessionRefreshInput {
    /// Old token; browsers send a cookie.
    refresh_token: Option<String>,
}

/// A sign-out.
#[derive(InputObject)]
pub struct SessionDeleteInput {
    /// Session; the caller's when absent.
    id: Option<ID>,
}

/// Where to go.
#[derive(InputObject)]
pub struct OrganizationSwitchInput {
    /// Which.
    id: ID,
}

/// A sign-out everywhere.
#[derive(InputObject)]
pub struct SessionDeleteAllInput {
    /// True: the caller's session stays.
    #[graphql(default = false)]
    keep_current: bool,
}

/// Answer of `sessionDeleteAll`.
#[derive(SimpleObject)]
pub struct SessionDeleteAllPayload {
    /// How many sessions were ended.
    deleted_count: i32,
    /// What the caller can correct; empty on success.
    user_errors: Vec<UserError>,
}

/// A new account.
#[derive(InputObject)]
pub struct UserRegisterInput {
    /// Address.
    email: String,
    /// Password, 12 to 256 characters.
    password: String,
    /// Name to show.
    display_name: String,
    /// Token of an invitation.
    invitation_token: Option<String>,
    /// Token that was printed at the first start: makes the owner of the default organization.
    bootstrap_token: Option<String>,
}

impl From<UserRegisterInput> for NewAccount {
    fn from(input: UserRegisterInput) -> Self {
        let ticket = match (input.bootstrap_token, input.invitation_token) {
            (Some(token), _) => Ticket::Bootstrap(token),
            (None, Some(token)) => Ticket::Invitation(token),
            (None, None) => Ticket::None,
        };
        Self { email: input.email, password: input.password, display_name: input.display_name, ticket }
    }
}

/// Answer of a Session mutation. Without session and without errors, a mail was sent: the address has to be confirmed
/// before the first sign-in.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct SessionPayload {
    #[graphql(skip)]
    signed_in: Option<SignedIn>,
    /// Token for programs; browsers get a cookie instead.
    access_token: Option<String>,
    /// Token for `sessionRefresh`, only for programs.
    refresh_token: Option<String>,
    /// End of the access token.
    expires_at: Option<DateTime>,
    /// What the caller can correct; empty on success.
    user_errors: Vec<UserError>,
}

#[ComplexObject]
impl SessionPayload {
    /// The session.
    async fn session(&self, ctx: &Context<'_>) -> Result<Option<Session>> {
        let Some(signed_in) = &self.signed_in else { return Ok(None) };
        let row = sessions::of_signed_in(ctx.data::<Services>()?, signed_in).await.graphql()?;
        let credential = Credential::Session { user: signed_in.user, session: signed_in.session };
        Ok(row.map(|row| Session::of(row, credential)))
    }

    /// The caller.
    async fn viewer(&self, ctx: &Context<'_>) -> Result<Option<Viewer>> {
        let Some(signed_in) = &self.signed_in else { return Ok(None) };
        let services = ctx.data::<Services>()?;
        let known = recognise(services, &signed_in.access_token, origin_of(ctx)).await.graphql()?;
        let organization = service::organization(services, &known.viewer).await.graphql()?;
        Ok(Some(Viewer { viewer: known.viewer, organization: organization.into() }))
    }
}

impl SessionPayload {
    /// What somebody who signed in, or did not, is answered. Their browser keeps the tokens when its page asked for it.
    pub(in crate::graphql) fn of(ctx: &Context<'_>, outcome: Result<Option<SignedIn>, ServiceError>) -> Result<Self> {
        Ok(match user_errors(outcome)? {
            Ok(Some(signed_in)) => {
                browser::keep(ctx, &signed_in)?;
                Self {
                    access_token: Some(signed_in.access_token.clone()),
                    refresh_token: Some(signed_in.refresh_token.clone()),
                    expires_at: Some(DateTime(signed_in.access_expires_at)),
                    signed_in: Some(signed_in),
                    user_errors: Vec::new(),
                }
            }
            Ok(None) => Self::empty(Vec::new()),
            Err(user_errors) => Self::empty(user_errors),
        })
    }

    fn empty(user_errors: Vec<UserError>) -> Self {
        Self { signed_in: None, access_token: None, refresh_token: None, expires_at: None, user_errors }
    }
}

fn spent() -> ServiceError {
    let mistake = Mistake::new(Code::Invalid, "refreshToken", "this refresh token does not count");
    ServiceError::mistake(mistake.with_help("it is too old, was used before, or its session was ended: sign in again"))
}

/// Signing in and out.
#[derive(Default)]
pub struct SessionMutation;

/// Signing in and out.
#[Object]
impl SessionMutation {
    /// Signs in; browsers get a cookie.
    #[graphql(directive = public::apply())]
    async fn session_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: SessionCreateInput,
    ) -> Option<SessionPayload> {
        let run = async {
            let services = ctx.data::<Services>()?;
            let outcome = account::sign_in(services, &input.email, &input.password, origin_of(ctx)).await;
            SessionPayload::of(ctx, outcome.map(Some))
        };
        or_null(ctx, run.await)
    }

    /// Gives a new token for an old one.
    #[graphql(directive = public::apply())]
    async fn session_refresh(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: SessionRefreshInput,
    ) -> Option<SessionPayload> {
        let run = async {
            let outcome = match browser::refresh_token(ctx, input.refresh_token) {
                Some(token) => sessions::refresh(ctx.data::<Services>()?, &token, origin_of(ctx)).await,
                None => Err(ServiceError::Unauthenticated),
            };
            // The field is for everybody: what is refused is the token, not the caller.
            let outcome = match outcome {
                Err(ServiceError::Unauthenticated) => {
                    browser::forget(ctx);
                    Err(spent())
                }
                other => other,
            };
            SessionPayload::of(ctx, outcome.map(Some))
        };
        or_null(ctx, run.await)
    }

    /// Makes another organization the one that the caller is in. The tokens before it no longer count.
    #[graphql(directive = needs_sign_in::apply())]
    async fn organization_switch(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: OrganizationSwitchInput,
    ) -> Option<SessionPayload> {
        let run = async {
            let id = parse_id(&input.id)?;
            let switched = organizations::switch(ctx.data::<Services>()?, viewer_of(ctx)?, id).await;
            SessionPayload::of(ctx, switched.map(Some))
        };
        or_null(ctx, run.await)
    }

    /// Signs out, here or elsewhere.
    #[graphql(directive = needs_sign_in::apply())]
    async fn session_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: SessionDeleteInput,
    ) -> Option<DeletePayload> {
        let run = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let wanted = input.id.as_ref().map(parse_id).transpose()?;
            let ended = sessions::revoke(services, viewer, wanted).await;
            if let (Ok(ended), Credential::Session { session, .. }) = (&ended, viewer.credential)
                && *ended == session
            {
                browser::forget(ctx);
            }
            let id = ended.as_ref().map_or_else(|_refused| ID(String::new()), |session| ID(session.to_string()));
            DeletePayload::of(id, ended.map(|_session| ()))
        };
        or_null(ctx, run.await)
    }

    /// Signs out everywhere.
    #[graphql(directive = needs_sign_in::apply())]
    async fn session_delete_all(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: SessionDeleteAllInput,
    ) -> Option<SessionDeleteAllPayload> {
        let run = async {
            let ended = sessions::revoke_all(ctx.data::<Services>()?, viewer_of(ctx)?, input.keep_current).await;
            Ok(match user_errors(ended)? {
                Ok(count) => {
                    if !input.keep_current {
                        browser::forget(ctx);
                    }
                    let deleted_count = int(count);
                    SessionDeleteAllPayload { deleted_count, user_errors: Vec::new() }
                }
                Err(user_errors) => SessionDeleteAllPayload { deleted_count: 0, user_errors },
            })
        };
        or_null(ctx, run.await)
    }

    /// Creates an account, where that is allowed.
    #[graphql(directive = public::apply())]
    async fn user_register(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: UserRegisterInput,
    ) -> Option<SessionPayload> {
        let run = async {
            let services = ctx.data::<Services>()?;
            let outcome = registration::register(services, input.into(), origin_of(ctx)).await;
            let outcome = outcome.map(|registered| match registered {
                Registered::SignedIn(signed_in) => Some(signed_in),
                Registered::MailSent => None,
            });
            SessionPayload::of(ctx, outcome)
        };
        or_null(ctx, run.await)
    }
}
