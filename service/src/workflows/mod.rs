//! Use cases of workflows: creating, drafting, importing and publishing definitions, switching on and off, putting
//! away, comparing, reading.

mod archive;
mod check;
mod create;
mod diff;
mod draft;
mod export;
mod follow;
mod import;
mod publish;
mod read;
mod rollback;
mod state;
mod switch;
mod test_run;
mod update;

pub(crate) use archive::sweep;
pub use archive::{archive, delete, restore};
pub use check::check;
pub use create::{CreateRequest, create};
pub use diff::{DefinitionDiff, diff_draft, diff_texts, diff_versions};
pub use draft::{DraftCheck, DraftRequest, check_draft, discard as discard_draft, save as save_draft};
pub use export::{ExportFile, Exported, export};
pub use follow::{Update, UpdateKind, updates};
pub use import::{ImportFile, ImportOutcome, ImportRequest, Imported, import};
pub use publish::{PublishRequest, PublishResult, publish};
pub use read::{
    count, count_versions, page, version, version_by_number, versions, versions_by_ids, workflow, workflow_by_slug,
    workflows_by_ids,
};
pub use rollback::rollback;
pub use switch::{disable, enable};
pub use test_run::{TestResult, TestRun, TestRunRequest, test_run};
pub use update::{UpdateRequest, update};
