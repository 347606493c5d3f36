//! Numbers about what happened, in both modes, for programs and for people.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use serde_json::{Value, json};
use sluice_tests::{Api, Embedded, Fleet, Services, SharedRedis, Stub, run};

const FILES: [(&str, &str); 3] = [
    ("lapses.yaml", include_str!("../workflows/lapses.yaml")),
    (
        "decides.yaml",
        "
workflow_id: decides
steps:
  - { id: note, type: set, set: { noted: true }, next: decide }
  - { id: decide, type: action, action: { type: allow } }
",
    ),
    (
        "thrice.yaml",
        "
workflow_id: thrice
steps:
  - id: call
    type: execute
    retry: { max_attempts: 3, delay: 10ms }
    execute:
      - { type: http_request, method: POST, url: '{{url}}', body: { order: 7 } }
",
    ),
];

const STATISTICS: &str = "query($window: TimeWindowInput!, $filter: StatisticsFilter) {
  statistics(window: $window, filter: $filter) { started ended successRate retries
    counts { status count } outcomes { outcome count } duration { count minimum p50 maximum } queueWait { count }
    series(bucket: HOUR) { started completed failed allowed }
    workflows { workflow { slug } started ended failed }
    steps { workflow { slug } stepKey total failed retries duration { count } } errors { count } } }";

async fn statistics(api: &Api, filter: Value) -> Value {
    let variables = json!({ "window": { "last": "3h" }, "filter": filter });
    api.data(STATISTICS, variables).await["statistics"].take()
}

fn sum(series: &Value, key: &str) -> i64 {
    series.as_array().unwrap().iter().map(|point| point[key].as_i64().unwrap()).sum()
}

async fn tells_what_happened(api: &Api) {
    for file in api.import(&FILES).await.as_array().unwrap() {
        assert_eq!(file["outcome"], "CREATED", "{file}");
    }
    let stub = Stub::answering(500).await;
    for _time in 0..3 {
        assert_eq!(api.run("decides", json!({})).await["status"], "COMPLETED");
    }
    assert_eq!(api.run("thrice", json!({ "url": stub.url })).await["status"], "FAILED");

    let all = statistics(api, Value::Null).await;
    assert_eq!((&all["started"], &all["ended"], &all["retries"]), (&json!(4), &json!(4), &json!(2)), "{all}");
    assert_eq!(all["successRate"], 0.75, "{all}");
    let counts = json!([
        { "status": "COMPLETED", "count": 3 }, { "status": "FAILED", "count": 1 }, { "status": "CANCELLED", "count": 0 },
    ]);
    assert_eq!(all["counts"], counts);
    assert_eq!(all["outcomes"][0], json!({ "outcome": "ALLOWED", "count": 3 }));
    assert_eq!((&all["duration"]["count"], &all["queueWait"]["count"]), (&json!(4), &json!(4)), "{all}");
    let series = &all["series"];
    assert!(series.as_array().unwrap().len() >= 3, "empty hours are there: {series}");
    assert_eq!((sum(series, "started"), sum(series, "completed"), sum(series, "failed")), (4, 3, 1));
    let first = json!({ "workflow": { "slug": "decides" }, "started": 3, "ended": 3, "failed": 0 });
    assert_eq!(all["workflows"][0], first);
    let steps = all["steps"].as_array().unwrap();
    let call = steps.iter().find(|step| step["stepKey"] == "call").unwrap();
    let expected = json!({ "workflow": { "slug": "thrice" }, "stepKey": "call", "total": 1, "failed": 1, "retries": 2,
        "duration": { "count": 1 } });
    assert_eq!(call, &expected);
    assert_eq!(steps.len(), 3, "{all}");

    let one = statistics(api, json!({ "workflow": { "slug": "thrice" } })).await;
    assert_eq!((&one["started"], &one["successRate"]), (&json!(1), &json!(0.0)), "{one}");
    let variables = json!({ "window": { "last": "3h" }, "filter": { "workflow": { "slug": "nothing" } } });
    let none = api.answer(STATISTICS, variables).await.unwrap();
    assert_eq!(none["errors"][0]["extensions"]["code"], "NOT_FOUND", "no numbers of nothing: {none}");

    let counts = "query($filter: ExecutionFilter) { executionCounts(filter: $filter) { status count } }";
    let counts = api.data(counts, json!({ "filter": { "workflow": { "slug": "decides" } } })).await;
    let counts = counts["executionCounts"].as_array().unwrap();
    let completed = counts.iter().find(|one| one["status"] == "COMPLETED").unwrap();
    assert_eq!((counts.len(), &completed["count"]), (8, &json!(3)));

    let wrong = "query { statistics(window: { between: { from: \"2026-01-02T00:00:00Z\", to: \"2026-01-01T00:00:00Z\" } }) { started } }";
    let refused = api.answer(wrong, json!({})).await.unwrap();
    assert_eq!(refused["errors"][0]["extensions"]["code"], "INVALID", "{refused}");

    let told = ["stats", "--since", "3h", "--by", "hour", "--url", &api.url];
    let table = run(&[&told[..], &["--output", "table"]].concat(), &[]).await;
    assert_eq!(table.code, Some(0), "{table:?}");
    for words in ["4 started, 4 ended, 75.0 % well: 3 completed, 1 failed", "STEP", "call", "CANCELLED"] {
        assert!(table.out.contains(words), "`{words}` in {}", table.out);
    }
    let told = run(&[&told[..], &["--workflow", "decides", "--output", "json"]].concat(), &[]).await;
    assert_eq!((told.code, &told.json()["started"]), (Some(0), &json!(3)), "{told:?}");
}

