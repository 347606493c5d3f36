//! Conditions and templates of the page, evaluated one by one.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};
use sluice_engine::expr::{Condition, FILTERS, Template, equal, operators};

use crate::PAGE;
use crate::page::{entries, under};
use crate::world::{Payload, START};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Evaluated {
    condition: Value,
    /// Further spellings of the operator, with the same outcome.
    #[serde(default)]
    also: Vec<String>,
    #[serde(default)]
    data: Value,
    result: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rendered {
    template: Value,
    #[serde(default)]
    data: Value,
    value: Value,
}

/// What is wrong with the conditions of a page, and the operators that they use.
fn conditions(page: &str) -> (Vec<String>, BTreeSet<String>) {
    let (mut problems, mut used) = (Vec::new(), BTreeSet::new());
    for (line, entry) in entries(page, "yaml conditions") {
        let entry: Evaluated = match serde_json::from_value(entry) {
            Ok(entry) => entry,
            Err(problem) => {
                problems.push(format!("line {line}: {problem}"));
                continue;
            }
        };
        let mut spelt = vec![entry.condition.clone()];
        spelt.extend(entry.also.iter().map(|operator| {
            let mut condition = entry.condition.clone();
            condition["operator"] = json!(operator);
            condition
        }));
        for condition in spelt {
            let mut found = Vec::new();
            under(&condition, "operator", &mut found);
            used.extend(found.iter().filter_map(Value::as_str).map(str::to_owned));
            let result = Condition::compile(&condition).map(|compiled| compiled.evaluate(&Payload(&entry.data)));
            match result {
                Ok(Ok(why)) if why.result == entry.result => {}
                other => problems.push(format!("line {line}: {condition} with {}: {other:?}", entry.data)),
            }
        }
    }
    (problems, used)
}

/// What is wrong with the templates of a page, and the filters that they use.
fn templates(page: &str) -> (Vec<String>, BTreeSet<String>) {
    let (mut problems, mut used) = (Vec::new(), BTreeSet::new());
    for (line, entry) in entries(page, "yaml templates") {
        let entry: Rendered = match serde_json::from_value(entry) {
            Ok(entry) => entry,
            Err(problem) => {
                problems.push(format!("line {line}: {problem}"));
                continue;
            }
        };
        let text = entry.template.to_string();
        let names = text
            .split('|')
            .skip(1)
            .map(|rest| rest.trim_start().split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned());
        used.extend(names);
        match Template::compile(&entry.template).map(|template| template.render(&Payload(&entry.data))) {
            Ok(Ok(value)) if equal(&value, &entry.value, START) => {}
            other => problems.push(format!("line {line}: {text} with {}: {other:?}", entry.data)),
        }
    }
    (problems, used)
}

#[test]
fn every_condition_comes_out_as_the_page_says() {
    let problems = conditions(PAGE).0;
    assert!(problems.is_empty(), "docs/definition-language.md:\n{}", problems.join("\n"));
}

#[test]
fn every_spelling_of_every_operator_is_on_the_page() {
    let used = conditions(PAGE).1;
    let missing: Vec<_> = operators().filter(|operator| !used.contains(*operator)).collect();
    assert!(missing.is_empty(), "docs/definition-language.md has no condition with {missing:?}");
}

#[test]
fn every_template_gives_what_the_page_says() {
    let problems = templates(PAGE).0;
    assert!(problems.is_empty(), "docs/definition-language.md:\n{}", problems.join("\n"));
}

#[test]
fn every_filter_is_on_the_page() {
    let used = templates(PAGE).1;
    let missing: Vec<_> = FILTERS.iter().filter(|filter| !used.contains(**filter)).collect();
    assert!(missing.is_empty(), "docs/definition-language.md has no template with {missing:?}");
}

#[test]
fn a_condition_or_template_that_comes_out_otherwise_is_told_with_its_line() {
    let page = "text\n```yaml conditions\n- { condition: { field: n, operator: gt, value: 1 }, also: ['>', lt], \
                data: { n: 2 }, result: true }\n```\n```yaml templates\n- { template: '{{ n + 1 }}', data: { n: 2 }, \
                value: 4 }\n- { template: '{{ n', value: 0 }\n```\n";
    let (problems, used) = conditions(page);
    assert!(matches!(problems.as_slice(), [one] if one.starts_with("line 2: ") && one.contains("\"lt\"")));
    assert_eq!(used.into_iter().collect::<Vec<_>>(), [">", "gt", "lt"]);
    let problems = templates(page).0;
    assert!(problems.len() == 2 && problems.iter().all(|problem| problem.starts_with("line 5: ")), "{problems:?}");
}
