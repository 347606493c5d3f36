//! Rules, in both modes: the page's example, what running executions keep, who may not be left without, and the
//! command line.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use serde_json::{Value, json};
use sluice_tests::{Api, Embedded, Fleet, Services, SharedRedis, eventually, run};

const PAGE: &str = include_str!("../../docs/rules.md");

/// The blocks of the page, each with what stands behind its fence.
fn blocks() -> Vec<(&'static str, &'static str)> {
    let fenced = PAGE.split("\n```").skip(1).step_by(2);
    fenced.map(|block| block.split_once('\n').unwrap()).collect()
}

fn block(kind: &str) -> &'static str {
    blocks().into_iter().find(|(found, _)| *found == kind).unwrap().1
}

/// What a mutation of a rule answers.
async fn ask(api: &Api, field: &str, input: Value) -> Value {
    let query = format!(
        "mutation($i: R{}Input!) {{ {field}(input: $i) {{ rule {{ id slug version revision isEnabled }}
            problems {{ code pointer suggestion }} userErrors {{ code field message help }} }} }}",
        &field[1..]
    );
    api.data(&query, json!({ "i": input })).await[field].take()
}

async fn done(api: &Api, field: &str, input: Value) -> Value {
    let mut payload = ask(api, field, input).await;
    assert_eq!(payload["userErrors"], json!([]), "{field}: {payload}");
    payload["rule"].take()
}

async fn create(api: &Api, slug: &str, kind: &str, definition: Value) -> String {
    let input = json!({ "slug": slug, "name": slug, "kind": kind, "definition": definition });
    done(api, "ruleCreate", input).await["id"].as_str().unwrap().to_owned()
}

async fn publish(api: &Api, text: &str) -> Value {
    api.import(&[("flow.yaml", text)]).await[0].take()
}

#[tokio::test]
async fn the_example_of_the_page_does_what_the_page_says() {
    let server = Embedded::start().await;
    let api = &server.api;
    for (kind, text) in blocks() {
        let Some((kind, slug)) = kind.strip_prefix("json rule ").and_then(|rest| rest.split_once(' ')) else {
            continue;
        };
        create(api, slug, &kind.to_uppercase(), serde_json::from_str(text).unwrap()).await;
    }
    let imported = publish(api, block("yaml workflow")).await;
    assert_eq!((&imported["outcome"], &imported["problems"]), (&json!("CREATED"), &json!([])), "{imported}");
    let query = "mutation($i: WorkflowTestRunInput!) { workflowTestRun(input: $i) {
        results { name passed failures } passed failed userErrors { code message } } }";
    let input = json!({ "workflow": { "slug": "orders_with_rules" }, "cases": block("yaml cases") });
    let ran = api.data(query, json!({ "i": input })).await["workflowTestRun"].take();
    assert_eq!((&ran["passed"], &ran["failed"]), (&json!(4), &json!(0)), "{ran}");
    // And what a worker makes of it is the same.
    let gold = json!({ "order": { "id": "o-1", "total": 5000 }, "customer": { "spent": 700 } });
    let execution = api.run("orders_with_rules", gold).await;
    assert_eq!((&execution["status"], &execution["decision"]["reason"]), (&json!("COMPLETED"), &json!("discount 7")));
    let execution = api.run("orders_with_rules", json!({ "order": { "total": 0 } })).await;
    let step = &execution["steps"]["nodes"][0];
    assert_eq!(step["output"]["value"]["rule"], json!({ "rule_id": "order-complete", "version": 1 }), "{execution}");
    assert_eq!(
        step["output"]["value"]["failures"],
        json!(["the order has no id", "the total 0 is not above 0"]),
        "every check that failed is told"
    );
}

const WAITS: &str = "
workflow_id: waits
steps:
  - { id: pause, type: wait, wait: { event: go, match: [no], timeout: 1h }, next: large }
  - { id: large, type: condition, rule_id: large, on_true: stop, on_false: go }
  - { id: go, type: action, action: { type: allow } }
  - { id: stop, type: action, action: { type: block } }
";

fn at_least(limit: i64) -> Value {
    json!({ "field": "total", "operator": "gte", "value": limit })
}