/// Failures by cause, looked after and not.
async fn tells_why(api: &Api) {
    let list = "query($status: ErrorGroupStatus) { errorGroups(window: { last: \"3h\" }, status: $status) { totalCount
        nodes { id code message stepKey status count workflow { slug } sampleExecution { status } } } }";
    let open = async || api.data(list, json!({ "status": "OPEN" })).await["errorGroups"].take();
    let groups = open().await;
    assert_eq!(groups["totalCount"], 1, "{groups}");
    let group = &groups["nodes"][0];
    assert_eq!(
        (&group["code"], &group["stepKey"], &group["count"]),
        (&json!("HTTP_STATUS"), &json!("call"), &json!(1))
    );
    assert_eq!((&group["workflow"]["slug"], &group["sampleExecution"]["status"]), (&json!("thrice"), &json!("FAILED")));
    let id = group["id"].as_str().unwrap();
    let told = ["errors", "--url", &api.url];
    let table = run(&[&told[..], &["--output", "table"]].concat(), &[]).await;
    assert!(table.out.contains(id) && table.out.contains("HTTP_STATUS"), "{table:?}");
    let resolved = run(&[&told[..], &["resolve", id, "--note", "corrected", "--output", "json"]].concat(), &[]).await;
    assert_eq!((resolved.code, &resolved.json()["status"]), (Some(0), &json!("RESOLVED")), "{resolved:?}");
    assert_eq!(open().await["totalCount"], 0);
    // It comes back, on another port: numbers do not make another cause.
    let stub = Stub::answering(500).await;
    assert_eq!(api.run("thrice", json!({ "url": stub.url })).await["status"], "FAILED");
    let groups = open().await;
    assert_eq!((&groups["nodes"][0]["id"], &groups["nodes"][0]["count"]), (&json!(id), &json!(2)), "{groups}");
    let unknown = run(&[&told[..], &["ignore", "err_00000000000000000000000000"]].concat(), &[]).await;
    assert!(unknown.code == Some(1) && unknown.err.contains("NOT_FOUND"), "{unknown:?}");
    let all = statistics(api, Value::Null).await;
    assert_eq!(all["errors"][0]["count"], 2, "{all}");
}

/// Approvals that nobody decided.
async fn tells_of_approvals(api: &Api) {
    assert_eq!(api.run("lapses", json!({})).await["status"], "COMPLETED");
    let query = "query { statistics(window: { last: \"3h\" }) { approvals {
        requested approved rejected expired pending overdue decisionTime { count p50 } } } }";
    let expected = json!({ "requested": 1, "approved": 0, "rejected": 0, "expired": 1, "pending": 0, "overdue": 0,
        "decisionTime": { "count": 0, "p50": null } });
    assert_eq!(api.data(query, json!({})).await["statistics"]["approvals"], expected);
}

#[tokio::test]
async fn numbers_tell_what_happened_in_one_process() {
    let server = Embedded::start().await;
    tells_what_happened(&server.api).await;
    tells_why(&server.api).await;
    tells_of_approvals(&server.api).await;
}

#[tokio::test]
async fn numbers_tell_what_happened_over_postgresql_and_redis() {
    let Some(services) =
        Services::start("numbers_tell_what_happened_over_postgresql_and_redis", SharedRedis::Yes).await
    else {
        return;
    };
    let fleet = Fleet::start(services, 2, "10s").await;
    tells_what_happened(&fleet.api).await;
    tells_why(&fleet.api).await;
    tells_of_approvals(&fleet.api).await;
}
