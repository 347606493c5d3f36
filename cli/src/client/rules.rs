//! `sluice rules`: conditions, checks and additions that workflows share.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::live;
use super::server::{Server, json_argument};
use super::values::{optional_json, text};
use crate::arguments::{RulesCommand, RulesOptions};
use crate::failure::Failure;
use crate::output::{self, Format};

const LIST: &str = "query($after: String) { rules(first: 100, after: $after) {
  nodes { id slug name kind version isEnabled updatedAt } pageInfo { hasNextPage endCursor } } }";
const FIND: &str = "query($slug: String!) { rules(first: 100, filter: { name: { eq: $slug } }) { nodes { id slug } } }";
const SHOW: &str = "query($id: ID!) { rule(id: $id) { id slug name description kind definition inputSchema version
  isEnabled revision createdAt updatedAt updatedBy { id }
  uses { workflow { slug } stepKey pointer } } }";
const CREATE: &str = "mutation($input: RuleCreateInput!) { ruleCreate(input: $input) {
  rule { id slug version revision } problems { severity code message pointer suggestion }
  userErrors { code message field help } } }";
const UPDATE: &str = "mutation($input: RuleUpdateInput!) { ruleUpdate(input: $input) {
  rule { id slug version revision } problems { severity code message pointer suggestion }
  userErrors { code message field help } } }";
const ENABLE: &str = "mutation($input: RuleEnableInput!) { ruleEnable(input: $input) {
  rule { id slug isEnabled } userErrors { code message field help } } }";
const DISABLE: &str = "mutation($input: RuleDisableInput!) { ruleDisable(input: $input) {
  rule { id slug isEnabled } userErrors { code message field help } } }";
const DELETE: &str = "mutation($input: RuleDeleteInput!) { ruleDelete(input: $input) {
  deletedId userErrors { code message field help } } }";
const EVALUATE: &str = "query($input: RuleEvaluateInput!) { ruleEvaluate(input: $input) {
  passed failures output why { summary whyNot } userErrors { code message field help } } }";

const WATCH: &str = "subscription($id: ID!) { ruleUpdated(id: $id) {
  id slug name description kind definition inputSchema version isEnabled revision updatedAt
  updatedBy { id displayName } } }";

pub async fn run(options: RulesOptions, format: Format) -> Result<ExitCode, Failure> {
    let server = Server::new(&options.server)?;
    match options.what {
        None | Some(RulesCommand::List) => list(&server, format).await,
        Some(RulesCommand::Show { rule }) => show(&server, &rule, format).await,
        Some(RulesCommand::Watch { rule }) => {
            let id = id_of(&server, &rule).await?;
            live::follow_one(&server, "ruleUpdated", WATCH, &id, format, state).await
        }
        Some(RulesCommand::Create { slug, kind, definition, name, description, schema }) => {
            let input = json!({
                "slug": slug,
                "name": name.as_ref().unwrap_or(&slug),
                "description": description,
                "kind": kind.to_ascii_uppercase(),
                "definition": json_argument("--definition", Some(&definition))?,
                "inputSchema": optional_json("--schema", schema.as_deref())?,
            });
            saved(&server, "ruleCreate", CREATE, input, format).await
        }
        Some(RulesCommand::Update { rule, definition, name, description, schema, revision }) => {
            let input = json!({
                "id": id_of(&server, &rule).await?,
                "expectedRevision": revision,
                "name": name,
                "description": description,
                "definition": optional_json("--definition", definition.as_deref())?,
                "inputSchema": optional_json("--schema", schema.as_deref())?,
            });
            saved(&server, "ruleUpdate", UPDATE, input, format).await
        }
        Some(RulesCommand::Enable { rule }) => switched(&server, ("ruleEnable", ENABLE), &rule, format).await,
        Some(RulesCommand::Disable { rule }) => switched(&server, ("ruleDisable", DISABLE), &rule, format).await,
        Some(RulesCommand::Delete { rule }) => {
            let input = json!({ "input": { "id": id_of(&server, &rule).await? } });
            let mut answer = server.run("ruleDelete", DELETE, input).await?;
            match format {
                Format::Json => output::json(&answer["deletedId"].take()),
                Format::Table => output::line(&format!("{rule} is deleted")),
            }
        }
        Some(RulesCommand::Evaluate { rule, kind, definition, data }) => {
            let id = match &rule {
                Some(rule) => Value::String(id_of(&server, rule).await?),
                None => Value::Null,
            };
            let input = json!({
                "id": id,
                "kind": kind.map(|kind| kind.to_ascii_uppercase()),
                "definition": optional_json("--definition", definition.as_deref())?,
                "data": json_argument("--data", Some(&data))?,
            });
            evaluate(&server, input, format).await
        }
    }
}

/// The id of a rule that is named by id or slug.
async fn id_of(server: &Server, rule: &str) -> Result<String, Failure> {
    if rule.starts_with("rule_") {
        return Ok(rule.to_owned());
    }
    let rules = server.run("rules", FIND, json!({ "slug": rule })).await?;
    let found = rules["nodes"].as_array().into_iter().flatten().find(|found| found["slug"] == rule);
    let id = found.and_then(|found| found["id"].as_str()).map(str::to_owned);
    id.ok_or_else(|| Failure::new(format!("there is no rule `{rule}`")).help("list them with `sluice rules`"))
}

