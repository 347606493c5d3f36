//! Schedules, in both modes: they fire once, also while workers are killed, and after nobody was there.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use sluice_tests::{Api, Embedded, Fleet, Services, SharedRedis, eventually, run};

/// What is started.
pub const FILES: [(&str, &str); 1] = [(
    "tick.yaml",
    "
workflow_id: tick
steps:
  - { id: done, type: action, action: { type: allow } }
",
)];

const CREATE: &str = "mutation($input: ScheduleCreateInput!) { scheduleCreate(input: $input) {
    schedule { id specText nextFires(count: 2) { at local note } } userErrors { code message field } } }";

/// A schedule of it.
pub async fn create(api: &Api, input: Value) -> Value {
    let mut whole = json!({ "workflow": { "slug": "tick" }, "name": "often", "overlapPolicy": "ALLOW_ALL" });
    whole.as_object_mut().unwrap().extend(input.as_object().unwrap().clone());
    let mut payload = api.data(CREATE, json!({ "input": whole })).await["scheduleCreate"].take();
    assert_eq!(payload["userErrors"], json!([]), "{payload}");
    payload["schedule"].take()
}

/// Its last hundred points in time.
pub async fn fires(api: &Api, id: &Value) -> Vec<Value> {
    let query = "query($id: ID!) { schedule(id: $id) { fires(first: 100) {
        nodes { scheduledAt firedAt outcome note execution { id status trigger {
            ... on ScheduleTrigger { fireTime isCatchUp schedule { id } } } } } } } }";
    let mut answer = api.data(query, json!({ "id": id })).await;
    answer["schedule"]["fires"]["nodes"].as_array_mut().unwrap().drain(..).collect()
}

async fn every_second(api: &Api) {
    let schedule = create(api, json!({ "spec": { "cron": { "expressions": ["* * * * * *"] } } })).await;
    eventually("it has fired three times", || async { fires(api, &schedule["id"]).await.len() >= 3 }).await;
    eventually("an execution that it started has ended", || async {
        let fires = fires(api, &schedule["id"]).await;
        fires.iter().any(|fire| fire["execution"]["status"] == "COMPLETED")
    })
    .await;
    let fires = fires(api, &schedule["id"]).await;
    let started = fires.iter().find(|fire| fire["outcome"] == "STARTED").unwrap();
    let trigger = &started["execution"]["trigger"];
    assert_eq!((&trigger["fireTime"], &trigger["schedule"]["id"]), (&started["scheduledAt"], &schedule["id"]));
    assert!(started["firedAt"].as_str().unwrap() >= started["scheduledAt"].as_str().unwrap(), "not early: {started}");
    let pause = "mutation($id: ID!) { schedulePause(input: { id: $id, reason: \"enough\" }) {
        schedule { isPaused pausedReason nextFires { at } } userErrors { code } } }";
    let paused = api.data(pause, json!({ "id": schedule["id"] })).await["schedulePause"]["schedule"].take();
    assert_eq!(paused, json!({ "isPaused": true, "pausedReason": "enough", "nextFires": [] }));
    let trigger = "mutation($id: ID!) { scheduleTrigger(input: { id: $id, input: { by: \"hand\" } }) {
        execution { id trigger { __typename } } userErrors { code } } }";
    let started = api.data(trigger, json!({ "id": schedule["id"] })).await["scheduleTrigger"]["execution"].take();
    assert_eq!(started["trigger"]["__typename"], "ScheduleTrigger", "{started}");
    let delete = "mutation($id: ID!) { scheduleDelete(input: { id: $id }) { deletedId userErrors { code } } }";
    let deleted = api.data(delete, json!({ "id": schedule["id"] })).await["scheduleDelete"].take();
    assert_eq!(deleted, json!({ "deletedId": schedule["id"], "userErrors": [] }));
}

#[tokio::test]
async fn a_schedule_fires_each_second_until_it_is_paused_embedded() {
    let server = Embedded::start().await;
    server.api.import(&FILES).await;
    every_second(&server.api).await;
}

#[tokio::test]
async fn a_schedule_fires_each_second_until_it_is_paused_with_two_workers() {
    let Some(services) = Services::start("every_second", SharedRedis::No).await else { return };
    let fleet = Fleet::start(services, 2, "10s").await;
    fleet.api.import(&FILES).await;
    every_second(&fleet.api).await;
}

