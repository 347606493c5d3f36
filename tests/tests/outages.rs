//! The database or Redis is away: at the start, later, silently. What was accepted goes on when they are back.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sluice_tests::{Api, Fleet, Process, Proxy, SECRET_KEY, Services, SharedRedis, Stub, eventually, free_port, run};

const WORKFLOW: &str = "
workflow_id: through_an_outage
steps:
  - id: call
    type: execute
    execute:
      - { type: http_request, url: '{{url}}' }
    next: decide
  - id: decide
    type: action
    action: { type: allow }
";

const START: &str =
    "mutation($i: ExecutionStartInput!) { executionStart(input: $i) { execution { id } isNew userErrors { code } } }";

fn input(url: &str, key: &str) -> Value {
    json!({ "i": { "workflow": { "slug": "through_an_outage" }, "input": { "url": url }, "idempotencyKey": key } })
}

/// A fleet whose PostgreSQL and Redis can be taken away.
async fn fleet(test: &str, lease: &str) -> Option<(Fleet, Proxy, Proxy)> {
    let mut services = Services::start(test, SharedRedis::No).await?;
    let (database, redis) = (Proxy::before(&services.database_url), Proxy::before(&services.redis_url));
    services.database_url.clone_from(&database.url);
    services.redis_url.clone_from(&redis.url);
    let fleet = Fleet::start(services, 1, lease).await;
    fleet.api.import(&[("outage.yaml", WORKFLOW)]).await;
    let stub = Stub::answering(200).await;
    let execution = fleet.api.run("through_an_outage", json!({ "url": stub.url })).await;
    assert_eq!(execution["status"], "COMPLETED", "all is well at first: {execution}");
    Some((fleet, database, redis))
}

/// The status of `/readyz` and what it says about one part.
async fn ready(api: &Api, part: &str) -> (u16, String) {
    let Ok(answer) = api.get("/readyz").send().await else { return (0, String::new()) };
    let status = answer.status().as_u16();
    let report: Value = answer.json().await.unwrap();
    let parts = report["parts"].as_array().unwrap();
    let found = parts.iter().find(|found| found["name"] == part);
    (status, found.map_or_else(String::new, |found| found["status"].as_str().unwrap().to_owned()))
}

/// What `/readyz` says as a whole and about one part.
async fn told(api: &Api, part: &str) -> (Value, Value) {
    let Ok(answer) = api.get("/readyz").send().await else { return (Value::Null, Value::Null) };
    let report: Value = answer.json().await.unwrap();
    let found = report["parts"].as_array().unwrap().iter().find(|found| found["name"] == part);
    (report["status"].clone(), found.cloned().unwrap_or_default())
}

/// Nothing was lost, nothing was started twice.
async fn all_ended(fleet: &Fleet, accepted: &BTreeSet<String>, stub: &Stub) {
    fleet.drained().await;
    let ids: Vec<&String> = accepted.iter().collect();
    let query = "query($ids: [ID!]) { executions(filter: { ids: $ids, statuses: [COMPLETED] }) { totalCount } }";
    let data = fleet.api.data(query, json!({ "ids": ids })).await;
    assert_eq!(data["executions"]["totalCount"], accepted.len(), "everything accepted has completed");
    let recorded = fleet.services.number("select count(*) from execution").await;
    assert_eq!(recorded, i64::try_from(accepted.len()).unwrap() + 1, "and nothing else was started");
    assert_eq!(stub.received().len(), accepted.len(), "each called with a key of its own");
}