async fn list(server: &Server, format: Format) -> Result<ExitCode, Failure> {
    let rules = server.pages(&["rules"], LIST).await?;
    match format {
        Format::Json => output::json(&Value::Array(rules)),
        Format::Table => {
            let row = |rule: &Value| {
                vec![
                    text(&rule["slug"]),
                    text(&rule["name"]),
                    text(&rule["kind"]).to_lowercase(),
                    text(&rule["version"]),
                    if rule["isEnabled"] == true { String::new() } else { "disabled".to_owned() },
                    text(&rule["updatedAt"]),
                ]
            };
            output::table(&["rule", "name", "kind", "version", "state", "changed"], rules.iter().map(row).collect())
        }
    }
}

async fn show(server: &Server, rule: &str, format: Format) -> Result<ExitCode, Failure> {
    let id = id_of(server, rule).await?;
    let rule = server.run("rule", SHOW, json!({ "id": id })).await?;
    if rule.is_null() {
        return Err(Failure::new(format!("there is no rule `{id}`")).help("list them with `sluice rules`"));
    }
    match format {
        Format::Json => output::json(&rule),
        Format::Table => {
            let uses = rule["uses"].as_array().map(Vec::as_slice).unwrap_or_default();
            let used: Vec<String> = uses
                .iter()
                .map(|used| format!("{}/{}", text(&used["workflow"]["slug"]), text(&used["stepKey"])))
                .collect();
            output::line(&format!(
                "{} ({}), version {}, revision {}, {}\n{}\nused by: {}",
                text(&rule["slug"]),
                text(&rule["kind"]).to_lowercase(),
                text(&rule["version"]),
                text(&rule["revision"]),
                if rule["isEnabled"] == true { "enabled" } else { "disabled" },
                serde_json::to_string_pretty(&rule["definition"]).expect("a value is plain data"),
                if used.is_empty() { "nobody".to_owned() } else { used.join(", ") },
            ))
        }
    }
}

/// A rule at a moment, on one line.
fn state(rule: &Value) -> String {
    format!(
        "{}  {}: version {}, revision {}, {}, changed by {}",
        text(&rule["updatedAt"]),
        text(&rule["slug"]),
        text(&rule["version"]),
        text(&rule["revision"]),
        if rule["isEnabled"] == true { "enabled" } else { "disabled" },
        text(&rule["updatedBy"]["displayName"]),
    )
}

async fn saved(
    server: &Server,
    field: &str,
    mutation: &str,
    input: Value,
    format: Format,
) -> Result<ExitCode, Failure> {
    // The findings are told before the refusal, so the mistakes are looked at here.
    let payload = server.answer(field, mutation, json!({ "input": input })).await?;
    for problem in payload["problems"].as_array().into_iter().flatten() {
        let help = problem["suggestion"].as_str().map_or_else(String::new, |help| format!(" ({help})"));
        let severity = text(&problem["severity"]).to_lowercase();
        let (code, message) = (text(&problem["code"]), text(&problem["message"]));
        eprintln!("{}: {severity}[{code}]: {message}{help}", text(&problem["pointer"]));
    }
    super::server::refuse_mistakes(&payload)?;
    match format {
        Format::Json => output::json(&payload["rule"]),
        Format::Table => output::line(&text(&payload["rule"]["id"])),
    }
}

async fn switched(
    server: &Server,
    (field, mutation): (&str, &str),
    rule: &str,
    format: Format,
) -> Result<ExitCode, Failure> {
    let input = json!({ "input": { "id": id_of(server, rule).await? } });
    let mut payload = server.run(field, mutation, input).await?;
    match format {
        Format::Json => output::json(&payload["rule"].take()),
        Format::Table => {
            let state = if payload["rule"]["isEnabled"] == true { "enabled" } else { "disabled" };
            output::line(&format!("{rule} is {state}"))
        }
    }
}

async fn evaluate(server: &Server, input: Value, format: Format) -> Result<ExitCode, Failure> {
    let answer = server.run("ruleEvaluate", EVALUATE, json!({ "input": input })).await?;
    let passed = answer["passed"] == true;
    match format {
        Format::Json => output::json(&answer)?,
        Format::Table => {
            let mut lines = vec![format!(
                "{}: {}",
                if passed { "holds" } else { "does not hold" },
                text(&answer["why"]["summary"])
            )];
            lines.extend(
                answer["failures"].as_array().into_iter().flatten().map(|failure| format!("- {}", text(failure))),
            );
            if let Some(hint) = answer["why"]["whyNot"].as_str() {
                lines.push(hint.to_owned());
            }
            if !answer["output"].is_null() {
                lines.push(serde_json::to_string_pretty(&answer["output"]).expect("a value is plain data"));
            }
            output::line(&lines.join("\n"))?
        }
    };
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