const TRIGGER: &str = "trigger: { type: schedule, cron: '* * * * * *' }\n";
const OWN: &str = "workflow_id: own\nsteps:\n  - { id: done, type: action, action: { type: allow } }\n";

async fn publish(api: &Api, definition: &str) {
    let imported = api.import(&[("own.yaml", definition)]).await;
    let problems = imported[0]["problems"].as_array().unwrap();
    assert!(problems.iter().all(|problem| problem["severity"] != "ERROR"), "{imported}");
}

async fn a_trigger_fires(api: &Api) {
    publish(api, &format!("{TRIGGER}{OWN}")).await;
    let of_it = "{ schedules(first: 5, filter: { workflow: { slug: \"own\" } }) { nodes { id name isManaged } } }";
    let made = api.data(of_it, json!({})).await["schedules"]["nodes"].take();
    let id = made[0]["id"].clone();
    assert_eq!(made, json!([{ "id": id, "name": "own", "isManaged": true }]));
    eventually("an execution that it started has ended", || async {
        fires(api, &id).await.iter().any(|fire| fire["execution"]["status"] == "COMPLETED")
    })
    .await;
    publish(api, OWN).await;
    assert_eq!(api.data(of_it, json!({})).await["schedules"]["nodes"], json!([]));
    let one = "query($id: ID!) { schedule(id: $id) { id } }";
    assert_eq!(api.data(one, json!({ "id": id })).await["schedule"], Value::Null);
    // The seconds are told by another schedule: in those that follow, this one starts nothing.
    let other = create(api, json!({ "spec": { "cron": { "expressions": ["* * * * * *"] } } })).await;
    let started = async || {
        let query = "{ executions(first: 1, filter: { workflow: { slug: \"own\" } }) { totalCount } }";
        api.data(query, json!({})).await["executions"]["totalCount"].as_u64().unwrap()
    };
    eventually("seconds pass", || async { fires(api, &other["id"]).await.len() >= 2 }).await;
    let before = started().await;
    assert!(before > 0, "what was started stays");
    eventually("more seconds pass", || async { fires(api, &other["id"]).await.len() >= 5 }).await;
    assert_eq!(started().await, before);
}

#[tokio::test]
async fn a_trigger_fires_until_a_version_without_it_is_published_embedded() {
    let server = Embedded::start().await;
    server.api.import(&FILES).await;
    a_trigger_fires(&server.api).await;
}

#[tokio::test]
async fn a_trigger_fires_until_a_version_without_it_is_published_with_two_workers() {
    let Some(services) = Services::start("own_schedule", SharedRedis::No).await else { return };
    let fleet = Fleet::start(services, 2, "10s").await;
    fleet.api.import(&FILES).await;
    a_trigger_fires(&fleet.api).await;
}

/// Stops those of these ids, and then looks at all that the schedules of a fleet did: each point in time that was
/// planned has started one execution, not early, and of a schedule no second is left out.
pub async fn each_fired_once(fleet: &Fleet, ids: &[Value]) {
    let pause = "mutation($id: ID!) { schedulePause(input: { id: $id, reason: \"enough\" }) { schedule { id } } }";
    for id in ids {
        fleet.api.data(pause, json!({ "id": id })).await;
    }
    eventually("everything that was planned is started", || async {
        fleet.services.number("select count(*) from schedule_run where state = 0").await == 0
    })
    .await;
    fleet.drained().await;
    let number = |sql: &'static str| fleet.services.number(sql);
    assert_eq!(number("select count(*) from schedule_run where state <> 1").await, 0, "each was started");
    let lost =
        "select count(*) from schedule_run r where not exists (select from execution e where e.id = r.execution_id)";
    assert_eq!(number(lost).await, 0, "what was started is there");
    let doubled = "select count(*) - count(distinct (e.trigger_data::json ->> 'schedule_id', e.trigger_data::json ->> 'scheduled_for'))
        from execution e";
    assert_eq!(number(doubled).await, 0, "no point in time started two");
    let unknown =
        "select count(*) from execution e where not exists (select from schedule_run r where r.execution_id = e.id)";
    assert_eq!(number(unknown).await, 0, "nothing else was started");
    let early = "select count(*) from schedule_run r join execution e on e.id = r.execution_id where e.queued_at_ms < r.scheduled_for_ms - 50";
    assert_eq!(number(early).await, 0, "none was early");
    // Of each schedule, from its first second to its last, none is left out.
    let left_out = "select coalesce(sum(span - fired), 0)::int8 from (
        select (max(scheduled_for_ms) - min(scheduled_for_ms)) / 1000 + 1 as span, count(*) as fired
        from schedule_run group by schedule_id) as one";
    assert_eq!(number(left_out).await, 0);
}

