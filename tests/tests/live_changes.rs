//! Schedules and rules, live, in both modes; in a fleet they are changed at another API than the one that tells it.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::time::Duration;

use serde_json::{Value, json};
use sluice_tests::{Api, Embedded, Events, Fleet, Services, SharedRedis, begin};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};
use tokio::time::timeout;

use crate::live::{next, until};
use crate::schedules::{FILES, create};

/// Before it would be looked at without news.
const SOON: Duration = Duration::from_secs(9);

const SCHEDULE: &str = "subscription($id: ID!) { scheduleUpdated(id: $id) {
    id name revision isPaused pausedReason nextFires(count: 1) { at }
    lastFire { scheduledAt outcome execution { id } } } }";
const RULE: &str = "subscription($id: ID!) { ruleUpdated(id: $id) { id name version revision isEnabled definition } }";

/// A mutation that has to succeed.
async fn done(api: &Api, field: &str, input: Value) {
    let kind = format!("{}{}Input", field[..1].to_uppercase(), &field[1..]);
    let query = format!("mutation($i: {kind}!) {{ {field}(input: $i) {{ userErrors {{ code message }} }} }}");
    let payload = api.data(&query, json!({ "i": input })).await[field].take();
    assert_eq!(payload["userErrors"], json!([]), "{field}");
}

async fn soon(events: &mut Events, is_wanted: impl Fn(&Value) -> bool) -> Value {
    timeout(SOON, until(events, is_wanted)).await.expect("it is told soon")
}

/// `sluice` while it follows something.
struct Watching {
    command: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Watching {
    fn begin(api: &Api, what: &str, name: &str) -> Self {
        let mut command = begin(&[what, "watch", name, "--output", "json", "--url", &api.url]);
        let lines = BufReader::new(command.stdout.take().unwrap()).lines();
        Self { command, lines }
    }

    async fn until(&mut self, is_wanted: impl Fn(&Value) -> bool) {
        loop {
            let line = self.lines.next_line().await.unwrap().expect("it goes on");
            if is_wanted(&serde_json::from_str(&line).unwrap()) {
                return;
            }
        }
    }

    /// It ends by itself.
    async fn ended(mut self) {
        while self.lines.next_line().await.unwrap().is_some() {}
        assert!(self.command.wait().await.unwrap().success());
    }
}

async fn ended(events: &mut Events) {
    timeout(SOON, async { while events.next().await.is_some() {} }).await.expect("it ends soon");
}

async fn refused(api: &Api, query: &str, id: &str) {
    let answer = api.subscribe(query, json!({ "id": id })).await.next().await.unwrap();
    assert_eq!(answer["errors"][0]["extensions"]["code"], "NOT_FOUND", "{answer}");
}

async fn schedules_are_live(api: &Api, other: &Api) {
    refused(api, SCHEDULE, "sch_00000000000000000000000000").await;
    let yearly = json!({ "spec": { "cron": { "expressions": ["0 0 1 1 *"] } } });
    let id = create(other, yearly).await["id"].take();
    let mut updates = api.subscribe(SCHEDULE, json!({ "id": id })).await;
    let first = next(&mut updates).await;
    assert_eq!((&first["id"], &first["revision"], &first["lastFire"]), (&id, &json!(1), &Value::Null));
    let mut watching = Watching::begin(api, "schedules", id.as_str().unwrap());
    watching.until(|state| state["id"] == id).await;

    let often = json!({ "id": id, "spec": { "cron": { "expressions": ["* * * * * *"] } } });
    done(other, "scheduleUpdate", often).await;
    let changed = soon(&mut updates, |item| item["revision"] == 2).await;
    assert!(changed["nextFires"][0]["at"].is_string(), "{changed}");
    let fired = |item: &Value| item["lastFire"]["outcome"] == "STARTED";
    let once = soon(&mut updates, fired).await;
    let is_later = |item: &Value| {
        fired(item) && item["lastFire"]["scheduledAt"].as_str() > once["lastFire"]["scheduledAt"].as_str()
    };
    soon(&mut updates, is_later).await;
    watching.until(fired).await;

    done(other, "schedulePause", json!({ "id": id, "reason": "enough" })).await;
    let paused = soon(&mut updates, |item| item["isPaused"] == true).await;
    assert_eq!((&paused["pausedReason"], &paused["nextFires"]), (&json!("enough"), &json!([])));
    watching.until(|state| state["isPaused"] == true).await;
    let trigger = "mutation($id: ID!) { scheduleTrigger(input: { id: $id }) { execution { id } userErrors { code } } }";
    let by_hand = other.data(trigger, json!({ "id": id })).await["scheduleTrigger"]["execution"].take();
    assert!(by_hand["id"].is_string(), "{by_hand}");
    soon(&mut updates, |item| fired(item) && item["lastFire"]["execution"]["id"] == by_hand["id"]).await;
    done(other, "scheduleResume", json!({ "id": id })).await;
    soon(&mut updates, |item| item["isPaused"] == false).await;

    done(other, "scheduleDelete", json!({ "id": id })).await;
    ended(&mut updates).await;
    watching.ended().await;
}

async fn rules_are_live(api: &Api, other: &Api) {
    refused(api, RULE, "rule_00000000000000000000000000").await;
    let make = "mutation($i: RuleCreateInput!) { ruleCreate(input: $i) { rule { id } userErrors { code message } } }";
    let input = json!({ "slug": "watched", "name": "Watched", "kind": "CONDITION", "definition": true });
    let id = other.data(make, json!({ "i": input })).await["ruleCreate"]["rule"]["id"].take();
    let mut updates = api.subscribe(RULE, json!({ "id": id })).await;
    let first = next(&mut updates).await;
    assert_eq!((&first["id"], &first["revision"], &first["definition"]), (&id, &json!(1), &json!(true)));
    let mut watching = Watching::begin(api, "rules", "watched");
    watching.until(|state| state["id"] == id).await;

    let definition = json!({ "field": "total", "operator": "gte", "value": 7 });
    done(other, "ruleUpdate", json!({ "id": id, "definition": definition })).await;
    let changed = soon(&mut updates, |item| item["revision"] == 2).await;
    assert_eq!((&changed["version"], &changed["definition"]), (&json!(2), &definition));
    done(other, "ruleDisable", json!({ "id": id })).await;
    soon(&mut updates, |item| item["isEnabled"] == false).await;
    watching.until(|state| state["isEnabled"] == false).await;

    done(other, "ruleDelete", json!({ "id": id })).await;
    ended(&mut updates).await;
    watching.ended().await;
}

#[tokio::test]
async fn schedules_and_rules_are_live_embedded() {
    let server = Embedded::start().await;
    server.api.import(&FILES).await;
    schedules_are_live(&server.api, &server.api).await;
    rules_are_live(&server.api, &server.api).await;
}

#[tokio::test]
async fn schedules_and_rules_are_live_in_a_fleet_of_two_apis() {
    let Some(services) = Services::start("live_changes", SharedRedis::No).await else { return };
    let fleet = Fleet::start(services, 2, "10s").await;
    let (_process, other) = fleet.another_api().await;
    fleet.api.import(&FILES).await;
    schedules_are_live(&fleet.api, &other).await;
    rules_are_live(&fleet.api, &other).await;
}
