//! A list costs as many SQL statements for many rows as for few, and so does waiting for many schedules.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sluice_tests::{Api, Embedded, Statements, eventually};

const WORKFLOW: &str = "
workflow_id: counted
steps:
  - id: note
    type: execute
    next: judge
    execute:
      - { type: log, message: 'order {{order.id}}' }
  - id: judge
    type: condition
    condition: { field: order.total, operator: greater_than, value: 10 }
    on_true: refuse
    on_false: accept
  - { id: refuse, type: action, action: { type: block, reason: too much } }
  - { id: accept, type: action, action: { type: allow } }
";

const EVERYTHING: &str = "query($first: Int!) { executions(first: $first) { totalCount nodes {
  id status key queuedAt labels { name value } workflow { slug name } version { number }
  input { value } context { value } decision { outcome reason why { summary } }
  steps(first: 4) { nodes { path status input { value } output { value } attempts { number status } branch { to } } }
  currentSteps { path } history(first: 5) { nodes { type summary } } logs(first: 2) { nodes { message } } } } }";
const WORKFLOWS: &str = "query($first: Int!) { workflows(first: $first) { nodes {
  slug name isEnabled publishedVersion { number } createdBy { displayName } }  } }";
const EVENTS: &str = "query($first: Int!) { events(first: $first) { nodes { id type payload { value } executions { id } matches { workflow { slug } } } } }";

/// Statements for one page, without those that the reconcilers happen to make in between: the fewest of some tries.
async fn cost(api: &Api, statements: &Statements, query: &str, first: usize, list: &str) -> usize {
    let mut fewest = usize::MAX;
    for _ in 0..8 {
        let before = statements.count();
        let data = api.data(query, json!({ "first": first })).await;
        fewest = fewest.min(statements.count() - before);
        assert_eq!(data[list]["nodes"].as_array().map(Vec::len), Some(first), "{list} has so many rows");
    }
    fewest
}

#[tokio::test]
async fn a_page_of_twelve_costs_about_as_many_statements_as_a_page_of_two() {
    let (server, statements) = Embedded::start_counting_statements().await;
    let api = &server.api;
    let listens = |number: usize| {
        let rest = WORKFLOW.replace("workflow_id: counted", &format!("workflow_id: counted_{number}"));
        format!("trigger: {{ type: event, event: order.placed }}\n{rest}")
    };
    let files: Vec<(String, String)> = (0..40).map(|number| (format!("{number}.yaml"), listens(number))).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let imported = api.import(&files[..2]).await;
    assert!(imported.as_array().unwrap().iter().all(|one| one["problems"] == json!([])), "{imported}");
    for number in 0..40 {
        let emit =
            "mutation($p: JSON!) { eventEmit(input: { type: \"order.placed\", payload: $p }) { userErrors { code } } }";
        let told: Value = api.data(emit, json!({ "p": { "order": { "id": number, "total": number } } })).await;
        assert_eq!(told["eventEmit"]["userErrors"], json!([]), "{told}");
    }
    api.import(&files[2..]).await;
    eventually("all have ended", || async {
        let asked = "{ all: executions(first: 1) { totalCount } open: executions(first: 1, filter: { statuses: [QUEUED, RUNNING] }) { totalCount } }";
        let counts = api.data(asked, json!({})).await;
        (&counts["all"]["totalCount"], &counts["open"]["totalCount"]) == (&json!(80), &json!(0))
    })
    .await;
    for (query, list) in [(EVERYTHING, "executions"), (WORKFLOWS, "workflows"), (EVENTS, "events")] {
        let few = cost(api, &statements, query, 2, list).await;
        let many = cost(api, &statements, query, 12, list).await;
        assert!(few > 0, "statements are counted");
        // Loaders gather for a millisecond: on a busy machine a batch may come in two.
        assert!(many < few + 5, "{list}: 12 rows cost {many} statements, 2 rows cost {few}");
    }
}

#[tokio::test]
async fn services_and_loaders_cost_as_many_statements_for_twelve_as_for_two() {
    const SERVICES: &str = "query($first: Int!) { services(first: $first) { nodes {
      name authentication { kind secret { name } } updatedBy { displayName } } } }";
    const LOADERS: &str =
        "query($first: Int!) { resourceLoaders(first: $first) { nodes { resource service { name } } } }";
    let (server, statements) = Embedded::start_counting_statements().await;
    let api = &server.api;
    for number in 0..12 {
        let secret = api.secret(&format!("token_{number}"), "a token of the shop", &[]).await;
        let bearer = json!({ "kind": "BEARER", "secretId": secret });
        let (name, url) = (format!("shop-{number}"), "https://shop.example.com");
        let service = api.service(&name, "HTTP", url, bearer, json!({})).await;
        api.resource(&format!("order_{number}"), &service, json!({ "path": "/orders" })).await;
    }
    for (query, list) in [(SERVICES, "services"), (LOADERS, "resourceLoaders")] {
        let few = cost(api, &statements, query, 2, list).await;
        let many = cost(api, &statements, query, 12, list).await;
        assert!(few > 0 && many < few + 5, "{list}: 12 rows cost {many} statements, 2 rows cost {few}");
    }
}

/// A workflow with so many schedules of its own, none of which fires for years.
fn scheduled(slug: &str, count: usize) -> String {
    let triggers: Vec<String> =
        (0..count).map(|minute| format!("  - {{ type: schedule, cron: '{minute} 0 29 2 *' }}\n")).collect();
    let steps = "steps:\n  - { id: done, type: action, action: { type: allow } }\n";
    format!("workflow_id: {slug}\ntriggers:\n{}{steps}", triggers.concat())
}

/// Statements of two seconds in which nobody asks for anything: the fewest of some tries, since some see one tick more
/// and the first ones what a new schedule costs once.
async fn idle(statements: &Statements) -> usize {
    let mut fewest = usize::MAX;
    for _try in 0..5 {
        let (before, begun) = (statements.count(), Instant::now());
        eventually("some ticks are over", || async move { begun.elapsed() > Duration::from_secs(2) }).await;
        fewest = fewest.min(statements.count() - before);
    }
    fewest
}

#[tokio::test]
async fn an_idle_tick_costs_as_many_statements_with_two_thousand_schedules_as_with_ten() {
    let (server, statements) = Embedded::start_counting_statements().await;
    let schedules = async || {
        server.api.data("{ schedules(first: 1) { totalCount } }", json!({})).await["schedules"]["totalCount"].take()
    };
    server.api.import(&[("ten.yaml", &scheduled("ten", 10))]).await;
    assert_eq!(schedules().await, 10);
    let few = idle(&statements).await;
    let files: Vec<(String, String)> =
        (0..40).map(|number| (format!("{number}.yaml"), scheduled(&format!("fifty_{number}"), 50))).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    server.api.import(&files).await;
    assert_eq!(schedules().await, 2_010);
    let many = idle(&statements).await;
    assert!(few > 0, "statements of the worker are counted");
    // One tick more or less fits into a span; it costs some for each reconciler, and none for a schedule.
    assert!(many <= few + few / 2 + 10, "with 2,010 schedules {many} statements, with 10 {few}");
}
