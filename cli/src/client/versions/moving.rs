//! `sluice move`: executions that go on with another version.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::{reference, text, workflow};
use crate::arguments::versions::MoveOptions;
use crate::client::server::Server;
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
    let (mut rows, mut after) = (Vec::new(), Value::Null);
    loop {
        let mut filter = json!({});
        if let Some(from) = options.from {
            filter["workflow"] = reference(&options.workflow);
            filter["versionNumber"] = json!(from);
        }
        if !options.executions.is_empty() {
            filter["ids"] = json!(options.executions);
        }
        let input =
            json!({ "workflow": reference(&options.workflow), "filter": filter, "toVersion": to, "after": after });
        let mut plan = server.run("migrationPlan", PLAN, json!({ "input": input })).await?;
        let held = plan["unsafe"].as_array().cloned().unwrap_or_default();
        rows.extend(
            held.into_iter().map(|mut one| Looked { execution: one["execution"].take(), why: text(&one["reason"]) }),
        );
        let movable = plan["movable"].as_array().cloned().unwrap_or_default();
        rows.extend(movable.into_iter().map(|execution| Looked { execution, why: String::new() }));
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
    show(&rows, &to, options.yes, moved, format)?;
    let is_held = options.yes && rows.iter().any(|row| !row.why.is_empty());
    Ok(if is_held { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// An execution, and what holds it.
struct Looked {
    execution: Value,
    /// Empty when it can move.
    why: String,
}

async fn published(server: &Server, options: &MoveOptions) -> Result<Value, Failure> {
    const PUBLISHED: &str = "query($ref: WorkflowRef!) { workflow(ref: $ref) { publishedVersion { number } } }";
    let variables = json!({ "ref": reference(&options.workflow) });
    let mut found = workflow(server, &options.workflow, PUBLISHED, variables).await?;
    let number = found["publishedVersion"]["number"].take();
    if number.is_null() {
        return Err(Failure::new(format!("the workflow `{}` has no published version", options.workflow)));
    }
    Ok(number)
}

fn show(rows: &[Looked], to: &Value, moves: bool, moved: usize, format: Format) -> Result<ExitCode, Failure> {
    let held = rows.iter().filter(|row| !row.why.is_empty()).count();
    if format == Format::Json {
        let list = rows.iter().map(|row| {
            let why = Some(&row.why).filter(|why| !why.is_empty());
            json!({ "execution": row.execution, "canMove": why.is_none(), "reason": why })
        });
        return output::json(&json!({ "toVersion": to, "moved": moved, "executions": list.collect::<Vec<_>>() }));
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
        output::line(&format!("{moved} moved to version {to}, {held} stay"))
    } else {
        let can = rows.len() - held;
        output::line(&format!("{can} can move to version {to}, {held} stay; move them with --yes --reason …"))
    }
}
