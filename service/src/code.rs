//! Stable codes of everything the API can refuse. Each has a page, `docs/errors/<CODE>.md`.

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// What is wrong, for programs. A code is for ever: its meaning never changes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The code as clients see it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

codes! {
    /// A value is not acceptable.
    Invalid = "INVALID";
    /// A value is missing.
    Required = "REQUIRED";
    /// A value is over a limit.
    TooLarge = "TOO_LARGE";
    /// An object named in the input does not exist, or may not be seen.
    NotFound = "NOT_FOUND";
    /// The name or the place is taken.
    AlreadyExists = "ALREADY_EXISTS";
    /// Someone else changed the object meanwhile.
    Conflict = "CONFLICT";
    /// The object is not in a state that allows this.
    WrongState = "WRONG_STATE";
    /// Other objects depend on it.
    InUse = "IN_USE";
    /// The definition has errors.
    DefinitionInvalid = "DEFINITION_INVALID";
    /// The input does not fit the workflow's input schema.
    InputSchemaMismatch = "INPUT_SCHEMA_MISMATCH";
    /// The workflow is disabled.
    WorkflowDisabled = "WORKFLOW_DISABLED";
    /// The workflow has no published version.
    NotPublished = "NOT_PUBLISHED";
    /// An idempotency or deduplication key was used before with another input.
    Duplicate = "DUPLICATE";
    /// An approval does not ask the caller.
    NotAssignee = "NOT_ASSIGNEE";
    /// Whoever started an execution may not decide its approvals.
    OwnRequest = "OWN_REQUEST";
    /// A link that counts once has been used.
    LinkUsed = "LINK_USED";
    /// The time of a link is over.
    LinkExpired = "LINK_EXPIRED";
    /// Executions start each other without end.
    DepthLimit = "DEPTH_LIMIT";
    /// The request carries no valid credentials.
    Unauthenticated = "UNAUTHENTICATED";
    /// An identity provider cannot be asked; try again.
    IdentityProviderUnavailable = "IDENTITY_PROVIDER_UNAVAILABLE";
    /// The address at the identity provider belongs to an account, which is not taken over.
    SignInAccountExists = "SIGN_IN_ACCOUNT_EXISTS";
    /// The identity provider refused a sign-in.
    SignInDeclined = "SIGN_IN_DECLINED";
    /// An identity provider gives whoever signed in no role.
    SignInNoRole = "SIGN_IN_NO_ROLE";
    /// A sign-in is unknown, was used, expired, or began in another browser.
    SignInStale = "SIGN_IN_STALE";
    /// What an identity provider sent is not trusted.
    SignInUntrusted = "SIGN_IN_UNTRUSTED";
    /// The caller lacks a permission.
    Forbidden = "FORBIDDEN";
    /// Too much was tried or asked for in too short a time; try again later.
    RateLimited = "RATE_LIMITED";
    /// The request is not a well-formed GraphQL request.
    BadRequest = "BAD_REQUEST";
    /// The document does not parse or does not fit the schema.
    BadDocument = "BAD_DOCUMENT";
    /// The document is over a limit of size, depth or cost.
    QueryTooComplex = "QUERY_TOO_COMPLEX";
    /// A digest names a document that was not sent yet; send it with the document.
    PersistedQueryNotFound = "PERSISTED_QUERY_NOT_FOUND";
    /// A part that is needed cannot be reached; try again.
    Unavailable = "UNAVAILABLE";
    /// Something broke on our side; the log has the request id.
    Internal = "INTERNAL";
}

impl Code {
    /// Whether the same request may succeed later without being changed.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        matches!(self, Self::Unavailable | Self::RateLimited | Self::IdentityProviderUnavailable)
    }
}
