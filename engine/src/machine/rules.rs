//! Steps that a rule decides, or that write what a rule adds.

use serde_json::{Map, Value, json};

use super::effect::StepError;
use super::run::{Here, Run};
use crate::definition::Test;
use crate::expr::Explanation;
use crate::plan::PinnedRule;

impl<'a> Run<'a> {
    /// Evaluates a condition or a rule. Of a rule, the step's output tells which version it was, and which of its
    /// checks failed.
    pub(super) fn test(
        &mut self,
        here: &Here,
        test: &Test,
        output: &mut Map<String, Value>,
    ) -> Result<Explanation, StepError> {
        let why = match test {
            Test::Condition(condition) => condition.evaluate(&self.view(here))?,
            Test::Rule(slug) => {
                let pinned = self.pinned(slug)?;
                if !pinned.rule.kind().decides() {
                    return Err(wrong_kind(slug, pinned));
                }
                let outcome = pinned.rule.evaluate(&self.view(here))?;
                output.insert("rule".to_owned(), json!({ "rule_id": slug, "version": pinned.version }));
                output.insert("failures".to_owned(), json!(outcome.failures));
                outcome.why
            }
        };
        self.warn(here, &why);
        Ok(why)
    }

    /// Writes what an enrichment adds; nothing when its `when` is false. Returns what was written.
    pub(super) fn enrich(&mut self, here: &Here, slug: &str) -> Result<Value, StepError> {
        let pinned = self.pinned(slug)?;
        let Some(enrichment) = pinned.rule.enrichment() else { return Err(wrong_kind(slug, pinned)) };
        let why = enrichment.applies(&self.view(here))?;
        self.warn(here, &why);
        if why.result { self.set(here, &enrichment.values) } else { Ok(Value::Object(Map::new())) }
    }

    fn pinned(&self, slug: &str) -> Result<&'a PinnedRule, StepError> {
        let plan = self.plan;
        plan.rule(slug).ok_or_else(|| {
            // A start records the rules that its version names; it is refused without them.
            StepError::other("RULE_UNUSABLE", format!("the execution was started without the rule `{slug}`"))
        })
    }
}

fn wrong_kind(slug: &str, pinned: &PinnedRule) -> StepError {
    let kind = pinned.rule.kind().name();
    StepError::other("RULE_UNUSABLE", format!("the rule `{slug}` is of kind {kind}, which has no place in this step"))
}