#[tokio::test]
async fn requests_are_refused_as_retryable_while_the_database_is_away_and_all_goes_on_when_it_is_back() {
    let test = "requests_are_refused_as_retryable_while_the_database_is_away_and_all_goes_on_when_it_is_back";
    let Some((fleet, database, _redis)) = fleet(test, "5s").await else { return };
    let stub = Stub::answering(200).await;
    stub.hold();
    let mut accepted = BTreeSet::new();
    for number in 0..5 {
        let id = fleet.api.start("through_an_outage", json!({ "url": stub.url }), &format!("before-{number}")).await;
        accepted.insert(id.unwrap());
    }
    eventually("all calls are on their way", || async { stub.received().len() == 5 }).await;
    database.cut();

    eventually("the API is not ready", || async { ready(&fleet.api, "database").await.0 == 503 }).await;
    assert_eq!(ready(&fleet.api, "database").await, (503, "failed".to_owned()));
    assert_eq!(fleet.api.get("/livez").send().await.unwrap().status(), 200, "it is alive all the same");
    for (query, variables) in [
        ("{ executions(first: 1) { nodes { id } } }", json!({})),
        ("{ workflow(ref: { slug: \"through_an_outage\" }) { id } }", json!({})),
        (START, input(&stub.url, "during")),
    ] {
        let answer = fleet.api.answer(query, variables).await.unwrap();
        let error = &answer["errors"][0];
        assert_eq!(error["extensions"]["code"], "UNAVAILABLE", "{query}: {answer}");
        assert_eq!(error["extensions"]["isRetryable"], true, "{query}: {answer}");
        assert!(error["message"].as_str().unwrap().contains("try again"), "{query}: {answer}");
        assert!(!answer.to_string().contains("127.0.0.1"), "no addresses are told: {answer}");
    }
    // The answers to the calls come while their results cannot be recorded.
    stub.release();
    database.restore();

    fleet.api.ready().await;
    for number in 0..5 {
        let id = fleet.api.start("through_an_outage", json!({ "url": stub.url }), &format!("before-{number}")).await;
        assert!(accepted.contains(&id.unwrap()), "what was accepted before is known by its key");
    }
    accepted.insert(fleet.api.start("through_an_outage", json!({ "url": stub.url }), "during").await.unwrap());
    all_ended(&fleet, &accepted, &stub).await;
}

#[tokio::test]
async fn an_outage_of_the_database_is_told_at_once_and_the_breaker_is_seen_in_readiness_and_metrics() {
    let test = "an_outage_of_the_database_is_told_at_once_and_the_breaker_is_seen_in_readiness_and_metrics";
    let Some((fleet, database, _redis)) = fleet(test, "5s").await else { return };
    assert_eq!(told(&fleet.api, "database").await.1["state"]["breaker"], "closed");
    database.cut();
    eventually("the breaker opens", || async { told(&fleet.api, "database").await.1["state"]["breaker"] == "open" })
        .await;
    let began = std::time::Instant::now();
    for _request in 0..100 {
        let answer = fleet.api.answer(START, input("http://127.0.0.1:9", "away")).await.unwrap();
        assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAVAILABLE", "{answer}");
    }
    // Waiting for a connection, each would have taken five seconds.
    assert!(began.elapsed() < std::time::Duration::from_mins(1), "100 refusals took {:?}", began.elapsed());
    let (_status, part) = told(&fleet.api, "database").await;
    assert!(part["state"]["refused"].as_u64().unwrap() > 0, "{part}");
    assert!(part["state"]["last_error"].is_string() && !part.to_string().contains("127.0.0.1"), "{part}");
    let metrics = fleet.api.get("/metrics").send().await.unwrap().text().await.unwrap();
    for name in [
        "sluice_database_breaker_state",
        "sluice_database_breaker_opens_total",
        "sluice_database_breaker_rejections_total",
    ] {
        assert!(metrics.contains(name), "{name}: {metrics}");
    }
    database.restore();
    fleet.api.ready().await;
    eventually("the breaker closes", || async { told(&fleet.api, "database").await.1["state"]["breaker"] == "closed" })
        .await;
}

#[tokio::test]
async fn a_worker_shows_that_it_consumes_and_is_degraded_while_it_looks_into_the_database() {
    let test = "a_worker_shows_that_it_consumes_and_is_degraded_while_it_looks_into_the_database";
    let Some((mut fleet, _database, redis)) = fleet(test, "5s").await else { return };
    let health = Api::new(free_port());
    let bind = health.url.trim_start_matches("http://").to_owned();
    fleet.add_worker_with(&["--health-bind", &bind]);
    eventually("it consumes", || async { told(&health, "worker").await.1["status"] == "ok" }).await;
    redis.cut();
    eventually("it looks into the database", || async {
        let (status, part) = told(&health, "worker").await;
        status == "degraded" && part["status"] == "degraded"
    })
    .await;
    assert_eq!(ready(&health, "worker").await.0, 200, "it works");
    redis.restore();
    eventually("it consumes again", || async {
        let (status, part) = told(&health, "worker").await;
        status == "ready" && part["status"] == "ok"
    })
    .await;
}

