//! Random valid definitions: nested, with everything that waits, calls, repeats and fails.

use engine::check::{Offline, check};
use engine::definition::{Definition, Format};
use serde_json::{Map, Value, json};

use crate::rng::Rng;

/// Names of events that are emitted and waited for.
pub const EVENTS: [&str; 3] = ["order.paid", "order.lost", "job.done"];

/// Tries for one valid definition before a plain one is taken.
const TRIES: usize = 20;

/// What the definitions of some histories have besides: the others are drawn as they always were.
#[derive(Debug, Clone, Copy, Default)]
pub struct Extras {
    /// Executions take turns, and calls are put off.
    pub rates: bool,
    /// They load what they read, and call services, people and models.
    pub parts: bool,
}

/// A checked definition of workflow `own`; it starts only workflows with higher numbers, so that no history
/// is without end.
pub fn definition(rng: &mut Rng, own: usize, workflows: usize, extras: Extras) -> Definition {
    for _ in 0..TRIES {
        let text = Writer { rng, own, workflows, extras, ids: 0 }.workflow().to_string();
        if let Some(definition) = check(&text, Format::Json, &Offline).definition {
            return definition;
        }
    }
    let plain = json!({ "workflow_id": slug(own), "steps": [{ "id": "only", "type": "set", "set": { "n": 1 } }] });
    check(&plain.to_string(), Format::Json, &Offline).definition.expect("a plain definition is valid")
}

/// The definition as it is written, valid or not.
pub fn written(rng: &mut Rng, own: usize, workflows: usize) -> Value {
    Writer { rng, own, workflows, extras: Extras::default(), ids: 0 }.workflow()
}

/// Slug of workflow `number`.
#[must_use]
pub fn slug(number: usize) -> String {
    format!("flow_{number}")
}

struct Writer<'a> {
    rng: &'a mut Rng,
    own: usize,
    workflows: usize,
    extras: Extras,
    ids: u32,
}

