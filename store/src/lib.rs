//! The only crate with SQL: what is recorded, how it is written in groups, claimed and paged.
//!
//! One facade, [`Store`], over PostgreSQL and SQLite with the same meaning on both. Writes of
//! executions go through committers (module `commit`): each takes what has queued up while the
//! transaction before it was running, and writes it as one. Everything else is ordinary queries.
//!
//! JSON travels as text that callers have serialised and will parse: no column is queried by what
//! is inside of it, so the database neither parses nor rewrites it.

mod approvals;
mod audit;
mod backend;
mod breaker;
mod bulk;
mod changes;
mod children;
mod clean;
mod commit;
mod config;
pub mod crash;
mod delays;
mod documents;
mod error;
mod error_groups;
mod event_waits;
mod events;
mod executions;
mod filter;
mod hooks;
mod identity;
mod journal;
mod migrate;
mod model;
mod operations;
mod organizations;
mod page;
mod parts;
mod rates;
mod reconcile;
mod rules;
mod rulings;
mod schedules;
mod signals;
mod slots;
mod statistics;
mod store;
mod tenants;
mod webhooks;
mod workers;
mod workflows;

pub use audit::{AuditCut, AuditFilter, AuditKey};
pub use breaker::{BreakerState, BreakerStatus};
pub use config::{DatabaseUrl, DatabaseUrlError, StoreConfig};
pub use delays::Delays;
pub use error::StoreError;
pub use executions::LabelsOutcome;
pub use filter::{
    ApprovalFilter, Decider, EventFilter, ExecutionFilter, LabelFilter, MAX_NESTING, StandsFor, StringFilter,
    TimeFilter, WorkflowFilter,
};
pub use hooks::HOOK_ADDRESS;
pub use identity::{FirstOwner, Warrant};
pub use migrate::{Migration, MigrationStatus};
pub use model::access::{Acceptance, ApiKeyRow, InvitationRow, MemberFilter, MemberOutcome, RoleRow};
pub use model::account::{Failures, OneTimeTokenRow, SessionRow, TokenPurpose, UserPatch};
pub use model::approval::{
    ApprovalChange, ApprovalChangeRow, ApprovalEventRow, ApprovalNote, ApprovalRow, ApprovalStatus, ApprovalTimes,
    ApprovalWrites, DecisionOutcome, DecisionRow, NewApproval, NewComment, NewDecision,
};
pub use model::approval_hands::{
    ClaimApproval, DelegationRow, HandOutcome, HandOver, HandedTo, LinkRow, RemindApproval, SubstitutionFilter,
    SubstitutionRow,
};
pub use model::audit::{AuditBreak, AuditFault, AuditOutcome, AuditReport, AuditRow, AuditSpan, NewAuditEntry};
pub use model::bulk::{
    BulkAdding, BulkFailureRow, BulkItemRow, BulkItemStatus, BulkKind, BulkOperationRow, BulkPart, BulkStatus,
    BulkWritten, NewBulkItem, NewBulkItems,
};
pub use model::change::{ChangeCursor, ChangeRow};
pub use model::code::UnknownCode;
pub use model::deadline::Deadline;
pub use model::event::{EventCursor, EventOutcome, EventRow, NewEvent, RoutedEvent, ToldRow};
pub use model::execution::{
    AwaitedChild, Checkpoint, Claimed, CommitOutcome, Ended, ExecutionResult, ExecutionRow, ExecutionStatus, Label,
    NewExecution, Patch, Runnable, StartKey, StartOutcome, TriggerType, WaitRow,
};
pub use model::failure::{ErrorGroupQuery, ErrorGroupRow, ErrorGroupStatus, NewFailure};
pub use model::hook::{HookRow, HookTrigger};
pub use model::identity::{MembershipRow, UserRow};
pub use model::journal::JournalRow;
pub use model::organization::{OrganizationChanges, OrganizationRow};
pub use model::part::{
    AuthenticationKind, PartDeleted, PartFilter, PartInserted, PartKind, PartName, PartSaved, PartUseRow,
    ResourceLoaderRow, SecretRow, ServiceFilter, ServiceKind, ServiceRow, VariableRow,
};
pub use model::rate::{Pace, RateKey, RateScope};
pub use model::rule::{
    NewRuleUse, RuleChange, RuleFilter, RuleInserted, RuleKind, RuleRow, RuleUseRow, RuleVersionRow,
};
pub use model::ruling::{Relocation, Ruled, Ruling, RulingWritten};
pub use model::schedule::{
    BackfillProgress, BackfillRow, DueSchedule, FinishedRun, FiredSchedules, ScheduleFilter, SchedulePlan, ScheduleRow,
    ScheduleRunKind, ScheduleRunRow, ScheduleRunState,
};
pub use model::signal::{Delivered, EventWait, NewSignal, SignalRow};
pub use model::single_sign_on::{IdentityProviderRow, SignInFlowRow, UserIdentityRow};
pub use model::slot::{NewSlot, SlotKey, SlotTaken};
pub use model::statistics::{Bucket, Measured, Measures, RollupBy, RollupQuery, RollupRow, SLICE_MS, Sum, slice_of};
pub use model::webhook::{WebhookAttemptRow, WebhookDeliveryRow, WebhookEndpointRow, WebhookStatus, WebhookTried};
pub use model::worker::WorkerRow;
pub use model::workflow::{
    NewDraft, NewVersion, NewWorkflow, PublishOutcome, Republication, TriggerCandidate, TriggerRow, TriggerSchedule,
    VersionRow, WorkflowChanges, WorkflowDeletion, WorkflowRow,
};
pub use operations::{
    Damage, Damaged, JournalSpan, Phase, Place, QueueRow, ReconcilerRow, ReconcilerRun, Retention, RetentionScope,
    Sweep, Swept, WaitingFor, Waking,
};
pub use organizations::{FOLLOWING_TABLES, KEPT_TABLES, PURGED_BY_OWNER, PURGED_TABLES};
pub use page::{
    ApprovalOrder, ApprovalOrderField, Cursor, Direction, EventOrder, EventOrderField, ExecutionOrder,
    ExecutionOrderField, Page, PageRequest, Side, SortKey, WorkflowOrder, WorkflowOrderField,
};
pub use parts::SERVICE_GONE;
pub use rules::RULE_UNUSABLE;
pub use store::Store;
pub use tenants::TenantWall;
pub use workflows::WORKFLOW_ARCHIVED;
