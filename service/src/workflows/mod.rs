//! Use cases of workflows: importing definitions, publishing, switching on and off, reading.

mod check;
mod folder;
mod import;
mod publish;
mod read;
mod switch;
mod test_run;

pub use check::check;
pub use folder::move_to;
pub use import::{ImportFile, ImportOutcome, ImportRequest, Imported, import};
pub use publish::{PublishRequest, PublishResult, publish};
pub use read::{
    count, page, version, version_by_number, versions, versions_by_ids, workflow, workflow_by_slug, workflows_by_ids,
};
pub use switch::{disable, enable};
pub use test_run::{TestResult, TestRun, TestRunRequest, test_run};
