//! `sluice test`: case files of people who write workflows, on the command line.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::path::Path;

use serde_json::{Value, json};
use sluice_tests::{run, run_in};

const WORKFLOW: &str = "
workflow_id: greets
steps:
  - id: greet
    type: condition
    condition: { field: name, operator: exists }
    on_true: hello
  - { id: hello, type: action, action: { type: allow, reason: 'hello {{name}}' } }
";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// A folder with the workflow and one case file of two cases, of which the second is wrong.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("greets.yaml"), WORKFLOW).unwrap();
    let cases = json!([
        { "id": "right", "workflow": "greets.yaml", "payload": { "name": "Ada" }, "expect": { "reason": "hello Ada" } },
        { "id": "wrong", "title": "a <strange> one", "workflow": "greets.yaml", "payload": { "name": "Bob" },
          "expect": { "reason": "hello Ada", "status": "completed" } },
    ]);
    std::fs::write(folder.path().join("greets.case.json"), cases.to_string()).unwrap();
    folder
}

#[tokio::test]
async fn the_cases_of_the_examples_and_of_the_language_pass_and_reach_every_step() {
    let examples = root().join("examples");
    let language = root().join("tests/workflows");
    let (examples, language) = (examples.to_str().unwrap(), language.to_str().unwrap());
    let ran = run(&["test", examples, language, "--output", "json"], &[]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let report = ran.json();
    assert_eq!((&report["failed"], report["passed"].as_u64() > Some(80)), (&json!(0), true), "{report}");
    for workflow in report["coverage"].as_array().unwrap() {
        assert_eq!(workflow["steps"]["missing"], json!([]), "{workflow}");
        let file = workflow["file"].as_str().unwrap();
        if file.contains("/examples/") || file.contains("/vocabulary/") {
            assert_eq!(workflow["branches"]["missing"], json!([]), "{workflow}");
        }
    }
    let files = || report["coverage"].as_array().unwrap().iter().map(|one| one["file"].as_str().unwrap());
    let workflows = std::fs::read_dir(examples).unwrap().count();
    assert_eq!(files().filter(|file| file.contains("/examples/")).count(), workflows, "every example has cases");
    let words = std::fs::read_dir(root().join("tests/workflows/vocabulary")).unwrap();
    let words = words.filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|ending| ending == "yaml"));
    let covered = files().filter(|file| file.contains("/vocabulary/")).count();
    assert_eq!(covered, words.count(), "every workflow with words of the language has cases");
}

#[tokio::test]
async fn a_case_that_fails_is_told_with_what_differs_and_the_exit_code_is_1() {
    let folder = folder();
    let ran = run_in(folder.path(), &["test", ".", "--junit", "report.xml", "--output", "table"], &[]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    for words in [
        "ok    ./greets.case.json  right",
        "FAIL  ./greets.case.json  wrong: a <strange> one",
        "reason: expected \"hello Ada\", saw \"hello Bob\"",
        "branches never taken: greet false",
        "2 cases: 1 passed, 1 failed",
    ] {
        assert!(ran.out.contains(words), "`{words}` in {}", ran.out);
    }
    let xml = std::fs::read_to_string(folder.path().join("report.xml")).unwrap();
    assert!(xml.contains("<testsuites tests=\"2\" failures=\"1\""), "{xml}");
    assert!(xml.contains("name=\"wrong\"") && xml.contains("saw &quot;hello Bob&quot;"), "{xml}");
    let ran = run_in(folder.path(), &["test", "greets.case.json", "--output", "json"], &[]).await;
    let wrong = &ran.json()["cases"][1];
    assert_eq!(
        wrong["differences"][0],
        json!({ "place": "reason", "expected": "\"hello Ada\"", "seen": "\"hello Bob\"" })
    );
}

#[tokio::test]
async fn an_update_writes_what_was_seen_and_nothing_else() {
    let folder = folder();
    let ran = run_in(folder.path(), &["test", ".", "--update", "--output", "json"], &[]).await;
    assert_eq!((ran.code, &ran.json()["updated"]), (Some(0), &json!(["./greets.case.json"])), "{ran:?}");
    let text = std::fs::read_to_string(folder.path().join("greets.case.json")).unwrap();
    let cases: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(cases[1]["expect"], json!({ "reason": "hello Bob", "status": "completed" }));
    assert_eq!(cases[0]["expect"], json!({ "reason": "hello Ada" }));
    let again = run_in(folder.path(), &["test", ".", "--update", "--output", "json"], &[]).await;
    assert_eq!((again.code, &again.json()["updated"]), (Some(0), &json!([])), "{again:?}");
    std::fs::write(folder.path().join("more.case.yaml"), "{ id: a, workflow: greets.yaml }").unwrap();
    let yaml = run_in(folder.path(), &["test", "more.case.yaml", "--update"], &[]).await;
    assert_eq!(yaml.code, Some(2), "{yaml:?}");
    assert!(yaml.err.contains("--update writes JSON case files"), "{yaml:?}");
}

#[tokio::test]
async fn what_cannot_be_run_is_told_with_its_file_and_what_to_do() {
    let folder = folder();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("broken.yaml", "workflow_id: broken\nsteps:\n  - { id: a, type: conditoin }\n");
    write("a.case.json", r#"{ "id": "a", "workflow": "broken.yaml" }"#);
    write("b.case.json", r#"{ "id": "b", "workflow": "none.yaml" }"#);
    write("c.case.yaml", "id: c\nworkflow: greets.yaml\nexpct: {}\n");
    write("d.case.json", "{ not json");
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    for (file, words) in [
        ("a.case.json", "`sluice validate ./broken.yaml` shows them"),
        ("b.case.json", "none.yaml cannot be read"),
        ("c.case.yaml", "c.case.yaml: "),
        ("d.case.json", "line 1 column 3"),
        ("none.case.json", "none.case.json cannot be read"),
        ("empty", "holds no case files"),
    ] {
        let given = format!("./{file}");
        let ran = run_in(folder.path(), &["test", &given], &[]).await;
        assert_eq!(ran.code, Some(1), "{file}: {ran:?}");
        assert!(ran.err.contains(words), "{file}: `{words}` in {}", ran.err);
        assert!(ran.err.contains("help: ") || file.starts_with(['b', 'n']), "{file}: {}", ran.err);
    }
    let impossible = r#"{ "id": "i", "workflow": "greets.yaml", "signals": [{ "type": "advance", "by": "soon" }] }"#;
    write("i.case.json", impossible);
    let ran = run_in(folder.path(), &["test", "i.case.json", "--output", "table"], &[]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.out.contains("FAIL") && ran.out.contains("advance"), "{}", ran.out);
}
