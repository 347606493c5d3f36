//! From what use cases refuse with to what clients see.
//!
//! What a caller can correct is data, in `userErrors`. Everything else is a top-level error with a
//! code; the cause of an internal one is logged here, once, and never shown.

use async_graphql::{ComplexObject, Context, Enum, ErrorExtensions, SimpleObject};
use service::{Code, Mistake, ServiceError, Services, chain};

use super::audit;
use super::scalars::Url;

/// Codes of `UserError`. New ones may be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum ErrorCode {
    /// A value is not acceptable.
    Invalid,
    /// A value is missing.
    Required,
    /// A value is over a limit.
    TooLarge,
    /// An object named in the input does not exist, or the caller may not see it.
    NotFound,
    /// The name or the place is taken.
    AlreadyExists,
    /// Someone else changed the object: `expectedRevision` is old.
    Conflict,
    /// The object is not in a state that allows this.
    WrongState,
    /// Other objects depend on it.
    InUse,
    /// The workflow has problems; see `problems`.
    DefinitionInvalid,
    /// Execution input does not fit its JSON Schema.
    InputSchemaMismatch,
    /// The workflow is disabled.
    WorkflowDisabled,
    /// The workflow has no published version.
    NotPublished,
    /// An idempotency or deduplication key was used before with another input.
    Duplicate,
    /// The approval does not ask the caller.
    NotAssignee,
    /// Whoever started an execution may not decide its approvals.
    OwnRequest,
    /// The link was used before; it counts once.
    LinkUsed,
    /// The time of the link is over.
    LinkExpired,
}

impl ErrorCode {
    /// The user-correctable code, or `None` for codes of top-level errors.
    pub(super) const fn of(code: Code) -> Option<Self> {
        match code {
            Code::Invalid => Some(Self::Invalid),
            Code::Required => Some(Self::Required),
            Code::TooLarge => Some(Self::TooLarge),
            Code::NotFound => Some(Self::NotFound),
            Code::AlreadyExists => Some(Self::AlreadyExists),
            Code::Conflict => Some(Self::Conflict),
            Code::WrongState => Some(Self::WrongState),
            Code::InUse => Some(Self::InUse),
            Code::DefinitionInvalid => Some(Self::DefinitionInvalid),
            Code::InputSchemaMismatch => Some(Self::InputSchemaMismatch),
            Code::WorkflowDisabled => Some(Self::WorkflowDisabled),
            Code::NotPublished => Some(Self::NotPublished),
            Code::Duplicate => Some(Self::Duplicate),
            Code::NotAssignee => Some(Self::NotAssignee),
            Code::OwnRequest => Some(Self::OwnRequest),
            Code::LinkUsed => Some(Self::LinkUsed),
            Code::LinkExpired => Some(Self::LinkExpired),
            Code::Unauthenticated
            | Code::Forbidden
            | Code::RateLimited
            | Code::BadRequest
            | Code::BadDocument
            | Code::QueryTooComplex
            // Shown on the pages of a sign-in.
            | Code::IdentityProviderUnavailable
            | Code::SignInAccountExists
            | Code::SignInDeclined
            | Code::SignInNoRole
            | Code::SignInStale
            | Code::SignInUntrusted
            // Told to executions, not to callers.
            | Code::DepthLimit
            | Code::PersistedQueryNotFound
            | Code::Unavailable
            | Code::Internal => None,
        }
    }
}

/// A mistake the caller can correct.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(complex)]
pub struct UserError {
    /// Stable code; each has a page in the documentation.
    code: ErrorCode,
    /// What is wrong, in one sentence, without internal detail.
    message: String,
    /// Path into the input, such as `["input", "labels", "2", "name"]`.
    field: Option<Vec<String>>,
    /// What to do about it.
    help: Option<String>,
    #[graphql(skip)]
    page: Code,
}

#[ComplexObject]
impl UserError {
    /// The page about this code.
    async fn documentation_url(&self, ctx: &Context<'_>) -> async_graphql::Result<Url> {
        documentation(ctx, &format!("/docs/errors/{}", self.page.as_str()))
    }
}

impl UserError {
    /// What was wrong with one item of work that was done in the background.
    pub(super) fn stored(code: Code, message: String) -> Self {
        Self::of(Mistake { code, message, field: Vec::new(), help: None })
    }