#[tokio::test]
async fn while_workers_are_killed_each_second_fires_once() {
    let Some(services) = Services::start("schedules_and_kills", SharedRedis::No).await else { return };
    let mut fleet = Fleet::start(services, 3, "2s").await;
    fleet.api.import(&FILES).await;
    let policy = json!({ "spec": { "cron": { "expressions": ["* * * * * *"] } }, "catchUpPolicy": "ALL" });
    let mut ids = Vec::new();
    for _one in 0..20 {
        ids.push(create(&fleet.api, policy.clone()).await["id"].clone());
    }
    for kills in 1..=4 {
        let wanted = kills * 5;
        eventually("they go on firing", || async { fires(&fleet.api, &ids[0]).await.len() >= wanted }).await;
        let mut killed = fleet.workers.remove(0);
        killed.kill().await;
        fleet.add_worker();
    }
    each_fired_once(&fleet, &ids).await;
}

/// A moment of the past, as the API takes it.
fn before(ago: Duration) -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().checked_sub(ago).unwrap().as_secs();
    let (days, rest) = (i64::try_from(seconds / 86_400).unwrap() + 719_468, seconds % 86_400);
    // Years begin in March, so that the leap day is the last one.
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let (month, day) = (if shifted < 10 { shifted + 3 } else { shifted - 9 }, of_year - (153 * shifted + 2) / 5 + 1);
    let year = year + era * 400 + i64::from(month <= 2);
    format!("{year}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3_600, rest / 60 % 60, rest % 60)
}

const BACKFILLS: &str = "query($id: ID!) { schedule(id: $id) { backfills(first: 5) {
    nodes { id total existing waiting started failed isDone } } } }";

async fn backfilled(api: &Api, id: &Value) -> Value {
    let answer = api.data(BACKFILLS, json!({ "id": id })).await;
    answer["schedule"]["backfills"]["nodes"].get(0).cloned().unwrap_or_default()
}

#[tokio::test]
async fn past_times_are_made_up_for_once_each_although_workers_are_killed() {
    let Some(services) = Services::start("backfills_and_kills", SharedRedis::No).await else { return };
    let mut fleet = Fleet::start(services, 2, "2s").await;
    fleet.api.import(&FILES).await;
    let schedule = create(&fleet.api, json!({ "spec": { "interval": { "every": "1h" } } })).await;
    let make = "mutation($i: ScheduleBackfillInput!) { scheduleBackfill(input: $i) {
        count existing backfill { total } userErrors { code field message } } }";
    let input = json!({
        "id": schedule["id"], "from": before(Duration::from_hours(500)), "to": before(Duration::from_mins(1)),
        "overlapPolicy": "ALLOW_ALL", "reason": "the warehouse was away",
    });
    let made = fleet.api.data(make, json!({ "i": input })).await["scheduleBackfill"].take();
    assert_eq!(made["userErrors"], json!([]), "{made}");
    let count = made["count"].as_i64().unwrap();
    assert!((498..=501).contains(&count), "{made}");
    for _kill in 0..2 {
        let mut killed = fleet.workers.remove(0);
        killed.kill().await;
        fleet.add_worker();
    }
    eventually("all are started", || async { backfilled(&fleet.api, &schedule["id"]).await["isDone"] == true }).await;
    let done = backfilled(&fleet.api, &schedule["id"]).await;
    assert_eq!((&done["started"], &done["failed"]), (&json!(count), &json!(0)), "{done}");
    fleet.drained().await;
    assert_eq!(fleet.services.number("select count(*) from execution").await, count, "one for each");
    let again = fleet.api.data(make, json!({ "i": input })).await["scheduleBackfill"].take();
    assert_eq!((&again["count"], &again["existing"]), (&json!(0), &json!(count)), "{again}");
}