#[tokio::test]
async fn a_worker_that_lost_its_lease_while_the_database_was_away_takes_it_up_again() {
    let test = "a_worker_that_lost_its_lease_while_the_database_was_away_takes_it_up_again";
    let Some((mut fleet, database, _redis)) = fleet(test, "2s").await else { return };
    let health = Api::new(free_port());
    let bind = health.url.trim_start_matches("http://").to_owned();
    // The first worker would hide what happens to the second.
    fleet.workers.remove(0).kill().await;
    fleet.add_worker_with(&["--health-bind", &bind]);
    health.ready().await;
    let stub = Stub::answering(200).await;
    stub.hold();
    let mut accepted = BTreeSet::new();
    for number in 0..5 {
        let id = fleet.api.start("through_an_outage", json!({ "url": stub.url }), &format!("lease-{number}")).await;
        accepted.insert(id.unwrap());
    }
    eventually("all calls are on their way", || async { stub.received().len() == 5 }).await;
    database.cut();
    eventually("the lease is lost", || async { ready(&health, "worker").await == (503, "failed".to_owned()) }).await;
    stub.release();
    database.restore();
    health.ready().await;
    accepted.insert(fleet.api.start("through_an_outage", json!({ "url": stub.url }), "after").await.unwrap());
    all_ended(&fleet, &accepted, &stub).await;
    let mut worker = fleet.workers.remove(0);
    worker.signal("TERM").await;
    assert_eq!(worker.ended().await, Some(0), "it is the same worker, and it ends in order");
}

#[tokio::test]
async fn a_database_that_says_nothing_makes_the_api_not_ready_and_all_goes_on_when_it_speaks() {
    let test = "a_database_that_says_nothing_makes_the_api_not_ready_and_all_goes_on_when_it_speaks";
    let Some((fleet, database, _redis)) = fleet(test, "5s").await else { return };
    let stub = Stub::answering(200).await;
    database.silence();
    let answer = ready(&fleet.api, "database").await;
    assert_eq!(answer, (503, "silent".to_owned()));
    // Asked during the silence, answered after it, or refused as retryable: never lost, never doubled.
    let asked = tokio::spawn({
        let (api, url) = (fleet.api.clone(), stub.url.clone());
        async move { api.start("through_an_outage", json!({ "url": url }), "silent").await }
    });
    assert_eq!(ready(&fleet.api, "database").await.0, 503, "it stays so");
    database.restore();
    fleet.api.ready().await;
    let first = asked.await.unwrap();
    let id = fleet.api.start("through_an_outage", json!({ "url": stub.url }), "silent").await.unwrap();
    assert!(first.as_ref().is_ok_and(|first| *first == id) || first.is_err_and(|told| told.contains("UNAVAILABLE")));
    all_ended(&fleet, &BTreeSet::from([id]), &stub).await;
}

#[tokio::test]
async fn executions_start_and_end_while_redis_is_cut_or_silent_and_are_fast_again_when_it_is_back() {
    let test = "executions_start_and_end_while_redis_is_cut_or_silent_and_are_fast_again_when_it_is_back";
    let Some((fleet, _database, redis)) = fleet(test, "5s").await else { return };
    let stub = Stub::answering(200).await;
    let mut accepted = BTreeSet::new();
    for (away, how) in [("cut", Proxy::cut as fn(&Proxy)), ("silent", Proxy::silence)] {
        how(&redis);
        eventually("Redis is missed", || async { !["ok", ""].contains(&ready(&fleet.api, "queue").await.1.as_str()) })
            .await;
        assert_eq!(ready(&fleet.api, "queue").await.0, 200, "without Redis the API is ready");
        for number in 0..5 {
            let key = format!("{away}-{number}");
            accepted.insert(fleet.api.start("through_an_outage", json!({ "url": stub.url }), &key).await.unwrap());
        }
        all_ended(&fleet, &accepted, &stub).await;
        redis.restore();
        eventually("Redis is found again", || async { ready(&fleet.api, "queue").await == (200, "ok".to_owned()) })
            .await;
        for number in 0..5 {
            let key = format!("after-{away}-{number}");
            accepted.insert(fleet.api.start("through_an_outage", json!({ "url": stub.url }), &key).await.unwrap());
        }
        all_ended(&fleet, &accepted, &stub).await;
    }
}

fn variables<'a>(database: &'a str, redis: &'a str) -> [(&'static str, &'a str); 4] {
    [
        ("DATABASE_URL", database),
        ("REDIS_URL", redis),
        ("SLUICE_SECRET_KEY", SECRET_KEY),
        ("SLUICE_EGRESS_ALLOW", "127.0.0.0/8"),
    ]
}

