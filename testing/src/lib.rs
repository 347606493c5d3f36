//! Runs workflow definitions against case files: the same planner, machine and rendering of effects as in
//! production, with a virtual clock and stubs in the place of the world.
//!
//! [`cases`] reads case files, [`run`] runs one case, [`judge`] holds what was seen against what is expected,
//! [`Coverage`] adds up what the cases of a workflow have reached.

mod answers;
mod case;
mod compare;
mod coverage;
mod expect;
mod matcher;
mod rules;
mod secrets;
mod seen;
mod signals;
mod stubs;
mod update;
mod visits;
mod world;

pub use case::{Case, CaseError, Checkpoint, Stubs, cases};
pub use coverage::{Coverage, Covered};
pub use expect::{Difference, Expect, judge};
pub use rules::RuleStub;
pub use seen::{
    HttpCall, Seen, SeenApproval, SeenEvent, SeenLog, SeenModelCall, SeenNotification, SeenRecord, SeenStart,
};
pub use signals::{Effect, SignalCase};
pub use stubs::{
    GraphqlStub, HttpStub, ModelStub, NotifyStub, OperationName, RecordStub, StubbedAnswer, StubbedCompletion,
    StubbedData, WorkflowStub,
};
pub use update::updated;
pub use world::{RunError, run, run_within};
