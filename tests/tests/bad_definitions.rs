//! A definition that cannot be used is refused with everything that is wrong with it, and nothing of it is saved.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::path::Path;

use serde_json::{Value, json};
use sluice_tests::{Api, Embedded, run_in};

/// Wrong in every way there is a word for.
const ALL_WRONG: &str = r"workflow_id: all_wrong
timeout: 5 parsecs
steps:
  - id: first
    type: condition
    condition: { field: order.total, operator: graeter_than, value: 1 }
    on_true: nowhere
    on_false: second
  - id: second
    type: condition
    condition: { field: order.id, operator: regex, value: '(unclosed' }
    on_true: third
    on_false: third
  - id: third
    type: set
    set: { text: '{{ order.total | }}' }
    next: fourth
  - id: third
    type: execute
    retry: { max_attempts: 2, delay: never }
    execute:
      - { type: http_request, url: 'http://127.0.0.1:1', method: FETCH }
  - id: fourth
    type: acton
";

/// What is wrong with it: code, pointer, line and column, and whether there is a suggestion.
const PROBLEMS: [(&str, &str, u64, u64, bool); 9] = [
    ("bad-duration", "/timeout", 2, 10, false),
    ("bad-operator", "/steps/0/condition/operator", 6, 48, true),
    ("unknown-step", "/steps/0/on_true", 7, 14, true),
    ("bad-regex", "/steps/1/condition/value", 11, 59, false),
    ("bad-template", "/steps/2/set/text", 16, 18, false),
    ("duplicate-step", "/steps/3/id", 18, 9, true),
    ("bad-duration", "/steps/3/retry/delay", 20, 38, false),
    ("bad-method", "/steps/3/execute/0/method", 22, 66, true),
    ("unknown-word", "/steps/4/type", 24, 11, true),
];

const GOOD: &str = "workflow_id: good\nsteps: [{ id: a, type: action, action: { type: allow } }]\n";

fn found(problem: &Value) -> (&str, &str, u64, u64, bool) {
    assert!(problem["message"].as_str().is_some_and(|message| message.len() > 10), "{problem}");
    let place = if problem["source"].is_object() { &problem["source"] } else { &problem["range"] };
    let number = |camel: &str, snake: &str| place[camel].as_u64().or(place[snake].as_u64()).unwrap_or_default();
    (
        problem["code"].as_str().unwrap(),
        problem["pointer"].as_str().unwrap(),
        number("startLine", "start_line"),
        number("startColumn", "start_column"),
        problem["suggestion"].is_string(),
    )
}

async fn workflows(api: &Api) -> Value {
    api.data("{ workflows(first: 100) { totalCount nodes { slug revision draft { source } } } }", json!({})).await
}

#[tokio::test]
async fn every_mistake_is_told_at_once_with_its_place_and_nothing_is_saved() {
    let server = Embedded::start().await;
    let before = workflows(&server.api).await;
    let check = "query($s: String!) { definitionCheck(input: { source: $s }) { isValid definition
        problems { code pointer message severity documentationUrl stepKey source { startLine startColumn endLine endColumn } suggestion } } }";
    let data = server.api.data(check, json!({ "s": ALL_WRONG })).await;
    assert_eq!(data["definitionCheck"]["isValid"], false);
    let problems = data["definitionCheck"]["problems"].as_array().unwrap();
    assert_eq!(problems.iter().map(found).collect::<Vec<_>>(), PROBLEMS);
    for problem in problems {
        let page = problem["documentationUrl"].as_str().unwrap();
        assert!(page.contains(problem["code"].as_str().unwrap()), "{problem}");
        assert_eq!(problem["stepKey"].is_string(), problem["pointer"].as_str().unwrap().contains("steps"), "{problem}");
    }
    for publish in [true, false] {
        let import = "mutation($f: [ImportFileInput!]!, $p: Boolean!) { workflowImport(input: { files: $f, publish: $p }) {
            results { outcome workflow { id } problems { code pointer message source { startLine startColumn } suggestion } } workflows { slug } userErrors { code } } }";
        let files = json!([{ "path": "all_wrong.yaml", "content": ALL_WRONG }]);
        let data = server.api.data(import, json!({ "f": files, "p": publish })).await;
        let result = &data["workflowImport"]["results"][0];
        assert_eq!((&result["outcome"], &result["workflow"]), (&json!("REJECTED"), &Value::Null), "{result}");
        assert_eq!(result["problems"].as_array().unwrap().iter().map(found).collect::<Vec<_>>(), PROBLEMS);
        assert_eq!(workflows(&server.api).await, before, "nothing is saved, as a draft neither");
    }
}

