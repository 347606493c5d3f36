//! `sluice schedules`: what starts workflows at points in time.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::server::Server;
use super::values::{optional_json, text, workflow_ref};
use crate::arguments::{SchedulesCommand, SchedulesOptions, WhenOptions};
use crate::failure::Failure;
use crate::output::{self, Format};

const LIST: &str = "query($after: String) { schedules(first: 100, after: $after) {
  nodes { id name workflow { slug } specText timeZone isPaused isManaged health
    nextFires(count: 1) { at local } lastFire { scheduledAt outcome } }
  pageInfo { hasNextPage endCursor } } }";
const CREATE: &str = "mutation($input: ScheduleCreateInput!) { scheduleCreate(input: $input) {
  schedule { id name specText timeZone nextFires(count: 1) { at local note } }
  userErrors { code message field help } } }";
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
        Some(SchedulesCommand::Create {
            name,
            workflow,
            when,
            input,
            overlap,
            catch_up,
            window,
            jitter,
            pause_after_failures,
        }) => {
            let input = json!({
                "name": name,
                "workflow": workflow_ref(&workflow),
                "spec": spec(&when),
                "timeZone": when.zone,
                "input": optional_json("--input", input.as_deref())?,
                "overlapPolicy": overlap.to_ascii_uppercase(),
                "catchUpPolicy": catch_up.to_ascii_uppercase(),
                "catchUpWindow": window,
                "jitter": jitter,
                "pauseOnFailure": pause_after_failures.is_some(),
                "pauseAfterFailures": pause_after_failures.unwrap_or(1),
            });
            changed(&server, "scheduleCreate", CREATE, input, format).await
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
        Some(SchedulesCommand::Preview { when, from, count }) => preview(&server, &when, from, count, format).await,
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

fn spec(when: &WhenOptions) -> Value {
    match (&when.every, &when.once) {
        (Some(every), _) => json!({ "interval": { "every": every } }),
        (None, Some(once)) => json!({ "once": once }),
        (None, None) => json!({ "cron": { "expressions": when.cron } }),
    }
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

async fn preview(
    server: &Server,
    when: &WhenOptions,
    from: Option<String>,
    count: u8,
    format: Format,
) -> Result<ExitCode, Failure> {
    let input = json!({ "spec": spec(when), "timeZone": when.zone, "from": from, "count": count });
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

async fn history(server: &Server, id: &str, format: Format) -> Result<ExitCode, Failure> {
    let mut fires: Vec<Value> = Vec::new();
    let mut after = Value::Null;
    loop {
        let mut schedule = server.run("schedule", HISTORY, json!({ "id": id, "after": after })).await?;
        if schedule.is_null() {
            return Err(Failure::new(format!("there is no schedule `{id}`")).help("list them with `sluice schedules`"));
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
