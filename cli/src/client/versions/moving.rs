//! `sluice move`: executions that go on with another version.

use std::collections::BTreeSet;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::workflow;
use crate::arguments::versions::MoveOptions;
use crate::client::server::Server;
use crate::client::values::{text, workflow_ref};
use crate::failure::Failure;
use crate::output::{self, Format};

const PLAN: &str = "query($input: MigrationPlanInput!) { migrationPlan(input: $input) { safe there total next
  movable { id status version { number } } unsafe { execution { id status version { number } } reason stepPaths } } }";

const MOVE: &str = "mutation($input: ExecutionMigrateInput!) { executionMigrate(input: $input) {
  execution { id status } userErrors { code message field help } } }";

pub async fn run(options: MoveOptions, format: Format) -> Result<ExitCode, Failure> {
    let server = Server::new(&options.server)?;
    let to = match options.to {
        Some(number) => json!(number),
        None => published(&server, &options).await?,
    };
    let (mut rows, mut there, mut after) = (Vec::new(), 0, Value::Null);
    loop {
        let mut filter = json!({});
        if let Some(from) = options.from {
            filter["workflow"] = workflow_ref(&options.workflow);
            filter["versionNumber"] = json!(from);
        }
        if !options.executions.is_empty() {
            filter["ids"] = json!(options.executions);
        }
        let input = json!({
            "workflow": workflow_ref(&options.workflow), "filter": filter, "toVersion": to,
            "first": 100, "after": after,
        });
        let mut plan = server.run("migrationPlan", PLAN, json!({ "input": input })).await?;
        let held = plan["unsafe"].as_array().cloned().unwrap_or_default();
        rows.extend(
            held.into_iter().map(|mut one| Looked { execution: one["execution"].take(), why: text(&one["reason"]) }),
        );
        let movable = plan["movable"].as_array().cloned().unwrap_or_default();
        rows.extend(movable.into_iter().map(|execution| Looked { execution, why: String::new() }));
        there += plan["there"].as_u64().unwrap_or_default();
        after = plan["next"].take();
        if after.is_null() {
            break;
        }
    }
    let mut moved = 0;
    for row in rows.iter_mut().filter(|row| options.yes && row.why.is_empty()) {
        let input = json!({ "id": row.execution["id"], "toVersion": to, "reason": options.reason });
        // One that goes on at this moment holds up no other.
        match server.run("executionMigrate", MOVE, json!({ "input": input })).await {
            Ok(_payload) => moved += 1,
            Err(failure) => row.why = failure.to_string(),
        }
    }
    let named: BTreeSet<&str> = options.executions.iter().map(String::as_str).collect();
    let missing = (named.len() as u64).saturating_sub(rows.len() as u64 + there);
    let is_held = options.yes && rows.iter().any(|row| !row.why.is_empty());
    show(&Found { rows, there, missing, moved }, &to, options.yes, format)?;
    if missing > 0 {
        eprintln!(
            "{missing} of the executions that were named were not found: `{}` has none such, or they have ended{}",
            options.workflow,
            if options.from.is_some() { ", or are of another version than --from" } else { "" },
        );
    }
    Ok(if is_held || missing > 0 { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// What there is to move, and what came of it.
struct Found {
    rows: Vec<Looked>,
    /// How many are on the version already.
    there: u64,
    /// How many of those that were named are not to be found.
    missing: u64,
    moved: u64,
}

/// An execution, and what holds it.
struct Looked {
    execution: Value,
    /// Empty when it can move.
    why: String,
}

async fn published(server: &Server, options: &MoveOptions) -> Result<Value, Failure> {
    const PUBLISHED: &str = "query($ref: WorkflowRef!) { workflow(ref: $ref) { publishedVersion { number } } }";
    let variables = json!({ "ref": workflow_ref(&options.workflow) });
    let mut found = workflow(server, &options.workflow, PUBLISHED, variables).await?;
    let number = found["publishedVersion"]["number"].take();
    if number.is_null() {
        return Err(Failure::new(format!("the workflow `{}` has no published version", options.workflow)));
    }
    Ok(number)
}

fn show(found: &Found, to: &Value, moves: bool, format: Format) -> Result<ExitCode, Failure> {
    let Found { rows, there, missing, moved } = found;
    let held = rows.iter().filter(|row| !row.why.is_empty()).count();
    if format == Format::Json {
        let list = rows.iter().map(|row| {
            let why = Some(&row.why).filter(|why| !why.is_empty());
            json!({ "execution": row.execution, "canMove": why.is_none(), "reason": why })
        });
        return output::json(&json!({
            "toVersion": to, "moved": moved, "there": there, "missing": missing,
            "executions": list.collect::<Vec<_>>(),
        }));
    }
    let line = |row: &Looked| {
        let state = match (row.why.is_empty(), moves) {
            (true, true) => "moved",
            (true, false) => "can move",
            (false, _) => "stays",
        };
        let from = text(&row.execution["version"]["number"]);
        vec![text(&row.execution["id"]), from, state.to_owned(), row.why.clone()]
    };
    output::table(&["execution", "from", "", "why"], rows.iter().map(line).collect())?;
    if moves {
        output::line(&format!("{moved} moved to version {to}, {there} were there before, {held} stay"))
    } else {
        let can = rows.len() - held;
        let told = format!("{can} can move to version {to}, {there} are there, {held} stay");
        output::line(&format!("{told}; move them with --yes --reason …"))
    }
}