#[tokio::test]
async fn a_text_that_is_no_definition_is_refused_in_words_and_the_files_beside_it_are_not() {
    let server = Embedded::start().await;
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let deep_yaml = format!("a: {deep}");
    let block = (0..300).map(|level| " ".repeat(level) + "a:").collect::<Vec<_>>().join("\n");
    let aliases = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n";
    let cases: [(&str, &str, &str); 12] = [
        ("empty.yaml", "", "syntax"),
        ("blank.yaml", " \n\n", "syntax"),
        ("text.yaml", "just text", "wrong-type"),
        ("number.json", "7", "wrong-type"),
        ("list.json", "[]", "wrong-type"),
        ("cut.json", "{\"workflow_id\": ", "syntax"),
        ("no.yaml", "a: b: c: [", "syntax"),
        ("two.yaml", "a: 1\na: 2\n", "duplicate-key"),
        ("deep.json", &deep, "too-deep"),
        ("deep.yaml", &deep_yaml, "too-deep"),
        ("block.yaml", &block, "too-deep"),
        ("aliases.yaml", aliases, "syntax"),
    ];
    let mut files: Vec<(&str, &str)> = cases.iter().map(|(path, text, _code)| (*path, *text)).collect();
    files.push(("good.yaml", GOOD));
    let results = server.api.import(&files).await;
    for (place, (path, _text, code)) in cases.iter().enumerate() {
        let result = &results[place];
        assert_eq!((&result["path"], &result["outcome"]), (&json!(path), &json!("REJECTED")), "{result}");
        let codes: Vec<&Value> =
            result["problems"].as_array().unwrap().iter().map(|problem| &problem["code"]).collect();
        assert!(codes.contains(&&json!(code)), "{path}: {codes:?}");
        assert!(result.to_string().len() < 5_000, "{path}: a report is no dump");
    }
    assert_eq!(results[cases.len()]["outcome"], "CREATED", "{results}");
    assert_eq!(server.api.run("good", json!({})).await["status"], "COMPLETED");
}

#[tokio::test]
async fn too_many_files_at_once_are_refused_as_a_whole() {
    let server = Embedded::start().await;
    let before = workflows(&server.api).await;
    let import = "mutation($f: [ImportFileInput!]!) { workflowImport(input: { files: $f, publish: true }) { results { path } userErrors { code field } } }";
    for count in [0, 201] {
        let files: Vec<Value> =
            (0..count).map(|number| json!({ "path": format!("{number}.yaml"), "content": GOOD })).collect();
        let data = server.api.data(import, json!({ "f": files })).await;
        let expected = json!({ "results": [], "userErrors": [{ "code": "INVALID", "field": ["input", "files"] }] });
        assert_eq!(data["workflowImport"], expected, "{count} files");
    }
    assert_eq!(workflows(&server.api).await, before);
}

async fn sluice(folder: &Path, arguments: &[&str]) -> sluice_tests::Ran {
    run_in(folder, arguments, &[]).await
}