async fn ended(api: &Api, id: &str) -> Value {
    let query = "query($id: ID!) { execution(id: $id) { status decision { outcome }
        steps(first: 10) { nodes { stepKey output { value } } } } }";
    eventually("the execution has ended", || async {
        let status = api.data(query, json!({ "id": id })).await["execution"]["status"].take();
        status == "COMPLETED" || status == "FAILED"
    })
    .await;
    api.data(query, json!({ "id": id })).await["execution"].take()
}

async fn waiting(api: &Api, id: &str) {
    let query = "query($id: ID!) { execution(id: $id) { status } }";
    eventually("it waits", || async { api.data(query, json!({ "id": id })).await["execution"]["status"] == "WAITING" })
        .await;
}

/// One execution begins with each version of a rule; all of them end with their own. `between` happens while they wait.
async fn each_keeps_its_own(api: &Api, between: impl AsyncFnOnce()) {
    let rule = create(api, "large", "CONDITION", at_least(100)).await;
    assert_eq!(publish(api, WAITS).await["outcome"], "CREATED");
    let mut ids = Vec::new();
    for version in 1..=4 {
        let id = api.start("waits", json!({ "total": 250, "no": 1 }), &format!("v{version}")).await.unwrap();
        waiting(api, &id).await;
        ids.push(id);
        let changed = done(api, "ruleUpdate", json!({ "id": rule, "definition": at_least(100 * (version + 1)) })).await;
        assert_eq!(changed["version"], version + 1);
    }
    between().await;
    let emit = "mutation($i: EventEmitInput!) { eventEmit(input: $i) { userErrors { code message } } }";
    api.data(emit, json!({ "i": { "type": "go", "payload": { "no": 1 } } })).await;
    for (index, id) in ids.iter().enumerate() {
        let execution = ended(api, id).await;
        let steps = execution["steps"]["nodes"].as_array().unwrap();
        let large = steps.iter().find(|step| step["stepKey"] == "large").unwrap();
        let version = i64::try_from(index).unwrap() + 1;
        assert_eq!(large["output"]["value"]["rule"]["version"], version, "{execution}");
        assert_eq!(large["output"]["value"]["explanation"]["right"], 100 * version, "{execution}");
        assert_eq!(execution["decision"]["outcome"], if version <= 2 { "BLOCKED" } else { "ALLOWED" }, "{execution}");
    }
    // The rule goes, once nobody publishes it; an execution that has begun goes on, one that begins does not.
    let late = api.start("waits", json!({ "total": 1, "no": 2 }), "late").await.unwrap();
    waiting(api, &late).await;
    publish(api, "workflow_id: waits\nsteps:\n  - { id: go, type: action, action: { type: allow } }\n").await;
    let delete = "mutation($id: ID!) { ruleDelete(input: { id: $id }) { deletedId userErrors { code message } } }";
    let deleted = api.data(delete, json!({ "id": rule })).await["ruleDelete"].take();
    assert_eq!(deleted, json!({ "deletedId": rule, "userErrors": [] }));
    api.data(emit, json!({ "i": { "type": "go", "payload": { "no": 2 } } })).await;
    assert_eq!(ended(api, &late).await["decision"]["outcome"], "ALLOWED");
    let start = "mutation($i: ExecutionStartInput!) { executionStart(input: $i) { execution { id } userErrors { code field message } } }";
    let old = json!({ "workflow": { "slug": "waits" }, "version": 1, "input": {} });
    eventually("every process knows that it is gone", || async {
        let refused = api.data(start, json!({ "i": old })).await["executionStart"]["userErrors"][0].take();
        refused["code"] == "NOT_FOUND" && refused["message"].as_str().is_some_and(|message| message.contains("`large`"))
    })
    .await;
}

#[tokio::test]
async fn executions_keep_the_rules_that_they_began_with_embedded() {
    let server = Embedded::start().await;
    each_keeps_its_own(&server.api, async || {}).await;
}

#[tokio::test]
async fn executions_keep_the_rules_that_they_began_with_when_other_workers_take_over() {
    let Some(services) = Services::start("rules_kept", SharedRedis::No).await else { return };
    let mut fleet = Fleet::start(services, 2, "2s").await;
    let api = fleet.api.clone();
    each_keeps_its_own(&api, async || {
        for worker in &mut fleet.workers {
            worker.kill().await;
        }
        // What these know of rules and versions, they read anew.
        fleet.add_worker();
        fleet.add_worker();
    })
    .await;
}

