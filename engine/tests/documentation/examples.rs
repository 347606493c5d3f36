//! Runs every example of the page.

use std::collections::BTreeSet;

use serde_json::Value;
use sluice_engine::check::{Offline, check};
use sluice_engine::definition::{Definition, Format};
use sluice_engine::machine::Event;

use crate::PAGE;
use crate::case::{Case, Expect};
use crate::page::{Block, Example, examples, yaml};
use crate::world;

/// What the runs of a page came to.
#[derive(Debug, Default)]
pub struct Ran {
    pub problems: Vec<String>,
    /// Types of steps that began.
    pub steps: BTreeSet<String>,
    /// Types of actions of steps that ended well.
    pub actions: BTreeSet<String>,
}

pub fn run_page(page: &str) -> Ran {
    let mut ran = Ran::default();
    for example in examples(page) {
        run_example(&example, &mut ran);
    }
    ran
}

fn run_example(example: &Example, ran: &mut Ran) {
    let line = example.definition.line;
    if example.runs.is_empty() {
        ran.problems.push(format!("line {line}: nothing says what this example does"));
    }
    let Some(definition) = checked(&example.definition, ran) else { return };
    let written = yaml(&example.definition);
    for block in &example.runs {
        for (line, case) in cases(block) {
            match case {
                Err(problem) => ran.problems.push(format!("line {line}: {problem}")),
                Ok(case) if case.expect == Expect::default() => {
                    ran.problems.push(format!("line {line}: nothing is expected"));
                }
                Ok(case) => {
                    let (journal, problems) = world::run(definition.clone(), case);
                    ran.problems.extend(problems.into_iter().map(|problem| format!("line {line}: {problem}")));
                    note(&journal, &written, ran);
                }
            }
        }
    }
}

/// The cases of a block, one JSON object after the other, each with its line.
fn cases(block: &Block) -> Vec<(usize, serde_json::Result<Case>)> {
    let mut found = Vec::new();
    let mut rest = block.text.as_str();
    while !rest.trim_start().is_empty() {
        rest = rest.trim_start();
        let line = block.line + 1 + block.text[..block.text.len() - rest.len()].matches('\n').count();
        let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<Case>();
        let Some(case) = stream.next() else { break };
        let end = stream.byte_offset();
        let is_wrong = case.is_err();
        found.push((line, case));
        if is_wrong {
            break;
        }
        rest = &rest[end..];
    }
    found
}

/// The definition, if there is nothing to say against it.
fn checked(block: &Block, ran: &mut Ran) -> Option<Definition> {
    let checked = check(&block.text, Format::Yaml, &Offline);
    for problem in &checked.problems {
        let line = problem.range.map_or(0, |range| range.start_line as usize) + block.line;
        ran.problems.push(format!("line {line}: {}: {}", problem.code, problem.message));
    }
    // The same keys in JSON mean the same.
    let json = check(&yaml(block).to_string(), Format::Json, &Offline);
    if json.canonical != checked.canonical {
        ran.problems.push(format!("line {}: as JSON the definition means something else", block.line));
    }
    checked.definition
}

fn note(journal: &[Event], written: &Value, ran: &mut Ran) {
    for event in journal {
        match event {
            Event::StepStarted { kind, .. } => {
                ran.steps.insert(kind.to_string());
            }
            Event::StepSucceeded { step, .. } => {
                let mut lists = Vec::new();
                lists_of(written, step, &mut lists);
                let actions = lists.iter().filter_map(Value::as_array).flatten();
                ran.actions.extend(actions.filter_map(|action| action["type"].as_str()).map(str::to_owned));
            }
            _other => {}
        }
    }
}

/// The `execute` list of a step.
fn lists_of(value: &Value, step: &str, found: &mut Vec<Value>) {
    match value {
        Value::Array(members) => members.iter().for_each(|member| lists_of(member, step, found)),
        Value::Object(fields) => {
            if fields.get("id").is_some_and(|id| id == step) {
                found.extend(fields.get("execute").cloned());
            }
            fields.values().for_each(|field| lists_of(field, step, found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_example_does_what_the_page_says() {
    let problems = run_page(PAGE).problems;
    assert!(problems.is_empty(), "docs/definition-language.md:\n{}", problems.join("\n"));
}

const SMALL: &str = "# Page

```yaml
workflow_id: small
steps:
  - { id: call, type: execute, retry: { max_attempts: 2 }, execute: [{ type: http_request, url: 'https://example.com' }] }
```

```json test
{ \"http\": [{ \"status\": 500 }, { \"status\": 200, \"takes\": \"2s\" }], \"expect\": EXPECTED }
```
";

#[test]
fn an_example_that_does_something_else_is_told_with_its_line() {
    let told = |expected: &str| run_page(&SMALL.replace("EXPECTED", expected)).problems;
    assert!(told(r#"{ "status": "completed", "steps": ["call"], "elapsed": "3s" }"#).is_empty());
    for (expected, problem) in [
        (r#"{ "status": "failed" }"#, "line 10: status: expected failed, found \"completed\""),
        (r#"{ "error": "FAILED" }"#, "line 10: error: expected FAILED, found null"),
        (r#"{ "steps": ["call", "call"] }"#, r#"line 10: steps: expected ["call", "call"], found ["call"]"#),
        (r#"{ "elapsed": "1s" }"#, "line 10: elapsed: expected 1s, found 3000 ms"),
        (
            r#"{ "context": { "steps": { "call": { "attempts": 1 } } } }"#,
            "line 10: context.steps.call.attempts: expected 1, found 2",
        ),
        (r#"{ "emitted": [{}] }"#, "line 10: emitted: expected [{}], found []"),
    ] {
        assert_eq!(told(expected), [problem]);
    }
    assert_eq!(told("{ \"stauts\": \"failed\" }").len(), 1, "a misspelt key is no silent success");
}

#[test]
fn an_example_that_is_wrong_or_says_nothing_is_told_with_its_line() {
    const EXPECTED: &str = r#"{ "status": "completed" }"#;
    let wrong = SMALL.replace("type: execute", "type: exekute").replace("EXPECTED", EXPECTED);
    assert!(run_page(&wrong).problems[0].starts_with("line 6: unknown-word"), "{:?}", run_page(&wrong).problems);
    let silent = SMALL.split("```json").next().unwrap();
    assert_eq!(run_page(silent).problems, ["line 3: nothing says what this example does"]);
    let unanswered = SMALL.replace("{ \"status\": 500 }, ", "{ \"status\": 200 }, ").replace("EXPECTED", EXPECTED);
    assert_eq!(run_page(&unanswered).problems, ["line 10: 1 of `http` are left over"]);
    let empty = run_page(&SMALL.replace("EXPECTED", "{}")).problems;
    assert_eq!(empty, ["line 10: nothing is expected"]);
}
