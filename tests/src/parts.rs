//! What an organization sets up for its workflows, through the API.

use serde_json::{Value, json};

use crate::Api;

impl Api {
    /// Makes something of the organization: `{object}{verb}` with `input`; returns what `wanted` names.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn made(&self, object: &str, verb: &str, wanted: &str, input: Value) -> Value {
        let (first, rest) = object.split_at(1);
        let query = format!(
            "mutation($i: {}{rest}{verb}Input!) {{ {object}{verb}(input: $i) {{ {wanted} userErrors {{ code field message }} }} }}",
            first.to_uppercase()
        );
        let mut data = self.data(&query, json!({ "i": input })).await;
        let made = data[format!("{object}{verb}")].take();
        assert_eq!(made["userErrors"], json!([]), "{object} {input}: {made}");
        made
    }

    /// Sets a secret; returns its id. No hosts: it may go to any.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn secret(&self, name: &str, value: &str, hosts: &[&str]) -> String {
        let mut input = json!({ "name": name, "value": value });
        if !hosts.is_empty() {
            input["allowedHosts"] = json!(hosts);
        }
        let made = self.made("secret", "Set", "secret { id }", input).await;
        text(&made["secret"]["id"])
    }

    /// Sets a variable.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn variable(&self, name: &str, value: Value) {
        self.made("variable", "Set", "variable { id }", json!({ "name": name, "value": value })).await;
    }

    /// Creates a service; returns its id.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn service(&self, name: &str, kind: &str, url: &str, authentication: Value, settings: Value) -> String {
        let mut input = json!({ "name": name, "kind": kind, "baseUrl": url, "settings": settings });
        if !authentication.is_null() {
            input["authentication"] = authentication;
        }
        let made = self.made("service", "Create", "service { id }", input).await;
        text(&made["service"]["id"])
    }

    /// Registers a resource that a service has.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn resource(&self, name: &str, service: &str, request: Value) {
        let input = json!({ "resource": name, "serviceId": service, "request": request, "timeToLive": "PT0S" });
        self.made("resourceLoader", "Create", "resourceLoader { id }", input).await;
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("an id is a text").to_owned()
}
