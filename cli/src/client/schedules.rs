//! `sluice schedules`: what starts workflows at points in time.

use std::process::ExitCode;

use serde_json::{Map, Value, json};

use super::live;
use super::server::Server;
use super::values::{optional_json, text, workflow_ref};
use crate::arguments::schedules::{
    CreateOptions, FiringOptions, PreviewOptions, SchedulesCommand, SchedulesOptions, UpdateOptions, WhenOptions,
};
use crate::failure::Failure;
use crate::output::{self, Format};

const LIST: &str = "query($after: String) { schedules(first: 100, after: $after) {
  nodes { id name workflow { slug } specText timeZone isPaused isManaged health
    nextFires(count: 1) { at local } lastFire { scheduledAt outcome } }
  pageInfo { hasNextPage endCursor } } }";
const CREATE: &str = "mutation($input: ScheduleCreateInput!) { scheduleCreate(input: $input) {
  schedule { id name specText timeZone nextFires(count: 1) { at local note } }
  userErrors { code message field help } } }";
const UPDATE: &str = "mutation($input: ScheduleUpdateInput!) { scheduleUpdate(input: $input) {
  schedule { id name specText timeZone revision nextFires(count: 1) { at local note } }
  userErrors { code message field help } } }";
const SHOW: &str = "query($id: ID!) { schedule(id: $id) {
  id name description workflow { slug } specText timeZone isPaused isManaged pausedReason pausedBy { displayName } health
  spec { ... on CronSpec { expressions exclusions excludedDates } ... on IntervalSpec { every anchor }
    ... on OnceSpec { at } }
  gapPolicy overlapTimePolicy overlapPolicy catchUpPolicy catchUpLimit catchUpWindow jitter startsAt endsAt
  pauseOnFailure pauseAfterFailures createdAt createdBy { displayName } revision
  nextFires(count: 5) { at local note } lastFire { scheduledAt outcome } } }";
const WATCH: &str = "subscription($id: ID!) { scheduleUpdated(id: $id) {
  id name specText timeZone isPaused pausedReason pausedBy { id displayName } revision
  nextFires(count: 1) { at local note } lastFire { scheduledAt firedAt outcome } } }";
const PAUSE: &str = "mutation($input: SchedulePauseInput!) { schedulePause(input: $input) {
  schedule { id isPaused } userErrors { code message field help } } }";
const RESUME: &str = "mutation($input: ScheduleResumeInput!) { scheduleResume(input: $input) {
  schedule { id isPaused nextFires(count: 1) { at local } } userErrors { code message field help } } }";
const TRIGGER: &str = "mutation($input: ScheduleTriggerInput!) { scheduleTrigger(input: $input) {
  execution { id status } userErrors { code message field help } } }";
const BACKFILL: &str = "mutation($input: ScheduleBackfillInput!) { scheduleBackfill(input: $input) {
  backfill { id total existing waiting } count existing userErrors { code message field help } } }";
const PREVIEW: &str = "query($input: SchedulePreviewInput!) { schedulePreview(input: $input) {
  fires { at local note } text userErrors { code message field help } } }";
const HISTORY: &str = "query($id: ID!, $after: String) { schedule(id: $id) { fires(first: 100, after: $after) {
  nodes { scheduledAt firedAt outcome note execution { id status } } pageInfo { hasNextPage endCursor } } } }";
const DELETE: &str = "mutation($input: ScheduleDeleteInput!) { scheduleDelete(input: $input) {
  deletedId userErrors { code message field help } } }";