#[tokio::test]
async fn validate_shows_every_mistake_under_its_line_and_exits_with_1() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("bad.yaml"), ALL_WRONG).unwrap();
    std::fs::write(folder.join("good.yaml"), GOOD).unwrap();
    std::fs::write(folder.join("big.yaml"), format!("a: \"{}\"\n", "x".repeat(5_000_000))).unwrap();
    std::fs::write(folder.join("deep.yaml"), format!("a: {}", "[".repeat(10_000))).unwrap();
    std::fs::write(folder.join("binary.yaml"), b"\xff\xfe\0").unwrap();

    let ran = sluice(folder, &["validate", "bad.yaml", "--output", "table"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    for (code, _pointer, line, column, _suggestion) in PROBLEMS {
        let head = format!("bad.yaml:{line}:{column}: error[{code}]: ");
        assert!(ran.out.contains(&head), "`{head}` in {}", ran.out);
    }
    for words in [
        "6 |     condition: { field: order.total, operator: graeter_than, value: 1 }\n",
        "  |                                                ^^^^^^^^^^^^\n",
        "  = help: did you mean `greater_than`?\n",
        "1 file checked: 9 errors, 0 warnings",
    ] {
        assert!(ran.out.contains(words), "`{words}` in {}", ran.out);
    }

    let ran = sluice(folder, &["validate", "bad.yaml", "good.yaml", "--output", "json"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let report = ran.json();
    assert_eq!((&report[0]["file"], &report[0]["valid"]), (&json!("bad.yaml"), &json!(false)));
    assert_eq!(report[0]["problems"].as_array().unwrap().iter().map(found).collect::<Vec<_>>(), PROBLEMS);
    assert_eq!(report[1], json!({ "file": "good.yaml", "valid": true, "problems": [] }));

    let ran = sluice(folder, &["validate", "good.yaml"]).await;
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran:?}");
    for (file, words) in
        [("big.yaml", "error[too-large]: the definition has 5000006 bytes"), ("deep.yaml", "error[too-deep]")]
    {
        let ran = sluice(folder, &["validate", file, "--output", "table"]).await;
        assert_eq!(ran.code, Some(1), "{file}");
        assert!(ran.out.contains(words) && ran.out.len() < 2_000, "{file}: {}", ran.out);
    }
    for (file, words) in
        [("missing.yaml", "missing.yaml cannot be read"), ("binary.yaml", "binary.yaml is not UTF-8 text")]
    {
        let ran = sluice(folder, &["validate", file]).await;
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{file}");
        assert!(ran.err.starts_with("error: ") && ran.err.contains(words), "{file}: {}", ran.err);
    }
    for wrong in
        [&["validate"][..], &["validate", "--colour", "good.yaml"], &["validate", "good.yaml", "--output", "xml"]]
    {
        let ran = sluice(folder, wrong).await;
        assert_eq!(ran.code, Some(2), "{wrong:?}: {ran:?}");
        assert!(ran.err.starts_with("error: "), "{wrong:?}: {}", ran.err);
    }
}

#[tokio::test]
async fn deploy_refuses_what_is_wrong_publishes_the_rest_and_exits_with_1() {
    let server = Embedded::start().await;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("bad.yaml"), ALL_WRONG).unwrap();
    std::fs::write(folder.join("good.yaml"), GOOD).unwrap();
    std::fs::write(folder.join("big.yaml"), format!("a: \"{}\"\n", "x".repeat(5_000_000))).unwrap();
    let url = server.api.url.as_str();

    let ran = sluice(folder, &["deploy", "bad.yaml", "good.yaml", "--url", url, "--output", "json"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let report = ran.json();
    assert_eq!((&report[0]["outcome"], &report[1]["outcome"]), (&json!("REJECTED"), &json!("CREATED")), "{report}");
    assert_eq!(report[0]["problems"].as_array().unwrap().iter().map(found).collect::<Vec<_>>(), PROBLEMS);
    for (code, _pointer, line, column, _suggestion) in PROBLEMS {
        let head = format!("bad.yaml:{line}:{column}: error[{code}]: ");
        assert!(ran.err.contains(&head), "`{head}` in {}", ran.err);
    }

    let ran = sluice(folder, &["deploy", "good.yaml", "--url", url, "--output", "table"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.contains("unchanged"), "{}", ran.out);
    let ran = sluice(folder, &["deploy", "big.yaml", "--url", url]).await;
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{ran:?}");
    assert!(ran.err.contains("TOO_LARGE") && ran.err.len() < 1_000, "{}", ran.err);
    let ran = sluice(folder, &["deploy", "missing.yaml", "--url", url]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.err.contains("missing.yaml cannot be read"), "{}", ran.err);
    assert_eq!(sluice(folder, &["deploy", "--url", url]).await.code, Some(2));
    let listed = workflows(&server.api).await;
    let slugs: Vec<&str> =
        listed["workflows"]["nodes"].as_array().unwrap().iter().filter_map(|node| node["slug"].as_str()).collect();
    assert!(slugs.contains(&"good") && !slugs.contains(&"all_wrong"), "{slugs:?}");
}