const USES: &str = "
workflow_id: uses
steps:
  - { id: first, type: condition, rule_id: large, on_true: way, on_false: way }
  - id: way
    type: switch
    cases: [{ rule_id: large, next: end }, { rule_id: COMPLETE, next: end }]
  - { id: end, type: end }
";

#[tokio::test]
async fn a_rule_that_cannot_be_used_is_refused_at_the_import_and_one_in_use_stays() {
    let server = Embedded::start().await;
    let api = &server.api;
    let large = create(api, "large", "CONDITION", at_least(1)).await;
    let text = USES.replace("COMPLETE", "compleet");
    create(api, "complete", "VALIDATION", json!({ "checks": [{ "condition": true, "message": "never" }] })).await;
    let refused = publish(api, &text).await;
    let problem = &refused["problems"][0];
    assert_eq!(
        (&refused["outcome"], &problem["code"], &problem["pointer"], &problem["stepKey"], &problem["suggestion"]),
        (
            &json!("REJECTED"),
            &json!("unknown-rule"),
            &json!("/steps/1/cases/1/rule_id"),
            &json!("way"),
            &json!("did you mean `complete`?")
        ),
        "{refused}"
    );
    assert_eq!(publish(api, &USES.replace("COMPLETE", "complete")).await["outcome"], "CREATED");
    let query = "query($id: ID!) { rule(id: $id) { usedBy { totalCount nodes { slug } } uses { workflow { slug } stepKey pointer } }
        workflows(filter: { uses: $id }) { nodes { slug } } }";
    let seen = api.data(query, json!({ "id": large })).await;
    assert_eq!(seen["rule"]["usedBy"], json!({ "totalCount": 1, "nodes": [{ "slug": "uses" }] }));
    assert_eq!(seen["workflows"]["nodes"], json!([{ "slug": "uses" }]));
    let uses = seen["rule"]["uses"].as_array().unwrap();
    assert_eq!(
        uses[1],
        json!({ "workflow": { "slug": "uses" }, "stepKey": "way", "pointer": "/steps/1/cases/0/rule_id" })
    );
    for field in ["ruleDisable", "ruleDelete"] {
        let query =
            format!("mutation($id: ID!) {{ {field}(input: {{ id: $id }}) {{ userErrors {{ code field message }} }} }}");
        let refused = api.data(&query, json!({ "id": large })).await[field]["userErrors"][0].take();
        assert_eq!((&refused["code"], &refused["field"]), (&json!("IN_USE"), &json!(["input", "id"])), "{field}");
        assert!(refused["message"].as_str().unwrap().contains("`uses` (first, way)"), "{refused}");
    }
    let off = create(api, "off", "CONDITION", json!(true)).await;
    assert_eq!(done(api, "ruleDisable", json!({ "id": off })).await["isEnabled"], false);
    let refused =
        publish(api, &USES.replace("COMPLETE", "off").replace("workflow_id: uses", "workflow_id: other")).await;
    assert_eq!(refused["problems"][0]["code"], "disabled-rule", "{refused}");
    assert_eq!(done(api, "ruleEnable", json!({ "id": off })).await["isEnabled"], true);
}

