//! Versions and drafts of workflows: creating, saving, going back, putting away, comparing.

mod diff;
mod draft;
mod export;
mod inputs;
mod live;
mod moving;
mod mutations;
mod queries;

pub use self::diff::DefinitionDiff;
pub use self::draft::WorkflowDraft;
pub use self::live::VersionSubscription;
pub use self::mutations::VersionMutation;
pub use self::queries::VersionQuery;