pub async fn run(options: SchedulesOptions, format: Format) -> Result<ExitCode, Failure> {
    let server = Server::new(&options.server)?;
    match options.what {
        None | Some(SchedulesCommand::List) => list(&server, format).await,
        Some(SchedulesCommand::Create(options)) => {
            changed(&server, "scheduleCreate", CREATE, created(&options)?, format).await
        }
        Some(SchedulesCommand::Update(options)) => {
            changed(&server, "scheduleUpdate", UPDATE, updated(&options)?, format).await
        }
        Some(SchedulesCommand::Show { id }) => show(&server, &id, format).await,
        Some(SchedulesCommand::Watch { id }) => {
            live::follow_one(&server, "scheduleUpdated", WATCH, &id, format, state).await
        }
        Some(SchedulesCommand::Pause { id, reason }) => {
            changed(&server, "schedulePause", PAUSE, json!({ "id": id, "reason": reason }), format).await
        }
        Some(SchedulesCommand::Resume { id }) => {
            changed(&server, "scheduleResume", RESUME, json!({ "id": id }), format).await
        }
        Some(SchedulesCommand::Trigger { id, input }) => {
            let input = optional_json("--input", input.as_deref())?;
            let input = json!({ "input": { "id": id, "input": input } });
            let execution = server.run("scheduleTrigger", TRIGGER, input).await?["execution"].take();
            match format {
                Format::Json => output::json(&execution),
                Format::Table => output::line(&text(&execution["id"])),
            }
        }
        Some(SchedulesCommand::Backfill { id, from, to, reason, parallel, dry_run }) => {
            let overlap = if parallel { "ALLOW_ALL" } else { "BUFFER_ALL" };
            let input = json!({
                "id": id, "from": from, "to": to, "overlapPolicy": overlap, "dryRun": dry_run, "reason": reason,
            });
            let made = server.run("scheduleBackfill", BACKFILL, json!({ "input": input })).await?;
            match format {
                Format::Json => output::json(&made),
                Format::Table => {
                    let what = if dry_run { "would be started" } else { "are started" };
                    let told = format!("{} {what}, {} were before", made["count"], made["existing"]);
                    match made["backfill"]["id"].as_str() {
                        Some(id) => output::line(&format!("{id}\n{told}")),
                        None => output::line(&told),
                    }
                }
            }
        }
        Some(SchedulesCommand::Preview(options)) => preview(&server, &options, format).await,
        Some(SchedulesCommand::History { id }) => history(&server, &id, format).await,
        Some(SchedulesCommand::Delete { id }) => {
            let mut answer = server.run("scheduleDelete", DELETE, json!({ "input": { "id": id } })).await?;
            match format {
                Format::Json => output::json(&answer["deletedId"].take()),
                Format::Table => output::line(&format!("{id} is deleted")),
            }
        }
    }
}

/// The times; none when nothing is said of them.
fn spec(when: &WhenOptions) -> Option<Value> {
    match (&when.every, &when.once) {
        (Some(every), _) => Some(json!({ "interval": { "every": every, "anchor": when.anchor } })),
        (None, Some(once)) => Some(json!({ "once": once })),
        (None, None) if when.cron.is_empty() => None,
        (None, None) => Some(json!({ "cron": {
            "expressions": when.cron, "exclusions": when.exclusions, "excludedDates": when.excluded_dates,
        } })),
    }
}