#[tokio::test]
async fn mistakes_of_rules_are_told_all_at_once_and_a_stale_change_is_refused() {
    let server = Embedded::start().await;
    let api = &server.api;
    let bad = json!({ "slug": "Not A Slug", "name": "", "kind": "CONDITION", "definition": true, "inputSchema": { "type": "objekt" } });
    let payload = ask(api, "ruleCreate", bad).await;
    let mut fields: Vec<_> =
        payload["userErrors"].as_array().unwrap().iter().map(|mistake| mistake["field"][1].as_str().unwrap()).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["inputSchema", "name", "slug"], "{payload}");
    let wrong = json!({ "field": "total", "operator": "gtee", "value": 1 });
    let payload =
        ask(api, "ruleCreate", json!({ "slug": "a", "name": "a", "kind": "CONDITION", "definition": wrong })).await;
    assert_eq!((&payload["rule"], &payload["userErrors"][0]["code"]), (&Value::Null, &json!("DEFINITION_INVALID")));
    assert_eq!(
        (&payload["problems"][0]["code"], &payload["problems"][0]["pointer"]),
        (&json!("bad-operator"), &json!("/operator"))
    );
    let id = create(api, "a", "CONDITION", at_least(1)).await;
    let again =
        ask(api, "ruleCreate", json!({ "slug": "a", "name": "b", "kind": "CONDITION", "definition": true })).await;
    assert_eq!(again["userErrors"][0]["code"], "ALREADY_EXISTS");
    let renamed = done(api, "ruleUpdate", json!({ "id": id, "expectedRevision": 1, "name": "A" })).await;
    assert_eq!((&renamed["revision"], &renamed["version"]), (&json!(2), &json!(1)), "a name is no new version");
    let stale = ask(api, "ruleUpdate", json!({ "id": id, "expectedRevision": 1, "definition": true })).await;
    assert_eq!(stale["userErrors"][0]["code"], "CONFLICT", "{stale}");
    let gone = ask(api, "ruleUpdate", json!({ "id": "rule_00000000000000000000000000", "name": "x" })).await;
    assert_eq!(gone["userErrors"][0]["code"], "NOT_FOUND", "{gone}");
}

#[tokio::test]
async fn rules_and_expressions_are_tried_on_data_before_they_count() {
    let server = Embedded::start().await;
    let api = &server.api;
    let query = "query($i: RuleEvaluateInput!) { ruleEvaluate(input: $i) {
        passed failures output why { result summary whyNot children { summary } } userErrors { code field message } } }";
    let tried = async |input: Value| api.data(query, json!({ "i": input })).await["ruleEvaluate"].take();
    let schema = json!({ "type": "object", "properties": { "total": { "type": "number" } }, "required": ["total"] });
    let input = json!({ "slug": "large", "name": "Large", "kind": "CONDITION", "definition": at_least(100), "inputSchema": schema });
    let id = done(api, "ruleCreate", input).await["id"].clone();
    let small = tried(json!({ "id": id, "data": { "total": 7 } })).await;
    assert_eq!((&small["passed"], &small["why"]["summary"]), (&json!(false), &json!("total 7 is less than 100")));
    assert!(small["why"]["whyNot"].as_str().unwrap().contains("100"), "{small}");
    let unfit = tried(json!({ "id": id, "data": { "total": "7" } })).await;
    assert_eq!(unfit["userErrors"][0]["code"], "INPUT_SCHEMA_MISMATCH");
    assert_eq!(unfit["userErrors"][0]["field"], json!(["input", "data", "total"]));
    let tier = json!({ "set": { "customer.tier": "gold", "double": "{{ total * 2 }}" } });
    let added = tried(json!({ "kind": "ENRICHMENT", "definition": tier, "data": { "total": 7 } })).await;
    assert_eq!((&added["passed"], &added["output"]), (&json!(true), &json!({ "customer.tier": "gold", "double": 14 })));
    let wrong = tried(json!({ "kind": "VALIDATION", "definition": { "checks": [] }, "data": {} })).await;
    assert_eq!((&wrong["userErrors"][0]["code"], &wrong["why"]), (&json!("DEFINITION_INVALID"), &Value::Null));
    let failed =
        tried(json!({ "kind": "CONDITION", "definition": { "expression": "total + []" }, "data": { "total": 1 } }))
            .await;
    assert_eq!(failed["userErrors"][0]["code"], "INVALID", "{failed}");
    let none = tried(json!({ "id": id, "data": [1] })).await;
    assert_eq!(none["userErrors"][0]["field"], json!(["input", "data"]));

    let query = "query($i: ExpressionEvaluateInput!) { expressionEvaluate(input: $i) {
        value type why { summary result } problems { code message } } }";
    let computed = async |input: Value| api.data(query, json!({ "i": input })).await["expressionEvaluate"].take();
    let sum = computed(json!({ "expression": "a + 2 > 4", "data": { "a": 3 } })).await;
    assert_eq!((&sum["value"], &sum["type"], &sum["why"]["result"]), (&json!(true), &json!("boolean"), &json!(true)));
    let text =
        computed(json!({ "expression": "{{ name | upper }}!", "isTemplate": true, "data": { "name": "ada" } })).await;
    assert_eq!((&text["value"], &text["type"], &text["problems"]), (&json!("ADA!"), &json!("string"), &json!([])));
    let missing = computed(json!({ "expression": "nobody.name" })).await;
    assert_eq!((&missing["value"], &missing["type"]), (&Value::Null, &json!("missing")));
    let broken = computed(json!({ "expression": "a +" })).await;
    assert_eq!((&broken["problems"][0]["code"], &broken["why"]), (&json!("bad-expression"), &Value::Null));
    let failed = computed(json!({ "expression": "a + []", "data": { "a": 1 } })).await;
    assert_eq!(failed["problems"][0]["code"], "EXPRESSION_FAILED", "{failed}");
}