    fn of(mistake: Mistake) -> Self {
        Self {
            code: ErrorCode::of(mistake.code).unwrap_or(ErrorCode::Invalid),
            page: mistake.code,
            message: mistake.message,
            field: (!mistake.field.is_empty())
                .then(|| std::iter::once("input".to_owned()).chain(mistake.field).collect()),
            help: mistake.help,
        }
    }
}

/// A page that this server has.
pub(super) fn documentation(ctx: &Context<'_>, path: &str) -> async_graphql::Result<Url> {
    Ok(Url(format!("{}{path}", ctx.data::<Services>()?.settings().public_url)))
}

/// The caller's mistakes as data, everything else as a top-level error.
pub(super) fn user_errors<T>(result: Result<T, ServiceError>) -> async_graphql::Result<Result<T, Vec<UserError>>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(ServiceError::Mistakes(mistakes)) => {
            audit::note_refusal(mistakes.first().map_or(Code::Invalid, |mistake| mistake.code));
            Ok(Err(mistakes.into_iter().map(UserError::of).collect()))
        }
        Err(error) => Err(top_level(&error)),
    }
}

/// As [`user_errors`], for one item of many: that it is refused does not make the mutation refused.
pub(super) fn item_errors<T>(result: Result<T, ServiceError>) -> async_graphql::Result<Result<T, Vec<UserError>>> {
    match result {
        Err(ServiceError::Mistakes(mistakes)) => Ok(Err(mistakes.into_iter().map(UserError::of).collect())),
        settled => user_errors(settled),
    }
}

/// A top-level error with its code; the cause of an internal one goes to the log.
pub(super) fn top_level(error: &ServiceError) -> async_graphql::Error {
    let code = error.code();
    let message = match error {
        ServiceError::Unauthenticated => error.to_string(),
        ServiceError::Forbidden(forbidden) => forbidden.to_string(),
        ServiceError::RateLimited { .. } => error.to_string(),
        ServiceError::Mistakes(mistakes) => {
            let help = |mistake: &Mistake| mistake.help.as_ref().map_or_else(String::new, |help| format!(" {help}"));
            mistakes
                .iter()
                .map(|mistake| format!("{}.{}", mistake.message, help(mistake)))
                .collect::<Vec<_>>()
                .join(" ")
        }
        ServiceError::Unavailable(_) => {
            tracing::warn!(error = %chain(error), "a request was refused, the database cannot be reached");
            "the database cannot be reached; try again, a mutation with its idempotency key".to_owned()
        }
        ServiceError::Overloaded => {
            tracing::warn!("a request was refused, too much is being accepted at this moment");
            "the server accepts as much as it can at this moment; try again in a second, a mutation with its idempotency key".to_owned()
        }
        ServiceError::Internal { .. } => {
            tracing::error!(error = %chain(error), "a request failed");
            "internal error; the log of the server has the cause under the request id".to_owned()
        }
    };
    async_graphql::Error::new(message).extend_with(|_, extensions| {
        extensions.set("code", code.as_str());
        extensions.set("isRetryable", code.is_retryable());
        if let ServiceError::RateLimited { wait } = error {
            extensions.set("retryAfter", service::wait_seconds(*wait));
        }
    })
}

/// A top-level error of the caller's making, such as a malformed id.
pub(super) fn invalid(message: impl Into<String>) -> async_graphql::Error {
    async_graphql::Error::new(message).extend_with(|_, extensions| extensions.set("code", Code::Invalid.as_str()))
}

/// The value, or null with an error beside it.
///
/// A nullable resolver that returns `Err` loses its key, or the whole answer, depending on the
/// library's version; the specification wants the key with `null`.
pub(super) fn or_null<T>(ctx: &Context<'_>, result: async_graphql::Result<T>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            audit::note_error(ctx, &error);
            ctx.add_error(ctx.set_error_path(error.into_server_error(ctx.item.pos)));
            None
        }
    }
}

/// What resolvers turn use cases' refusals into.
pub(super) trait IntoGraphql<T> {
    /// As a top-level error.
    fn graphql(self) -> async_graphql::Result<T>;
}

impl<T> IntoGraphql<T> for Result<T, ServiceError> {
    fn graphql(self) -> async_graphql::Result<T> {
        self.map_err(|error| top_level(&error))
    }
}
