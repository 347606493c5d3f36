//! Every rule a definition is checked by; `docs/problems.md` has a section for each.

use crate::problem::Severity;

/// A rule: what a problem's code stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Stable id, in kebab-case.
    pub code: &'static str,
    pub severity: Severity,
    /// What a problem of this rule means, in one line.
    pub meaning: &'static str,
}

macro_rules! rules {
    ($($name:ident: $severity:ident, $code:literal, $meaning:literal;)*) => {
        $(
            #[doc = $meaning]
            pub const $name: Rule =
                Rule { code: $code, severity: Severity::$severity, meaning: $meaning };
        )*

        /// All rules, as code, severity and meaning.
        pub const RULES: &[(&str, Severity, &str)] =
            &[$(($code, Severity::$severity, $meaning)),*];

        const ALL: &[Rule] = &[$($name),*];
    };
}

rules! {
    // The text.
    TOO_LARGE: Error, "too-large", "The text is longer than a definition may be.";
    SYNTAX: Error, "syntax", "The text is neither JSON nor YAML.";
    TOO_DEEP: Error, "too-deep", "Lists and objects are nested deeper than allowed.";
    DUPLICATE_KEY: Error, "duplicate-key", "An object has the same key twice.";
    BAD_TEXT: Error, "bad-text", "A text contains a NUL character, which cannot be stored.";
    TOO_MANY_PROBLEMS: Error, "too-many-problems", "There are more problems than are listed.";

    // Keys and plain values.
    WRONG_TYPE: Error, "wrong-type", "A value has another type than its key needs.";
    UNKNOWN_KEY: Error, "unknown-key", "A key has no meaning where it stands.";
    MISSING_KEY: Error, "missing-key", "A required key is missing.";
    CONFLICTING_KEYS: Error, "conflicting-keys", "Keys exclude each other.";
    UNKNOWN_WORD: Error, "unknown-word", "A value is none of the words its key allows.";
    OUT_OF_RANGE: Error, "out-of-range", "A number is outside its range.";
    BAD_NAME: Error, "bad-name", "A name has characters or a length it may not have.";
    BAD_DURATION: Error, "bad-duration", "A text is not a duration, or one out of its range.";
    BAD_PATH: Error, "bad-path", "A context path cannot be read or may not be written.";
    BAD_EVENT: Error, "bad-event", "A text is neither an event name nor an event pattern.";
    BAD_CRON: Error, "bad-cron", "A schedule's cron expression cannot be read or never fires.";
    BAD_TIMEZONE: Error, "bad-timezone", "A time zone is not in the IANA database.";
    BAD_METHOD: Error, "bad-method", "An HTTP method is not known.";
    BAD_URL: Error, "bad-url", "A URL is not an absolute HTTP or HTTPS address.";
    BAD_STATUS: Error, "bad-status", "A value is not an HTTP status.";
    BAD_SCHEMA: Error, "bad-schema", "A JSON Schema is not valid.";
    BAD_RETRY: Error, "bad-retry", "An entry of `retry_on` matches no kind of failure.";

    // Templates and conditions.
    BAD_TEMPLATE: Error, "bad-template", "A template cannot be read.";
    BAD_EXPRESSION: Error, "bad-expression", "An expression cannot be read.";
    BAD_CONDITION: Error, "bad-condition", "A condition has none, or several, of the forms it can have.";
    BAD_OPERATOR: Error, "bad-operator", "A condition's operator is not known.";
    BAD_REGEX: Error, "bad-regex", "A regular expression cannot be read or is too large.";

    // Steps and how they are joined.
    NO_STEPS: Error, "no-steps", "A list of steps is empty.";
    DUPLICATE_STEP: Error, "duplicate-step", "Two steps have the same id.";
    UNKNOWN_STEP: Error, "unknown-step", "A reference names a step that does not exist.";
    STEP_OUT_OF_REACH: Error, "step-out-of-reach", "A reference names a step of another list of steps.";
    UNREACHABLE_STEP: Error, "unreachable-step", "No path leads to a step.";
    ENDLESS_CYCLE: Error, "endless-cycle", "Steps lead back to themselves without anything to wait for.";
    BAD_SPREAD: Error, "bad-spread", "The body of a spread `foreach` is not one step of type `workflow` that waits.";
    SECRET_MISPLACED: Error, "secret-misplaced", "A secret is read where none may stand.";
    SQL_TEMPLATE: Error, "sql-template", "A statement of SQL or a GraphQL document is put together by a template.";

    // Names outside the definition.
    UNKNOWN_WORKFLOW: Error, "unknown-workflow", "A workflow that is started does not exist.";
    UNKNOWN_RULE: Error, "unknown-rule", "A rule that a step names does not exist.";
    DISABLED_RULE: Error, "disabled-rule", "A rule that a step names is switched off.";
    WRONG_RULE: Error, "wrong-rule", "A rule is of a kind that has no place in the step that names it.";
    UNKNOWN_SERVICE: Error, "unknown-service", "A service that is called does not exist.";
    UNKNOWN_RESOURCE: Error, "unknown-resource", "A resource that has to be loaded is not registered.";
    UNKNOWN_SECRET: Warning, "unknown-secret", "A secret that is read does not exist.";
    UNKNOWN_VARIABLE: Warning, "unknown-variable", "A variable that is read does not exist.";
    UNREGISTERED_RESOURCE: Warning, "unregistered-resource", "A resource to load is not registered.";

    // Advice.
    UNKNOWN_PATH: Warning, "unknown-path", "Nothing provides a path that is read.";
    CONSTANT_CONDITION: Warning, "constant-condition", "A condition always has the same outcome.";
    HTTP_WITHOUT_RETRY: Warning, "http-without-retry", "A step calls over HTTP and is not retried.";
    WAIT_WITHOUT_TIMEOUT: Warning, "wait-without-timeout", "A wait for an event can last for ever.";
    APPROVAL_WITHOUT_EXPIRY: Warning, "approval-without-expiry", "An approval can stay open for ever.";
    IGNORED_BRANCH_FAILURE: Warning, "ignored-branch-failure", "Nothing looks at whether a branch failed.";
}

/// The rule with this code.
pub fn rule(code: &str) -> Option<Rule> {
    ALL.iter().copied().find(|rule| rule.code == code)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_unique_and_in_kebab_case() {
        let codes: BTreeSet<_> = RULES.iter().map(|(code, ..)| *code).collect();
        assert_eq!(codes.len(), RULES.len());
        for code in codes {
            assert!(code.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{code}");
        }
    }

    #[test]
    fn every_rule_has_its_section_in_the_manual() {
        let manual = include_str!("../../../docs/problems.md");
        let described: Vec<_> = manual.lines().filter_map(|line| line.strip_prefix("## ")).map(str::trim).collect();
        let listed: Vec<_> = RULES.iter().map(|(code, ..)| format!("`{code}`")).collect();
        assert_eq!(described, listed);
    }
}