#[tokio::test]
async fn the_command_line_makes_tries_changes_and_removes_rules() {
    let server = Embedded::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large.json");
    std::fs::write(&file, at_least(100).to_string()).unwrap();
    let definition = format!("@{}", file.display());
    let at = async |arguments: &[&str]| run(&[&["rules"], arguments, &["--url", &server.api.url]].concat(), &[]).await;
    let made = at(&["create", "large", "--kind", "condition", "--definition", &definition, "--output", "json"]).await;
    assert_eq!((made.code, &made.json()["version"]), (Some(0), &json!(1)), "{made:?}");
    let wrong =
        at(&["create", "w", "--kind", "condition", "--definition", r#"{"field":"a","operator":"nearly"}"#]).await;
    assert_eq!(wrong.code, Some(1), "{wrong:?}");
    assert!(wrong.err.contains("/operator: error[bad-operator]"), "{wrong:?}");
    let list = at(&["--output", "json"]).await;
    assert_eq!(list.json()[0]["slug"], "large", "{list:?}");
    for (data, code, words) in [(r#"{"total":100}"#, 0, "holds: "), (r#"{"total":9}"#, 1, "does not hold: total 9")] {
        let tried = at(&["evaluate", "large", "--data", data, "--output", "table"]).await;
        assert_eq!(tried.code, Some(code), "{tried:?}");
        assert!(tried.out.contains(words), "{tried:?}");
    }
    let changed = at(&["update", "large", "--definition", "true", "--revision", "1", "--output", "json"]).await;
    assert_eq!(changed.json()["version"], 2, "{changed:?}");
    publish(&server.api, WAITS).await;
    let shown = at(&["show", "large", "--output", "table"]).await;
    assert!(shown.out.contains("version 2") && shown.out.contains("used by: waits/large"), "{shown:?}");
    let kept = at(&["delete", "large"]).await;
    assert!(kept.code == Some(1) && kept.err.contains("IN_USE"), "{kept:?}");
    let gone = at(&["show", "nothing"]).await;
    assert!(gone.code == Some(1) && gone.err.contains("no rule `nothing`"), "{gone:?}");
}

#[tokio::test]
async fn case_files_give_rules_of_their_own_and_say_which_one_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name).display().to_string()
    };
    file(
        "flow.yaml",
        "workflow_id: f\nsteps:\n  - { id: large, type: condition, rule_id: large, on_true: stop }\n  - { id: stop, type: action, action: { type: block } }\n",
    );
    let rules = json!({ "large": { "kind": "condition", "definition": at_least(10) } });
    let case = |id: &str, total: i64, rules: &Value, result: &str| json!({ "id": id, "workflow": "flow.yaml", "payload": { "total": total }, "stubs": { "rules": rules }, "expect": { "result": result } });
    let good = file(
        "good.case.json",
        &json!([case("a", 10, &rules, "blocked"), case("b", 9, &rules, "executed")]).to_string(),
    );
    let ran = run(&["test", &good], &[]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let missing = file("missing.case.json", &json!([case("a", 10, &json!({}), "blocked")]).to_string());
    let ran = run(&["test", &missing], &[]).await;
    assert!(ran.code == Some(1) && ran.out.contains("`stubs.rules`"), "{ran:?}");
    let broken = json!({ "large": { "kind": "condition", "definition": { "field": "a", "operator": "nearly" } } });
    let broken = file("broken.case.json", &json!([case("a", 10, &broken, "blocked")]).to_string());
    let ran = run(&["test", &broken], &[]).await;
    assert!(ran.code == Some(1) && ran.err.contains("bad-operator"), "{ran:?}");
}