impl Writer<'_> {
    fn workflow(&mut self) -> Value {
        let count = 1 + self.rng.index(5);
        let mut steps: Vec<Value> = (0..count).map(|_| self.step(0)).collect();
        let ids: Vec<Value> = steps.iter().map(|step| step["id"].clone()).collect();
        for (at, step) in steps.iter_mut().enumerate() {
            self.wire(step, &ids[at + 1..]);
        }
        let mut workflow = json!({ "workflow_id": slug(self.own), "steps": steps });
        if self.rng.chance(40) {
            workflow["timeout"] = json!(format!("{}s", 1 + self.rng.below(120)));
        }
        if self.rng.chance(30) {
            workflow["deadline"] = json!(format!("{}s", 5 + self.rng.below(600)));
        }
        if self.extras.parts && self.rng.chance(70) {
            workflow["context"] = json!({ "load": self.loads() });
        }
        if self.extras.rates && self.rng.chance(60) {
            let (limit, seconds) = (1 + self.rng.below(3), 1 + self.rng.below(4));
            workflow["rate_limit"] =
                json!({ "limit": limit, "per": format!("{seconds}s"), "burst": 1 + self.rng.below(2) });
            if self.rng.chance(50) {
                workflow["rate_limit"]["key"] = json!("{{ n }}");
            }
        }
        workflow
    }

    /// Leads a step of the flow to later ones: each is reached by the one before it.
    fn wire(&mut self, step: &mut Value, later: &[Value]) {
        let Some(next) = later.first().cloned() else {
            if step["type"] == "switch" {
                *step = json!({ "id": step["id"], "type": "end" });
            }
            return;
        };
        let mut other = || later[self.rng.index(later.len())].clone();
        match step["type"].as_str() {
            Some("condition") => (step["on_true"], step["on_false"]) = (next, other()),
            Some("switch") => {
                for case in step["cases"].as_array_mut().into_iter().flatten() {
                    case["next"] = other();
                }
                step["default"] = next;
            }
            Some("approval") => {
                (step["on_rejected"], step["on_expired"]) = (other(), other());
                step["next"] = next;
            }
            _other_kind => step["next"] = next,
        }
        if self.rng.chance(40) {
            step["on_error"] = later[self.rng.index(later.len())].clone();
        }
        if step["type"] == "wait" && step["wait"]["timeout"].is_string() && self.rng.chance(50) {
            step["wait"]["on_timeout"] = later[self.rng.index(later.len())].clone();
        }
    }

    fn id(&mut self) -> String {
        self.ids += 1;
        format!("s{}", self.ids)
    }

    fn length(&mut self, most: u64) -> Value {
        json!(format!("{}ms", 1 + self.rng.below(most)))
    }

    fn condition(&mut self) -> Value {
        match self.rng.below(4) {
            0 => json!({ "expression": self.rng.word(&["n > 1", "data.n == 1", "n < 3", "true"]) }),
            1 => json!({ "field": "missing", "operator": "eq", "value": 1 }),
            _ => json!({ "field": self.rng.word(&["n", "data.n"]), "operator": "gte", "value": self.rng.below(4) }),
        }
    }

    fn child(&mut self) -> Option<String> {
        let later = self.workflows.saturating_sub(self.own + 1);
        (later > 0).then(|| slug(self.own + 1 + self.rng.index(later)))
    }

    /// What is loaded before the first step; `n` is in the payload already.
    fn loads(&mut self) -> Vec<Value> {
        let optional = self.rng.chance(50);
        let count = 1 + self.rng.index(3);
        let all = [
            json!("order.details"),
            json!({ "name": "stock", "loader": "redis", "key": "stock:{{ order.id }}", "optional": optional }),
            json!("n"),
        ];
        all.into_iter().take(count).collect()
    }

    fn part(&mut self) -> Value {
        match self.rng.below(5) {
            0 => json!({ "type": "graphql_request", "service": "shop", "query": "{ n }",
                "variables": { "n": "{{ n }}", "key": "{{ secrets.key }}" } }),
            1 => json!({ "type": "create_record", "entity": "order", "data": { "n": "{{ vars.limit }}" } }),
            2 => json!({ "type": "notify", "recipients": ["role:boss"], "message": "n is {{ n }}" }),
            3 => json!({ "type": "llm", "model": "m", "prompt": "{{ order.total }}" }),
            _ => json!({ "type": "set", "set": { "n": "{{ vars.limit }}", "shop": "{{ integrations.shop.name }}" } }),
        }
    }

    fn action(&mut self) -> Value {
        if self.extras.parts && self.rng.chance(40) {
            return self.part();
        }
        let mut action = match self.rng.below(10) {
            0..=4 => {
                json!({ "type": "http_request", "url": "https://example.org/{{ n }}", "body": { "n": "{{ n }}" } })
            }
            5 | 6 => {
                let order = 7 + self.rng.below(2);
                json!({ "type": "emit_event", "event": self.rng.word(&EVENTS), "payload": { "order": { "id": order } } })
            }
            7 => json!({ "type": "log", "message": "n is {{ n }}" }),
            8 => json!({ "type": "set", "set": { "n": "{{ n + 1 }}" } }),
            _ => match self.child() {
                Some(child) => {
                    json!({ "type": "start_workflow", "workflow_id": child, "input": { "n": 1, "order": { "id": 7 } } })
                }
                None => json!({ "type": "log", "message": "nobody to start" }),
            },
        };
        if self.rng.chance(25) {
            action["optional"] = json!(true);
        }
        action
    }

    fn actions(&mut self, least: usize) -> Vec<Value> {
        let count = least + self.rng.index(3);
        (0..count).map(|_| self.action()).collect()
    }

    fn approval(&mut self) -> Value {
        let mut approval = json!({ "users": ["ann", "bob"], "quorum": 1 + self.rng.below(2) });
        if self.rng.chance(60) {
            approval["expires_in"] = self.length(20_000);
        }
        if self.rng.chance(30) {
            approval["remind_every"] = json!(format!("{}s", 1 + self.rng.below(9)));
        }
        if self.rng.chance(30) {
            approval["escalate"] = json!({ "after": self.length(9_000), "role": "boss" });
        }
        approval
    }

    fn body(&mut self, depth: u32) -> Vec<Value> {
        let count = 1 + self.rng.index(2);
        (0..count).map(|_| self.step(depth + 1)).filter(|step| step["type"] != "switch").collect()
    }

    fn wait(&mut self) -> Value {
        if self.rng.chance(40) {
            return json!({ "for": self.length(15_000) });
        }
        let mut wait = json!({ "event": self.rng.word(&["order.paid", "order.lost", "job.done", "order.*"]) });
        if self.rng.chance(50) {
            wait["timeout"] = self.length(20_000);
        }
        match self.rng.below(6) {
            0 => wait["match"] = json!(["order.id"]),
            1 => wait["match"] = json!("event.order.id >= 7"),
            _ => {}
        }
        wait
    }

    fn kind(&mut self, depth: u32) -> Value {
        let nested = if depth < 2 { 17 } else { 13 };
        match self.rng.below(nested) {
            0 => json!({ "type": "condition", "condition": self.condition() }),
            1 if depth == 0 => {
                let cases: Vec<Value> = (0..=self.rng.index(2)).map(|_| json!({ "when": self.condition() })).collect();
                json!({ "type": "switch", "cases": cases })
            }
            2 => {
                let kind = self.rng.word(&["allow", "block", "execute"]);
                let mut list = self.actions(0);
                if kind == "block" && self.rng.chance(60) {
                    list.push(json!({ "type": "create_approval_request", "data": self.approval() }));
                }
                json!({ "type": "action", "action": { "type": kind, "reason": "{{ n }}" }, "execute": list })
            }
            1 | 3..=6 => json!({ "type": "execute", "execute": self.actions(1) }),
            7 => json!({ "type": "set", "set": { "n": "{{ n + 1 }}" } }),
            8 => match self.rng.below(3) {
                0 if depth > 0 => json!({ "type": "fail", "code": "NO" }),
                1 if depth > 0 => json!({ "type": "end" }),
                _ => json!({ "type": "set", "set": { "n": 0 } }),
            },
            9 | 10 => json!({ "type": "wait", "wait": self.wait() }),
            11 => json!({ "type": "approval", "approval": self.approval() }),
            12 => match self.child() {
                Some(child) => json!({ "type": "workflow", "workflow": {
                    "workflow_id": child, "input": { "n": 2, "order": { "id": 7 } }, "wait": self.rng.chance(80) } }),
                None => json!({ "type": "execute", "execute": self.actions(1) }),
            },
            13 | 14 => {
                let branches: Vec<Vec<Value>> = (0..2 + self.rng.index(2)).map(|_| self.body(depth)).collect();
                let mut parallel = json!({ "branches": branches,
                    "strategy": self.rng.word(&["all_must_pass", "any_can_pass", "best_effort"]) });
                if self.rng.chance(30) {
                    parallel["max_concurrency"] = json!(1 + self.rng.below(2));
                }
                json!({ "type": "parallel", "parallel": parallel })
            }
            15 => {
                let items: Vec<u64> = (0..self.rng.below(4)).collect();
                json!({ "type": "foreach", "foreach": { "items": items, "steps": self.body(depth),
                    "max_concurrency": 1 + self.rng.below(3), "on_item_error": self.rng.word(&["fail", "continue"]) } })
            }
            _ => {
                let most = 1 + self.rng.below(3);
                json!({ "type": "while", "while": { "condition": { "expression": "n < 4" }, "steps": self.body(depth),
                    "max_iterations": most } })
            }
        }
    }

    fn step(&mut self, depth: u32) -> Value {
        let mut step = Map::new();
        step.insert("id".to_owned(), json!(self.id()));
        if let Value::Object(kind) = self.kind(depth) {
            step.extend(kind);
        }
        let kind = step.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        let can_fail = matches!(kind.as_str(), "execute" | "action" | "parallel" | "foreach" | "while" | "workflow");
        if can_fail && self.rng.chance(40) {
            let retry = json!({ "max_attempts": 1 + self.rng.below(3), "delay": self.length(3_000), "jitter": self.rng.chance(50) });
            step.insert("retry".to_owned(), retry);
        }
        if matches!(kind.as_str(), "execute" | "parallel" | "foreach" | "while") && self.rng.chance(35) {
            let timeout = self.length(8_000);
            step.insert("timeout".to_owned(), timeout);
        }
        if self.rng.chance(10) {
            let when = self.condition();
            step.insert("when".to_owned(), when);
        }
        Value::Object(step)
    }
}
