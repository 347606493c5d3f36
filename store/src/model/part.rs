//! What an organization sets up for its definitions to use: secrets, variables, services and resources.

use ids::{OrganizationId, ResourceLoaderId, SecretId, ServiceId, VariableId, WorkflowId};

use super::code::{UnknownCode, codes};
use crate::filter::StringFilter;

codes! {
    /// Sorts of things that definitions name.
    PartKind, "sort of part", {
        /// A secret.
        Secret = 0,
        /// A variable.
        Variable = 1,
        /// A service.
        Service = 2,
        /// A resource.
        Resource = 3,
    }
}

codes! {
    /// Sorts of systems.
    ServiceKind, "kind of a service", {
        /// An HTTP API.
        Http = 0,
        /// A GraphQL API.
        Graphql = 1,
        /// A database.
        Sql = 2,
        /// Redis.
        Redis = 3,
        /// A mail server.
        Email = 4,
        /// Slack, Teams and the like.
        Chat = 5,
        /// A provider of models.
        Ai = 6,
        /// A system of records with entities: create, update, delete.
        Records = 7,
    }
}

codes! {
    /// Ways in which a service is called.
    AuthenticationKind, "way of authentication", {
        /// Nothing is shown.
        None = 0,
        /// Name and password.
        Basic = 1,
        /// A token.
        Bearer = 2,
        /// A key in a header.
        ApiKey = 3,
        /// A signature, as in Standard Webhooks.
        Hmac = 4,
    }
}

/// A value that can be used but never read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRow {
    /// Its id.
    pub id: SecretId,
    /// Its organization.
    pub organization_id: OrganizationId,
    /// Name in definitions.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Sealed.
    pub value: String,
    /// Tells values apart without showing them.
    pub fingerprint: String,
    /// Hosts that it may go to, a JSON list; any when absent.
    pub allowed_hosts: Option<String>,
    /// When it should be renewed, Unix milliseconds.
    pub rotate_at_ms: Option<i64>,
    /// When it was last used, Unix milliseconds, to an hour.
    pub last_used_at_ms: Option<i64>,
    /// Grows with each new value.
    pub version: i32,
    /// Grows with each change.
    pub revision: i32,
    /// When it was created, Unix milliseconds.
    pub created_at_ms: i64,
    /// Who created it.
    pub created_by: String,
    /// When it was last changed, Unix milliseconds.
    pub updated_at_ms: i64,
    /// Who changed it last.
    pub updated_by: String,
}

/// A named value for definitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariableRow {
    /// Its id.
    pub id: VariableId,
    /// Its organization.
    pub organization_id: OrganizationId,
    /// Name in definitions.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// JSON.
    pub value: String,
    /// JSON Schema that the value fits.
    pub schema: Option<String>,
    /// Grows with each change.
    pub revision: i32,
    /// When it was created, Unix milliseconds.
    pub created_at_ms: i64,
    /// Who created it.
    pub created_by: String,
    /// When it was last changed, Unix milliseconds.
    pub updated_at_ms: i64,
    /// Who changed it last.
    pub updated_by: String,
}

/// A system that definitions call by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceRow {
    /// Its id.
    pub id: ServiceId,
    /// Its organization.
    pub organization_id: OrganizationId,
    /// Name in definitions.
    pub name: String,
    /// Title.
    pub title: String,
    /// Sort of system.
    pub kind: ServiceKind,
    /// Where it is.
    pub base_url: Option<String>,
    /// How it is called.
    pub auth_kind: AuthenticationKind,
    /// Name of the secret that it is called with.
    pub auth_secret: Option<String>,
    /// The header that the secret goes in.
    pub auth_header: Option<String>,
    /// Further settings, a JSON object.
    pub settings: String,
    /// Grows with each change.
    pub revision: i32,
    /// When it was created, Unix milliseconds.
    pub created_at_ms: i64,
    /// Who created it.
    pub created_by: String,
    /// When it was last changed, Unix milliseconds.
    pub updated_at_ms: i64,
    /// Who changed it last.
    pub updated_by: String,
}

/// How data that definitions declare by name is fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceLoaderRow {
    /// Its id.
    pub id: ResourceLoaderId,
    /// Its organization.
    pub organization_id: OrganizationId,
    /// Name in `context.load`.
    pub name: String,
    /// What it gives.
    pub description: Option<String>,
    /// Name of the service that is asked.
    pub service: String,
    /// Request with templates, a JSON object.
    pub request: String,
    /// Which part of the answer to keep.
    pub result_path: Option<String>,
    /// JSON Schema of the result.
    pub output_schema: Option<String>,
    /// Without it the execution fails.
    pub is_required: bool,
    /// How long an answer is kept, in milliseconds; zero: not at all.
    pub time_to_live_ms: i64,
    /// Grows with each change.
    pub revision: i32,
    /// When it was created, Unix milliseconds.
    pub created_at_ms: i64,
    /// Who created it.
    pub created_by: String,
    /// When it was last changed, Unix milliseconds.
    pub updated_at_ms: i64,
    /// Who changed it last.
    pub updated_by: String,
}

/// A name of a part, as a definition has it; whether there is such a part or not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartName {
    /// What it names.
    pub kind: PartKind,
    /// The name.
    pub name: String,
}

/// A part that a published version names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartUseRow {
    /// The name.
    pub part: PartName,
    /// The workflow.
    pub workflow_id: WorkflowId,
}

/// What became of recording a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartInserted<T> {
    /// It is recorded.
    New(T),
    /// The organization has one with this name.
    NameTaken,
    /// The organization has as many as it may have.
    TooMany,
    /// What it refers to, a secret or a service, is gone.
    NoSuchPart,
    /// The organization is gone.
    NoOrganization,
}

/// What became of changing a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartSaved<T> {
    /// It is as it was wanted.
    Saved(T),
    /// What it refers to, a secret or a service, is gone.
    NoSuchPart,
    /// There is no such part, or it was changed meanwhile; nothing was done.
    MovedOn,
}

/// What became of deleting a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartDeleted {
    /// It is gone.
    Done,
    /// Published versions name it; nothing was done.
    InUse,
    /// A service or resource refers to it; nothing was done.
    ReferredTo,
    /// There is no such part; nothing was done.
    Absent,
}

/// Which secrets, variables or resources; all conditions that are set must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartFilter {
    /// By name.
    pub name: Option<StringFilter>,
    /// Words, each of which is part of the name or the description.
    pub search: Option<String>,
}

/// Which services; all conditions that are set must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceFilter {
    /// Of one of these kinds; of any when empty.
    pub kinds: Vec<ServiceKind>,
    /// By name or title.
    pub name: Option<StringFilter>,
}