#[tokio::test]
async fn a_start_waits_for_database_and_redis_and_begins_when_they_are_there() {
    let test = "a_start_waits_for_database_and_redis_and_begins_when_they_are_there";
    let Some(services) = Services::start(test, SharedRedis::No).await else { return };
    let (database, redis) = (Proxy::before(&services.database_url), Proxy::before(&services.redis_url));
    database.cut();
    redis.cut();
    let api = Api::new(free_port());
    let bind = api.url.trim_start_matches("http://").to_owned();
    let variables = variables(&database.url, &redis.url);
    let _api = Process::start(&["api", "--insecure-no-auth", "--bind", &bind], &variables);
    let _worker = Process::start(&["worker"], &variables);
    eventually("the database is asked for", || async { database.refused() > 0 }).await;
    database.restore();
    eventually("Redis is asked for", || async { redis.refused() > 0 }).await;
    redis.restore();
    api.ready().await;
    api.import(&[("outage.yaml", WORKFLOW)]).await;
    let stub = Stub::answering(200).await;
    assert_eq!(api.run("through_an_outage", json!({ "url": stub.url })).await["status"], "COMPLETED");
}

#[tokio::test]
async fn a_start_without_database_or_redis_names_what_and_where_and_gives_up_after_the_stated_minute() {
    let test = "a_start_without_database_or_redis_names_what_and_where_and_gives_up_after_the_stated_minute";
    let Some(services) = Services::start(test, SharedRedis::Yes).await else { return };
    let (port, bind) = (free_port(), format!("127.0.0.1:{}", free_port()));
    let nowhere = format!("postgres://sluice:pa55word@127.0.0.1:{port}/sluice");
    let no_redis = format!("redis://:pa55word@127.0.0.1:{port}/0");
    let (without_database, without_redis) =
        (variables(&nowhere, &services.redis_url), variables(&services.database_url, &no_redis));
    let api = ["api", "--bind", &bind];
    let (api, worker, migrate, redis) = tokio::join!(
        run(&api, &without_database),
        run(&["worker"], &without_database),
        run(&["migrate"], &without_database),
        run(&["worker"], &without_redis),
    );
    for (ran, what) in [(api, "database"), (worker, "database"), (migrate, "database"), (redis, "Redis")] {
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.err.contains(&format!("127.0.0.1:{port}")), "where is said: {}", ran.err);
        assert!(ran.err.contains("will try for 60s in all"), "for how long is said: {}", ran.err);
        let last = ran.err.lines().skip_while(|line| !line.starts_with("error: ")).collect::<Vec<_>>().join("\n");
        assert!(last.contains(what) && last.contains("did not answer"), "what is said: {last}");
        assert!(last.contains("\nhelp: check "), "what to do is said: {last}");
        assert!(!ran.err.contains("pa55word"), "secrets are not said: {}", ran.err);
    }
}

#[tokio::test]
async fn more_than_the_memory_for_starts_allows_is_refused_at_once_and_the_rest_is_kept() {
    let Some(services) = Services::start("overload", SharedRedis::Yes).await else { return };
    let fleet = Fleet::start(services, 1, "10s").await;
    let workflow = "workflow_id: big\nsteps:\n  - { id: done, type: end }\n";
    fleet.api.import(&[("big.yaml", workflow)]).await;
    let hold = fleet.services.hold_table("execution").await;
    let input = json!({ "text": "x".repeat(240 * 1024) });
    let start = |number: usize| {
        let (api, input) = (fleet.api.clone(), input.clone());
        tokio::spawn(async move {
            let input =
                json!({ "workflow": { "slug": "big" }, "input": input, "idempotencyKey": format!("big {number}") });
            api.answer(START, json!({ "i": input })).await.unwrap()
        })
    };
    let starts: Vec<_> = (0..400).map(start).collect();
    eventually("some are refused while nothing can be written", || async {
        starts.iter().any(tokio::task::JoinHandle::is_finished)
    })
    .await;
    drop(hold);
    // Those that waited for the table may have given up before it was free: they are not recorded either.
    let (mut accepted, mut refused, mut gave_up) = (0, 0, 0);
    for start in starts {
        let answer = start.await.unwrap();
        match answer["errors"][0]["message"].as_str() {
            None => accepted += 1,
            Some(message) if message.contains("accepts as much as it can") => refused += 1,
            Some(message) if message.contains("cannot be reached") => gave_up += 1,
            Some(_other) => unreachable!("{answer}"),
        }
    }
    assert!(refused > 0 && accepted + gave_up > 0, "{accepted} accepted, {refused} refused, {gave_up} gave up");
    fleet.drained().await;
    assert_eq!(fleet.services.number("select count(*) from execution where status = 5").await, accepted);
}