#[tokio::test]
async fn past_times_are_counted_and_made_up_for_on_the_command_line() {
    let server = Embedded::start().await;
    server.api.import(&FILES).await;
    let schedule = create(&server.api, json!({ "spec": { "interval": { "every": "1h" } } })).await;
    let id = schedule["id"].as_str().unwrap();
    let (from, to) = (before(Duration::from_mins(210)), before(Duration::from_mins(1)));
    let asked = async |more: &[&str]| {
        let arguments = ["schedules", "backfill", id, "--from", &from, "--to", &to, "--reason", "lost"];
        let arguments = [&arguments[..], more, &["--output", "json", "--url", &server.api.url]].concat();
        run(&arguments, &[]).await.json()
    };
    assert_eq!(asked(&["--dry-run"]).await["count"], 3);
    assert_eq!(backfilled(&server.api, &schedule["id"]).await, Value::Null, "it was only counted");
    assert_eq!(asked(&[]).await["backfill"]["total"], 3);
    eventually("all are started", || async { backfilled(&server.api, &schedule["id"]).await["started"] == 3 }).await;
    assert_eq!(asked(&[]).await["existing"], 3);
}

#[tokio::test]
async fn what_was_missed_while_nobody_was_there_is_told_and_made_up_for() {
    let mut server = Embedded::start().await;
    server.api.import(&FILES).await;
    let all = json!({ "spec": { "cron": { "expressions": ["* * * * * *"] } }, "catchUpPolicy": "ALL" });
    let schedule = create(&server.api, all).await;
    eventually("it fires", || async { !fires(&server.api, &schedule["id"]).await.is_empty() }).await;
    server.restart().await;
    let count = fires(&server.api, &schedule["id"]).await.len();
    eventually("it goes on", || async { fires(&server.api, &schedule["id"]).await.len() > count + 2 }).await;
    let fires = fires(&server.api, &schedule["id"]).await;
    let times: BTreeSet<&str> = fires.iter().map(|fire| fire["scheduledAt"].as_str().unwrap()).collect();
    let seconds: Vec<u32> = times.iter().map(|time| second_of_day(time)).collect();
    let follows = |two: &[u32]| (two[0] + 1) % 86_400 == two[1];
    assert!(seconds.windows(2).all(follows), "no second is left out: {times:?}");
}

/// Of a moment such as `2026-11-28T23:22:16.000Z`.
fn second_of_day(moment: &str) -> u32 {
    moment[11..19].split(':').fold(0, |seconds, part| seconds * 60 + part.parse::<u32>().unwrap())
}

#[tokio::test]
async fn a_preview_tells_what_a_clock_change_does_and_what_is_wrong() {
    let server = Embedded::start().await;
    let query = "query($input: SchedulePreviewInput!) { schedulePreview(input: $input) {
        fires { at local note } text userErrors { code message field help } } }";
    let input = json!({
        "spec": { "cron": { "expressions": ["30 2 * * *"] } }, "timeZone": "Europe/Berlin",
        "from": "2027-03-27T12:00:00Z", "count": 1,
    });
    let preview = server.api.data(query, json!({ "input": input })).await["schedulePreview"].take();
    assert_eq!(
        preview["fires"],
        json!([{ "at": "2027-03-28T01:00:00.000Z", "local": "2027-03-28T03:00:00+02:00",
                 "note": "02:30:00 does not exist on 28 March 2027: moved to 03:00:00" }])
    );
    let input = json!({ "spec": { "cron": { "expressions": ["0 0 30 2 *"] } }, "timeZone": "Europe/Berln" });
    let preview = server.api.data(query, json!({ "input": input })).await["schedulePreview"].take();
    let fields: Vec<&Value> = preview["userErrors"].as_array().unwrap().iter().map(|error| &error["field"]).collect();
    assert_eq!(fields, [&json!(["input", "timeZone"]), &json!(["input", "spec", "cron", "expressions", "0"])]);
}
