//! People who put an execution right by hand: they leave a step out, or change the context.

use serde_json::Value;

use super::apply::scope_at;
use super::command::Refused;
use super::event::Event;
use super::render::{bounded, given};
use super::run::{Here, Run};
use super::state::ROOT;
use super::steps::kind_name;
use super::view::View;
use crate::Name;

impl Run<'_> {
    /// The flow goes on behind a step, as if it had had this output. What it has opened goes with it.
    pub(super) fn skip_step(
        &mut self,
        by: Option<String>,
        reason: Option<String>,
        path: String,
        output: Value,
    ) -> Result<(), Refused> {
        let scope = scope_at(self.state, &path);
        let active = scope.and_then(|scope| self.state.scopes.get(&scope)).and_then(|scope| scope.active.as_ref());
        let plan = self.plan;
        let Some((active, step)) = active.and_then(|active| Some((active, plan.find(&active.step)?))) else {
            return Err(Refused::NotAtStep(path));
        };
        // The other side may be doing it at this moment.
        if self.state.has_effect_under_way() {
            return Err(Refused::StillUnderWay);
        }
        let here = Here::of(scope.unwrap_or(ROOT), active, self.now);
        let output = bounded(given(output), step.keep_full_output);
        if let Some(saved) = step.save_as.as_ref().filter(|_| !output.is_null()) {
            self.save(&here, saved, &output);
        }
        let (to, kind, step) = (self.after(step), Name::new_static(kind_name(&step.kind)), Name::new(&step.id));
        if !self.state.is_pausing() {
            self.run_again();
        }
        self.emit(Event::StepLeftOut {
            path: path.into(),
            step,
            kind,
            output: output.into(),
            to,
            by,
            reason,
            at: self.now,
        });
        Ok(())
    }

    /// Writes values into the context of the flow; all are looked at before the first is written.
    pub(super) fn edit_context(
        &mut self,
        by: Option<String>,
        reason: Option<String>,
        values: Vec<(String, Value)>,
    ) -> Result<(), Refused> {
        // A call is repeated after a crash as it was made: what it was made from must not change.
        if self.state.has_effect_under_way() {
            return Err(Refused::StillUnderWay);
        }
        let view = View::new(self.plan, self.origin, self.state, ROOT, self.now);
        if let Some((path, _)) = values.iter().find(|(path, _)| view.list_above(path).is_some()) {
            return Err(Refused::WithinList(path.clone()));
        }
        let values = values.into_iter().map(|(path, value)| (path, given(value))).collect();
        self.emit(Event::ContextEdited { values, by, reason, at: self.now });
        Ok(())
    }
}
