//! `sluice pause`, `resume`, `cancel`, `terminate`, `retry`, `rerun`, `skip`, `edit`, `signal`, `label` and `delete`.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::server::{Server, json_argument};
use super::values::optional_json;
use crate::arguments::ServerOptions;
use crate::arguments::lifecycle::{
    EditOptions, EventOptions, LabelOptions, LifecycleCommand, PauseOptions, ReasonOptions, RerunOptions,
    ResumeOptions, RetryOptions, SignalOptions, SkipOptions,
};
use crate::failure::Failure;
use crate::output::{self, Format};

pub async fn run(command: LifecycleCommand, format: Format) -> Result<ExitCode, Failure> {
    let (field, server, input) = match command {
        LifecycleCommand::Pause(options) => pause(options)?,
        LifecycleCommand::Delete(options) => for_a_reason("executionDelete", options),
        LifecycleCommand::Skip(options) => skip(options)?,
        LifecycleCommand::Edit(options) => edit(options)?,
        LifecycleCommand::Signal(options) => signal(options)?,
        LifecycleCommand::Label(options) => label(options)?,
        LifecycleCommand::Cancel(options) => for_a_reason("executionCancel", options),
        LifecycleCommand::Terminate(options) => for_a_reason("executionTerminate", options),
        LifecycleCommand::Resume(options) => resume(options)?,
        LifecycleCommand::Retry(options) => retry(options),
        LifecycleCommand::Rerun(options) => rerun(options)?,
    };
    let name = format!("E{}Input", &field[1..]);
    let shown = if field == "executionDelete" { "deletedId" } else { "execution { id status }" };
    let query = format!(
        "mutation($input: {name}!) {{ {field}(input: $input) {{ {shown} userErrors {{ code message field help }} }} }}"
    );
    let payload = Server::new(&server)?.run(field, &query, json!({ "input": input })).await?;
    if let Some(id) = payload["deletedId"].as_str() {
        return match format {
            Format::Json => output::json(&json!({ "deletedId": id })),
            Format::Table => output::line(&format!("{id} deleted")),
        };
    }
    let execution = &payload["execution"];
    let text = |name: &str| execution[name].as_str().unwrap_or_default();
    match format {
        Format::Json => output::json(execution),
        Format::Table => output::line(&format!("{} {}", text("id"), text("status").to_lowercase())),
    }
}

/// A mutation, where it goes, and what it is given.
type Call = (&'static str, ServerOptions, Value);

fn for_a_reason(field: &'static str, options: ReasonOptions) -> Call {
    (field, options.server, json!({ "id": options.execution, "reason": options.reason }))
}

fn pause(options: PauseOptions) -> Result<Call, Failure> {
    let input = json!({
        "id": options.execution, "reason": options.reason, "resumeAt": options.resume_at,
        "freezeDeadlines": !options.deadlines_go_on,
        "resumeWhen": event("--resume-when", options.resume_when, &options.event)?,
    });
    Ok(("executionPause", options.server, input))
}

/// The event at which it goes on; null without one.
fn event(name: &str, event: Option<String>, options: &EventOptions) -> Result<Value, Failure> {
    let Some(event) = event else {
        if options.matching.is_some() || options.condition.is_some() {
            return Err(Failure::usage(format!("`--match` and `--condition` say which event is meant by `{name}`")));
        }
        return Ok(Value::Null);
    };
    let matching = optional_json("--match", options.matching.as_deref())?;
    let condition = optional_json("--condition", options.condition.as_deref())?;
    Ok(json!({ "event": event, "match": matching, "condition": condition }))
}

fn skip(options: SkipOptions) -> Result<Call, Failure> {
    let input = json!({
        "id": options.execution, "step": options.step, "reason": options.reason,
        "output": optional_json("--step-output", options.step_output.as_deref())?,
    });
    Ok(("executionSkipStep", options.server, input))
}

fn edit(options: EditOptions) -> Result<Call, Failure> {
    let patch = json_argument("--patch", Some(&options.patch))?;
    let input = json!({ "id": options.execution, "patch": patch, "reason": options.reason });
    Ok(("executionContextEdit", options.server, input))
}

fn signal(options: SignalOptions) -> Result<Call, Failure> {
    let input = json!({
        "id": options.execution, "name": options.name, "data": optional_json("--data", options.data.as_deref())?,
        "idempotencyKey": options.idempotency_key,
    });
    Ok(("executionSignal", options.server, input))
}

fn label(options: LabelOptions) -> Result<Call, Failure> {
    let set = super::start::labels(&options.set, "name=value")?;
    Ok(("executionLabel", options.server, json!({ "id": options.execution, "set": set, "remove": options.remove })))
}

fn resume(options: ResumeOptions) -> Result<Call, Failure> {
    if options.not_at {
        return Ok(("executionResumeCancel", options.server, json!({ "id": options.execution })));
    }
    let data = optional_json("--data", options.data.as_deref())?;
    let input = json!({
        "id": options.execution, "data": data, "fromStep": options.from_step, "at": options.at,
        "when": event("--when", options.when, &options.event)?, "reason": options.reason,
    });
    Ok(("executionResume", options.server, input))
}

fn retry(options: RetryOptions) -> Call {
    let input = json!({ "id": options.execution, "holdBefore": options.hold, "reason": options.reason });
    ("executionRetry", options.server, input)
}

fn rerun(options: RerunOptions) -> Result<Call, Failure> {
    let input = json!({
        "id": options.execution, "fromStep": options.from_step, "version": options.use_version, "reason": options.reason,
        "input": optional_json("--input", options.input.as_deref())?,
        "context": optional_json("--context", options.context.as_deref())?,
        "idempotencyKey": options.idempotency_key,
    });
    Ok(("executionRerun", options.server, input))
}
