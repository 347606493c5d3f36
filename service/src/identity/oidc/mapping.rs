//! From what a token says to a role.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Rules that are kept.
pub(super) const MAX_RULES: usize = 100;

/// Which role whoever signs in gets. The first rule that fits decides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RoleMapping {
    /// Tried in this order.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// Role of everybody whom no rule fits; nobody else is let in when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

/// A role for those whose token holds a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    /// Name of a claim, or a JSON Pointer such as `/realm_access/roles`.
    pub claim: String,
    /// What the claim is, or what the list in it contains: a text, a number or a truth value.
    pub value: Value,
    /// Name of a role of the organization.
    pub role: String,
}

impl RoleMapping {
    /// Out of an object: a list would be read as one, too.
    pub fn read(value: Value) -> Result<Self, serde_json::Error> {
        let object: Map<String, Value> = serde_json::from_value(value)?;
        serde_json::from_value(Value::Object(object))
    }

    /// The role for these claims.
    pub fn role_for(&self, claims: &Map<String, Value>) -> Option<&str> {
        let fitting = self.rules.iter().find(|rule| rule.fits(claims)).map(|rule| &rule.role);
        fitting.or(self.default.as_ref()).map(String::as_str)
    }

    /// The names of all roles that it can give.
    pub fn roles(&self) -> BTreeSet<&str> {
        self.rules.iter().map(|rule| &rule.role).chain(&self.default).map(String::as_str).collect()
    }
}

impl Rule {
    fn fits(&self, claims: &Map<String, Value>) -> bool {
        let held = match self.claim.strip_prefix('/') {
            // A pointer leads through objects alone: its first part names the claim.
            Some(pointer) => {
                let (first, rest) = pointer.split_once('/').map_or((pointer, ""), |(first, rest)| (first, rest));
                let rest = if rest.is_empty() { String::new() } else { format!("/{rest}") };
                claims.get(first).and_then(|claim| claim.pointer(&rest))
            }
            None => claims.get(&self.claim),
        };
        match held {
            Some(Value::Array(items)) => items.contains(&self.value),
            Some(held) => *held == self.value,
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn role(mapping: &Value, claims: Value) -> Option<String> {
        let mapping: RoleMapping = serde_json::from_value(mapping.clone()).unwrap();
        let Value::Object(claims) = claims else { return None };
        mapping.role_for(&claims).map(str::to_owned)
    }

    #[test]
    fn the_first_rule_that_fits_decides_and_without_one_the_default() {
        let mut mapping = json!({ "rules": [
            { "claim": "groups", "value": "platform", "role": "admin" },
            { "claim": "/realm_access/roles", "value": "ops", "role": "workflow_manager" },
            { "claim": "https://example.com/staff", "value": true, "role": "workflow_viewer" },
        ] });
        let given = |mapping: &Value, claims| role(mapping, claims);
        assert_eq!(given(&mapping, json!({ "groups": ["a", "platform"] })).as_deref(), Some("admin"));
        assert_eq!(given(&mapping, json!({ "groups": "platform" })).as_deref(), Some("admin"));
        assert_eq!(given(&mapping, json!({ "groups": "platform-guests" })), None);
        let nested = json!({ "realm_access": { "roles": ["ops"] }, "groups": [] });
        assert_eq!(given(&mapping, nested).as_deref(), Some("workflow_manager"));
        assert_eq!(given(&mapping, json!({ "https://example.com/staff": true })).as_deref(), Some("workflow_viewer"));
        assert_eq!(given(&mapping, json!({ "https://example.com/staff": "true" })), None);
        mapping["default"] = json!("approver");
        assert_eq!(given(&mapping, json!({})).as_deref(), Some("approver"));
    }

    #[test]
    fn a_mapping_with_an_unknown_word_is_refused() {
        assert!(RoleMapping::read(json!({ "rule": [] })).is_err());
        assert!(RoleMapping::read(json!([])).is_err());
        assert_eq!(RoleMapping::read(json!({})).unwrap(), RoleMapping::default());
    }
}