/// What is said of the times, as the API takes it. What is not said is left out rather than null.
fn times(when: &WhenOptions) -> Map<String, Value> {
    let word = |word: Option<&String>| word.map(|word| json!(word.to_ascii_uppercase()));
    let said = [
        ("spec", spec(when)),
        ("timeZone", when.zone.as_ref().map(|zone| json!(zone))),
        ("gapPolicy", word(when.gap.as_ref())),
        ("overlapTimePolicy", word(when.repeated.as_ref())),
    ];
    said.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// What is said of a schedule when it is made or changed.
fn fields(firing: &FiringOptions) -> Result<Map<String, Value>, Failure> {
    let plain = |text: Option<&String>| text.map(|text| json!(text));
    let word = |word: Option<&String>| word.map(|word| json!(word.to_ascii_uppercase().replace('-', "_")));
    let input = optional_json("--input", firing.input.as_deref())?;
    let said = [
        ("startsAt", plain(firing.starts_at.as_ref())),
        ("endsAt", plain(firing.ends_at.as_ref())),
        ("description", plain(firing.description.as_ref())),
        ("input", Some(input).filter(|input| !input.is_null())),
        ("overlapPolicy", word(firing.overlap.as_ref())),
        ("catchUpPolicy", word(firing.catch_up.as_ref())),
        ("catchUpLimit", firing.catch_up_limit.map(|limit| json!(limit))),
        ("catchUpWindow", plain(firing.window.as_ref())),
        ("jitter", plain(firing.jitter.as_ref())),
        ("pauseOnFailure", firing.pause_after_failures.map(|_failures| json!(true))),
        ("pauseAfterFailures", firing.pause_after_failures.map(|failures| json!(failures))),
    ];
    let mut fields = times(&firing.when);
    fields.extend(said.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    Ok(fields)
}

fn created(options: &CreateOptions) -> Result<Value, Failure> {
    let mut input = fields(&options.firing)?;
    input.insert("name".to_owned(), json!(options.name));
    input.insert("workflow".to_owned(), workflow_ref(&options.workflow));
    input.insert("isPaused".to_owned(), json!(options.paused));
    Ok(Value::Object(input))
}

fn updated(options: &UpdateOptions) -> Result<Value, Failure> {
    let mut input = fields(&options.firing)?;
    if let Some(name) = &options.name {
        input.insert("name".to_owned(), json!(name));
    }
    if options.fire_after_failures {
        input.insert("pauseOnFailure".to_owned(), json!(false));
    }
    if input.is_empty() {
        return Err(Failure::usage("nothing to change was given").help("`sluice schedules update --help` tells what"));
    }
    input.insert("id".to_owned(), json!(options.id));
    input.insert("expectedRevision".to_owned(), json!(options.revision));
    Ok(Value::Object(input))
}

async fn changed(
    server: &Server,
    field: &str,
    mutation: &str,
    input: Value,
    format: Format,
) -> Result<ExitCode, Failure> {
    let schedule = server.run(field, mutation, json!({ "input": input })).await?["schedule"].take();
    match format {
        Format::Json => output::json(&schedule),
        Format::Table => {
            let next = text(&schedule["nextFires"][0]["local"]);
            if !next.is_empty() {
                eprintln!("fires next at {next}");
            }
            output::line(&text(&schedule["id"]))
        }
    }
}

async fn list(server: &Server, format: Format) -> Result<ExitCode, Failure> {
    let schedules = server.pages(&["schedules"], LIST).await?;
    match format {
        Format::Json => output::json(&Value::Array(schedules)),
        Format::Table => {
            let row = |schedule: &Value| {
                let next = if schedule["isPaused"] == true {
                    "paused".to_owned()
                } else {
                    text(&schedule["nextFires"][0]["local"])
                };
                vec![
                    text(&schedule["id"]),
                    text(&schedule["name"]),
                    text(&schedule["workflow"]["slug"]),
                    format!("{} ({})", text(&schedule["specText"]), text(&schedule["timeZone"])),
                    next,
                    text(&schedule["lastFire"]["outcome"]),
                ]
            };
            let head = ["schedule", "name", "workflow", "when", "next", "last"];
            output::table(&head, schedules.iter().map(row).collect())
        }
    }
}

async fn preview(server: &Server, options: &PreviewOptions, format: Format) -> Result<ExitCode, Failure> {
    let mut input = times(&options.when);
    input.entry("timeZone").or_insert_with(|| json!("UTC"));
    input.insert("from".to_owned(), json!(options.from));
    input.insert("count".to_owned(), json!(options.count));
    let preview = server.run("schedulePreview", PREVIEW, json!({ "input": input })).await?;
    match format {
        Format::Json => output::json(&preview),
        Format::Table => {
            eprintln!("{}", text(&preview["text"]));
            let row = |fire: &Value| vec![text(&fire["at"]), text(&fire["local"]), text(&fire["note"])];
            let fires = preview["fires"].as_array().map(Vec::as_slice).unwrap_or_default();
            output::table(&["at", "local", "note"], fires.iter().map(row).collect())
        }
    }
}

async fn show(server: &Server, id: &str, format: Format) -> Result<ExitCode, Failure> {
    let schedule = server.run("schedule", SHOW, json!({ "id": id })).await?;
    if schedule.is_null() {
        return Err(unknown(id));
    }
    if format == Format::Json {
        return output::json(&schedule);
    }
    let lower = |name: &str| text(&schedule[name]).to_lowercase();
    let paused = match schedule["pausedReason"].as_str() {
        Some(reason) => format!("by {}: {reason}", text(&schedule["pausedBy"]["displayName"])),
        None if schedule["isPaused"] == true => "yes".to_owned(),
        None => String::new(),
    };
    let failures = if schedule["pauseOnFailure"] == true {
        format!("after {} in a row it is paused", schedule["pauseAfterFailures"])
    } else {
        String::new()
    };
    let excluded = [&schedule["spec"]["exclusions"], &schedule["spec"]["excludedDates"]];
    let excluded: Vec<String> = excluded.into_iter().filter_map(Value::as_array).flatten().map(text).collect();
    let most = if schedule["catchUpPolicy"] == "ALL" {
        format!(", {} at most", schedule["catchUpLimit"])
    } else {
        String::new()
    };
    let missed = format!("{}{most}, of the last {}", lower("catchUpPolicy"), text(&schedule["catchUpWindow"]));
    for (name, words) in [
        ("schedule", text(&schedule["id"])),
        ("name", text(&schedule["name"])),
        ("for", text(&schedule["description"])),
        ("workflow", text(&schedule["workflow"]["slug"])),
        ("when", format!("{} ({})", text(&schedule["specText"]), text(&schedule["timeZone"]))),
        ("but not", excluded.join(", ")),
        ("anchor", text(&schedule["spec"]["anchor"])),
        ("not before", text(&schedule["startsAt"])),
        ("not after", text(&schedule["endsAt"])),
        ("clocks", format!("left out: {}, shown twice: {}", lower("gapPolicy"), lower("overlapTimePolicy"))),
        ("overlap", lower("overlapPolicy")),
        ("missed", missed),
        ("jitter", text(&schedule["jitter"])),
        ("failures", failures),
        ("paused", paused),
        ("revision", text(&schedule["revision"])),
    ] {
        if !words.is_empty() {
            output::line(&format!("{name:<11} {words}"))?;
        }
    }
    let row = |fire: &Value| vec![text(&fire["at"]), text(&fire["local"]), text(&fire["note"])];
    let fires = schedule["nextFires"].as_array().map(Vec::as_slice).unwrap_or_default();
    output::table(&["next", "local", "note"], fires.iter().map(row).collect())
}

/// A schedule at a moment, on one line.
fn state(schedule: &Value) -> String {
    let next = match schedule["nextFires"][0]["at"].as_str() {
        _any if schedule["isPaused"] == true => {
            format!("paused by {}: {}", text(&schedule["pausedBy"]["displayName"]), text(&schedule["pausedReason"]))
        }
        Some(at) => format!("next {at}"),
        None => "nothing comes next".to_owned(),
    };
    let last = &schedule["lastFire"];
    let last = match last["scheduledAt"].as_str() {
        Some(at) => format!("last {at} {}", text(&last["outcome"]).to_lowercase()),
        None => "nothing came yet".to_owned(),
    };
    format!("{}  revision {}, {next}, {last}", text(&schedule["name"]), text(&schedule["revision"]))
}

fn unknown(id: &str) -> Failure {
    Failure::new(format!("there is no schedule `{id}`")).help("list them with `sluice schedules`")
}

async fn history(server: &Server, id: &str, format: Format) -> Result<ExitCode, Failure> {
    let mut fires: Vec<Value> = Vec::new();
    let mut after = Value::Null;
    loop {
        let mut schedule = server.run("schedule", HISTORY, json!({ "id": id, "after": after })).await?;
        if schedule.is_null() {
            return Err(unknown(id));
        }
        fires.extend(schedule["fires"]["nodes"].as_array().cloned().unwrap_or_default());
        if schedule["fires"]["pageInfo"]["hasNextPage"] != true {
            break;
        }
        after = schedule["fires"]["pageInfo"]["endCursor"].take();
    }
    match format {
        Format::Json => output::json(&Value::Array(fires)),
        Format::Table => {
            let row = |fire: &Value| {
                vec![
                    text(&fire["scheduledAt"]),
                    text(&fire["firedAt"]),
                    text(&fire["outcome"]),
                    text(&fire["execution"]["id"]),
                    text(&fire["note"]),
                ]
            };
            let head = ["scheduled", "fired", "outcome", "execution", "note"];
            output::table(&head, fires.iter().map(row).collect())
        }
    }
}
